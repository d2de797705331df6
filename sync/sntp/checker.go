package sntp

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// driftBound is how fast R may have drifted off since a sample was taken.
const driftBound = clock.MaxFrequencyError * clock.PPM

// soon is when a check is made again that a step of R made void.
const soon = 10 * time.Second

// Checker compares R with UTC when it starts and every Every from then on.
type Checker struct {
	cfg     Config
	servers []*server
	last    atomic.Pointer[taken]

	// Below belongs to Run.
	told    map[string]string // what was last logged of each server
	slewing bool
}

// taken is a check and the time of which it speaks.
type taken struct {
	clock.Check
	at    time.Time
	epoch uint32
}

// New makes a Checker; Run starts it. Errors: those of Config.Validate.
func New(cfg Config) (*Checker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Checker{cfg: cfg.withDefaults(), told: make(map[string]string)}
	for _, name := range cfg.Servers {
		at, err := address(name)
		if err != nil {
			return nil, err
		}
		c.servers = append(c.servers, &server{name: name, address: at})
	}
	return c, nil
}

// Last returns the latest check of R as it is now: what R was moved since is in
// its Error. The zero Check means that none was made of this epoch of R yet.
// Safe for concurrent use; Sources are shared and not to be changed.
func (c *Checker) Last() clock.Check {
	last := c.last.Load()
	if last == nil || last.epoch != c.cfg.Room.Epoch() {
		return clock.Check{}
	}
	check := last.Check
	check.Error += moved(c.cfg.Room, last.at, time.Now())
	return check
}

// moved is by how much R was corrected between from and to.
func moved(room *clock.Room, from, to time.Time) time.Duration {
	return room.At(to).Sub(room.At(from)) - to.Sub(from).Truncate(time.Microsecond)
}

// Run checks until ctx ends.
func (c *Checker) Run(ctx context.Context) error {
	results := make(chan *taken, 1)
	var asking sync.WaitGroup
	defer asking.Wait()
	busy := false
	stepped := c.cfg.Room.Stepped() // held, so that no step falls between two looks
	next := time.NewTimer(0)
	defer next.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
			busy = true
			asking.Go(func() { results <- c.check(ctx) })
		case <-stepped:
			stepped = c.cfg.Room.Stepped()
			c.slewing = false
			if !busy {
				next.Reset(soon)
			}
		case result := <-results:
			busy = false
			next.Reset(c.take(result))
		case now := <-second.C:
			c.steer(now)
		}
	}
}

// take makes result the latest one and returns when to ask again.
func (c *Checker) take(result *taken) time.Duration {
	if result == nil {
		return soon
	}
	c.last.Store(result)
	c.report(result.Check)
	c.slewing = false // whatever was under way, this is newer
	c.steer(time.Now())
	return c.cfg.Every
}

// check asks every server at once. It returns nil if R was set meanwhile, or
// ctx ended: there is nothing to say then.
func (c *Checker) check(ctx context.Context) *taken {
	room := c.cfg.Room
	epoch := room.Epoch()
	samples := make([]sample, len(c.servers))
	errs := make([]error, len(c.servers))
	var asking sync.WaitGroup
	for i, s := range c.servers {
		asking.Go(func() { samples[i], errs[i] = s.sample(ctx, c.cfg) })
	}
	asking.Wait()
	now := time.Now()
	at, same := room.Read(now)
	if ctx.Err() != nil || same != epoch {
		return nil
	}
	t := &taken{at: now, epoch: epoch, Check: clock.Check{At: at}}
	for i, s := range c.servers {
		source := clock.Source{Server: s.name, Err: errs[i]}
		if errs[i] == nil {
			age := now.Sub(samples[i].taken)
			source.Stratum = samples[i].stratum
			source.Error = samples[i].off + moved(room, samples[i].taken, now)
			source.Bound = samples[i].bound + time.Duration(int64(age)/1_000_000*int64(driftBound/clock.PPM))
		}
		t.Sources = append(t.Sources, source)
	}
	judge(&t.Check)
	return t
}

// judge finds out what the sources agree on (CL13).
func judge(c *clock.Check) {
	var spans []Span
	for _, s := range c.Sources {
		if s.Err == nil {
			spans = append(spans, span(s))
		}
	}
	c.Servers, c.Answered = len(c.Sources), len(spans)
	shared, most := Agree(spans)
	c.Agree = most
	c.Error, c.Bound = shared.Middle(), (shared.High-shared.Low)/2
	var lowest, highest time.Duration
	first := true
	for i, s := range c.Sources {
		if s.Err != nil || !c.Known() || !span(s).meets(shared) {
			continue
		}
		c.Sources[i].Agrees = true
		if first {
			lowest, highest, first = s.Error, s.Error, false
		}
		lowest, highest = min(lowest, s.Error), max(highest, s.Error)
	}
	c.Spread = highest - lowest
}

func span(s clock.Source) Span { return Span{Low: s.Error - s.Bound, High: s.Error + s.Bound} }
