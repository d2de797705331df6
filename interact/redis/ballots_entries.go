package redis

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/cuelight/cuelight/interact"
)

// perScan is about how many votes are read at a time.
const perScan = 1000

// Entries visits every participant's answer that counts, shard by shard.
//
// Errors: visit's; *interact.Error with CodeUnavailable or CodeInvalid; ctx's.
func (b *Ballots) Entries(ctx context.Context, p interact.Poll, visit func(interact.Entry, interact.Mark) error) error {
	if err := errors.Join(p.Validate(), ctx.Err()); err != nil {
		return err
	}
	for shard := range b.c.cfg.Shards {
		if err := b.entries(ctx, p, shard, visit); err != nil {
			return err
		}
	}
	return nil
}

// entries visits those of one shard. A server may show a vote twice while it
// makes room, and all of them when another one takes over: numbers tell.
func (b *Ballots) entries(ctx context.Context, p interact.Poll, shard int, visit func(interact.Entry, interact.Mark) error) error {
	key := b.c.ballotKeys(p, shard)[1]
	var seen []uint64 // bits, by number
	for cursor, attempt := uint64(0), 0; ; {
		fields, next, err := b.scan(ctx, key, cursor)
		if (isMoving(err) || isBroken(err) && !isTimeout(err)) && attempt < len(again) && pause(ctx, again[attempt]) {
			cursor, attempt = 0, attempt+1
			continue
		}
		if err := b.c.refused(ctx, "read entries", err); err != nil {
			return err
		}
		for i := 0; i+1 < len(fields); i += 2 {
			v, err := parseVote(fields[i+1])
			if err != nil {
				return b.c.refused(ctx, "read entries", err)
			}
			if !mark(&seen, v.number) {
				continue
			}
			if err := visit(v.entry(fields[i]), v.mark(shard, b.c.cfg.Shards)); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

func (b *Ballots) scan(ctx context.Context, key string, cursor uint64) ([]string, uint64, error) {
	node, err := b.c.node(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	if b.c.door(node).shut.Load() {
		return nil, 0, errDown
	}
	fields, next, err := node.HScan(ctx, key, cursor, "", perScan).Result()
	if b.c.cluster != nil && err != nil {
		b.c.cluster.ReloadState(ctx)
	}
	if errors.Is(err, redis.Nil) {
		err = nil
	}
	return fields, next, err
}

// mark sets a bit, and says whether it was not set before.
func mark(seen *[]uint64, n uint32) bool {
	word, bit := int(n/64), uint64(1)<<(n%64)
	for len(*seen) <= word {
		*seen = append(*seen, 0)
	}
	fresh := (*seen)[word]&bit == 0
	(*seen)[word] |= bit
	return fresh
}
