package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/cuelight/cuelight/interact"
)

// Replace puts records in the place of the channel's records up to upTo. They
// are written in steps of about 256 KiB, each with a sync of its own, and
// take effect in one; what they replace is removed in steps. Appends go on
// between two steps. Killed at any moment, the log is the old one or the new
// one, and what is left over is removed by the next Open or Replace.
//
// When the new log holds, Replace returns nil, even if something that it stands
// for could not be removed yet.
//
// Errors: ctx's, before the new log holds; *interact.Error with CodeInvalid, or
// with CodeUnavailable if the log cannot be written. The log is as it was then.
func (s *Store) Replace(ctx context.Context, channel string, upTo uint64, records []interact.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.replacing.Lock()
	defer s.replacing.Unlock()
	s.mu.Lock()
	err := interact.ValidateReplace(channel, upTo, records, s.upTo(channel), s.next-1)
	s.made++
	made := s.made
	s.mu.Unlock()
	if err != nil {
		return err
	}
	err = s.stage(ctx, made, upTo, records)
	if err == nil {
		err = s.turn(ctx, channel, compaction{upTo: upTo, made: made, kept: uint64(len(records))})
	}
	if err != nil {
		s.discard(made)
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return err
		}
		return fmt.Errorf("replace records of channel %s up to %d: %w", channel, upTo, unavailable(err))
	}
	s.sweep(ctx)
	return nil
}

// upTo is the channel's last replaced record. s.mu is held.
func (s *Store) upTo(channel string) uint64 {
	if x := s.channels[channel]; x != nil {
		return x.upTo
	}
	return 0
}

const (
	insertStaged = "INSERT INTO snapshot (made, channel, seq, kind, cue, data, crc) VALUES (?, ?, ?, ?, ?, ?, ?)"
	// stepBytes and stepRows bound what one step writes or removes.
	stepBytes = 256 << 10
	stepRows  = 128
)

// stage writes records as generation made. Nobody sees them yet.
func (s *Store) stage(ctx context.Context, made, upTo uint64, records []interact.Record) error {
	for first := 0; first < len(records); {
		end := first + 1
		for end < len(records) && end-first < stepRows && size(records[first:end+1]) <= s.stepBytes {
			end++
		}
		err := s.step(ctx, func(ctx context.Context, tx *sql.Tx) error {
			for i, r := range records[first:end] {
				r.Seq = upTo - uint64(len(records)-1-first-i)
				if _, err := tx.ExecContext(ctx, insertStaged, made, r.Channel, r.Seq, r.Kind, r.Cue, r.Data, checksum(r)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		first = end
	}
	return nil
}

// step runs f in a transaction of its own, unless ctx has ended.
func (s *Store) step(ctx context.Context, f func(ctx context.Context, tx *sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.bound(stepBytes)
	whole := context.WithoutCancel(ctx)
	return s.inTx(whole, func(tx *sql.Tx) error { return f(whole, tx) })
}

// turn makes what was staged the truth: one row changes.
func (s *Store) turn(ctx context.Context, channel string, to compaction) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.bound(0)
	ctx = context.WithoutCancel(ctx)
	was := *s.extent(channel)
	to.dropped = was.dropped
	var replaced uint64
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		row := tx.QueryRowContext(ctx, "SELECT count(*) FROM record WHERE channel = ? AND seq > ? AND seq <= ?", channel, was.upTo, to.upTo)
		if err := row.Scan(&replaced); err != nil {
			return err
		}
		return to.put(ctx, tx, channel, was.upTo > 0)
	})
	if err != nil {
		return err
	}
	s.channels[channel] = &extent{compaction: to, live: was.live - replaced}
	return nil
}
