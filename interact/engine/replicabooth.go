package engine

import (
	"context"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
)

const (
	// castEvery is how often answers of one cue are cast, unless a full cast is
	// there before.
	castEvery = 3 * time.Millisecond
	// castsAtOnce of one cue may be under way. Where answers may be changed it is
	// one, so that the last one counts.
	castsAtOnce = 4
	// castWait is how long a cast may take: longer than Ballots wait for a part of
	// theirs, so that one part that is away does not cost the others their receipts.
	// Answers wait for waitMost at most while no cast gets through.
	castWait = 3 * time.Second
	waitMost = 2 * time.Second
)

// cast are answers to one cue on their way into Ballots together. The slices are
// of one length.
type cast struct {
	votes    []interact.Vote
	waiting  []pending
	outcomes []interact.Outcome
	last     time.Time // when the last one came
}

// empty makes c ready for other answers.
func (c *cast) empty() {
	clear(c.votes)
	clear(c.waiting)
	clear(c.outcomes)
	c.votes, c.waiting, c.outcomes = c.votes[:0], c.waiting[:0], c.outcomes[:0]
}

// booth takes the answers to one cue.
type booth struct {
	r *Replica

	mu     sync.Mutex // protects everything below
	poll   interact.Poll
	queue  []*cast // full ones, and the one that is gathering
	flying int
	cast   time.Time   // when the last one was begun
	sound  time.Time   // when the last one got through
	timer  *time.Timer // of the next one; nil until there was one
	armed  bool
	closed bool // nothing new is taken in
	memory memory
	// misses are receipts that were not remembered, learnFrom is from when on all
	// may be learnt.
	misses    int
	learnFrom time.Time
}

func newBooth(r *Replica) *booth { return &booth{r: r} }

// follow takes over what a revision says of the poll.
func (b *booth) follow(it *item) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.poll = it.poll(b.r.cfg.Channel.Name)
}

// enter takes in an answer: it is told at once if its receipt is remembered, or
// if too many wait.
func (b *booth) enter(p *pending, v *interact.Vote) {
	b.mu.Lock()
	m, known := b.memory.find(p.hash, p.answer.Participant)
	switch {
	case known:
		b.mu.Unlock()
		b.r.counts.retried.Add(1)
		b.r.confirm(p, m)
		return
	case b.closed || b.r.waiting.Load() >= maxAnswers:
		b.mu.Unlock()
		b.r.refuse(p, interact.CodeBusy)
		return
	}
	b.r.waiting.Add(1)
	b.gatherLocked(p, v)
	b.launchLocked(time.Now())
	b.mu.Unlock()
}

func (b *booth) gatherLocked(p *pending, v *interact.Vote) {
	n := len(b.queue)
	if n == 0 || len(b.queue[n-1].votes) == interact.MaxCast {
		b.queue = append(b.queue, b.r.casts.Get().(*cast))
		n++
	}
	c := b.queue[n-1]
	c.votes, c.waiting = append(c.votes, *v), append(c.waiting, *p)
	if len(c.votes) == 1 || len(c.votes)%nearAtOnce == 0 {
		c.last = time.Now()
	}
}

// launchLocked casts what waits, as far as it may: a full cast at once, another
// castEvery after the last one.
func (b *booth) launchLocked(now time.Time) {
	most := castsAtOnce
	if b.poll.Changes {
		most = 1
	}
	for len(b.queue) > 0 && b.flying < most {
		full := len(b.queue) > 1 || len(b.queue[0].votes) == interact.MaxCast
		if rest := castEvery - now.Sub(b.cast); !full && !b.closed && rest > 0 {
			b.armLocked(rest)
			return
		}
		c := b.queue[0]
		b.queue[0] = nil
		if b.queue = b.queue[1:]; len(b.queue) == 0 {
			b.queue = nil
		}
		b.cast = now
		b.flying++
		b.r.flights.Add(1)
		poll, late := b.poll, now.Sub(c.last) > waitMost && b.sound.Before(c.last)
		go b.fly(poll, c, late)
	}
}

