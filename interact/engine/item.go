package engine

import (
	"cmp"
	"time"

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
	// seal is the text as viewers get it: nil until the cue is taken.
	seal *seal
	// spread is over how long viewers spread their answers.
	spread time.Duration
	// sheet is its part of the ledger, nil until somebody answers.
	sheet *interact.Sheet
	// note says to producers why the cue is as it is.
	note string

	// shown is the state that was last broadcast. It trails the clock while
	// held is set or answers are still to be counted.
	shown cue.State
	// told is the revision that viewers were last told of in full.
	told int
	// held stops the cue's own transitions while its next revision is on its way
	// to the disk: a cancel in time must not be overtaken by the text.
	held bool
	// sealing says that C + GraceMax has passed; the tally is final once all
	// answers up to cut have been dealt with.
	sealing bool
	cut     uint64

	toProducers, toViewers pace // of the tally
	polled                 polled
}

func newItem(next item) *item {
	next.shown = cue.Draft
	next.toProducers, next.toViewers = pace{every: tallyToProducers}, pace{every: tallyToViewers}
	return &next
}

// due returns when a count has to be told, wake if that is earlier.
func (it *item) due(wake clock.Instant) clock.Instant {
	for _, p := range [...]*pace{&it.toProducers, &it.toViewers} {
		if at, ok := p.due(); ok {
			wake = min(wake, at)
		}
	}
	return wake
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
	text := it.text()
	w.Text = &text
	w.Note = it.note
	if it.cue.Orphaned {
		w.Orphaned = s.Live()
		if s == cue.Cancelled {
			w.Note = "cancelled: the picture stopped and nobody said to open it anyway"
		}
	}
	w.RevealArmed = it.cue.RevealArmed
	if q.Kind == interact.KindTrivia {
		w.Correct = &q.Correct
	}
	return w
}

func (it *item) text() wire.Text {
	return wire.Text{Title: it.question.Title, Options: it.question.Options}
}

// viewerView is what a viewer may know of the cue in state s.
func (it *item) viewerView(s cue.State) wire.Cue {
	w, sight := it.bare(s), it.sight(s)
	if it.seal != nil && sight.Seal {
		w.Seal = it.seal.wire()
		if sight.Text {
			w.Key = it.seal.key()
		}
	}
	if sight.Correct && it.question.Kind == interact.KindTrivia {
		correct := it.question.Correct
		w.Correct = &correct
	}
	return w
}

// bare is the cue without anything that has to be withheld.
func (it *item) bare(s cue.State) wire.Cue {
	c, q := it.cue, it.question
	w := wire.Cue{
		ID: it.id, Rev: c.Rev, Kind: string(q.Kind), Policy: string(q.Policy.Or()),
		State: wire.State(s.String()), Open: c.Open, Close: c.Close, Media: c.Media, MaxLag: c.MaxLag.Milliseconds(),
		Window: c.Window.Milliseconds(), Choices: len(q.Options), Results: string(q.Results),
		Changes: q.Changes, Spread: it.spread.Milliseconds(),
	}
	if it.slot() != interact.SlotMain {
		w.Slot = it.slot()
	}
	if last, ok := c.LastPause(); ok {
		w.Pause, w.Resume, w.Remaining = last.At, last.Resume, c.Remaining().Milliseconds()
	}
	return w
}

func (it *item) slot() string { return cmp.Or(it.question.Slot, interact.SlotMain) }

// key is what tells viewers that the text may be read.
func (it *item) key() *wire.Key {
	return &wire.Key{Cue: it.id, Rev: it.cue.Rev, KeyID: it.seal.keyID(), Key: it.seal.key()}
}

func wireTally(t interact.Tally) wire.Tally {
	return wire.Tally{Cue: t.Cue, Version: t.Version, Counts: t.Counts, Total: t.Total, Final: t.Final}
}

// wireReceipt is the receipt as it travels in a welcome, in reply to nothing.
func wireReceipt(r interact.Receipt) wire.Receipt {
	return wire.Receipt{Cue: r.Cue, Choice: r.Choice, Seq: r.Seq, At: r.Credited, Level: string(r.Level), Changes: r.Changes}
}
