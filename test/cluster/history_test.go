package cluster_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/internal/postgresproc"
)

// What was answered over all gateways is in PostgreSQL afterwards, also when the
// node that led has gone before it could write it.
func TestHistory(t *testing.T) {
	db, err := postgresproc.Start(t.Context(), postgresproc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Stop(); err != nil {
			t.Error(err)
		}
	})
	dsn := db.DSN("postgres")
	s := newStand(t, fmt.Sprintf("postgres: {dsn: %q}\n", dsn))
	kept, err := history.Open(t.Context(), history.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	c := s.gather(t, viewers)
	q := s.take(0, window)
	s.until("every viewer has a receipt", func() bool { return c.acknowledged(q.ID) == viewers })
	leads := s.leading()
	s.leaders[leads].Kill() // before it could record
	tally := s.final(1-leads, q.ID)
	c.agrees(t, tally)
	var r history.Result
	s.until("the result is in the history", func() bool {
		r, err = kept.Result(t.Context(), channel, q.ID)
		if err != nil && !errors.Is(err, history.ErrNotFound) {
			t.Fatal(err)
		}
		return err == nil
	})
	counts := make([]uint64, len(r.Options))
	for i, o := range r.Options {
		counts[i] = uint64(o.Count)
	}
	if !slices.Equal(counts, tally.Counts) || !r.Complete {
		t.Errorf("recorded %v, complete: %v; want %v", counts, r.Complete, tally.Counts)
	}
	answers := 0
	err = kept.Answers(t.Context(), channel, q.ID, func(a history.Answer) error { answers++; return nil })
	if err != nil || answers != viewers {
		t.Errorf("%d answers recorded (%v), want %d", answers, err, viewers)
	}
}
