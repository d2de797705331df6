package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/cuelight/cuelight/interact"
)

// extent is what should be in the log of a channel, and how much is.
type extent struct {
	last, upTo    uint64 // the number of the last record, and of the last one replaced
	records, base uint64 // how many there should be after those replaced, and in their place
	changes       uint64 // of what was there, other than by appending
	found, based  uint64 // how many there are
}

// look reads the extent, and takes the fence up if there is one.
func (s *Store) look(ctx context.Context, channel string) (extent, error) {
	fence, err := s.fenceOf(channel)
	if err != nil {
		return extent{}, err
	}
	out, err := s.c.ask(ctx, "look at the log", newCall("log", "log_look", fence != 0, s.c.logKeys(channel), fence))
	if err != nil {
		return extent{}, err
	}
	e, err := parseExtent(out)
	return e, s.c.refused(ctx, "look at the log", err)
}

func parseExtent(out []string) (extent, error) {
	var e extent
	fields := []*uint64{&e.last, &e.upTo, &e.records, &e.base, &e.changes, &e.found, &e.based}
	if len(out) < len(fields) {
		return e, fmt.Errorf("%d fields of a log's extent", len(out))
	}
	var errs []error
	for i, f := range fields {
		n, err := strconv.ParseUint(out[i], 10, 64)
		*f, errs = n, append(errs, err)
	}
	return e, errors.Join(errs...)
}

// replayTries is how often a replay begins again because records were replaced
// while it read them.
const replayTries = 10

// Replay calls visit for every record of the channel, oldest first. It reads all
// of them before it visits the first, and holds them in memory meanwhile: so what
// is replaced meanwhile does not matter.
//
// Errors: visit's; interact.ErrFenced; ctx's; *interact.Error with
// CodeUnavailable; one that says which record is damaged.
func (s *Store) Replay(ctx context.Context, channel string, visit func(interact.Record) error) error {
	records, err := s.readAll(ctx, channel)
	if err != nil {
		return err
	}
	for i, r := range records {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := visit(r); err != nil {
			return err
		}
		records[i].Data = nil
	}
	return ctx.Err()
}

// readAll reads the log as it is at one moment.
func (s *Store) readAll(ctx context.Context, channel string) ([]interact.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	before, err := s.look(ctx, channel)
	if err != nil {
		return nil, err
	}
	for range replayTries {
		records, broken := s.read(ctx, channel, before)
		if broken != nil && interact.CodeOf(broken) != interact.CodeInternal || ctx.Err() != nil {
			return nil, broken
		}
		after, err := s.look(ctx, channel)
		if err != nil {
			return nil, err
		}
		if after.changes == before.changes {
			return records, broken
		}
		before = after
	}
	return nil, interact.Errorf(interact.CodeUnavailable, "the log is being replaced all the time")
}

// read reads what should be in the log.
//
// Errors: one that says what is damaged or missing; as call.
func (s *Store) read(ctx context.Context, channel string, e extent) ([]interact.Record, error) {
	if e.found != e.records || e.based != e.base {
		return nil, fmt.Errorf("log of channel %s: it should have %d and %d records, and has %d and %d", channel, e.base, e.records, e.based, e.found)
	}
	keys := s.c.logKeys(channel)
	base, err := s.readStream(ctx, channel, keys[2], e.upTo)
	if err != nil {
		return nil, err
	}
	rest, err := s.readStream(ctx, channel, keys[1], e.last)
	if err != nil {
		return nil, err
	}
	if uint64(len(base)) != e.base || uint64(len(rest)) != e.records {
		return nil, fmt.Errorf("log of channel %s: of %d and %d records %d and %d can be read", channel, e.base, e.records, len(base), len(rest))
	}
	return append(base, rest...), nil
}

// How much of a stream is read at a time, as far as it can be told.
const (
	readBytes  = 1 << 20
	readAtMost = 1024
)

// readStream reads the records of a stream with numbers up to last.
func (s *Store) readStream(ctx context.Context, channel, key string, last uint64) ([]interact.Record, error) {
	var out []interact.Record
	for from, size, count := uint64(1), 0, 4; from <= last; {
		said, err := s.c.call(ctx, "read the log", &call{
			key: key, args: []any{"xrange", key, fmt.Sprint(from, "-0"), fmt.Sprint(last, "-0"), "count", count},
		})
		if err != nil {
			return nil, err
		}
		entries, _ := said.([]any)
		for _, e := range entries {
			r, err := parseRecord(channel, e)
			if err != nil {
				return nil, err
			}
			out, from, size = append(out, r), r.Seq+1, size+len(r.Data)+1
		}
		if len(entries) < count {
			break
		}
		count = min(max(readBytes*len(out)/size, 1), readAtMost, 8*count)
	}
	return out, nil
}
