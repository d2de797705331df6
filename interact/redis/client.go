package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/cuelight/cuelight/interact"
)

// Client is the connection of one node to Redis, all of it. It is safe for
// concurrent use.
type Client struct {
	cfg     Config
	log     *slog.Logger
	rdb     redis.UniversalClient
	cluster *redis.ClusterClient // nil for anything else
	single  *redis.Client        // nil for a cluster
	stats   counters
	gather  gatherer
	words   *words // what go-redis says

	mu      sync.Mutex // protects doors and ended
	doors   map[string]*door
	ended   bool
	done    chan struct{} // closed by Close
	started sync.WaitGroup
}

// Open connects, checks that the servers can keep what cfg.Level promises, and
// loads the functions.
//
// Errors: what cannot work, with what to do about it; what Redis says; ctx's.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	cfg = cfg.withDefaults()
	c := &Client{cfg: cfg, log: cfg.Log, doors: make(map[string]*door), done: make(chan struct{})}
	c.gather.c = c
	c.words = hearLibrary(cfg)
	switch {
	case cfg.Cluster:
		c.cluster = redis.NewClusterClient(cfg.clusterOptions())
		c.rdb = c.cluster
	case cfg.Master != "":
		c.single = redis.NewFailoverClient(cfg.failoverOptions())
		c.rdb = c.single
	default:
		c.single = redis.NewClient(cfg.options())
		c.rdb = c.single
	}
	if err := c.check(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// options are those of one server. Sending again is left to do, which knows what
// may be sent again.
func (c Config) options() *redis.Options {
	return &redis.Options{
		Addr: c.Addresses[0], Username: c.Username, Password: c.Password, DB: c.DB, TLSConfig: c.TLS,
		MaxRetries: -1, DialerRetries: 1, DialTimeout: c.DialTimeout,
		ReadTimeout: c.Timeout, WriteTimeout: c.Timeout, ContextTimeoutEnabled: true,
		PoolSize: poolSize, PipelinePoolSize: -1, PoolTimeout: c.Timeout,
		ReadBufferSize: bufferSize, WriteBufferSize: bufferSize, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// poolSize of go-redis is more than the connections that a door lets be used: after
// that many failures to connect go-redis tries only once a second, and does not
// notice at once that a server is back.
const poolSize = 1024

// bufferSize of a connection holds a batch of some hundred answers.
const bufferSize = 64 << 10

func (c Config) failoverOptions() *redis.FailoverOptions {
	return &redis.FailoverOptions{
		MasterName: c.Master, SentinelAddrs: c.Addresses, SentinelUsername: c.SentinelUsername, SentinelPassword: c.SentinelPassword,
		Username: c.Username, Password: c.Password, DB: c.DB, TLSConfig: c.TLS,
		MaxRetries: -1, DialerRetries: 1, DialTimeout: c.DialTimeout,
		ReadTimeout: c.Timeout, WriteTimeout: c.Timeout, ContextTimeoutEnabled: true,
		PoolSize: poolSize, PipelinePoolSize: -1, PoolTimeout: c.Timeout,
		ReadBufferSize: bufferSize, WriteBufferSize: bufferSize, DisableIdentity: true,
	}
}

func (c Config) clusterOptions() *redis.ClusterOptions {
	return &redis.ClusterOptions{
		Addrs: c.Addresses, Username: c.Username, Password: c.Password, TLSConfig: c.TLS,
		MaxRetries: -1, DialerRetries: 1, DialTimeout: c.DialTimeout,
		ReadTimeout: c.Timeout, WriteTimeout: c.Timeout, ContextTimeoutEnabled: true,
		PoolSize: poolSize, PipelinePoolSize: -1, PoolTimeout: c.Timeout,
		ReadBufferSize: bufferSize, WriteBufferSize: bufferSize, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// Close ends all connections and waits for what it has started.
func (c *Client) Close() error {
	c.mu.Lock()
	ended := c.ended
	c.ended = true
	c.mu.Unlock()
	if !ended {
		close(c.done)
	}
	err := c.rdb.Close()
	c.started.Wait()
	c.words.end()
	if errors.Is(err, redis.ErrClosed) {
		return nil
	}
	return err
}

// start starts a goroutine that Close waits for, unless it has been called.
func (c *Client) start(run func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.started.Go(run)
	}
	return !c.ended
}

// Ping asks every primary whether it is there.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (c *Client) Ping(ctx context.Context) error {
	return c.eachPrimary(ctx, func(ctx context.Context, node *redis.Client) error {
		return c.refused(ctx, "ping", node.Ping(ctx).Err())
	})
}

// Warm opens every connection there may be and makes sure that the functions are
// there, so that the next burst does not have to.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (c *Client) Warm(ctx context.Context) error {
	return c.eachPrimary(ctx, func(ctx context.Context, node *redis.Client) error {
		var conns []*redis.Conn
		defer func() {
			for _, one := range conns {
				_ = one.Close() // back to the others
			}
		}()
		for range c.cfg.Connections {
			one := node.Conn()
			conns = append(conns, one)
			if err := one.Ping(ctx).Err(); err != nil {
				return c.refused(ctx, "warm up", err)
			}
		}
		return c.refused(ctx, "warm up", load(ctx, conns[0]))
	})
}

// Level is what is promised of what was written.
func (c *Client) Level() interact.Level { return c.cfg.Level }

// eachPrimary visits the servers that take writes: one, or those of a cluster, at
// the same time.
func (c *Client) eachPrimary(ctx context.Context, visit func(context.Context, *redis.Client) error) error {
	if c.cluster != nil {
		return c.cluster.ForEachMaster(ctx, visit)
	}
	return visit(ctx, c.single)
}

// node returns the server that owns a key.
func (c *Client) node(ctx context.Context, key string) (*redis.Client, error) {
	if c.cluster != nil {
		return c.cluster.MasterForKey(ctx, key)
	}
	return c.single, nil
}
