package engine

import (
	"context"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// clockSlack is by how much another node's clock may be ahead.
const clockSlack = 50 * time.Millisecond

// Join returns all that somebody who comes in has to know: the timeline, the
// cues, tallies and receipts that role and participant may see. Role,
// participant and token are for the caller to fill in. Timeline, cues and
// tallies are shared: nobody changes them.
//
// A viewer's Join asks for receipts only where cues have opened whose receipt of
// this participant is not remembered here. What was relayed before Join is
// called is in what it returns.
//
// Errors: *interact.Error with CodeUnavailable while starting or stopping, or if
// the receipts cannot be had, with CodeBusy if too many ask, with CodeBanned;
// ctx's.
func (r *Replica) Join(ctx context.Context, participant, role string) (wire.Welcome, error) {
	w := wire.Welcome{
		Version: wire.Version, Channel: r.cfg.Channel.Name, Title: r.cfg.Channel.Title,
		ClockEpoch: r.cfg.Clock.Epoch(), Receipts: []wire.Receipt{},
	}
	select {
	case <-r.ready:
	case <-r.stopped:
		return w, errStopped()
	case <-ctx.Done():
		return w, errStarting()
	}
	var err error
	if role == wire.RoleProducer {
		w.Cues, w.Tallies = r.book.Load().rundown(r.now())
		r.lights.greet(time.Now())
		r.stir()
	} else {
		err = r.welcomeViewer(ctx, &w, participant)
	}
	w.Now, w.Timeline = r.now(), r.currentTimeline()
	return w, err
}

func errStarting() error {
	return interact.Errorf(interact.CodeUnavailable, "The server is starting. Please try again in a moment.")
}

func (r *Replica) welcomeViewer(ctx context.Context, w *wire.Welcome, participant string) error {
	select {
	case <-r.stopped:
		return errStopped()
	default:
	}
	b := r.book.Load()
	if b.bars(participant, r.now()) {
		return refuse(interact.CodeBanned)
	}
	l := r.lobby.Load()
	w.Cues, w.Tallies = l.cues, l.tallies
	receipts, err := r.receiptsOf(ctx, b, l, participant)
	if err != nil {
		return err
	}
	w.Receipts = receipts
	r.moved(participant, true)
	return nil
}

// receiptsOf returns the participant's receipts for the cues that newcomers are
// told of, in their order.
func (r *Replica) receiptsOf(ctx context.Context, b *book, l *lobby, participant string) ([]wire.Receipt, error) {
	h, now := interact.HashOf(participant), r.now()
	var ask []interact.Poll
	have := make(map[string]interact.Receipt)
	for i := range l.cues {
		k, ok := b.known[l.cues[i].ID]
		if !ok || !k.answerable(now.Add(clockSlack)) {
			continue
		}
		m, found, sure := k.booth.recall(h, participant)
		if found {
			have[k.id] = interact.Receipt{Cue: k.id, Choice: m.Choice.Indices(), Seq: uint64(m.Seq), Credited: m.Credited, Level: r.level}
		}
		if sure {
			continue
		}
		r.missed(b, k, now)
		ask = append(ask, k.poll(r.cfg.Channel.Name))
	}
	if len(ask) > 0 {
		found, err := r.lookups.ask(ctx, r, ask, participant)
		if err != nil {
			return nil, err
		}
		for _, rec := range found {
			have[rec.Cue] = rec
		}
	}
	out := make([]wire.Receipt, 0, len(have))
	for i := range l.cues {
		if rec, ok := have[l.cues[i].ID]; ok {
			out = append(out, wireReceipt(rec))
		}
	}
	return out, nil
}
