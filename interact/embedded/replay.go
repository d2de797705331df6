package embedded

import (
	"context"
	"fmt"

	"github.com/cuelight/cuelight/interact"
)

// page is how many records are read at a time. Between pages others may write.
const page = 64

const selectPage = `SELECT seq, kind, cue, data, crc FROM record
	WHERE channel = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?`

// Replay visits the records that were there when it began.
//
// Errors: visit's; ctx's; ErrDamaged, wrapped with the record's number.
func (s *Store) Replay(ctx context.Context, channel string, visit func(interact.Record) error) error {
	s.mu.Lock()
	end := s.next
	s.mu.Unlock()
	for after := uint64(0); ; {
		records, err := s.readPage(ctx, channel, after, end)
		if err != nil {
			return fmt.Errorf("replay channel %s: %w", channel, err)
		}
		for _, r := range records {
			if err := visit(r); err != nil {
				return err
			}
			after = r.Seq
		}
		if len(records) < page {
			return nil
		}
	}
}

func (s *Store) readPage(ctx context.Context, channel string, after, end uint64) ([]interact.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, selectPage, channel, after, end, page)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []interact.Record
	for rows.Next() {
		r := interact.Record{Channel: channel}
		var crc uint32
		if err := rows.Scan(&r.Seq, &r.Kind, &r.Cue, &r.Data, &crc); err != nil {
			return nil, err
		}
		if crc != checksum(r) {
			return nil, fmt.Errorf("%w (record %d: checksum differs)", ErrDamaged, r.Seq)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}
