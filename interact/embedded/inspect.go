package embedded

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cuelight/cuelight/interact"
)

// inspector reads a log of which any part may be damaged.
type inspector struct {
	db     *sql.DB
	report Report

	compactions map[string]compaction
	sound       bool                       // the rows add up
	claims      map[string]map[uint64]bool // numbers that some page says are a channel's
	highest     uint64
	gap         uint64 // the first number that nobody claims and nothing explains, 0 if there is none
}

// inspect visits, of every channel, all records up to the first damaged one.
// The file may be written to.
//
// Errors: ErrNewer; ErrDamaged if nothing can be read; visit's.
func inspect(ctx context.Context, path string, visit func(interact.Record) error) (_ Report, err error) {
	in := &inspector{claims: make(map[string]map[uint64]bool)}
	tail, err := readTail(path + "-wal")
	if err != nil {
		return Report{}, fmt.Errorf("read write-ahead log: %w", err)
	}
	if in.report.Unfinished = tail.frames; tail.commits > 1 {
		in.blame("%d commits at the end of the write-ahead log cannot be read: they are lost", tail.commits)
	}
	if in.db, err = connect(dsn(path)); err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, in.db.Close()) }()
	if err := in.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&in.report.Schema); err != nil {
		return Report{}, damaged(err)
	}
	if in.report.Schema > schemaVersion {
		return Report{}, fmt.Errorf("schema %d, this program knows %d: %w", in.report.Schema, schemaVersion, ErrNewer)
	}
	in.count(ctx)
	in.claim(ctx)
	for _, channel := range slices.Sorted(maps.Keys(in.claims)) {
		if err := in.channel(ctx, channel, visit); err != nil {
			return in.report, err
		}
	}
	return in.report, nil
}

func (in *inspector) blame(format string, args ...any) {
	in.report.Damage = append(in.report.Damage, fmt.Sprintf(format, args...))
}

// count checks the file's own structure, and that no number is missing.
func (in *inspector) count(ctx context.Context) {
	if err := in.integrity(ctx); err != nil {
		in.blame("file: %v", err)
	}
	if in.report.Schema < schemaVersion {
		return
	}
	var err error
	if in.compactions, err = readCompactions(ctx, in.db); err == nil {
		_, err = survey(ctx, in.db)
	}
	if in.sound = err == nil; !in.sound {
		in.blame("%v", err)
	}
}

// integrity asks SQLite.
func (in *inspector) integrity(ctx context.Context) error {
	rows, err := in.db.QueryContext(ctx, "PRAGMA integrity_check(20)")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		if line != "ok" {
			in.blame("file: %s", line)
		}
	}
	return rows.Err()
}

// claim learns from table and index which records there are, from both ends, as
// far as each can be read.
func (in *inspector) claim(ctx context.Context) {
	for _, query := range []string{
		"SELECT channel, seq FROM record NOT INDEXED ORDER BY seq",
		"SELECT channel, seq FROM record NOT INDEXED ORDER BY seq DESC",
		"SELECT channel, seq FROM record INDEXED BY record_channel ORDER BY channel, seq",
		"SELECT channel, seq FROM record INDEXED BY record_channel ORDER BY channel DESC, seq DESC",
	} {
		if err := in.claimBy(ctx, query); err != nil {
			in.blame("records: %v", err)
		}
	}
	var upTo uint64 // numbers up to here may have been dropped
	for channel, c := range in.compactions {
		in.own(channel)
		upTo = max(upTo, c.upTo)
	}
	claimed := make(map[uint64]bool)
	for _, seqs := range in.claims {
		maps.Copy(claimed, seqs)
	}
	for seq := upTo + 1; seq <= in.highest; seq++ {
		if !claimed[seq] {
			in.gap = seq
			in.blame("record %d is missing, and nothing says of which channel it was: every channel ends before it", seq)
			return
		}
	}
}

func (in *inspector) claimBy(ctx context.Context, query string) error {
	rows, err := in.db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var channel string
		var seq uint64
		if err := rows.Scan(&channel, &seq); err != nil {
			return err
		}
		in.own(channel)[seq] = true
		in.highest = max(in.highest, seq)
	}
	return rows.Err()
}

