package engine

import (
	"slices"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// Answer is AnswerTo with a function.
func (r *Replica) Answer(a interact.Answer, done func(interact.Receipt, error)) {
	r.AnswerTo(a, settler(done))
}

// AnswerTo judges an answer and gives it to Ballots; it never blocks. to is told
// exactly once: the receipt once the answer is as durable as the level says, or
// an *interact.Error that the viewer may read. It may be told before AnswerTo
// returns, and must not block.
//
// a.Received must be set; a.Choice may not be changed any more.
func (r *Replica) AnswerTo(a interact.Answer, to interact.Settler) {
	p := pending{answer: a, to: to, hash: interact.HashOf(a.Participant)}
	b := r.book.Load()
	k, ok := b.known[a.Cue]
	if !ok || !k.cue.Taken {
		r.strays.enter(r, &p)
		return
	}
	r.judge(b, k, &p)
}

// judge casts what may have a receipt now or may have got one before, and refuses
// the rest at once (RE5).
func (r *Replica) judge(b *book, k known, p *pending) {
	a := &p.answer
	entry, code := k.judge(a, b.bars(a.Participant, a.Received))
	if code != "" && (!named(a.Participant) || !k.answerable(a.Received)) {
		r.refuse(p, code)
		return
	}
	if code != "" {
		entry = interact.Entry{Participant: a.Participant, Choice: 1, Credited: a.Received, Received: a.Received}
	}
	if k.question.Changes {
		entry.Attempt = interact.AttemptOf(a.ID)
	}
	k.booth.enter(p, &interact.Vote{Entry: entry, Refused: code})
}

// answerable says whether anybody can have answered the cue by now.
func (it *item) answerable(now clock.Instant) bool {
	return it.cue.Taken && !it.cue.Cancelled && it.cue.Policy != cue.Archive && now >= it.cue.Open
}

const (
	// strayWait is how long an answer to a cue that is not known waits for it.
	strayWait = 200 * time.Millisecond
	// maxStrays answers wait so at once.
	maxStrays = 4096
)

// strays are answers to cues that are not known here, in the order they came:
// their viewers may have heard of the cue over another node.
type strays struct {
	mu      sync.Mutex // protects waiting and closed
	waiting []stray
	closed  bool
	wake    chan struct{} // holds a token when one came that nobody waits for yet
}

type stray struct {
	pending
	until time.Time
}

func (s *strays) init() { s.wake = make(chan struct{}, 1) }

// enter lets an answer wait for its cue.
func (s *strays) enter(r *Replica, p *pending) {
	s.mu.Lock()
	if s.closed || len(s.waiting) >= maxStrays {
		s.mu.Unlock()
		r.refuse(p, interact.CodeBusy)
		return
	}
	s.waiting = append(s.waiting, stray{*p, time.Now().Add(strayWait)})
	first := len(s.waiting) == 1
	s.mu.Unlock()
	if first {
		signal(s.wake)
	}
	// The cue may have become known between the first look and now.
	if k, ok := r.book.Load().known[p.answer.Cue]; ok && k.cue.Taken {
		s.look(r)
	}
}

// look judges those whose cue is known by now.
func (s *strays) look(r *Replica) {
	b := r.book.Load()
	s.mu.Lock()
	var found []stray
	s.waiting = slices.DeleteFunc(s.waiting, func(w stray) bool {
		k, ok := b.known[w.answer.Cue]
		if ok = ok && k.cue.Taken; ok {
			found = append(found, w)
		}
		return ok
	})
	s.mu.Unlock()
	for i := range found {
		r.judge(b, b.known[found[i].answer.Cue], &found[i].pending)
	}
}

// expire refuses those that have waited long enough, and returns when to look
// again; false if none waits.
func (s *strays) expire(r *Replica, now time.Time) (time.Time, bool) {
	s.mu.Lock()
	n := 0
	for n < len(s.waiting) && !now.Before(s.waiting[n].until) {
		n++
	}
	over := slices.Clone(s.waiting[:n])
	s.waiting = slices.Delete(s.waiting, 0, n)
	var next time.Time
	if len(s.waiting) > 0 {
		next = s.waiting[0].until
	}
	s.mu.Unlock()
	r.turnAway(over)
	return next, !next.IsZero()
}

// close refuses all, and every later one.
func (s *strays) close(r *Replica) {
	s.mu.Lock()
	all := s.waiting
	s.waiting, s.closed = nil, true
	s.mu.Unlock()
	r.turnAway(all)
}

// turnAway refuses answers to cues that did not become known. A replica that
// does not hear the leader cannot say that there is no such cue.
func (r *Replica) turnAway(over []stray) {
	code := interact.CodeUnknownCue
	if !r.synced.Load() {
		code = interact.CodeUnavailable
	}
	for i := range over {
		r.refuse(&over[i].pending, code)
	}
}
