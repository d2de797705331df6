package follow

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// askEvery is the pace of pings, burstEvery while R is not set yet.
	askEvery   = time.Second
	burstEvery = 50 * time.Millisecond
)

// Leader is where a follower reads the leading clock: a [UDP] address.
type Leader interface {
	// Ask is one exchange. It returns within a second, or when ctx ends, and
	// takes its readings as near to the wire as it can.
	Ask(ctx context.Context) (clock.Answer, error)
	// Close gives back what Ask holds.
	Close()
}

// Config is whom a Follower follows.
type Config struct {
	// Room is the clock to keep in step.
	Room *clock.Room
	// Leader is whom it is kept in step with.
	Leader Leader
	// Idle says whether R may be set just now: nobody watches. Default: never.
	Idle func() bool
	// Log is told when the leader is lost and found. Default: nowhere.
	Log *slog.Logger
}

// Follower keeps R in step with the leader's.
type Follower struct {
	cfg      Config
	followed chan struct{} // closed when R was set to the leader's

	mu         sync.Mutex // protects discipline
	discipline *clock.Discipline

	synced, told bool // belong to Run
}

// New makes a Follower; Run starts it. Errors: no room or no leader.
func New(cfg Config) (*Follower, error) {
	if cfg.Room == nil || cfg.Leader == nil {
		return nil, errors.New("follow a clock: Room and Leader are needed")
	}
	if cfg.Idle == nil {
		cfg.Idle = func() bool { return false }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Follower{
		cfg: cfg, followed: make(chan struct{}),
		discipline: clock.NewDiscipline(cfg.Room, time.Now()),
	}, nil
}

// Followed is closed when R was first set to the leader's. A server waits for
// that, for a while, before it lets publishers and viewers in.
func (f *Follower) Followed() <-chan struct{} { return f.followed }

// Lead is how R follows. Safe for concurrent use.
func (f *Follower) Lead() clock.Lead {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.discipline.Lead(time.Now())
}

// Run follows until ctx ends. A leader that does not answer is waited for: R
// goes on at the rate that was learnt.
func (f *Follower) Run(ctx context.Context) error {
	defer f.cfg.Leader.Close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		asked := time.Now()
		answer, err := f.cfg.Leader.Ask(ctx)
		if ctx.Err() != nil {
			return nil
		}
		every := f.take(answer, err)
		timer.Reset(max(0, every-time.Since(asked)))
	}
}

// take brings one exchange to bear and returns how long after it the next is.
func (f *Follower) take(answer clock.Answer, err error) time.Duration {
	idle := f.cfg.Idle()
	f.mu.Lock()
	now := time.Now()
	if err != nil || !f.discipline.Add(answer, now, !idle) {
		f.discipline.Lose()
	}
	lead, settling := f.discipline.Lead(now), f.discipline.Settling()
	f.mu.Unlock()
	f.report(lead, err)
	if settling && err == nil {
		return burstEvery
	}
	return askEvery
}

// report logs when the leader was found and lost.
func (f *Follower) report(l clock.Lead, err error) {
	if l.Followed {
		select {
		case <-f.followed:
		default:
			close(f.followed)
		}
	}
	switch {
	case l.Synced && !f.synced:
		f.cfg.Log.Info("room clock is in step with its leader", "dur", l.Error)
	case !l.Synced && (f.synced || err != nil && !f.told):
		f.cfg.Log.Warn("room clock is not in step with its leader", "dur", l.Error, "err", err)
		f.told = true
	}
	f.synced = l.Synced
	if l.Synced {
		f.told = false
	}
}
