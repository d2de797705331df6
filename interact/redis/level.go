package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/cuelight/cuelight/interact"
)

// oldest is the first version of Redis that has functions and sharded channels.
const oldest = 7

// check finds out whether the servers can keep what is promised, and gives them
// the functions.
func (c *Client) check(ctx context.Context) error {
	var there atomic.Bool
	err := c.eachPrimary(ctx, func(ctx context.Context, node *redis.Client) error {
		err := c.checkNode(ctx, node)
		if err == nil {
			there.Store(true)
			return nil
		}
		err = fmt.Errorf("server %s: %w", node.Options().Addr, err)
		if c.cluster == nil || !isBroken(err) {
			return err
		}
		c.log.Warn("a part of the redis cluster is not there", "remote", node.Options().Addr, "err", err)
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("redis: %w", explain(err))
	case !there.Load():
		return errors.New("redis: no primary of the cluster answers: look at its servers, or check redis.addresses")
	}
	if c.cfg.Level != interact.LevelReplicated && (c.cfg.Cluster || c.cfg.Master != "") {
		c.log.Warn("redis may forget receipts when a replica takes over: choose the level replicated", "level", c.cfg.Level)
	}
	return c.settleShards(ctx)
}

func (c *Client) checkNode(ctx context.Context, node *redis.Client) error {
	if err := node.Ping(ctx).Err(); err != nil {
		return explain(err)
	}
	if err := c.checkServer(ctx, node); err != nil {
		return err
	}
	if err := c.checkSettings(ctx, node); err != nil {
		return err
	}
	return load(ctx, node)
}

// checkServer looks at version and role, as far as it may.
func (c *Client) checkServer(ctx context.Context, node *redis.Client) error {
	info, err := node.Info(ctx, "server", "replication").Result()
	if err != nil {
		if isForbidden(err) {
			c.log.Warn("redis does not tell its version and role", "err", err)
			return nil
		}
		return explain(err)
	}
	if err := checkVersion(field(info, "redis_version")); err != nil {
		return err
	}
	if field(info, "role") == "slave" {
		return errors.New("the server is a replica: give the address of the primary, or use Sentinels or a cluster")
	}
	if c.cfg.Level == interact.LevelReplicated {
		if n := strings.Count(info, "state=online"); n < c.cfg.Replicas {
			c.log.Warn("redis has too few replicas: nothing is receipted until they are there",
				"remote", node.Options().Addr, "replicas", n, "needed", c.cfg.Replicas)
		}
	}
	return nil
}

func checkVersion(version string) error {
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldest {
		return fmt.Errorf("the server is version %q: %d.0 or later is needed", version, oldest)
	}
	return nil
}

// field returns the value of a line "name:value" of INFO.
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if n, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && n == name {
			return value
		}
	}
	return ""
}

// checkSettings looks at what makes a server lose what it has acknowledged.
func (c *Client) checkSettings(ctx context.Context, node *redis.Client) error {
	set := make(map[string]string)
	for _, name := range [...]string{"maxmemory-policy", "appendonly", "appendfsync"} {
		got, err := node.ConfigGet(ctx, name).Result()
		if err != nil {
			if isForbidden(err) {
				c.log.Warn("redis does not tell its settings: whether it keeps what it acknowledges is not known", "err", err)
				return nil
			}
			return explain(err)
		}
		set[name] = got[name]
	}
	var errs []error
	if p := set["maxmemory-policy"]; p != "noeviction" {
		errs = append(errs, fmt.Errorf("maxmemory-policy is %s, which deletes answers when memory is short: set it to noeviction", p))
	}
	if c.cfg.Level == interact.LevelLog {
		if set["appendonly"] != "yes" {
			errs = append(errs, errors.New("appendonly is off, but the level is log: set appendonly to yes, or choose the level memory or replicated"))
		}
		if f := set["appendfsync"]; f != "always" {
			errs = append(errs, fmt.Errorf("appendfsync is %s, but the level is log: set it to always, or choose the level memory or replicated", f))
		}
	}
	if c.cfg.Level == interact.LevelReplicated && (set["appendonly"] != "yes" || set["appendfsync"] != "always") {
		c.log.Warn("redis must not be started again before a replica has taken over: it would come back without its last answers",
			"remote", node.Options().Addr)
	}
	return errors.Join(errs...)
}

// isForbidden says that the user may not ask that, or that the command is not
// there, as some providers have it.
func isForbidden(err error) bool {
	return strings.HasPrefix(err.Error(), "NOPERM") || strings.HasPrefix(err.Error(), "ERR unknown command")
}
