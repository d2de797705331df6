package main

import (
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact"
)

// together is a file of a node that finds others, with more lines.
func together(lines string) string {
	return "secret: " + strings.Repeat("k7", 16) + "\nredis:\n  addresses: [\"127.0.0.1:6379\"]\n" + lines
}

func TestNodeSettingsRefuse(t *testing.T) {
	const redis = "redis:\n  addresses: [\"127.0.0.1:6379\"]\n"
	for _, tc := range []struct{ name, file, want string }{
		{"a role nobody has", together("") + "roles: [gateway, chef]\n", "roles: \"chef\""},
		{"a role twice", together("") + "roles: [gateway, gateway]\n", "roles: gateway is given twice"},
		{"roles without the others", "roles: [gateway]\n", "roles: without ingest somebody else has to be it"},
		{"nodes without a common secret", redis, "secret_file: "},
		{"a secret that can be guessed", "secret: hunter2\n", "secret: 7 characters"},
		{"two secrets", "secret: " + strings.Repeat("k7", 16) + "\nsecret_file: x\n", "secret: give either"},
		{"replicated alone", "durability: replicated\n", "durability: replicated needs more than one machine"},
		{"a node without others", "node:\n  id: a\n", "node: there are no other nodes"},
		{"redis nowhere", "redis:\n  master: m\n", "redis.addresses: say where"},
		{"redis at no port", "secret: " + strings.Repeat("k7", 16) + "\nredis:\n  addresses: [\"here\"]\n", "redis.addresses: \"here\""},
		{"sentinels of a cluster", together("  master: m\n  cluster: true\n"), "redis.master: a cluster has no Sentinels"},
		{"several servers that are nothing", strings.Replace(together(""), "6379\"", "6379\", \"127.0.0.1:6380\"", 1), "redis.addresses: several are"},
		{"two passwords", together("  password: x\n  password_file: y\n"), "redis.password: "},
		{"an authority for nothing", together("  tls:\n    ca: x\n"), "redis.tls: "},
		{"a certificate without its key", together("  tls:\n    on: true\n    cert: x\n"), "redis.tls.cert: "},
		{"a prefix with braces", together("  prefix: \"{x}\"\n"), "redis.prefix: "},
		{"shards without number", together("  shards: 1000\n"), "redis.shards: "},
		{"shards below nothing", together("  shards: -1\n"), "redis.shards: "},
		{"replicas without number", together("  replicas: 17\n"), "redis.replicas: "},
		{"replicas below nothing", together("  replicas: -1\n"), "redis.replicas: "},
		{"a node that nobody reaches", together("node:\n  listen: \":8092\"\n"), "node.url: say how"},
		{"an address that is none", together("node:\n  url: 10.0.0.1\n"), "node.url: "},
		{"a public address that is none", together("node:\n  public: ftp://x\n"), "node.public: "},
		{"a name with spaces", together("node:\n  id: \"a b\"\n"), "node.id: "},
		{"a leader by hand", together("clock:\n  leader: 10.0.0.1:1\n"), "clock.leader: nodes agree"},
		{"two histories", "postgres:\n  dsn: x\n  dsn_file: y\n", "postgres.dsn: "},
		{"a history of one node", together("") + "history: true\n", "history: several nodes need"},
		{"a channel that is nobody's", "tenants:\n  a: {}\nchannels:\n  show: {}\n", "channels.show.tenant: there are tenants"},
		{"a tenant that is not there", "tenants:\n  a: {}\nchannels:\n  show:\n    tenant: b\n", "channels.show.tenant: there is no tenant \"b\""},
		{"a tenant without tenants", "channels:\n  show:\n    tenant: b\n", "channels.show.tenant: there is no tenant \"b\""},
		{"a quota below nothing", "tenants:\n  a:\n    sockets: -1\nchannels:\n  show:\n    tenant: a\n", "tenants.a.sockets: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := readSettings(writeFile(t, tc.file), listenFlags{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want %q in it", err, tc.want)
			}
		})
	}
}

func TestNodeSettings(t *testing.T) {
	s, err := readSettings(writeFile(t, together("")+"durability: replicated\n"), listenFlags{Roles: "gateway,origin", NodeID: "g1"})
	if err != nil {
		t.Fatal(err)
	}
	if !s.clustered() || s.Node.ID != "g1" || s.Redis.Shards != 0 || s.level() != interact.LevelReplicated {
		t.Errorf("node = %+v, redis = %+v, level %s", s.Node, s.Redis, s.level())
	}
	if s.RTMP != off || s.SRT != off || s.RTSP != off || s.WebRTC != off {
		t.Errorf("a node that takes no publishers listens for them: %s %s %s %s", s.RTMP, s.SRT, s.RTSP, s.WebRTC)
	}
}

func TestCheckConfigHidesWhatNodesKnow(t *testing.T) {
	out, err := command(t, nil, "check-config", "--config", writeFile(t, together("  password: opensesame\n")+"postgres:\n  dsn: postgres://u:swordfish@h/d\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"k7k7", "opensesame", "swordfish"} {
		if strings.Contains(out, hidden) {
			t.Errorf("printed %q", hidden)
		}
	}
}

// Servers that share a secret take each other's tokens and stream keys.
func TestSharedSecret(t *testing.T) {
	file := writeFile(t, together(""))
	key := func() string {
		out, err := command(t, env{"CUELIGHT_DATA": t.TempDir()}, "token", "publish", "--config", file)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if a, b := key(), key(); a != b || len(a) < 20 {
		t.Errorf("stream keys %q and %q", a, b)
	}
}
