package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// Ballots keeps answers in Redis, those of a cue spread over the shards of the
// client. It is safe for concurrent use.
type Ballots struct {
	c     *Client
	casts sync.Pool // of *cast
}

var _ interact.Ballots = (*Ballots)(nil)

// Ballots returns the answers that are kept in Redis. Several of them are the
// same.
func (c *Client) Ballots() interact.Ballots {
	return &Ballots{c: c, casts: sync.Pool{New: func() any { return new(cast) }}}
}

// Level is what was configured.
func (b *Ballots) Level() interact.Level { return b.c.cfg.Level }

// Cast counts votes. All shards are told at the same time, those of one server
// in one go.
//
// Errors: *interact.Error with CodeInvalid; ctx's.
func (b *Ballots) Cast(ctx context.Context, p interact.Poll, votes []interact.Vote, outcomes []interact.Outcome) error {
	if err := p.ValidateCast(votes, outcomes); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	j := b.casts.Get().(*cast)
	defer b.casts.Put(j)
	j.prepare(b.c, p, votes)
	b.c.exec(ctx, j.calls)
	b.c.stats.casts.Add(1)
	b.c.stats.votes.Add(int64(len(votes)))
	failed := j.settle(b.c, votes, outcomes)
	j.forget()
	if failed == nil {
		return nil
	}
	if err := over(ctx); err != nil {
		return err
	}
	b.c.complain("cast", failed)
	return nil
}

// ballotKeys are tally, votes and former votes of a shard.
func (c *Client) ballotKeys(p interact.Poll, shard int) []string {
	return []string{
		c.shardKey(p.Channel, p.Cue, shard, "tally"),
		c.shardKey(p.Channel, p.Cue, shard, "votes"),
		c.shardKey(p.Channel, p.Cue, shard, "past"),
	}
}

// touching is the argument of functions that write something where they read
// only, so that what they say is on replicas when it is told.
func (c *Client) touching() string {
	if c.cfg.Level == interact.LevelReplicated {
		return "1"
	}
	return "0"
}

// Receipts returns receipts, in one round trip to each server, which is shared with
// others that come at the same time.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (b *Ballots) Receipts(ctx context.Context, polls []interact.Poll, participant string) ([]interact.Receipt, error) {
	calls := make([]*call, 0, len(polls))
	shard := b.c.shardOf(participant)
	for _, p := range polls {
		calls = append(calls, b.c.receiptCall(p, shard, participant))
	}
	if err := b.c.gather.run(ctx, "look up receipts", calls); err != nil {
		return nil, err
	}
	var out []interact.Receipt
	for i, one := range calls {
		text, ok := one.cmd.Val().(string)
		if !ok {
			continue
		}
		v, err := parseVote(text)
		if err != nil {
			return nil, b.c.refused(ctx, "look up receipts", err)
		}
		m := v.mark(shard, b.c.cfg.Shards)
		out = append(out, interact.Receipt{
			Cue: polls[i].Cue, Participant: participant, Choice: m.Choice.Indices(), Seq: uint64(m.Seq),
			Credited: m.Credited, Level: b.c.cfg.Level, Changes: int(m.Changes),
		})
	}
	return out, nil
}

// receiptCall looks a vote up. Where replicas have to be waited for, a function
// does; a plain read is cheaper, and many viewers may come back at once.
func (c *Client) receiptCall(p interact.Poll, shard int, participant string) *call {
	keys := c.ballotKeys(p, shard)
	if c.cfg.Level == interact.LevelReplicated {
		return newCall("ballots", "receipt", true, keys[:2], participant)
	}
	return &call{key: keys[1], args: []any{"hget", keys[1], participant}}
}

// Tally returns the counts, summed over the shards.
//
// Errors: *interact.Error with CodeUnavailable or CodeInvalid; ctx's.
func (b *Ballots) Tally(ctx context.Context, p interact.Poll) (interact.Tally, error) {
	return b.sum(ctx, p, "tally", "count")
}

// Seal seals every shard, and returns the counts when all are.
//
// Errors: *interact.Error with CodeUnavailable or CodeInvalid; ctx's.
func (b *Ballots) Seal(ctx context.Context, p interact.Poll) (interact.Tally, error) {
	return b.sum(ctx, p, "seal", "seal")
}

func (b *Ballots) sum(ctx context.Context, p interact.Poll, what, doing string) (interact.Tally, error) {
	if err := errors.Join(p.Validate(), ctx.Err()); err != nil {
		return interact.Tally{}, err
	}
	calls := make([]*call, b.c.cfg.Shards)
	for shard := range calls {
		calls[shard] = newCall("ballots", what, true, b.c.ballotKeys(p, shard)[:1], b.c.touching())
	}
	b.c.exec(ctx, calls)
	t := interact.Tally{Cue: p.Cue, Counts: make([]uint64, p.Options), Final: true}
	for _, one := range calls {
		err := one.err
		if err == nil {
			err = add(&t, one.cmd.Val())
		}
		if err := b.c.refused(ctx, doing, err); err != nil {
			return interact.Tally{}, err
		}
	}
	if t.Final {
		t.Version++
	}
	return t, nil
}

// add adds what a shard says to a tally.
func add(t *interact.Tally, reply any) error {
	list, ok := reply.([]any)
	if !ok || len(list) < 4+interact.MaxOptions {
		return fmt.Errorf("a tally came as %T of %d", reply, len(list))
	}
	number := func(i int) uint64 {
		text, _ := list[i].(string) // nil stands for none
		n, _ := strconv.ParseUint(text, 10, 64)
		return n
	}
	t.Total += number(0)
	t.Version += number(0) + number(3)
	t.Final = t.Final && list[1] != nil
	for i := range t.Counts {
		t.Counts[i] += number(4 + i)
	}
	return nil
}

// Expire lets everything of a cue end after a while; zero deletes now.
//
// Errors: *interact.Error with CodeUnavailable or CodeInvalid; ctx's.
func (b *Ballots) Expire(ctx context.Context, p interact.Poll, after time.Duration) error {
	if err := errors.Join(p.Validate(), ctx.Err()); err != nil {
		return err
	}
	calls := make([]*call, b.c.cfg.Shards)
	for shard := range calls {
		calls[shard] = newCall("ballots", "expire", true, b.c.ballotKeys(p, shard), after.Milliseconds())
	}
	b.c.exec(ctx, calls)
	for _, one := range calls {
		if err := b.c.refused(ctx, "expire", one.err); err != nil {
			return err
		}
	}
	return nil
}
