package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// replay folds the channel's log. It runs before the room does.
func (r *Room) replay(ctx context.Context) error {
	if err := r.lead(ctx); err != nil {
		return err
	}
	err := r.store.Replay(ctx, r.channel.Name, func(rec interact.Record) error {
		r.compact.replayed(rec)
		r.keepTail(rec)
		if err := r.replayRecord(rec); err != nil {
			return fmt.Errorf("record %d: %w", rec.Seq, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.compact.long = r.compact.records >= longReplay
	if err := r.mend(ctx); err != nil {
		return err
	}
	if err := r.resume(); err != nil {
		return err
	}
	r.publish()
	return nil
}

func (r *Room) replayRecord(rec interact.Record) error {
	switch rec.Kind {
	case interact.RecordCue:
		return r.replayRevision(rec.Data)
	case interact.RecordAnswers:
		return r.replayAnswers(rec)
	case interact.RecordLatency:
		return r.replayLatency(rec.Data)
	case interact.RecordBan:
		return r.replayBan(rec.Data)
	case interact.RecordSnapshot:
		return r.replaySnapshot(rec)
	case interact.RecordLink:
		return r.replayLinks(rec.Data)
	case interact.RecordTally:
		return r.replayTally(rec)
	case interact.RecordLead:
		return r.replayLead(rec.Data)
	default:
		return fmt.Errorf("kind %d is of a newer version", rec.Kind)
	}
}

func (r *Room) replayRevision(data []byte) error {
	rev, err := readRevision(data)
	if err != nil {
		return err
	}
	r.alive, r.epoch = max(r.alive, rev.At), rev.Epoch
	r.install(rev.apply(r.items[rev.ID]), rev.Action, rev.Key)
	return nil
}

func (r *Room) replayAnswers(rec interact.Record) error {
	entries, err := interact.ParseBatch(rec.Data)
	if err != nil {
		return err
	}
	sheet := r.ledger.Sheet(rec.Cue)
	for _, e := range entries {
		sheet.ApplyHashed(interact.HashOf(e.Participant), e)
		r.alive = max(r.alive, e.Received)
	}
	r.boundReceipts(rec.Cue)
	return nil
}

// mend gives windows back what an outage took that the room clock did not
// survive. It is durable before anybody hears of it.
func (r *Room) mend(ctx context.Context) error {
	if r.epoch == 0 || r.epoch == r.clock.Epoch() {
		return nil
	}
	now := r.now()
	for _, id := range r.order {
		if err := r.mendItem(ctx, r.items[id], now); err != nil {
			return err
		}
	}
	return nil
}

func (r *Room) mendItem(ctx context.Context, it *item, now clock.Instant) error {
	next, ok := it.cue.Mend(r.alive, now)
	if !ok || it.polled.marked { // what is being sealed does not open again
		return nil
	}
	one := *it
	one.note = fmt.Sprintf("extended by %.1f s: the server was away", next.Close.Sub(it.cue.Close).Seconds())
	one.cue = next
	rec, err := r.record(one, actionMend, "", interact.ActorClock)
	if err != nil {
		return err
	}
	w := write{records: []interact.Record{rec}}
	if err := r.store.Append(ctx, w.records); err != nil {
		return fmt.Errorf("extend cue %s by the outage: %w", it.id, err)
	}
	r.compact.wrote(w)
	r.keepTail(w.records[0])
	r.install(one, actionMend, "")
	r.log.Warn("window extended by an outage", "cue", it.id, "dur", now.Sub(r.alive))
	return nil
}

// resume puts every cue into the state that the clock says.
func (r *Room) resume() error {
	now := r.now()
	for _, id := range r.order {
		it := r.items[id]
		it.shown, it.polled.back = it.cue.State(now), now
		if it.shown == cue.Closed && r.awaits(it, now) {
			it.shown = cue.Closing
		}
		if err := r.reseal(it); err != nil {
			return err
		}
		switch {
		case it.shown.Over():
			r.ledger.Seal(id)
			r.uncount(it)
			r.recent = append(r.recent, it)
		case it.shown.Live():
			r.relay(it)
			r.live = append(r.live, it)
			if it.shown >= cue.Keyed {
				r.watch(newOpenings(it, 0))
			}
		}
	}
	slices.SortStableFunc(r.recent, func(a, b *item) int { return cmp.Compare(a.cue.Open, b.cue.Open) })
	r.recent = r.recent[max(0, len(r.recent)-recentCues):]
	for len(r.items) > MaxCues && r.dropOldest() != "" {
	}
	return nil
}

// relay finds T of a cue on the timeline of this process, where the one before had
// another.
func (r *Room) relay(it *item) {
	if it.cue.Anchored && r.channel.Stream != nil && r.ballots == nil {
		it.cue.Media = max(0, r.channel.Stream.MediaAt(it.cue.Open.Add(-cmp.Or(it.cue.Latency, r.target.latency))))
	}
}

// reseal puts the key up, and seals the text of a cue from a log that had no
// seals.
func (r *Room) reseal(it *item) (err error) {
	if !it.cue.Taken {
		return nil
	}
	if it.seal == nil {
		it.seal, err = sealText(r.channel.Name, it.id, it.cue.Rev, it.text())
	}
	if err == nil {
		r.hang(it)
	}
	return err
}
