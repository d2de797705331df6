package engine

import (
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
)

const (
	// castEvery is how often answers of one cue are cast, unless a full cast is
	// there before. While a cast is under way the next one waits for it, for
	// castApart at most: few large casts cost everybody less than many small ones.
	castEvery = 3 * time.Millisecond
	castApart = 10 * time.Millisecond
	// castsAtOnce of one cue may be under way. Where answers may be changed it is
	// one, so that the last one counts.
	castsAtOnce = 4
	// castWait is how long Ballots may leave a call without a reply. A process
	// that has to share its processors with a crowd's burst is late by some five
	// seconds, and then has to read what came meanwhile: twice that is no doubt.
	castWait = 10 * time.Second
	// deafWait is how long they may when they have let castWait pass before.
	deafWait = 2 * time.Second
	// replyWait is from when on a call that failed was left without a reply.
	// Ballots that know that they cannot be reached say so sooner.
	replyWait = time.Second
)

// booth takes the answers to one cue.
type booth struct {
	r *Replica

	mu      sync.Mutex // protects everything below
	poll    interact.Poll
	queue   []*cast // full ones, and the one that is gathering
	flights []*cast // that Ballots have
	flying  int     // of those, how many are for the first time
	back    []*cast // of whose votes nobody knows whether they count: to be cast again
	recasts bool    // somebody sees to them
	// silent is since when Ballots leave calls without a reply, zero if they reply.
	silent time.Time
	cast   time.Time   // when the last one was begun
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
	if !b.joinLocked(p, v) && b.gatherLocked(p, v) {
		b.launchLocked(time.Now())
	}
	b.mu.Unlock()
}

// joinLocked lets an answer that waits here already be told together with the one
// that came before.
func (b *booth) joinLocked(p *pending, v *interact.Vote) bool {
	for _, casts := range [...][]*cast{b.flights, b.back, b.queue} {
		for _, c := range casts {
			if i := c.find(p, v.Attempt); i >= 0 {
				c.twins = append(c.twins, twin{*p, i, v.Refused})
				b.r.counts.joined.Add(1)
				return true
			}
		}
	}
	return false
}

// gatherLocked lets an answer wait for the next cast, and says whether there may
// be one to begin.
func (b *booth) gatherLocked(p *pending, v *interact.Vote) bool {
	n := len(b.queue)
	if n == 0 || len(b.queue[n-1].votes) == interact.MaxCast {
		b.queue = append(b.queue, b.r.casts.Get().(*cast))
		n++
	}
	c := b.queue[n-1]
	came := c.first
	if len(c.votes) == 0 {
		came = time.Now()
	}
	c.add(p, v, came)
	full := n > 1 || len(c.votes) == interact.MaxCast
	return b.flying < b.mostLocked() && (full || !b.armed)
}

// mostLocked is how many casts may be under way: what comes after an answer that
// is cast again may change it.
func (b *booth) mostLocked() int {
	switch {
	case !b.poll.Changes:
		return castsAtOnce
	case b.recasts:
		return 0
	default:
		return 1
	}
}

// launchLocked casts what waits, as far as it may: a full cast at once, another
// castEvery after the last one, or castApart if that one is under way.
func (b *booth) launchLocked(now time.Time) {
	for len(b.queue) > 0 && b.flying < b.mostLocked() {
		full := len(b.queue) > 1 || len(b.queue[0].votes) == interact.MaxCast
		apart := castEvery
		if b.flying > 0 {
			apart = castApart
		}
		if rest := apart - now.Sub(b.cast); !full && !b.closed && rest > 0 {
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
		b.flights = append(b.flights, c)
		b.r.flights.Add(1)
		go b.fly(b.poll, c, b.patienceLocked(now))
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

// fly casts c for the first time and tells what became of it.
func (b *booth) fly(poll interact.Poll, c *cast, patience time.Duration) {
	r := b.r
	defer r.flights.Done()
	began := time.Now()
	r.cast(poll, c, patience)
	b.mu.Lock()
	b.flying--
	now := time.Now()
	_, lost := b.landLocked(poll, c, began, now)
	b.launchLocked(now)
	b.mu.Unlock()
	r.settle(c)
	r.giveUp(lost)
	r.boundMemory(b)
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
