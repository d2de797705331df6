package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// sweep removes what snapshots stand for, and gives the space back, step by
// step. While a replay runs it leaves everything to the next one. What it cannot
// do it logs: the log is whole without it.
func (s *Store) sweep(ctx context.Context) {
	if !s.reading.TryLock() {
		return
	}
	defer s.reading.Unlock()
	err := s.dropGenerations(ctx)
	for _, channel := range s.compacted() {
		err = errors.Join(err, s.dropReplaced(ctx, channel))
	}
	if err == nil {
		err = s.shrink(ctx)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("space of replaced records not given back yet", "err", err)
	}
}

// compacted returns the channels that have a snapshot.
func (s *Store) compacted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for channel, x := range s.channels {
		if x.upTo > 0 {
			out = append(out, channel)
		}
	}
	return out
}

// discard removes a generation that came to nothing.
func (s *Store) discard(made uint64) {
	if err := s.dropGeneration(context.Background(), made); err != nil {
		s.log.Warn("an unfinished snapshot is left over until the next one", "err", err)
	}
}

// dropReplaced removes the channel's records that its snapshot replaces.
func (s *Store) dropReplaced(ctx context.Context, channel string) error {
	for more := true; more; {
		var x extent
		err := s.step(ctx, func(ctx context.Context, tx *sql.Tx) error {
			x = *s.extent(channel)
			to, n, err := s.measure(ctx, tx, "SELECT seq, length(data) FROM record WHERE channel = ? AND seq <= ? ORDER BY seq LIMIT ?", channel, x.upTo)
			if more = n > 0; err != nil || !more {
				return err
			}
			done, err := tx.ExecContext(ctx, "DELETE FROM record WHERE channel = ? AND seq <= ?", channel, to)
			if err != nil {
				return err
			}
			gone, err := done.RowsAffected()
			if err != nil || uint64(gone) != n {
				return fmt.Errorf("%w (%d records of channel %s removed, not %d): %w", ErrDamaged, gone, channel, n, err)
			}
			x.dropped += n
			return x.put(ctx, tx, channel, true)
		})
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.extent(channel).dropped = x.dropped // now that it is committed
		s.mu.Unlock()
	}
	return nil
}

// measure returns the last key of the rows that one step removes, and their
// number.
func (s *Store) measure(ctx context.Context, tx *sql.Tx, query string, args ...any) (last, n uint64, err error) {
	rows, err := tx.QueryContext(ctx, query, append(args, stepRows)...)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	for size := 0; rows.Next(); {
		var key uint64
		var length int
		if err := rows.Scan(&key, &length); err != nil {
			return 0, 0, err
		}
		if size += length; n > 0 && size > s.stepBytes {
			break
		}
		last, n = key, n+1
	}
	return last, n, rows.Err()
}

// dropGenerations removes every generation of snapshots that no compaction names.
func (s *Store) dropGenerations(ctx context.Context) error {
	s.mu.Lock()
	holds := make(map[uint64]bool)
	for _, x := range s.channels {
		holds[x.made] = true
	}
	s.mu.Unlock()
	rows, err := s.db.QueryContext(ctx, "SELECT DISTINCT made FROM snapshot")
	if err != nil {
		return err
	}
	defer rows.Close()
	var old []uint64
	for rows.Next() {
		var made uint64
		if err := rows.Scan(&made); err != nil {
			return err
		}
		if !holds[made] {
			old = append(old, made)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := rows.Close(); err != nil { // the connection is needed
		return err
	}
	for _, made := range old {
		if err := s.dropGeneration(ctx, made); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) dropGeneration(ctx context.Context, made uint64) error {
	for more := true; more; {
		err := s.step(ctx, func(ctx context.Context, tx *sql.Tx) error {
			to, n, err := s.measure(ctx, tx, "SELECT seq, length(data) FROM snapshot WHERE made = ? ORDER BY seq LIMIT ?", made)
			if more = n > 0; err != nil || !more {
				return err
			}
			_, err = tx.ExecContext(ctx, "DELETE FROM snapshot WHERE made = ? AND seq <= ?", made, to)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	// shrinkStep is how many pages are given back at a time; so many may stay
	// for what comes next.
	shrinkStep = 64
	pagesKept  = 512
)

// shrink gives free pages back to the file system.
func (s *Store) shrink(ctx context.Context) error {
	for free, was := 0, -1; ; was = free {
		err := s.step(ctx, func(ctx context.Context, tx *sql.Tx) error {
			if err := tx.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free); err != nil {
				return err
			}
			if free <= pagesKept {
				return nil
			}
			return vacuum(ctx, tx)
		})
		if err != nil || free <= pagesKept || free == was {
			return err
		}
	}
}

// vacuum gives shrinkStep pages back: a page for each row that is read.
func vacuum(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", shrinkStep))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}
