package redis

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cuelight/cuelight/interact"
)

// Limits of a leaderboard.
const (
	// MaxPoints is the most that a participant can have: what a sorted set keeps
	// exactly.
	MaxPoints = 1 << 53
	// MaxTop is how many the top of a leaderboard can be.
	MaxTop = 1000
)

// Leaderboard is who has how many points in a show of a channel, over the shards
// of the client. It is safe for concurrent use.
type Leaderboard struct {
	c             *Client
	channel, show string
	keep          time.Duration
}

// Standing is where a participant is.
type Standing struct {
	Participant string
	Points      int64
	// Rank is 1 for the most points; those with as many share it.
	Rank int64
}

// Leaderboard returns that of a show. What is in it ends keep after the last time
// it was added to; zero keeps it.
func (c *Client) Leaderboard(channel, show string, keep time.Duration) *Leaderboard {
	return &Leaderboard{c: c, channel: channel, show: show, keep: keep}
}

func (l *Leaderboard) key(shard int, name string) string {
	return l.c.shardKey(l.channel, l.show, shard, name)
}

// Add gives participants points for a cue, in the place of what they had for that
// cue: done again it changes nothing, and done with other points it corrects. If it
// fails, some may have them; do it again.
//
// Errors: *interact.Error with CodeInvalid or CodeUnavailable; ctx's.
func (l *Leaderboard) Add(ctx context.Context, cue string, points map[string]int64) error {
	parts := make([][]any, l.c.cfg.Shards)
	for who, n := range points {
		if who == "" || len(who) > interact.MaxParticipant || n > MaxPoints || n < -MaxPoints {
			return interact.Errorf(interact.CodeInvalid, "%d points for a name of %d bytes", n, len(who))
		}
		shard := l.c.shardOf(who)
		parts[shard] = append(parts[shard], who, strconv.FormatInt(n, 10))
	}
	keep := strconv.FormatInt(l.keep.Milliseconds(), 10)
	var calls []*call
	for shard, part := range parts {
		keys := []string{l.key(shard, "board"), l.key(shard, "cue:"+cue)}
		for some := range slices.Chunk(part, 2*perCall) {
			calls = append(calls, newCall("leaderboard", "add", true, keys, append([]any{keep}, some...)...))
		}
	}
	for some := range slices.Chunk(calls, l.c.cfg.Shards) {
		l.c.exec(ctx, some)
		for _, one := range some {
			if err := l.c.refused(ctx, "add points", one.err); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// Top returns those with the most points, at most n of MaxTop, by name where they
// have as many.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (l *Leaderboard) Top(ctx context.Context, n int) ([]Standing, error) {
	n = min(n, MaxTop)
	if n < 1 {
		return nil, ctx.Err()
	}
	calls := l.each(func(key string) []any {
		return []any{"zrange", key, 0, n - 1, "withscores"}
	})
	l.c.exec(ctx, calls)
	var all []Standing
	for _, one := range calls {
		if err := l.c.refused(ctx, "read the leaderboard", one.err); err != nil {
			return nil, err
		}
		all = appendStandings(all, one.cmd.Val())
	}
	slices.SortFunc(all, func(a, b Standing) int {
		return cmp.Or(cmp.Compare(b.Points, a.Points), cmp.Compare(a.Participant, b.Participant))
	})
	all = all[:min(n, len(all))]
	for i := range all {
		all[i].Rank = int64(i + 1)
		if i > 0 && all[i].Points == all[i-1].Points {
			all[i].Rank = all[i-1].Rank
		}
	}
	return all, nil
}

// each returns a command for every shard.
func (l *Leaderboard) each(args func(key string) []any) []*call {
	calls := make([]*call, l.c.cfg.Shards)
	for shard := range calls {
		key := l.key(shard, "board")
		calls[shard] = &call{key: key, args: args(key)}
	}
	return calls
}

// appendStandings reads pairs of a name and points, the sign turned.
func appendStandings(all []Standing, reply any) []Standing {
	list, _ := reply.([]any)
	for _, one := range list {
		if pair, ok := one.([]any); ok && len(pair) == 2 {
			who, _ := pair[0].(string)
			all = append(all, Standing{Participant: who, Points: points(pair[1])})
		}
	}
	return all
}

// points reads a score.
func points(score any) int64 {
	f, _ := score.(float64)
	return -int64(f)
}

// Rank returns where a participant is, false if it has no points.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (l *Leaderboard) Rank(ctx context.Context, participant string) (Standing, bool, error) {
	key := l.key(l.c.shardOf(participant), "board")
	score := &call{key: key, args: []any{"zscore", key, participant}}
	l.c.exec(ctx, []*call{score})
	if err := l.c.refused(ctx, "read the leaderboard", score.err); err != nil || score.err == redis.Nil {
		return Standing{}, false, err
	}
	s := Standing{Participant: participant, Points: points(score.cmd.Val()), Rank: 1}
	calls := l.each(func(key string) []any {
		return []any{"zcount", key, "-inf", "(" + strconv.FormatInt(-s.Points, 10)}
	})
	l.c.exec(ctx, calls)
	for _, one := range calls {
		if err := l.c.refused(ctx, "read the leaderboard", one.err); err != nil {
			return Standing{}, false, err
		}
		n, _ := one.cmd.Val().(int64)
		s.Rank += n
	}
	return s, true, nil
}
