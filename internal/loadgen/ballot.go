package loadgen

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// ballot is one viewer's answer to one cue, and what became of it. It belongs
// to its viewer's lock.
type ballot struct {
	answer wire.Answer
	frame  []byte    // the same every time it is sent
	due    time.Time // when it is to be sent
	first  time.Time // when it first was
	begun  bool      // its time has come
	again  time.Time // when it is sent once more if nothing is heard
	tries  int

	replied time.Time
	receipt *wire.Receipt
	code    string // of the last refusal
	final   bool   // that refusal stands
}

// settled says that the answer's fate is known.
func (b *ballot) settled() bool { return b.receipt != nil || b.final }

// An answer without a reply is sent again, and one that was refused for now,
// after a while that doubles.
const (
	replyWait    = 5 * time.Second
	refusedWait  = 500 * time.Millisecond
	maxReplyWait = 10 * time.Second
)

// passing says that the same answer may be taken a little later.
func passing(code string) bool {
	switch interact.Code(code) {
	case interact.CodeBusy, interact.CodeUnavailable, interact.CodeTooMany, interact.CodeInternal:
		return true
	default:
		return false
	}
}

// sendBallot sends the viewer's answer, or sends it again. A viewer that has no
// connection, or has not heard of the cue, does it when it has.
func (v *viewer) sendBallot(now time.Time) {
	v.mu.Lock()
	b, conn := v.ballot, v.conn
	b.begun = true
	if conn == nil || v.welcomed != nil || !v.knows(b.answer.Cue) {
		b.again = now.Add(lookEvery)
		v.mu.Unlock()
		return
	}
	if b.first.IsZero() {
		b.first = now
	}
	b.tries++
	wait := min(replyWait<<min(b.tries-1, 4), maxReplyWait)
	b.again = now.Add(wait + time.Duration(rand.Int64N(int64(wait/4))))
	frame := b.frame
	v.mu.Unlock()
	_, _ = conn.Write(frame) // if it fails, the reader finds out why
}

// receipt takes a receipt. The viewer's lock is held.
func (v *viewer) receipt(r *wire.Receipt, at time.Time) {
	b := v.ballot
	if b == nil || r.Cue != b.answer.Cue {
		v.crowd.differ("viewer %d has a receipt for cue %s, which it did not answer", v.number, r.Cue)
		return
	}
	if r.ID != b.answer.ID {
		v.crowd.differ("viewer %d was given the receipt of answer %q; its own is %q", v.number, r.ID, b.answer.ID)
		return
	}
	v.receiptAgain(r, at)
}

// receiptAgain takes a receipt that need not name its answer. The viewer's lock
// is held.
func (v *viewer) receiptAgain(r *wire.Receipt, at time.Time) {
	b := v.ballot
	if b == nil || r.Cue != b.answer.Cue {
		return // of an earlier cue
	}
	switch {
	case !slices.Equal(r.Choice, b.answer.Choice):
		v.crowd.differ("viewer %d chose %v on cue %s and has a receipt for %v", v.number, b.answer.Choice, r.Cue, r.Choice)
	case b.first.IsZero():
		v.crowd.differ("viewer %d has a receipt for cue %s, to which it has sent nothing", v.number, r.Cue)
	case b.final:
		v.crowd.differ("viewer %d was refused on cue %s with %q, and then given a receipt", v.number, r.Cue, b.code)
	case b.receipt != nil:
		if b.receipt.Seq != r.Seq || b.receipt.At != r.At {
			v.crowd.differ("viewer %d has two receipts for its answer to cue %s: %d and %d", v.number, r.Cue, b.receipt.Seq, r.Seq)
		}
	default:
		b.receipt, b.replied = r, at
	}
}

// refused takes a refusal. The viewer's lock is held.
func (v *viewer) refused(r *wire.Refused, at time.Time) {
	b := v.ballot
	switch {
	case b == nil || r.ID != b.answer.ID || r.Cue != b.answer.Cue:
		v.crowd.differ("viewer %d was refused an answer that it did not send: %q on cue %s", v.number, r.ID, r.Cue)
	case b.receipt != nil:
		v.crowd.differ("viewer %d has a receipt for cue %s, and then was refused with %q", v.number, r.Cue, r.Code)
	case passing(r.Code):
		wait := min(refusedWait<<min(b.tries, 10), maxReplyWait)
		b.code, b.again = r.Code, at.Add(wait/2+time.Duration(rand.Int64N(int64(wait))))
		v.crowd.shed(r.Code)
	default:
		b.code, b.final, b.replied = r.Code, true, at
		v.crowd.shed(r.Code)
	}
}

// answerID is unique among all answers of a rehearsal, and at most 32 bytes.
func answerID(viewer int, cue string) string {
	return fmt.Sprintf("%d-%s", viewer, cue[max(0, len(cue)-20):])
}
