package redis

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// Limits and defaults of Config.
const (
	DefaultPrefix         = "cl"
	DefaultShards         = 4  // of one server, alone or with replicas
	DefaultClusterShards  = 16 // of a cluster
	MaxShards             = 1024
	DefaultDialTimeout    = time.Second
	DefaultTimeout        = 2 * time.Second
	DefaultReplicaTimeout = time.Second
)

// Config says where Redis is and what is asked of it.
type Config struct {
	// Addresses are host:port: of the server, of the Sentinels if Master is set,
	// of some servers of the cluster if Cluster is. Needed.
	Addresses []string
	// Master is what the Sentinels call the set of servers.
	Master string
	// Cluster says that Addresses are of a Redis Cluster.
	Cluster bool
	// Username and Password are for the servers, empty for none.
	Username, Password string
	// SentinelUsername and SentinelPassword are for the Sentinels.
	SentinelUsername, SentinelPassword string
	// TLS is used for all connections, nil for none.
	TLS *tls.Config
	// DB is the number of the database; a cluster has only 0.
	DB int

	// Prefix begins every key. Default DefaultPrefix.
	Prefix string
	// Shards is over how many places the answers to a cue are spread, the same on
	// every node for good, at most MaxShards. Default is what the first node has
	// chosen; its own is DefaultShards, or DefaultClusterShards.
	Shards int
	// Level is what is promised of what was written: memory, log or replicated.
	// Default log.
	Level interact.Level
	// Replicas is how many have to have it at level replicated. Default 1.
	Replicas int

	// DialTimeout bounds connecting, Timeout the answer to what was sent,
	// ReplicaTimeout the wait for replicas, which is part of it. The defaults
	// are DefaultDialTimeout, DefaultTimeout and DefaultReplicaTimeout.
	DialTimeout, Timeout, ReplicaTimeout time.Duration
	// Connections is how many may be open to each server, but for those that
	// follow posts. Default 16.
	Connections int
	// Log is told what a person has to look at. Nil tells nobody.
	Log *slog.Logger
}

// withDefaults returns c with what is not set.
func (c Config) withDefaults() Config {
	c.Prefix = or(c.Prefix, DefaultPrefix)
	c.Level = or(c.Level, interact.LevelLog)
	c.Replicas = or(c.Replicas, 1)
	c.DialTimeout = or(c.DialTimeout, DefaultDialTimeout)
	c.Timeout = or(c.Timeout, DefaultTimeout)
	c.ReplicaTimeout = or(c.ReplicaTimeout, DefaultReplicaTimeout)
	c.Connections = or(c.Connections, 16)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Validate reports every problem, each beginning with the setting's name.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(when bool, format string, args ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(len(c.Addresses) == 0, "addresses: none given: host:port of a server, a Sentinel or a node of the cluster is needed")
	for _, a := range c.Addresses {
		bad(!strings.Contains(a, ":"), "addresses: %q has no port: host:port is needed", a)
	}
	bad(c.Cluster && c.Master != "", "master: a cluster has none: leave out master or cluster")
	bad(c.Cluster && c.DB != 0, "db: a cluster has only database 0")
	bad(!c.Cluster && c.Master == "" && len(c.Addresses) > 1, "addresses: %d servers, but neither master (of Sentinels) nor cluster is set", len(c.Addresses))
	bad(c.DB < 0, "db: %d: 0 or more is needed", c.DB)
	bad(strings.ContainsAny(c.Prefix, "{}* \t\r\n"), "prefix: %q: braces, asterisks and spaces do not fit", c.Prefix)
	bad(c.Shards < 0 || c.Shards > MaxShards, "shards: %d: 1 to %d fit, or nothing for what other nodes have", c.Shards, MaxShards)
	bad(c.Level != interact.LevelMemory && c.Level != interact.LevelLog && c.Level != interact.LevelReplicated,
		"level: %q: memory, log or replicated is needed", c.Level)
	bad(c.Replicas < 1, "replicas: %d: 1 or more is needed", c.Replicas)
	bad(c.DialTimeout < 0, "dial_timeout: %v: more than 0 is needed", c.DialTimeout)
	bad(c.Timeout < 0, "timeout: %v: more than 0 is needed", c.Timeout)
	bad(c.ReplicaTimeout < time.Millisecond || c.ReplicaTimeout >= c.Timeout, "replica_timeout: %v: 1ms or more and less than timeout, %v, is needed", c.ReplicaTimeout, c.Timeout)
	bad(c.Connections < 1, "connections: %d: 1 or more is needed", c.Connections)
	return errors.Join(errs...)
}