// own returns the numbers that are claimed to be the channel's.
func (in *inspector) own(channel string) map[uint64]bool {
	if in.claims[channel] == nil {
		in.claims[channel] = make(map[uint64]bool)
	}
	return in.claims[channel]
}

// channel visits the channel's records until one is damaged. A snapshot is whole
// or worth nothing: it is read twice.
func (in *inspector) channel(ctx context.Context, channel string, visit func(interact.Record) error) error {
	f, places := Finding{Channel: channel}, in.places(ctx, channel)
	cut := func(i int, err error) {
		f.Damage, f.LeftOut = err.Error(), len(places)-i
		in.blame("channel %s: %v", channel, err)
	}
	defer func() { in.report.Channels = append(in.report.Channels, f) }()
	for _, at := range places {
		if at.made == 0 && at.seq > 0 {
			break
		}
		if _, err := in.read(ctx, channel, at); err != nil {
			cut(0, err)
			return nil
		}
	}
	for i, at := range places {
		r, err := in.read(ctx, channel, at)
		if err != nil {
			cut(i, err)
			return nil
		}
		if err := visit(r); err != nil {
			return err
		}
		f.Records++
		f.Bytes += int64(len(r.Data))
	}
	return nil
}

// places returns where the channel's records should lie, in their order.
func (in *inspector) places(ctx context.Context, channel string) []place {
	var out []place
	c := in.compactions[channel]
	for seq := c.upTo - c.kept + 1; seq <= c.upTo; seq++ {
		out = append(out, place{seq: seq, made: c.made})
	}
	if c.upTo == 0 && in.compacted(ctx, channel) {
		out = append(out, place{}) // there is a snapshot, and nobody knows up to where
	}
	for _, seq := range slices.Sorted(maps.Keys(in.claims[channel])) {
		if seq > c.upTo {
			out = append(out, place{seq: seq})
		}
	}
	return out
}

// compacted says that the channel, of which there is no good compaction, may
// have one.
func (in *inspector) compacted(ctx context.Context, channel string) bool {
	if in.report.Schema < schemaVersion || in.sound {
		return false
	}
	var n int
	err := in.db.QueryRowContext(ctx, "SELECT count(*) FROM snapshot NOT INDEXED WHERE channel = ?", channel).Scan(&n)
	return err != nil || n > 0
}

// place is where a record lies: in the snapshot of generation made, or in the
// log if that is zero.
type place struct{ seq, made uint64 }

// read reads one record.
//
// Errors: what is wrong with it.
func (in *inspector) read(ctx context.Context, channel string, at place) (interact.Record, error) {
	switch {
	case at.seq == 0:
		return interact.Record{}, errors.New("what stands in the place of its first records cannot be told")
	case in.gap > 0 && at.made == 0 && at.seq > in.gap:
		return interact.Record{}, fmt.Errorf("record %d comes after a missing one", at.seq)
	}
	queries := []string{"SELECT kind, cue, data, crc FROM record NOT INDEXED WHERE seq = ?2 AND ?1 = ?1"}
	if at.made > 0 {
		queries = []string{
			"SELECT kind, cue, data, crc FROM snapshot INDEXED BY snapshot_made WHERE made = ?1 AND seq = ?2",
			"SELECT kind, cue, data, crc FROM snapshot NOT INDEXED WHERE made = ?1 AND seq = ?2",
		}
	}
	var errs []error
	for _, query := range queries {
		r, crc := interact.Record{Channel: channel, Seq: at.seq}, uint32(0)
		err := in.db.QueryRowContext(ctx, query, at.made, at.seq).Scan(&r.Kind, &r.Cue, &r.Data, &crc)
		if err == nil && crc != checksum(r) {
			err = errors.New("checksum differs")
		}
		if err == nil {
			err = r.Validate()
		}
		if err == nil {
			return r, nil
		}
		errs = append(errs, err)
	}
	return interact.Record{}, fmt.Errorf("record %d: %w", at.seq, cmp.Or(errs...))
}
