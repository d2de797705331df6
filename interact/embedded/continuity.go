package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
)

// extent is how much of a channel's log there is.
type extent struct {
	compaction
	live uint64 // records behind upTo
}

// continuity is what counting a file shows. Everything is counted by the table
// and by an index over it, which lie on different pages: what is missing from
// one is there in the other.
type continuity struct {
	next     uint64 // number of the next record
	made     uint64 // highest generation in the file
	channels map[string]*extent
}

// survey counts the file's rows. Every number from 1 on is that of a record, or
// of one that a compaction dropped.
//
// Errors: ErrDamaged, with what does not add up; SQLite's.
func survey(ctx context.Context, db *sql.DB) (*continuity, error) {
	compactions, err := readCompactions(ctx, db)
	if err != nil {
		return nil, err
	}
	c := &continuity{channels: make(map[string]*extent)}
	last, dropped := uint64(0), uint64(0)
	for channel, was := range compactions {
		c.channels[channel] = &extent{compaction: was}
		c.made, last = max(c.made, was.made), max(last, was.upTo)
		dropped += was.dropped
	}
	there, err := c.countRecords(ctx, db)
	if err != nil {
		return nil, err
	}
	var highest uint64
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM record NOT INDEXED").Scan(&highest); err != nil {
		return nil, err
	}
	if last = max(last, highest); there+dropped != last {
		return nil, fmt.Errorf("%w (%d records and %d replaced ones, the last is number %d)", ErrDamaged, there, dropped, last)
	}
	c.next = last + 1
	return c, c.countSnapshots(ctx, db)
}

// countRecords counts the rows of record, those of every channel by table and
// index, and returns how many there are.
func (c *continuity) countRecords(ctx context.Context, db *sql.DB) (uint64, error) {
	table, err := countBy(ctx, db, "SELECT channel, count(*) FROM record NOT INDEXED GROUP BY channel")
	if err != nil {
		return 0, fmt.Errorf("count records: %w", err)
	}
	index, err := countBy(ctx, db, "SELECT channel, count(*) FROM record INDEXED BY record_channel GROUP BY channel")
	if err != nil {
		return 0, fmt.Errorf("count records by channel: %w", err)
	}
	if !maps.Equal(table, index) {
		return 0, fmt.Errorf("%w (records by channel: %v in the table, %v in its index)", ErrDamaged, table, index)
	}
	total := uint64(0)
	for channel, n := range table {
		total += n
		x := c.channels[channel]
		if x == nil {
			x = new(extent)
			c.channels[channel] = x
		}
		var replaced uint64
		if x.upTo > 0 {
			row := db.QueryRowContext(ctx, "SELECT count(*) FROM record WHERE channel = ? AND seq <= ?", channel, x.upTo)
			if err := row.Scan(&replaced); err != nil {
				return 0, fmt.Errorf("count replaced records: %w", err)
			}
		}
		x.live = n - replaced
	}
	return total, nil
}

// countSnapshots compares the rows of every generation with what its compaction
// says. Rows of other generations are left over from one that was interrupted.
func (c *continuity) countSnapshots(ctx context.Context, db *sql.DB) error {
	for channel, x := range c.channels {
		if x.upTo == 0 {
			continue
		}
		var n, lowest, highest uint64
		row := db.QueryRowContext(ctx, `SELECT count(*), coalesce(min(seq), 0), coalesce(max(seq), 0)
			FROM snapshot NOT INDEXED WHERE made = ? AND channel = ?`, x.made, channel)
		if err := row.Scan(&n, &lowest, &highest); err != nil {
			return fmt.Errorf("count snapshot: %w", err)
		}
		if n != x.kept || n > 0 && (highest != x.upTo || lowest != x.upTo-n+1) {
			return fmt.Errorf("%w (snapshot of channel %q: %d records from %d to %d, not %d up to %d)",
				ErrDamaged, channel, n, lowest, highest, x.kept, x.upTo)
		}
	}
	table, err := countBy(ctx, db, "SELECT made, count(*) FROM snapshot NOT INDEXED GROUP BY made")
	if err != nil {
		return fmt.Errorf("count snapshots: %w", err)
	}
	index, err := countBy(ctx, db, "SELECT made, count(*) FROM snapshot INDEXED BY snapshot_made GROUP BY made")
	if err != nil {
		return fmt.Errorf("count snapshots by generation: %w", err)
	}
	if !maps.Equal(table, index) {
		return fmt.Errorf("%w (snapshots by generation: %v in the table, %v in its index)", ErrDamaged, table, index)
	}
	var made uint64
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(made), 0) FROM snapshot").Scan(&made); err != nil {
		return fmt.Errorf("read generation: %w", err)
	}
	c.made = max(c.made, made)
	return nil
}

func countBy(ctx context.Context, db *sql.DB, query string) (map[string]uint64, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := make(map[string]uint64)
	for rows.Next() {
		var key string
		var n uint64
		if err := rows.Scan(&key, &n); err != nil {
			return nil, err
		}
		out[key] += n
	}
	return out, rows.Err()
}
