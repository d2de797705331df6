package embedded

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// compaction is what stands in the place of a channel's first records: a row of
// the table compacted.
type compaction struct {
	upTo    uint64 // records of the channel up to here are replaced
	dropped uint64 // of them, those that are not in the file any more
	made    uint64 // generation of the rows that replace them
	kept    uint64 // how many these are; the last has number upTo
}

// checksum covers every field, as that of a record does.
func (c compaction) checksum(channel string) uint32 {
	b := make([]byte, 0, 96)
	for _, v := range []uint64{c.upTo, c.dropped, c.made, c.kept} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return crc32.Checksum(append(b, channel...), castagnoli)
}

// put writes c for the channel.
func (c compaction) put(ctx context.Context, tx execer, channel string, there bool) error {
	query := "INSERT INTO compacted (upto, dropped, made, kept, crc, channel) VALUES (?, ?, ?, ?, ?, ?)"
	if there {
		query = "UPDATE compacted SET upto = ?, dropped = ?, made = ?, kept = ?, crc = ? WHERE channel = ?"
	}
	done, err := tx.ExecContext(ctx, query, c.upTo, c.dropped, c.made, c.kept, c.checksum(channel), channel)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("%w (%d compactions of channel %s): %w", ErrDamaged, n, channel, err)
	}
	return nil
}

// readCompactions reads the whole table.
//
// Errors: ErrDamaged, with the channel.
func readCompactions(ctx context.Context, db *sql.DB) (map[string]compaction, error) {
	rows, err := db.QueryContext(ctx, "SELECT channel, upto, dropped, made, kept, crc FROM compacted")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := make(map[string]compaction)
	for rows.Next() {
		var channel string
		var c compaction
		var crc uint32
		if err := rows.Scan(&channel, &c.upTo, &c.dropped, &c.made, &c.kept, &crc); err != nil {
			return out, fmt.Errorf("%w (a compaction cannot be read: %w)", ErrDamaged, err)
		}
		if crc != c.checksum(channel) {
			return out, fmt.Errorf("%w (compaction of channel %q: checksum differs)", ErrDamaged, channel)
		}
		if _, twice := out[channel]; twice {
			return out, fmt.Errorf("%w (two compactions of channel %q)", ErrDamaged, channel)
		}
		out[channel] = c
	}
	return out, rows.Err()
}
