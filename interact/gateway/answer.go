package gateway

import (
	"errors"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// Limits of an answer's fields.
const (
	maxAnswerID   = 32 // bytes
	maxCueID      = 64 // bytes
	maxDispersion = 10 * time.Second
)

// answer hands a viewer's answer to its room, or refuses it.
func (c *conn) answer(a *wire.Answer, now time.Time, allowed bool) {
	if c.g.draining.Load() {
		return // no reply: the viewer sends it again elsewhere
	}
	if refusal := c.judge(a, now, allowed); refusal != nil {
		c.refuse(a.ID, a.Cue, refusal)
		return
	}
	c.mu.Lock()
	line := c.lineLocked()
	c.mu.Unlock()
	received := c.g.cfg.Clock.At(now)
	c.g.counted.answers.Add(1)
	c.g.inflight.Add(1)
	c.tenant.unsettled.Add(1)
	c.room.AnswerTo(interact.Answer{
		ID: a.ID, Cue: a.Cue, Participant: c.participant, Choice: a.Choice,
		Stamp: instant(a.At, received), Received: received,
		Line: interact.Line{RTTMin: line.rttMin, Jitter: line.jitter, Dispersion: dispersion(a.Dispersion)},
	}, c)
}

// receipts come back once they are written.
var receipts = sync.Pool{New: func() any { return new(wire.Receipt) }}

// judge returns why an answer does not reach its room, or nil.
func (c *conn) judge(a *wire.Answer, now time.Time, allowed bool) *interact.Error {
	if allowed && !c.answers.take(c.g.moment(now), c.g.lim.AnswerRate, c.g.lim.AnswerBurst) {
		allowed = false
		c.strike(now)
	}
	switch {
	case !allowed:
		return interact.Errorf(interact.CodeTooMany, "You are answering too fast. Wait a moment, then try again.")
	case c.producer:
		return interact.Errorf(interact.CodeNotAdmitted, "Producers do not take part. Open the watch page to answer.")
	case !printable(a.ID, maxAnswerID):
		return interact.Errorf(interact.CodeInvalid, "An answer's id is 1 to %d printable characters.", maxAnswerID)
	case !printable(a.Cue, maxCueID):
		return interact.Errorf(interact.CodeInvalid, "An answer's cue is 1 to %d printable characters.", maxCueID)
	case len(a.Choice) == 0 || len(a.Choice) > interact.MaxOptions:
		return interact.Errorf(interact.CodeInvalid, "Choose between 1 and %d options.", interact.MaxOptions)
	case !ascending(a.Choice):
		return interact.Errorf(interact.CodeInvalid, "Choices are option numbers from 0, ascending, each once.")
	}
	return c.tenant.takeAnswer(c.g.moment(now))
}

// Settle passes a room's verdict on. Whoever is gone asks again when it is
// back.
func (c *conn) Settle(r interact.Receipt, err error) {
	if err == nil {
		c.g.counted.receipts.Add(1)
		m := receipts.Get().(*wire.Receipt)
		*m = wire.Receipt{
			ID: r.ID, Cue: r.Cue, Choice: r.Choice, Seq: r.Seq, At: r.Credited,
			Level: string(r.Level), Changes: r.Changes,
		}
		c.send(m)
	} else if refusal, ok := errors.AsType[*interact.Error](err); ok {
		if refusal.Code == interact.CodeBusy {
			c.g.load.busy.Add(1)
		}
		c.refuse(r.ID, r.Cue, refusal)
	} else {
		c.g.complain("answer failed in its room", c.hall.name, err)
		c.refuse(r.ID, r.Cue, interact.Errorf(interact.CodeInternal, "Something went wrong here, so this answer was not counted. Please try again."))
	}
	c.tenant.unsettled.Add(-1)
	if c.g.inflight.Add(-1) == 0 && c.g.draining.Load() {
		select {
		case c.g.settled <- struct{}{}:
		default:
		}
	}
}

func (c *conn) refuse(id, cue string, why *interact.Error) {
	c.g.counted.refused.Add(1)
	c.send(&wire.Refused{ID: cut(id, maxAnswerID), Cue: cut(cue, maxCueID), Code: string(why.Code), Message: why.Message})
}

// opened passes a viewer's report on.
func (c *conn) opened(o *wire.Opened, now time.Time) {
	if c.producer || !printable(o.Cue, maxCueID) {
		return
	}
	read := c.g.cfg.Clock.At(now)
	at := instant(o.At, read)
	if at == 0 {
		return // a clock so wrong says nothing about the spread
	}
	c.room.Opened(interact.Opening{
		Cue: o.Cue, Rev: o.Rev, Participant: c.participant,
		At: at, Frame: instant(o.Frame, read), Dispersion: dispersion(o.Dispersion), Late: o.Late,
		Class: class(o.Class), Why: why(o.Why),
	})
}

// closed passes a viewer's report on.
func (c *conn) closed(m *wire.Closed, now time.Time) {
	if c.producer || !printable(m.Cue, maxCueID) {
		return
	}
	if at := instant(m.At, c.g.cfg.Clock.At(now)); at != 0 {
		c.room.Closed(interact.Closing{Cue: m.Cue, Rev: m.Rev, Participant: c.participant, At: at})
	}
}

// class returns a class of the wire, that of no video for anything else.
func class(name string) string {
	switch name {
	case wire.ClassIn, wire.ClassNear, wire.ClassFar:
		return name
	default:
		return wire.ClassNone
	}
}

// why returns a reason of the wire, none for anything else.
func why(name string) string {
	switch name {
	case wire.WhyHidden, wire.WhyPaused, wire.WhyBehind, wire.WhyClock, wire.WhyLate, wire.WhyKey:
		return name
	default:
		return ""
	}
}

// status counts the viewer as what it says it is.
func (c *conn) status(s *wire.Status) {
	if c.producer {
		return
	}
	c.hall.show(c, shown{synced: s.Synced, class: class(s.Class), stuck: s.Stuck && s.Visible})
}

func dispersion(micros int64) time.Duration {
	return time.Duration(min(max(micros, 0), maxDispersion.Microseconds())) * time.Microsecond
}

func ascending(choice []int) bool {
	for i, n := range choice {
		if n < 0 || i > 0 && n <= choice[i-1] {
			return false
		}
	}
	return true
}

func printable(s string, limit int) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) > 0 && len(s) <= limit
}

func cut(s string, limit int) string { return s[:min(len(s), limit)] }
