package redis

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cuelight/cuelight/interact"
)

// Leaderboard keeps points in Redis, those of a show spread over the shards of the
// client. What it reads may be lost with a primary before replicas have it; what
// Give has acknowledged is not, as far as the level says. It is safe for concurrent
// use.
type Leaderboard struct{ c *Client }

var _ interact.Leaderboard = (*Leaderboard)(nil)

// Leaderboard returns the points of all shows.
func (c *Client) Leaderboard() *Leaderboard { return &Leaderboard{c} }

// Level is what was configured.
func (l *Leaderboard) Level() interact.Level { return l.c.cfg.Level }

// keys are those of one shard.
func (l *Leaderboard) keys(b interact.Board, shard int) []string {
	return []string{l.c.shardKey(b.Channel, b.Show, shard, "board"), l.c.shardKey(b.Channel, b.Show, shard, "given")}
}

// Give gives participants points for a cue. All shards are told, so that all of
// them end at the same time. One that failed may still take effect until Redis has
// answered or Config.Timeout is over.
//
// Errors: *interact.Error with CodeInvalid or CodeUnavailable; ctx's.
func (l *Leaderboard) Give(ctx context.Context, b interact.Board, cue string, points map[string]int64) error {
	if err := errors.Join(b.ValidateGiven(cue, points), ctx.Err()); err != nil {
		return err
	}
	parts := make([][]any, l.c.cfg.Shards)
	for who, n := range points {
		shard := l.c.shardOf(who)
		parts[shard] = append(parts[shard], who, strconv.FormatInt(n, 10))
	}
	var calls []*call
	for shard, part := range parts {
		for first := 0; first == 0 || first < len(part); first += 2 * perCall {
			args := []any{ttlMS(b.Kept()), cue}
			args = append(args, part[first:min(first+2*perCall, len(part))]...)
			calls = append(calls, newCall("leaderboard", "give", true, l.keys(b, shard), args...))
		}
	}
	for some := range slices.Chunk(calls, l.c.cfg.Shards) {
		if err := l.run(ctx, "give points", some); err != nil {
			return err
		}
	}
	return nil
}

// run runs calls and returns the first error.
func (l *Leaderboard) run(ctx context.Context, doing string, calls []*call) error {
	l.c.exec(ctx, calls)
	for _, one := range calls {
		if err := l.c.refused(ctx, doing, one.err); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Top returns those with the most points, from the tops of all shards.
//
// Errors: *interact.Error with CodeInvalid or CodeUnavailable; ctx's.
func (l *Leaderboard) Top(ctx context.Context, b interact.Board, n int) ([]interact.Standing, error) {
	if err := errors.Join(b.ValidateTop(n), ctx.Err()); err != nil {
		return nil, err
	}
	calls := l.each(b, func(key string) []any { return []any{"zrange", key, 0, n - 1, "withscores"} })
	if err := l.run(ctx, "read the leaderboard", calls); err != nil {
		return nil, err
	}
	var all []interact.Standing
	for _, one := range calls {
		all = appendStandings(all, one.cmd.Val())
	}
	slices.SortFunc(all, func(a, b interact.Standing) int {
		return cmp.Or(cmp.Compare(b.Points, a.Points), cmp.Compare(a.Participant, b.Participant))
	})
	all = slices.Clip(all[:min(n, len(all))])
	for i := range all {
		all[i].Rank = int64(i + 1)
		if i > 0 && all[i].Points == all[i-1].Points {
			all[i].Rank = all[i-1].Rank
		}
	}
	return all, nil
}

// each returns a command for every shard.
func (l *Leaderboard) each(b interact.Board, args func(key string) []any) []*call {
	calls := make([]*call, l.c.cfg.Shards)
	for shard := range calls {
		key := l.keys(b, shard)[0]
		calls[shard] = &call{key: key, args: args(key)}
	}
	return calls
}

// appendStandings reads pairs of a name and points, the sign turned.
func appendStandings(all []interact.Standing, reply any) []interact.Standing {
	list, _ := reply.([]any)
	for _, one := range list {
		if pair, ok := one.([]any); ok && len(pair) == 2 {
			who, _ := pair[0].(string)
			all = append(all, interact.Standing{Participant: who, Points: points(pair[1])})
		}
	}
	return all
}

// points reads a score.
func points(score any) int64 {
	f, _ := score.(float64)
	return -int64(f)
}

// Rank returns where a participant is, in two round trips.
//
// Errors: *interact.Error with CodeInvalid or CodeUnavailable; ctx's.
func (l *Leaderboard) Rank(ctx context.Context, b interact.Board, participant string) (interact.Standing, bool, error) {
	if err := errors.Join(b.ValidateRank(participant), ctx.Err()); err != nil {
		return interact.Standing{}, false, err
	}
	key := l.keys(b, l.c.shardOf(participant))[0]
	score := &call{key: key, args: []any{"zscore", key, participant}}
	if err := l.run(ctx, "read the leaderboard", []*call{score}); err != nil || errors.Is(score.err, redis.Nil) {
		return interact.Standing{}, false, err
	}
	s := interact.Standing{Participant: participant, Points: points(score.cmd.Val()), Rank: 1}
	calls := l.each(b, func(key string) []any {
		return []any{"zcount", key, "-inf", "(" + strconv.FormatInt(-s.Points, 10)}
	})
	if err := l.run(ctx, "read the leaderboard", calls); err != nil {
		return interact.Standing{}, false, err
	}
	for _, one := range calls {
		n, _ := one.cmd.Val().(int64)
		s.Rank += n
	}
	return s, true, nil
}

// Expire lets everything of a show end after a while; zero deletes now.
//
// Errors: *interact.Error with CodeInvalid or CodeUnavailable; ctx's.
func (l *Leaderboard) Expire(ctx context.Context, b interact.Board, after time.Duration) error {
	if err := errors.Join(b.Validate(), ctx.Err()); err != nil {
		return err
	}
	calls := make([]*call, l.c.cfg.Shards)
	for shard := range calls {
		calls[shard] = newCall("leaderboard", "unboard", true, l.keys(b, shard), ttlMS(after))
	}
	return l.run(ctx, "expire the leaderboard", calls)
}
