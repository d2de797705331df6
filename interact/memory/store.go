package memory

import (
	"bytes"
	"context"
	"sort"
	"sync"

	"github.com/cuelight/cuelight/interact"
)

// Store is a log that ends with the process. The zero value is empty and ready.
// It is safe for concurrent use.
type Store struct {
	mu       sync.Mutex // protects what follows
	seq      uint64     // number of the last record
	channels map[string]*history
}

var _ interact.Store = (*Store)(nil)

// history is the log of one channel. Its records are never changed in place, so
// that a replay may go on with what it found.
type history struct {
	records []interact.Record
	upTo    uint64 // of the last Replace
}

// Append keeps copies of records and sets their Seq.
//
// Errors: ctx's; *interact.Error with CodeInvalid.
func (s *Store) Append(ctx context.Context, records []interact.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, r := range records {
		if err := r.Validate(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range records {
		s.seq++
		records[i].Seq = s.seq
		r.Seq, r.Data = s.seq, bytes.Clone(r.Data)
		h := s.history(r.Channel)
		h.records = append(h.records, r)
	}
	return nil
}

func (s *Store) history(channel string) *history {
	if s.channels == nil {
		s.channels = make(map[string]*history)
	}
	h := s.channels[channel]
	if h == nil {
		h = new(history)
		s.channels[channel] = h
	}
	return h
}

// Replace keeps copies of records in the place of the channel's first ones. It
// is one step to everybody else.
//
// Errors: ctx's; *interact.Error with CodeInvalid.
func (s *Store) Replace(ctx context.Context, channel string, upTo uint64, records []interact.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.history(channel)
	if err := interact.ValidateReplace(channel, upTo, records, h.upTo, s.seq); err != nil {
		return err
	}
	rest := h.records[sort.Search(len(h.records), func(i int) bool { return h.records[i].Seq > upTo }):]
	next := make([]interact.Record, 0, len(records)+len(rest))
	for i, r := range records {
		r.Seq, r.Data = upTo-uint64(len(records)-1-i), bytes.Clone(r.Data)
		next = append(next, r)
	}
	h.records, h.upTo = append(next, rest...), upTo
	return nil
}

// Replay visits copies of the channel's records, as they were when it began.
//
// Errors: visit's; ctx's.
func (s *Store) Replay(ctx context.Context, channel string, visit func(interact.Record) error) error {
	for _, r := range s.records(channel) {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.Data = bytes.Clone(r.Data)
		if err := visit(r); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *Store) records(channel string) []interact.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.channels[channel]
	if h == nil {
		return nil
	}
	return h.records[:len(h.records):len(h.records)]
}

// Level is memory.
func (s *Store) Level() interact.Level { return interact.LevelMemory }
