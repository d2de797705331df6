package redis_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// rights is the line of docs/redis.md, for a user that a password lets in.
func rights(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "user cuelight on "); ok {
			return strings.Fields(strings.Replace(rest, ">SECRET", ">secret", 1))
		}
	}
	t.Fatal("docs/redis.md has no line that begins with \"user cuelight on\"")
	return nil
}

func addUser(t *testing.T, s *redisproc.Server, name string, rules ...string) {
	t.Helper()
	args := []any{"ACL", "SETUSER", name, "on"}
	for _, r := range rules {
		args = append(args, r)
	}
	do(t, s, args...)
}

func do(t *testing.T, s *redisproc.Server, args ...any) any {
	t.Helper()
	out, err := s.Do(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestOpenSaysWhatToDo(t *testing.T) {
	plain := serve(t, redisproc.Options{})
	addUser(t, plain, "someone", ">secret", "~cl:*", "+ping", "+info", "+config|get")
	locked := serve(t, redisproc.Options{Password: "right", Args: []string{"--requirepass", "right"}})
	evicting := serve(t, redisproc.Options{Args: append(redisproc.Durable(), "--maxmemory-policy", "allkeys-lru")})
	lazy := serve(t, redisproc.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "everysec"}})
	replica := serve(t, redisproc.Options{ReplicaOf: plain.Addr})
	old := serve(t, redisproc.Options{Args: []string{"--rename-command", "FUNCTION", ""}})
	gone := serve(t, redisproc.Options{})
	gone.Kill()
	for _, tc := range []struct {
		name string
		cfg  redisstore.Config
		want string
	}{
		{"a password that is not given", redisstore.Config{Addresses: []string{locked.Addr}}, "redis.password"},
		{"a wrong password", redisstore.Config{Addresses: []string{locked.Addr}, Password: "wrong"}, "redis.password"},
		{"a user without rights", redisstore.Config{Addresses: []string{plain.Addr}, Username: "someone", Password: "secret", Level: interact.LevelMemory}, "rights"},
		{"a server that deletes when memory is short", redisstore.Config{Addresses: []string{evicting.Addr}}, "noeviction"},
		{"level log without a log", redisstore.Config{Addresses: []string{plain.Addr}}, "appendonly"},
		{"level log with a lazy log", redisstore.Config{Addresses: []string{lazy.Addr}}, "appendfsync"},
		{"a replica", redisstore.Config{Addresses: []string{replica.Addr}, Level: interact.LevelMemory}, "primary"},
		{"a server without functions", redisstore.Config{Addresses: []string{old.Addr}, Level: interact.LevelMemory}, "7.0 or later"},
		{"nobody", redisstore.Config{Addresses: []string{gone.Addr}}, "refused"},
		{"no cluster", redisstore.Config{Addresses: []string{plain.Addr}, Cluster: true}, "redis.cluster"},
		{"no sentinel", redisstore.Config{Addresses: []string{plain.Addr}, Master: "cuelight"}, "sentinel"},
		{"no address", redisstore.Config{}, "addresses"},
		{"no port", redisstore.Config{Addresses: []string{"localhost"}}, "port"},
		{"two servers", redisstore.Config{Addresses: []string{"a:1", "b:1"}}, "master"},
		{"an unknown level", redisstore.Config{Addresses: []string{"a:1"}, Level: "safe"}, "level"},
		{"a prefix with a tag", redisstore.Config{Addresses: []string{"a:1"}, Prefix: "{x}"}, "prefix"},
		{"too many shards", redisstore.Config{Addresses: []string{"a:1"}, Shards: redisstore.MaxShards + 1}, "shards"},
		{"a cluster with a database", redisstore.Config{Addresses: []string{"a:1"}, Cluster: true, DB: 1}, "db"},
		{"no time for replicas", redisstore.Config{Addresses: []string{"a:1"}, ReplicaTimeout: time.Hour}, "replica_timeout"},
	} {
		t.Run("BA20 "+tc.name, func(t *testing.T) {
			c, err := redisstore.Open(t.Context(), tc.cfg)
			if err == nil {
				c.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(strings.ToLower(err.Error()), tc.want) {
				t.Errorf("says nothing of %s: %v", tc.want, err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("tells the password: %v", err)
			}
		})
	}
}

func TestOldVersions(t *testing.T) {
	for version, ok := range map[string]bool{"7.0.15": true, "8.2": true, "10.0.0": true, "6.2.14": false, "": false, "x": false} {
		if err := redisstore.CheckVersion(version); (err == nil) != ok {
			t.Errorf("BA20 version %q: %v", version, err)
		}
	}
}

func TestShardsAreTheSameEverywhere(t *testing.T) {
	s := serve(t, redisproc.Options{})
	cfg := redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory}
	layout := func(prefix, want string) {
		t.Helper()
		if got := do(t, s, "GET", prefix+":{layout}"); got != want {
			t.Errorf("BA33 the layout says %v, want %s", got, want)
		}
	}
	open(t, cfg)
	layout("cl", "4")
	cfg.Shards = 8
	if _, err := redisstore.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "shards is 8 here and 4") {
		t.Errorf("BA33 another number of shards: %v", err)
	}
	cfg.Prefix = "other"
	said := open(t, cfg)
	cfg.Shards = 0 // follows it
	follows := open(t, cfg)
	layout("other", "8")
	for i, c := range []*redisstore.Client{said, follows, said} {
		if got := cast(t, c, failing, voteOf("ann", 1, 1)); got.Code != "" || got.Fresh != (i == 0) {
			t.Errorf("BA28 a vote by node %d came out as %+v", i, got)
		}
	}
	do(t, s, "SET", "other:{layout}", "5000")
	if _, err := redisstore.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "other:{layout} holds 5000") {
		t.Errorf("BA33 a layout that is none: %v", err)
	}
}

