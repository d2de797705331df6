package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// The roles of a node. One without settings for others has all of them.
const (
	roleIngest  = "ingest"  // takes publishers, packages their media
	roleOrigin  = "origin"  // serves media, its own and that of other nodes
	roleEngine  = "engine"  // leads channels: cues, windows, counts
	roleGateway = "gateway" // holds viewers' sockets, takes answers
	roleStudio  = "studio"  // serves producers: console and API
)

var allRoles = []string{roleIngest, roleOrigin, roleEngine, roleGateway, roleStudio}

// roleList are roles, in the file a list.
type roleList []string

func (l roleList) has(role string) bool { return slices.Contains(l, role) }

// nodeSettings are what this process is to the others.
type nodeSettings struct {
	// ID names it: unlike every other's, and the same after a restart. Default:
	// made once and kept in the data folder.
	ID string `yaml:"id"`
	// Listen is where other nodes reach it, and nobody else should.
	Listen string `yaml:"listen"`
	// URL is how they reach it, Public how viewers do.
	URL    string `yaml:"url"`
	Public string `yaml:"public"`
	// Drain is how long a node that was told to stop goes on before it tells its
	// viewers: load balancers notice meanwhile.
	Drain span `yaml:"drain"`
}

// redisSettings say where the nodes meet. Without addresses there is one node.
type redisSettings struct {
	// Addresses are of the server, of Sentinels, or of some of a cluster's nodes.
	Addresses []string `yaml:"addresses"`
	// Master is the name that the Sentinels know the server by.
	Master string `yaml:"master"`
	// Cluster says that it is a Redis Cluster.
	Cluster      bool     `yaml:"cluster"`
	Username     string   `yaml:"username"`
	Password     secret   `yaml:"password"`
	PasswordFile string   `yaml:"password_file"`
	TLS          redisTLS `yaml:"tls"`
	// Prefix begins the names of all keys.
	Prefix string `yaml:"prefix"`
	// Shards is how many parts the answers of a cue are kept in. Zero is what the
	// other nodes have.
	Shards int `yaml:"shards"`
	// Replicas is how many have to have an answer at level replicated. Zero: 1.
	Replicas int `yaml:"replicas"`
}

