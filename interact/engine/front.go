package engine

import (
	"context"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// front is what every viewer who comes in is told. It does not change: another
// one takes its place.
type front struct {
	cues    []wire.Cue
	tallies []wire.Tally
	sheets  []*interact.Sheet // of cues
}

// publish puts up the front for viewers who come from now on. It goes before
// every broadcast to viewers: who is connected by then hears that, and who
// comes later reads it here (W4).
func (r *Room) publish() {
	f := &front{cues: []wire.Cue{}, tallies: []wire.Tally{}}
	for _, it := range r.recent {
		f.add(r, it)
	}
	for _, it := range r.live {
		f.add(r, it)
	}
	r.front.Store(f)
}

func (f *front) add(r *Room, it *item) {
	sight := it.sight(it.shown)
	if !sight.Cue {
		return
	}
	f.cues = append(f.cues, it.viewerView(it.shown))
	if r.ballots == nil {
		r.open(it)
		f.sheets = append(f.sheets, it.sheet)
	}
	if sight.Tally {
		f.tallies = append(f.tallies, *r.tally(it))
	}
}

// Join returns all that somebody who comes in has to know: the timeline, the
// cues, tallies and receipts that role and participant may see. Role,
// participant and token are for the caller to fill in. Timeline, cues and
// tallies are shared: nobody changes them. A viewer's Join does not wait for
// anything. With Ballots there are no receipts in it.
//
// A caller that is broadcast to before it calls Join misses nothing: what it
// hears twice is told apart by revision, state and version.
//
// Errors: *interact.Error with CodeUnavailable while stopping, with CodeBanned;
// ctx's.
func (r *Room) Join(ctx context.Context, participant, role string) (wire.Welcome, error) {
	w := wire.Welcome{
		Version: wire.Version, Channel: r.channel.Name, Title: r.channel.Title,
		ClockEpoch: r.clock.Epoch(), Receipts: []wire.Receipt{},
	}
	var err error
	if role == wire.RoleProducer {
		err = r.ask(ctx, func() { r.welcomeProducer(&w) })
	} else {
		err = r.welcomeViewer(&w, participant)
	}
	w.Now = r.now()
	w.Timeline = r.currentTimeline(w.Now)
	return w, err
}

func (r *Room) welcomeProducer(w *wire.Welcome) {
	w.Cues, w.Tallies = r.rundown()
	for _, o := range r.watched { // tell the newcomer too
		o.pace.dirty = true
	}
}

func (r *Room) welcomeViewer(w *wire.Welcome, participant string) error {
	select {
	case <-r.stopped:
		return errStopped()
	default:
	}
	if r.door.banned(participant, r.now()) {
		return refuse(interact.CodeBanned)
	}
	f := r.front.Load()
	w.Cues, w.Tallies = f.cues, f.tallies
	r.receiptsOf(w, f, participant)
	r.arrived(participant)
	return nil
}

// receiptsOf adds the participant's own receipts.
func (r *Room) receiptsOf(w *wire.Welcome, f *front, participant string) {
	if len(f.sheets) == 0 {
		return
	}
	h := interact.HashOf(participant)
	r.ledgerMu.RLock()
	defer r.ledgerMu.RUnlock()
	for _, sheet := range f.sheets {
		if m, ok := sheet.Find(h, participant); ok {
			w.Receipts = append(w.Receipts, wireReceipt(sheet.Receipt(participant, m)))
		}
	}
}