// TestShardsOfAServerThatLostAll has a node go on where the server has forgotten
// everything, and another one come.
func TestShardsOfAServerThatLostAll(t *testing.T) {
	s := serve(t, redisproc.Options{})
	cfg := redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory, Shards: 8}
	c := open(t, cfg)
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := castUntilTold(t, c, voteOf("ann", 1, 1)); !got.Fresh {
		t.Errorf("a vote came out as %+v", got)
	}
	cfg.Shards = 0
	if got := cast(t, open(t, cfg), failing, voteOf("ann", 1, 1)); got.Fresh {
		t.Errorf("BA28 the vote counts twice: %+v", got)
	}
}

// TestRights uses everything as the user that docs/redis.md describes.
func TestRights(t *testing.T) {
	s := serve(t, redisproc.Options{Args: redisproc.Durable()})
	addUser(t, s, "cuelight", rights(t)...)
	addUser(t, s, "silent", append(rights(t), "-config|get", "-info")...)
	for _, user := range []string{"cuelight", "silent"} {
		c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Username: user, Password: "secret"})
		p := interact.Poll{Channel: "show", Cue: user, Options: 2}
		out := make([]interact.Outcome, 2)
		if err := c.Ballots().Cast(t.Context(), p, []interact.Vote{voteOf("ann", 0, 1), voteOf("ann", 1, 1)}, out); err != nil || out[0].Code != "" || out[1].Code != "" {
			t.Errorf("BA21 cast: %v, %+v", err, out)
		}
		p.Changes, p.Cue = true, "changes"
		if err := c.Ballots().Cast(t.Context(), p, []interact.Vote{voteOf("ann", 0, 1)}, out[:1]); err != nil || out[0].Code != "" {
			t.Errorf("BA21 cast: %v, %+v", err, out)
		}
		_, receipts := c.Ballots().Receipts(t.Context(), []interact.Poll{p}, "ann")
		_, seal := c.Ballots().Seal(t.Context(), p)
		entries := c.Ballots().Entries(t.Context(), p, func(interact.Entry, interact.Mark) error { return nil })
		expire := c.Ballots().Expire(t.Context(), p, time.Hour)
		_, link := c.UseLink(t.Context(), "show", "link", "ann")
		board, points := c.Leaderboard(), interact.Board{Channel: "show", Show: "s1"}
		add := board.Give(t.Context(), points, "c1", map[string]int64{"ann": 1})
		_, top := board.Top(t.Context(), points, 1)
		_, _, rank := board.Rank(t.Context(), points, "ann")
		for i, err := range []error{receipts, seal, entries, expire, link, add, top, rank, c.Ballots().Expire(t.Context(), p, 0), c.Warm(t.Context())} {
			if err != nil {
				t.Errorf("BA21 call %d: %v", i, err)
			}
		}
		useRest(t, c, user)
	}
}

