package embedded

import (
	"context"
	"sync"
	"sync/atomic"
)

const (
	// foldFrom is how much is written to the write-ahead log until it is folded
	// into the file, beside the appends.
	foldFrom = 16 << 20
	// foldAll is how long it may become. Then an append waits until all of it is
	// folded, most of which has been done by then.
	foldAll = 4*foldFrom + 4<<20
	// commitBytes is what a commit writes beside its data, about.
	commitBytes = 4 * 4096
)

// folds keeps the write-ahead log short.
//
// Folding 16 MB takes some 50 ms, too long to wait for with answers in hand. So
// it is done over a connection of its own; SQLite lets writes go on beside it.
// But it begins the log anew only when a write finds all of it folded.
type folds struct {
	from, all int // foldFrom and foldAll

	// Under Store.mu, in bytes, about: written since the last fold began, and
	// since the log was last known to begin anew.
	unfolded, length int

	running atomic.Bool
	wg      sync.WaitGroup
}

// bound notes that size bytes were written, and folds if it is time. s.mu is
// held, so no write runs.
func (s *Store) bound(size int) {
	f := &s.folds
	f.unfolded += size + commitBytes
	f.length += size + commitBytes
	switch {
	case f.length >= f.all:
		f.wg.Wait()
		f.unfolded, f.length = 0, 0
		if !s.fold() {
			f.length = f.all - f.from // a reader was in the way: not at every append
		}
	case f.unfolded >= f.from && f.running.CompareAndSwap(false, true):
		f.unfolded = 0
		f.wg.Go(func() {
			defer f.running.Store(false)
			s.fold()
		})
	}
}

// fold copies what it can of the write-ahead log into the file, and says whether
// that was all.
func (s *Store) fold() bool {
	var busy, pages, done int
	row := s.folder.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)")
	if err := row.Scan(&busy, &pages, &done); err != nil {
		s.log.Warn("write-ahead log not folded into the log yet", "err", err)
		return false
	}
	return done == pages
}
