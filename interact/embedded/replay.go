package embedded

import (
	"context"
	"fmt"

	"github.com/cuelight/cuelight/interact"
)

// page is how many records are read at a time. Between pages others may write.
const page = 64

const (
	selectSnapshot = `SELECT seq, kind, cue, data, crc FROM snapshot
		WHERE made = ? AND channel = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?`
	selectPage = `SELECT seq, kind, cue, data, crc FROM record
		WHERE channel = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?`
)

// Replay visits the records that were there when it began, and makes sure that
// it has visited every one.
//
// Errors: visit's; ctx's; ErrDamaged, wrapped with the record's number.
func (s *Store) Replay(ctx context.Context, channel string, visit func(interact.Record) error) error {
	s.reading.RLock()
	defer s.reading.RUnlock()
	s.mu.Lock()
	end, x := s.next, extent{}
	if is := s.channels[channel]; is != nil {
		x = *is
	}
	s.mu.Unlock()
	first := reading{query: selectSnapshot, args: []any{x.made, channel}, after: x.upTo - x.kept, end: x.upTo + 1, want: x.kept}
	then := reading{query: selectPage, args: []any{channel}, after: x.upTo, end: end, want: x.live}
	for _, part := range []reading{first, then} {
		if err := s.read(ctx, channel, part, visit); err != nil {
			return err
		}
	}
	return nil
}

// reading is a part of a channel's log: want records with after < seq < end.
type reading struct {
	query      string
	args       []any
	after, end uint64
	want       uint64
}

func (s *Store) read(ctx context.Context, channel string, part reading, visit func(interact.Record) error) error {
	for seen := uint64(0); ; {
		records, err := s.readPage(ctx, channel, part)
		if err != nil {
			return fmt.Errorf("replay channel %s: %w", channel, err)
		}
		for _, r := range records {
			if r.Seq <= part.after {
				return fmt.Errorf("replay channel %s: %w (record %d after %d)", channel, ErrDamaged, r.Seq, part.after)
			}
			if err := visit(r); err != nil {
				return err
			}
			part.after = r.Seq
		}
		seen += uint64(len(records))
		switch {
		case len(records) == page:
		case seen != part.want:
			return fmt.Errorf("replay channel %s: %w (%d of %d records found before record %d)", channel, ErrDamaged, seen, part.want, part.end)
		default:
			return nil
		}
	}
}

func (s *Store) readPage(ctx context.Context, channel string, part reading) ([]interact.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, part.query, append(part.args[:len(part.args):len(part.args)], part.after, part.end, page)...)
	if err != nil {
		return nil, damaged(err)
	}
	defer rows.Close()
	var out []interact.Record
	for rows.Next() {
		r := interact.Record{Channel: channel}
		var crc uint32
		if err := rows.Scan(&r.Seq, &r.Kind, &r.Cue, &r.Data, &crc); err != nil {
			return nil, fmt.Errorf("%w (after record %d: %w)", ErrDamaged, part.after, err)
		}
		if crc != checksum(r) {
			return nil, fmt.Errorf("%w (record %d: checksum differs)", ErrDamaged, r.Seq)
		}
		out = append(out, r)
	}
	return out, damaged(rows.Err())
}
