package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/cuelight/cuelight/interact"
)

// How records are brought to Redis before they are put in the place of others.
const (
	stageBytes = 256 << 10
	stageFor   = 600 // s, then what nobody has used is deleted
)

// Replace compacts the log of a channel. The records are brought to Redis first,
// in steps of 256 KiB or one record; then one function puts them in their place.
// When Redis did not answer to that, either the old records are there or the new
// ones.
//
// Errors: interact.ErrFenced; *interact.Error with CodeUnavailable or
// CodeInvalid; ctx's.
func (s *Store) Replace(ctx context.Context, channel string, upTo uint64, records []interact.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if channel == "" {
		return interact.ValidateReplace(channel, upTo, records, 0, upTo)
	}
	e, err := s.look(ctx, channel)
	if err != nil {
		return err
	}
	if err := interact.ValidateReplace(channel, upTo, records, e.upTo, e.last); err != nil {
		return err
	}
	fence, err := s.fenceOf(channel)
	if err != nil {
		return err
	}
	name := nonce()
	staged := s.c.key(channel, "log:staged:"+name)
	if err := s.stage(ctx, staged, upTo, records); err != nil {
		return err
	}
	keys := append(s.c.logKeys(channel), staged, s.callKey(channel, name))
	_, err = s.c.ask(ctx, "replace records", newCall("log", "log_replace", true, keys, fence, upTo, len(records)))
	if reason, ok := errors.AsType[errSaid](err); ok {
		if reason == "stale" {
			return interact.Errorf(interact.CodeInvalid, "others have replaced records of channel %s up to beyond %d", channel, upTo)
		}
		return s.c.refused(ctx, "replace records", fmt.Errorf("%w", reason))
	}
	return err
}

// stage writes records into a stream that nobody reads yet, with the numbers they
// will have.
func (s *Store) stage(ctx context.Context, staged string, upTo uint64, records []interact.Record) error {
	first := upTo - uint64(len(records))
	for i := 0; i < len(records); {
		var calls []*call
		for size := 0; i < len(records) && (size == 0 || size+len(records[i].Data) <= stageBytes) && len(calls) < readAtMost; i++ {
			size += len(records[i].Data) + 1
			calls = append(calls, stageCall(staged, first+uint64(i)+1, records[i]))
		}
		calls = append(calls, &call{key: staged, args: []any{"expire", staged, stageFor}})
		s.c.exec(ctx, calls)
		for _, one := range calls {
			if err := s.c.refused(ctx, "bring records", one.err); err != nil {
				return err
			}
		}
	}
	return nil
}

// stageCall is a function, since one that is sent twice must write once.
func stageCall(staged string, seq uint64, r interact.Record) *call {
	return newCall("log", "log_stage", false, []string{staged}, append([]any{seq}, fieldsOf(r)...)...)
}