// TestContractsWithRights runs all contracts on a server whose ACL file is that of
// docs/redis.md, with one more user for the test itself.
func TestContractsWithRights(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users.acl")
	lines := "user default off\nuser cuelight on " + strings.Join(rights(t), " ") + "\nuser test on >own ~* &* +@all\n"
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, redisproc.Options{Args: append(redisproc.Durable(), "--aclfile", file), Username: "test", Password: "own"})
	if _, err := redisstore.Open(t.Context(), redisstore.Config{Addresses: []string{s.Addr}}); err == nil || !strings.Contains(err.Error(), "password") {
		t.Errorf("BA20 without a user: %v", err)
	}
	n := 0
	room := func(t *testing.T) *redisstore.Client {
		n++
		return open(t, redisstore.Config{Addresses: []string{s.Addr}, Username: "cuelight", Password: "secret", Prefix: fmt.Sprint("cl:t", n)})
	}
	interacttest.TestBallots(t, func(t *testing.T) interact.Ballots { return room(t).Ballots() })
	interacttest.TestBus(t, func(t *testing.T) interact.Bus { return room(t).Bus() })
	interacttest.TestBusExpires(t, func(t *testing.T) interacttest.ExpiringBus { return room(t).Bus() })
	interacttest.TestSlate(t, func(t *testing.T) interact.Slate { return room(t).Slate() })
	interacttest.TestStore(t, func(t *testing.T) interact.Store { return room(t).Store() })
	interacttest.TestLeaderboard(t, func(t *testing.T) interact.Leaderboard { return room(t).Leaderboard() })
	leftAlone(t, room(t))
	outside := redisstore.Config{Addresses: []string{s.Addr}, Username: "cuelight", Password: "secret", Prefix: "elsewhere"}
	if _, err := redisstore.Open(t.Context(), outside); err == nil || !strings.Contains(err.Error(), "the user lacks a right") {
		t.Errorf("BA21 keys of somebody else: %v", err)
	}
}

// useRest uses what nodes tell each other and the log.
func useRest(t *testing.T, c *redisstore.Client, channel string) {
	t.Helper()
	ctx := t.Context()
	l, acquire := c.Leases().Acquire(ctx, channel, "node", time.Minute)
	_, holder := c.Leases().Holder(ctx, channel)
	errs := []error{acquire, holder, c.Leases().Renew(ctx, l, time.Minute)}
	fence := interact.Fence(l.Fence)
	post := []interact.Post{{Reach: interact.ReachViewers, Data: []byte("{}")}}
	errs = append(errs, c.Bus().Post(ctx, channel, fence, post, []byte("{}")), c.Bus().Whisper(ctx, channel, interact.Whisper{Kind: "edge", Node: "n", Data: []byte("{}")}))
	_, snapshot := c.Bus().Snapshot(ctx, channel)
	_, recent := c.Bus().Recent(ctx, channel, 0)
	errs = append(errs, snapshot, recent, c.Slate().Write(ctx, channel, "timeline", fence, []byte("{}"), time.Minute))
	_, read := c.Slate().Read(ctx, channel, "timeline")
	_, presence := c.Presence(ctx, channel)
	store := c.Store().Fenced(func(string) interact.Fence { return fence })
	record := []interact.Record{{Channel: channel, Kind: interact.RecordLatency, Data: []byte("{}")}}
	errs = append(errs, read, presence, store.Append(ctx, record), store.Replay(ctx, channel, func(interact.Record) error { return nil }),
		store.Replace(ctx, channel, record[0].Seq, record), store.Expire(ctx, channel, time.Minute))
	errs = append(errs, c.Nodes().Announce(ctx, redisstore.Node{ID: "n"}, time.Minute))
	_, list := c.Nodes().List(ctx)
	errs = append(errs, list, c.Nodes().Leave(ctx, "n"), c.Leases().Release(ctx, l), c.Ping(ctx))
	for i, err := range errs {
		if err != nil {
			t.Errorf("BA21 call %d of the rest: %v", i, err)
		}
	}
	follow(t, c, channel)
}