type redisTLS struct {
	On bool   `yaml:"on"`
	CA string `yaml:"ca"` // PEM file with the authority's root; default the system's
	// Cert and Key are PEM files of this node's own certificate, where servers ask
	// for one.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// postgresSettings say where history is kept.
type postgresSettings struct {
	DSN     secret `yaml:"dsn"`
	DSNFile string `yaml:"dsn_file"`
}

// clustered reports whether this process is one node of several.
func (s settings) clustered() bool { return len(s.Redis.Addresses) > 0 }

func (s *settings) setNodeDefaults() {
	if len(s.Roles) == 0 {
		s.Roles = slices.Clone(allRoles)
	}
	if !s.clustered() {
		return
	}
	s.Node.Listen = cmp.Or(s.Node.Listen, "127.0.0.1:8092")
	s.Node.Drain = cmp.Or(s.Node.Drain, span{2 * time.Second})
	s.Redis.Prefix = cmp.Or(s.Redis.Prefix, "cl")
	if s.Clock.Answer == off { // others follow this node's clock when it leads
		s.Clock.Answer = s.Node.Listen
	}
	s.withoutRoles()
}

// withoutRoles closes the listeners of roles that this node does not have.
func (s *settings) withoutRoles() {
	if s.Roles.has(roleIngest) {
		return
	}
	s.RTMP, s.RTMPS, s.SRT, s.RTSP, s.WebRTC = off, off, off, off, off
}

var (
	nodeID      = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}$`)
	redisPrefix = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)
)

const (
	// maxShards of one cue.
	maxShards = 256
	// maxReplicas that an answer waits for.
	maxReplicas = 16
)

func (s settings) validateNode() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	s.validateRoles(bad)
	if s.Secret != "" && s.SecretFile != "" {
		bad("secret: give either secret or secret_file")
	}
	if n := len(s.Secret); n > 0 && n < minSecret {
		bad("secret: %d characters can be guessed: give at least %d", n, minSecret)
	}
	if s.Postgres.DSN != "" && s.Postgres.DSNFile != "" {
		bad("postgres.dsn: give either dsn or dsn_file")
	}
	if s.clustered() && s.History && s.Postgres == (postgresSettings{}) {
		bad("history: several nodes need a database for it: give postgres.dsn_file")
	}
	if s.clustered() {
		s.validateClustered(bad)
	} else {
		s.validateAlone(bad)
	}
	return errors.Join(errs...)
}

func (s settings) validateRoles(bad func(string, ...any)) {
	seen := make(map[string]bool)
	for _, role := range s.Roles {
		if !slices.Contains(allRoles, role) {
			bad("roles: %q is none of %s", role, strings.Join(allRoles, ", "))
		}
		if seen[role] {
			bad("roles: %s is given twice", role)
		}
		seen[role] = true
	}
}

// validateAlone refuses what means nothing in a single process.
func (s settings) validateAlone(bad func(string, ...any)) {
	for _, role := range allRoles {
		if !s.Roles.has(role) {
			bad("roles: without %s somebody else has to be it, and nodes find each other in Redis: give redis.addresses, or leave roles out", role)
			break
		}
	}
	if s.Node != (nodeSettings{}) {
		bad("node: there are no other nodes without redis.addresses")
	}
	r := s.Redis
	if r.Master != "" || r.Cluster || r.Username != "" || r.Password != "" || r.PasswordFile != "" || r.TLS != (redisTLS{}) || r.Prefix != "" || r.Shards != 0 || r.Replicas != 0 {
		bad("redis.addresses: say where Redis is, such as [\"127.0.0.1:6379\"]")
	}
}

func (s settings) validateClustered(bad func(string, ...any)) {
	if s.Secret == "" && s.SecretFile == "" {
		bad("secret_file: nodes take each other's tokens by a secret that all of them have: give secret_file (%d characters or more, the same on every node)", minSecret)
	}
	if s.Node.ID != "" && !nodeID.MatchString(s.Node.ID) {
		bad("node.id: %q is not 1 to 41 of a-z, 0-9 and -, not beginning with -", s.Node.ID)
	}
	if s.Clock.Leader != "" {
		bad("clock.leader: nodes agree on a leader by themselves: leave it out")
	}
	if d := s.Node.Drain.Duration; d < 0 || d > time.Minute {
		bad("node.drain: %v is not between 0 and 1m", s.Node.Drain)
	}
	s.validateNodeAddresses(bad)
	s.Redis.validate(bad)
}

func (s settings) validateNodeAddresses(bad func(string, ...any)) {
	host, _, err := net.SplitHostPort(s.Node.Listen)
	if err != nil || checkAddress(s.Node.Listen) != nil {
		bad("node.listen: %q is not HOST:PORT or :PORT", s.Node.Listen)
		return
	}
	if ip := net.ParseIP(host); s.Node.URL == "" && (host == "" || ip != nil && ip.IsUnspecified()) {
		bad("node.url: say how other nodes reach %s, such as http://10.0.0.5:8092", s.Node.Listen)
	}
	for name, address := range map[string]string{"node.url": s.Node.URL, "node.public": s.Node.Public} {
		if address == "" {
			continue
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
			bad("%s: %q is not an address such as http://10.0.0.5:8092", name, address)
		}
	}
}

func (r redisSettings) validate(bad func(string, ...any)) {
	for _, address := range r.Addresses {
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
			bad("redis.addresses: %q is not HOST:PORT", address)
		}
	}
	if r.Master != "" && r.Cluster {
		bad("redis.master: a cluster has no Sentinels: give either master or cluster")
	}
	if r.Master == "" && !r.Cluster && len(r.Addresses) > 1 {
		bad("redis.addresses: several are Sentinels (give redis.master) or a cluster (give redis.cluster: true)")
	}
	if r.Password != "" && r.PasswordFile != "" {
		bad("redis.password: give either password or password_file")
	}
	if r.TLS != (redisTLS{}) && !r.TLS.On {
		bad("redis.tls: ca, cert and key mean nothing without tls.on: true")
	}
	if (r.TLS.Cert == "") != (r.TLS.Key == "") {
		bad("redis.tls.cert: give cert and key, or neither")
	}
	if !redisPrefix.MatchString(r.Prefix) {
		bad("redis.prefix: %q is not 1 to 32 of a-z, 0-9, - and _", r.Prefix)
	}
	if r.Replicas < 0 || r.Replicas > maxReplicas {
		bad("redis.replicas: %d is not between 1 and %d: leave it out for 1", r.Replicas, maxReplicas)
	}
	if r.Shards < 0 || r.Shards > maxShards {
		bad("redis.shards: %d is not between 1 and %d: leave it out for what the other nodes have", r.Shards, maxShards)
	}
}

// password is what the nodes sign in to Redis with.
func (r redisSettings) password() (string, error) {
	if r.PasswordFile == "" {
		return string(r.Password), nil
	}
	text, err := readSecret(r.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("redis.password_file: %w", err)
	}
	return text, nil
}

// dsn is where history is kept, empty for the data folder.
func (p postgresSettings) dsn() (string, error) {
	if p.DSNFile == "" {
		return string(p.DSN), nil
	}
	text, err := readSecret(p.DSNFile)
	if err != nil {
		return "", fmt.Errorf("postgres.dsn_file: %w", err)
	}
	return text, nil
}

func (s settings) level() interact.Level { return interact.Level(s.Durability) }
