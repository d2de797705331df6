package redis

import (
	"context"
	"fmt"

	"github.com/cuelight/cuelight/interact"
)

// layoutKey is where the number of shards is kept. All nodes have to have the
// same, or a participant would be counted in two places.
func (c *Client) layoutKey() string { return c.wholeKey("layout") }

// settleShards makes the number of shards that of all nodes: the first one says
// it, others follow, and one that was told another number does not start.
//
// Errors: what is wrong and what to do; ctx's.
func (c *Client) settleShards(ctx context.Context) error {
	own := c.cfg.Shards
	if own == 0 {
		own = DefaultShards
		if c.cfg.Cluster {
			own = DefaultClusterShards
		}
	}
	there, err := c.layout(ctx, own)
	if c.cluster != nil && (isBroken(err) || isMoving(err)) {
		if c.cfg.Shards == 0 {
			return fmt.Errorf("redis: the number of shards is on a server that does not answer: start again when it does, or set redis.shards to what the other nodes have (%w)", err)
		}
		c.log.Warn("redis does not tell the number of shards", "err", err)
		return nil
	}
	switch {
	case err != nil:
		return fmt.Errorf("redis: read the number of shards: %w", explain(err))
	case c.cfg.Shards != 0 && there != c.cfg.Shards:
		return fmt.Errorf("redis: shards is %d here and %d on nodes that use the same prefix: all have to have the same", c.cfg.Shards, there)
	case there < 1 || there > MaxShards:
		return fmt.Errorf("redis: %s holds %d, which is no number of shards: delete it, or use another prefix", c.layoutKey(), there)
	}
	c.cfg.Shards = there
	return nil
}

// layout returns the number of shards that all nodes have, own if none is said.
func (c *Client) layout(ctx context.Context, own int) (int, error) {
	if err := c.rdb.SetNX(ctx, c.layoutKey(), own, 0).Err(); err != nil {
		return 0, err
	}
	return c.rdb.Get(ctx, c.layoutKey()).Int()
}

// retellShards says the number of shards again where it may be lost with
// everything else, before a node that starts says another one.
func (c *Client) retellShards(ctx context.Context) {
	there, err := c.layout(ctx, c.cfg.Shards)
	if err == nil && there != c.cfg.Shards {
		err = interact.Errorf(interact.CodeInternal, "shards is %d here and %d on nodes that use the same prefix: start this node again", c.cfg.Shards, there)
	}
	if err != nil {
		c.complain("tell the number of shards", err)
	}
}