// follow wants a whisper to be heard.
func follow(t *testing.T, c *redisstore.Client, channel string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	at, err := c.Bus().Snapshot(ctx, channel)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan interact.Post, 1)
	done := make(chan error, 1)
	go func() { done <- c.Bus().Follow(ctx, channel, at.Place, hearer(heard)) }()
	if err := c.Bus().Post(ctx, channel, 0, []interact.Post{{Reach: interact.ReachViewers, Once: "key", Data: []byte("{}")}}, nil); err != nil {
		t.Error(err)
	}
	select {
	case <-heard:
	case err := <-done:
		t.Fatalf("BA21 follow: %v", err)
	}
	cancel()
	<-done
}

// hearer hears one post.
type hearer chan interact.Post

func (h hearer) Posted(p interact.Post)   { h <- p }
func (hearer) Whispered(interact.Whisper) {}

func TestTLS(t *testing.T) {
	files, roots := certificate(t)
	s := serve(t, redisproc.Options{TLS: &files, Password: "right", Args: []string{"--requirepass", "right"}})
	cfg := redisstore.Config{Addresses: []string{s.Addr}, Password: "right", Level: interact.LevelMemory, TLS: &tls.Config{RootCAs: roots}}
	cast(t, open(t, cfg), failing, voteOf("ann", 0, 1))
	cfg.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
	if _, err := redisstore.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("BA20 a certificate of nobody we know: %v", err)
	}
}

// TestTLSOfBoth has a server that wants a certificate and a password, and speaks
// nothing but TLS.
func TestTLSOfBoth(t *testing.T) {
	files, roots := certificate(t)
	files.Clients = true
	s := serve(t, redisproc.Options{TLS: &files, Password: "right", Args: []string{"--requirepass", "right"}})
	own, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	good := redisstore.Config{
		Addresses: []string{s.Addr}, Password: "right", Level: interact.LevelMemory,
		TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}},
	}
	room := rooms(t, good)
	interacttest.TestBallots(t, func(t *testing.T) interact.Ballots { return room(t).Ballots() })
	interacttest.TestBus(t, func(t *testing.T) interact.Bus { return room(t).Bus() })
	for _, tc := range []struct {
		name   string
		change func(*redisstore.Config)
		want   string
	}{
		{"no certificate", func(c *redisstore.Config) { c.TLS = &tls.Config{RootCAs: roots} }, "certificate"},
		{"no password", func(c *redisstore.Config) { c.Password = "" }, "password"},
		{"another password", func(c *redisstore.Config) { c.Password = "wrong" }, "password"},
		{"no TLS", func(c *redisstore.Config) { c.TLS = nil }, ""},
	} {
		cfg := good
		tc.change(&cfg)
		if _, err := redisstore.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("BA20 %s: %v", tc.name, err)
		}
	}
}

// certificate makes one for 127.0.0.1.
func certificate(t *testing.T) (redisproc.TLS, *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert := write("cert.pem", "CERTIFICATE", der)
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	return redisproc.TLS{Cert: cert, Key: write("key.pem", "PRIVATE KEY", secret), CA: cert}, roots
}
