package engine

import (
	"encoding/json"
	"fmt"

	"github.com/cuelight/cuelight/interact"
)

// take folds a record into a book that nobody else sees yet. Records may come
// again, in their order.
func (r *Replica) take(b *book, rec interact.Record) error {
	switch rec.Kind {
	case interact.RecordCue:
		return r.takeRevision(b, rec.Data)
	case interact.RecordLatency:
		return r.takeLatency(rec)
	case interact.RecordBan:
		return r.takeBan(b, rec.Data)
	case interact.RecordTally:
		return takeTally(b, rec)
	case interact.RecordSnapshot:
		return r.takeSnapshot(b, rec)
	default:
		return nil // answers and links are kept elsewhere, the rest is of a newer release
	}
}

func (r *Replica) takeRevision(b *book, data []byte) error {
	rev, err := readRevision(data)
	if err != nil {
		return err
	}
	if rev.Action == actionRemove {
		b.drop(rev.ID)
		return nil
	}
	return r.install(b, &rev)
}

func (r *Replica) install(b *book, rev *revision) error {
	old := b.known[rev.ID].item
	if old == nil && rev.Question == nil {
		return fmt.Errorf("revision %d of cue %.40q came before its question", rev.Cue.Rev, rev.ID)
	}
	b.put(rev.apply(old), func() *booth {
		if k, ok := r.book.Load().known[rev.ID]; ok {
			return k.booth // what is remembered of its answers is still true
		}
		return newBooth(r)
	})
	return nil
}

func (r *Replica) takeBan(b *book, data []byte) error {
	var rec banRecord
	if err := json.Unmarshal(data, &rec); err != nil {
		return fmt.Errorf("read ban: %w", err)
	}
	b.bar(rec, r.now())
	return nil
}

func (r *Replica) takeSnapshot(b *book, rec interact.Record) error {
	var s snapshot
	if err := json.Unmarshal(rec.Data, &s); err != nil {
		return fmt.Errorf("read snapshot: %w", err)
	}
	for _, ban := range s.Bans {
		b.bar(ban, r.now())
	}
	if s.Cue == nil || s.Cue.ID == "" {
		return nil
	}
	if err := s.Cue.validate(); err != nil {
		return err
	}
	return r.install(b, s.Cue)
}

func takeTally(b *book, rec interact.Record) error {
	t, err := readTally(rec.Data)
	if err != nil || !t.Final || b.known[rec.Cue].item == nil {
		return err
	}
	b.tallies[rec.Cue] = wireTally(t.tally(rec.Cue))
	return nil
}
