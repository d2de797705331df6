package engine

import (
	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// item is a cue as its room holds it.
type item struct {
	id       string
	question interact.Question
	cue      cue.Cue
	// note says to producers why the cue is as it is.
	note string

	// shown is the state that was last broadcast. It trails the clock while
	// held is set or answers are still to be counted.
	shown cue.State
	// held stops the cue's own transitions while its next revision is on its way
	// to the disk: a cancel in time must not be overtaken by the text.
	held bool
	// sealing says that C + GraceMax has passed; the tally is final once cut
	// answers have been dealt with.
	sealing bool
	cut     uint64
}

// state is the state at now, as far as the room may act on it.
func (it *item) state(now clock.Instant) cue.State {
	if it.held {
		return it.shown
	}
	s := it.cue.State(now)
	if s == cue.Closed && it.shown < cue.Closed {
		return cue.Closing // until the room has counted what came in time
	}
	return s
}

func (it *item) live() bool { return it.question.Results == interact.ResultsLive }

func (it *item) sight(s cue.State) cue.Sight { return s.Sight(it.live()) }

// view is the producer's view of the cue in state s.
func (it *item) view(s cue.State) wire.Cue {
	q := it.question
	w := it.bare(s)
	w.Text = &wire.Text{Title: q.Title, Options: q.Options}
	w.Note = it.note
	if q.Kind == interact.KindTrivia {
		w.Correct = &q.Correct
	}
	return w
}

// viewerView is what a viewer may know of the cue in state s.
func (it *item) viewerView(s cue.State) wire.Cue {
	w, sight := it.bare(s), it.sight(s)
	if sight.Text {
		w.Text = &wire.Text{Title: it.question.Title, Options: it.question.Options}
	}
	if sight.Correct && it.question.Kind == interact.KindTrivia {
		correct := it.question.Correct
		w.Correct = &correct
	}
	return w
}

// bare is the cue without anything that has to be withheld.
func (it *item) bare(s cue.State) wire.Cue {
	return wire.Cue{
		ID: it.id, Rev: it.cue.Rev, Kind: string(it.question.Kind), Policy: "wall",
		State: wire.State(s.String()), Open: it.cue.Open, Close: it.cue.Close,
		Window: it.cue.Window.Milliseconds(), Choices: len(it.question.Options),
		Results: string(it.question.Results),
	}
}

func wireTally(t interact.Tally) wire.Tally {
	return wire.Tally{Cue: t.Cue, Version: t.Version, Counts: t.Counts, Total: t.Total, Final: t.Final}
}

// wireReceipt is the receipt as it travels in a welcome, in reply to nothing.
func wireReceipt(r interact.Receipt) wire.Receipt {
	return wire.Receipt{Cue: r.Cue, Choice: r.Choice, Seq: r.Seq, At: r.Credited, Level: string(r.Level)}
}
