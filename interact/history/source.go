package history

import (
	"context"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// Source is where the truth about a channel is until it is recorded. It is asked
// again until what it has is in the database, in this process or a later one.
// It is called by one goroutine.
type Source interface {
	// Finished returns the cues whose count is final, in any order, recorded or
	// not; those withdrawn too. It may leave out what Recorded was called for.
	Finished(ctx context.Context) ([]Cue, error)

	// Entries visits every participant's answer that counts, in no order; twice
	// does no harm. What it misses in comparison with the cue's total is an error,
	// and the cue is tried again later.
	Entries(ctx context.Context, cue string, visit func(interact.Entry, interact.Mark) error) error

	// Records visits the channel's log after the record with that number, oldest
	// first; earlier ones do no harm. Answers may be left out.
	Records(ctx context.Context, after uint64, visit func(interact.Record) error) error

	// Ends returns when a producer ended the event, as far back as is known.
	Ends(ctx context.Context) ([]End, error)
}

// End is when a producer ended the event on a channel, which ends the show.
type End struct {
	At clock.Instant // on R
	By string        // who, if it is known
}

// Cue is a cue whose count is final.
type Cue struct {
	ID  string
	Rev int
	// State is closed, revealed, void or cancelled.
	State    string
	Question interact.Question
	// Taken is when it was put on air, [Open, Close) its window, on R. Zero if it
	// is not known; then Open stands for Taken.
	Taken, Open, Close clock.Instant
	Note               string
	// Tally is final.
	Tally interact.Tally
	// CountsOnly says that the source has the counts left and no answers.
	CountsOnly bool
}

// began is the instant that says to which show c belongs.
func (c *Cue) began() clock.Instant {
	if c.Taken != 0 {
		return c.Taken
	}
	return c.Open
}
