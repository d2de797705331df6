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
	// lookEvery is how often it is looked who leads while nobody is asked.
	lookEvery = 250 * time.Millisecond
)

// Leader is where a follower reads the leading clock: a [UDP] address.
type Leader interface {
	// Ask is one exchange. It returns within a second, or when ctx ends, and
	// takes its readings as near to the wire as it can.
	Ask(ctx context.Context) (clock.Answer, error)
	// Close gives back what Ask holds.
	Close()
}

// Config is whom a Follower follows: the one Leader, or whoever Whom names.
type Config struct {
	// Room is the clock to keep in step.
	Room *clock.Room
	// Leader is whom it is kept in step with, where that is always the same.
	Leader Leader
	// Whom says who leads now: the address of another node, this one itself, or
	// neither while that is not known, in which case it goes on as before. It is
	// asked before every ping, and every 250 ms while there is nobody to ask. It
	// must not block. Only a node that [Candidate.MayLead] lets may be named as
	// leading itself.
	Whom func() (address string, self bool)
	// Dial reaches the leader at an address that Whom gave. Default: a [UDP].
	Dial func(address string) Leader
	// Idle says whether R may be set just now: nobody watches. Default: never.
	Idle func() bool
	// Log is told when the leader is lost, found and another. Default: nowhere.
	Log *slog.Logger
}

// Follower keeps R in step with the leader's, or leads.
type Follower struct {
	cfg      Config
	followed chan struct{} // closed when R is the room's

	mu         sync.Mutex // protects discipline and leads
	discipline *clock.Discipline
	leads      bool

	// All below belongs to Run.

	leader       Leader // nil while nobody is asked
	address      string // its, if Whom gave it
	synced, told bool
}

// New makes a Follower; Run starts it. Errors: no room, or not one of Leader
// and Whom.
func New(cfg Config) (*Follower, error) {
	if cfg.Room == nil || (cfg.Leader == nil) == (cfg.Whom == nil) {
		return nil, errors.New("follow a clock: Room and one of Leader and Whom are needed")
	}
	if cfg.Dial == nil {
		cfg.Dial = func(address string) Leader { return &UDP{Address: address} }
	}
	if cfg.Idle == nil {
		cfg.Idle = func() bool { return false }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Follower{
		cfg: cfg, followed: make(chan struct{}), leader: cfg.Leader,
		discipline: clock.NewDiscipline(cfg.Room, time.Now()),
	}, nil
}

// Followed is closed when R was first set to the leader's, or when this node
// leads. A server waits for that before it lets publishers and viewers in: until
// then its R is not the room's (CL21).
func (f *Follower) Followed() <-chan struct{} { return f.followed }

// Lead is how R follows. Safe for concurrent use.
func (f *Follower) Lead() clock.Lead {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.discipline.Lead(time.Now())
}

// Leads says whether others follow this node. Safe for concurrent use.
func (f *Follower) Leads() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.leads
}

// Run follows until ctx ends. A leader that does not answer is waited for: R
// goes on at the rate that was learnt.
func (f *Follower) Run(ctx context.Context) error {
	defer f.leave()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		f.look()
		if f.leader == nil {
			timer.Reset(lookEvery)
			continue
		}
		asked := time.Now()
		answer, err := f.leader.Ask(ctx)
		if ctx.Err() != nil {
			return nil
		}
		every := f.take(answer, err)
		timer.Reset(max(0, every-time.Since(asked)))
	}
}

// look turns to whoever leads now (CL20).
func (f *Follower) look() {
	if f.cfg.Whom == nil {
		return
	}
	address, self := f.cfg.Whom()
	if self {
		f.takeOver()
		return
	}
	f.mu.Lock()
	led := f.leads
	f.leads = false
	f.mu.Unlock()
	if led {
		f.cfg.Log.Info("room clock of this server does not lead any more")
	}
	if address == "" || address == f.address {
		return // whoever was followed is as good as ever while nobody else is known
	}
	f.leave()
	f.address = address
	f.mu.Lock()
	f.discipline.Turn(time.Now())
	f.mu.Unlock()
	f.leader = f.cfg.Dial(address)
	f.cfg.Log.Info("room clock follows another leader", "remote", address)
}

// takeOver goes on with R as the clock that others follow.
func (f *Follower) takeOver() {
	f.mu.Lock()
	led := f.leads
	f.leads = true
	if !led {
		f.discipline.TakeOver(time.Now())
	}
	f.mu.Unlock()
	if led {
		return
	}
	f.leave()
	f.address, f.synced, f.told = "", false, false
	f.settle()
	f.cfg.Log.Info("room clock of this server leads", "epoch", f.cfg.Room.Epoch())
}

// leave closes what reaches the leader.
func (f *Follower) leave() {
	if f.leader != nil {
		f.leader.Close()
		f.leader = nil
	}
}

// settle tells that R is the room's.
func (f *Follower) settle() {
	select {
	case <-f.followed:
	default:
		close(f.followed)
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
		f.settle()
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
