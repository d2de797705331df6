package redis_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// crowd casts votes of ever new people and keeps what it was told. A vote whose
// fate is not known is cast again until it is, as viewers do.
type crowd struct {
	t       *testing.T
	ballots interact.Ballots
	poll    interact.Poll

	mu      sync.Mutex // protects what follows
	told    map[string]interact.Mark
	unknown int
	waiting chan struct{} // has room for one; gets one with every batch
}

func newCrowd(t *testing.T, b interact.Ballots, p interact.Poll) *crowd {
	return &crowd{t: t, ballots: b, poll: p, told: make(map[string]interact.Mark), waiting: make(chan struct{}, 1)}
}

// run casts with some gateways until ctx ends, and then once more what is not
// known.
func (c *crowd) run(ctx context.Context, gateways int) {
	var wg sync.WaitGroup
	for g := range gateways {
		wg.Go(func() {
			var again []interact.Vote
			for n := 0; ctx.Err() == nil || len(again) > 0; n++ {
				votes := again
				for i := 0; ctx.Err() == nil && i < 50; i++ {
					votes = append(votes, voteOf(fmt.Sprintf("p%d.%d.%d", g, n, i), i%c.poll.Options, clock.Instant(1_000+i)))
				}
				if len(votes) > interact.MaxCast {
					votes = votes[:interact.MaxCast]
				}
				again = c.cast(votes)
			}
		})
	}
	wg.Wait()
}

// cast casts votes and returns those whose fate is not known.
func (c *crowd) cast(votes []interact.Vote) (again []interact.Vote) {
	out := make([]interact.Outcome, len(votes))
	if err := c.ballots.Cast(c.t.Context(), c.poll, votes, out); err != nil {
		c.t.Error(err)
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, o := range out {
		switch o.Code {
		case "":
			c.told[votes[i].Participant] = o.Mark
		case interact.CodeUnavailable:
			c.unknown++
			again = append(again, votes[i])
		default:
			c.t.Errorf("vote of %s: %s", votes[i].Participant, o.Code)
		}
	}
	select {
	case c.waiting <- struct{}{}:
	default:
	}
	return again
}

// count is how many people have been told that they count, unknown how many
// votes came back without a fate.
func (c *crowd) count() (told, unknown int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.told), c.unknown
}

// await returns when done says so, looked at after every batch.
func (c *crowd) await(what string, done func(told, unknown int) bool) {
	c.t.Helper()
	timeout := time.After(40 * time.Second)
	for !done(c.count()) {
		select {
		case <-c.waiting:
		case <-timeout:
			told, unknown := c.count()
			c.t.Fatalf("%s: not after 40 s; %d told, %d unknown", what, told, unknown)
		}
	}
}

// check wants exactly those who were told to be counted, as they were told.
func (c *crowd) check() {
	c.t.Helper()
	tally, err := c.ballots.Seal(c.t.Context(), c.poll)
	if err != nil {
		c.t.Fatal(err)
	}
	counts := make([]uint64, c.poll.Options)
	for _, m := range c.told {
		counts[m.Choice.Indices()[0]]++
	}
	for i, n := range counts {
		if tally.Counts[i] != n {
			c.t.Errorf("BA22 counted %v, told %v", tally.Counts, counts)
			break
		}
	}
	seen := 0
	err = c.ballots.Entries(c.t.Context(), c.poll, func(e interact.Entry, m interact.Mark) error {
		if c.told[e.Participant] != m {
			c.t.Errorf("BA22 %s was told %+v, and %+v is kept", e.Participant, c.told[e.Participant], m)
		}
		seen++
		return nil
	})
	if err != nil || seen != len(c.told) {
		c.t.Errorf("BA22 %d are kept of %d who were told, %v", seen, len(c.told), err)
	}
}
