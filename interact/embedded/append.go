package embedded

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/cuelight/cuelight/interact"
)

const insert = "INSERT INTO record (seq, channel, kind, cue, data, crc) VALUES (?, ?, ?, ?, ?, ?)"

// execer is a transaction, or the database where one statement is one.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Append writes all records in one transaction, syncs it and sets their Seq.
//
// Once begun it is not interrupted by ctx, so that nobody has to wonder
// whether a commit that was cut off took place.
func (s *Store) Append(ctx context.Context, records []interact.Record) error {
	for _, r := range records {
		if err := r.Validate(); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil || len(records) == 0 {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.write(context.WithoutCancel(ctx), records); err != nil {
		return fmt.Errorf("append %d records: %w", len(records), unavailable(err))
	}
	for i := range records {
		records[i].Seq = s.next
		s.next++
		s.extent(records[i].Channel).live++
	}
	s.bound(size(records))
	return nil
}

// unavailable is err with what its reader may be told.
func unavailable(err error) error {
	return fmt.Errorf("%w: %w", interact.Errorf(interact.CodeUnavailable, "The log cannot be written."), err)
}

// extent returns what is known of a channel. s.mu is held.
func (s *Store) extent(channel string) *extent {
	x := s.channels[channel]
	if x == nil {
		x = new(extent)
		s.channels[channel] = x
	}
	return x
}

func (s *Store) write(ctx context.Context, records []interact.Record) error {
	if len(records) == 1 { // a statement is a transaction
		return s.insert(ctx, s.insertion, records)
	}
	return s.inTx(ctx, func(tx *sql.Tx) error { return s.insert(ctx, tx.StmtContext(ctx, s.insertion), records) })
}

func (s *Store) insert(ctx context.Context, with *sql.Stmt, records []interact.Record) error {
	for i, r := range records {
		r.Seq = s.next + uint64(i)
		if _, err := with.ExecContext(ctx, r.Seq, r.Channel, r.Kind, r.Cue, r.Data, checksum(r)); err != nil {
			return err
		}
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers every field of r, so that neither a changed byte nor a
// misplaced record goes unnoticed.
func checksum(r interact.Record) uint32 {
	b := make([]byte, 0, 64)
	b = binary.BigEndian.AppendUint64(b, r.Seq)
	b = append(b, byte(r.Kind))
	b = binary.AppendUvarint(b, uint64(len(r.Channel)))
	b = append(b, r.Channel...)
	b = append(b, r.Cue...)
	return crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, r.Data)
}

// size is how many bytes of data records hold.
func size(records []interact.Record) int {
	n := 0
	for _, r := range records {
		n += len(r.Data)
	}
	return n
}