func (b *booth) armLocked(rest time.Duration) {
	switch {
	case b.armed:
		return
	case b.timer == nil:
		b.timer = time.AfterFunc(rest, b.tick)
	default:
		b.timer.Reset(rest)
	}
	b.armed = true
}

func (b *booth) tick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed = false
	b.launchLocked(time.Now())
}

// fly casts c and tells what became of it. late says that its answers have
// waited too long to be cast.
func (b *booth) fly(poll interact.Poll, c *cast, late bool) {
	r := b.r
	defer r.flights.Done()
	c.expect()
	sound := !late && r.cast(poll, c)
	b.mu.Lock()
	b.flying--
	now := time.Now()
	if sound {
		b.sound = now
		b.rememberLocked(poll, c)
	}
	b.rereadLocked(c)
	b.launchLocked(now)
	b.mu.Unlock()
	r.settle(c)
	r.waiting.Add(-int64(len(c.waiting)))
	c.empty()
	r.casts.Put(c)
	r.boundMemory(b)
}

// expect makes room for what becomes of the votes.
func (c *cast) expect() {
	if cap(c.outcomes) < len(c.votes) {
		c.outcomes = make([]interact.Outcome, len(c.votes), max(len(c.votes), 2*cap(c.outcomes)))
	}
	c.outcomes = c.outcomes[:len(c.votes)]
	c.doubt()
}

// doubt says of all votes that nobody knows whether they count.
func (c *cast) doubt() {
	for i := range c.outcomes {
		c.outcomes[i] = interact.Outcome{Code: interact.CodeUnavailable}
	}
}

// cast gives Ballots what was gathered, and reports whether they took it. It is
// not cut off by a stop: nobody could tell whether it took place.
func (r *Replica) cast(poll interact.Poll, c *cast) bool {
	ctx, cancel := context.WithTimeout(context.Background(), castWait)
	defer cancel()
	clear(c.outcomes)
	began := time.Now()
	err := r.cfg.Ballots.Cast(ctx, poll, c.votes, c.outcomes)
	r.counts.cast(len(c.votes), time.Since(began))
	if err != nil {
		r.complain(err)
		c.doubt()
	}
	return err == nil
}

// rereadLocked gives those of whom nobody knows the receipt that they were given
// meanwhile, for the same answer in another cast (IN3).
func (b *booth) rereadLocked(c *cast) {
	for i := range c.outcomes {
		if c.outcomes[i].Code != interact.CodeUnavailable {
			continue
		}
		p := &c.waiting[i]
		if m, known := b.memory.find(p.hash, p.answer.Participant); known {
			c.outcomes[i] = interact.Outcome{Mark: m}
		}
	}
}

// settle tells everybody in c.
func (r *Replica) settle(c *cast) {
	var counted, retried uint64
	for i := range c.waiting {
		p, o := &c.waiting[i], &c.outcomes[i]
		if o.Code != "" {
			r.refuse(p, o.Code)
			continue
		}
		if o.Fresh {
			counted++
		} else {
			retried++
		}
		r.confirm(p, o.Mark)
	}
	r.counts.counted.Add(counted)
	r.counts.retried.Add(retried)
}

// confirm tells that m stands for an answer.
func (r *Replica) confirm(p *pending, m interact.Mark) {
	a := &p.answer
	p.to.Settle(interact.Receipt{
		ID: a.ID, Cue: a.Cue, Participant: a.Participant, Choice: m.Choice.Indices(), Seq: uint64(m.Seq),
		Credited: m.Credited, Level: r.level, Changes: int(m.Changes),
	}, nil)
}

func (r *Replica) refuse(p *pending, code interact.Code) {
	r.counts.refuse(code)
	p.refuse(code)
}

// shut takes nothing in any more and casts what waits.
func (b *booth) shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.timer != nil {
		b.timer.Stop()
	}
	b.launchLocked(time.Now())
}
