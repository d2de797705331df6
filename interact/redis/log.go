package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// Store keeps the logs of channels in Redis, each in a stream. It is safe for
// concurrent use. What an append has left in doubt is settled by the same Store
// and those that Fenced makes of it.
type Store struct {
	*logs
	fence func(channel string) interact.Fence // nil writes without one
}

// logs is what a Store shares with its fenced variants.
type logs struct {
	c *Client

	mu     sync.Mutex          // protects doubts
	doubts map[string][]string // appends of which nobody knows what became, by channel
}

var _ interact.Store = (*Store)(nil)

// Store returns the logs of all channels, written without a fence.
func (c *Client) Store() *Store { return &Store{logs: &logs{c: c, doubts: make(map[string][]string)}} }

// Fenced returns the same logs, written in the name of a lease: a record is
// refused with interact.ErrFenced when fence returns zero for its channel, or
// less than somebody has written with. Replay takes the fence up, so that nobody
// with a lower one writes after what it has shown.
func (s *Store) Fenced(fence func(channel string) interact.Fence) *Store {
	return &Store{logs: s.logs, fence: fence}
}

// Level is what Append promises.
func (s *Store) Level() interact.Level { return s.c.cfg.Level }

// Limits of one Append, and of doubts that it settles.
const (
	maxAppend  = 32 << 20
	maxRecords = 16384
	maxDoubts  = 64
)

// logKeys are those of a channel's log: what should be there, the records, and
// those that a replacement put before them.
func (c *Client) logKeys(channel string) []string {
	return []string{c.key(channel, "log:meta"), c.key(channel, "log"), c.key(channel, "log:base")}
}

func (s *Store) callKey(channel, name string) string { return s.c.key(channel, "log:call:"+name) }

// fenceOf returns the fence to write with, zero for none.
func (s *Store) fenceOf(channel string) (uint64, error) {
	if s.fence == nil {
		return 0, nil
	}
	f := s.fence(channel)
	if f == 0 || f >= maxNumber {
		return 0, interact.ErrFenced
	}
	return uint64(f), nil
}

// Append writes all records or none, by one function call for each channel that
// they are of.
//
// When Redis did not answer, it is not known whether the records are written.
// The next append to the channel takes them back, if they are, before anything
// else; a process that ends before leaves them, as one does that is killed while
// it writes.
//
// Errors: interact.ErrFenced; *interact.Error with CodeUnavailable or
// CodeInvalid; ctx's.
func (s *Store) Append(ctx context.Context, records []interact.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	size := 0
	for _, r := range records {
		if err := r.Validate(); err != nil {
			return err
		}
		size += len(r.Data)
	}
	if size > maxAppend || len(records) > maxRecords {
		return interact.Errorf(interact.CodeInvalid, "%d records of %d bytes at once: %d of %d fit", len(records), size, maxRecords, maxAppend)
	}
	channels, parts := byChannel(records)
	var done []written
	for i, channel := range channels {
		name, err := s.appendTo(ctx, channel, records, parts[i])
		if err != nil {
			return s.takeBack(ctx, done, err)
		}
		done = append(done, written{channel, name})
	}
	return nil
}

// written is an append to one channel, by its name.
type written struct{ channel, name string }

// byChannel returns the channels of records and the places of each one's.
func byChannel(records []interact.Record) (channels []string, parts [][]int) {
	at := make(map[string]int)
	for i, r := range records {
		k, ok := at[r.Channel]
		if !ok {
			k = len(channels)
			at[r.Channel], channels, parts = k, append(channels, r.Channel), append(parts, nil)
		}
		parts[k] = append(parts[k], i)
	}
	return channels, parts
}

// appendTo appends the records at some places, all of one channel, and sets their
// numbers. Nothing at all is appended to settle doubts. There are no more than
// maxDoubts and one for each append that is under way.
func (s *Store) appendTo(ctx context.Context, channel string, records []interact.Record, places []int) (name string, err error) {
	fence, err := s.fenceOf(channel)
	if err != nil {
		return "", err
	}
	if len(places) > 0 && len(s.doubtsOf(channel)) >= maxDoubts {
		if _, err := s.appendTo(ctx, channel, nil, nil); err != nil {
			return "", err
		}
	}
	name = nonce()
	keys, doubts := append(s.c.logKeys(channel), s.callKey(channel, name)), s.doubtsOf(channel)
	for _, d := range doubts {
		keys = append(keys, s.callKey(channel, d))
	}
	args := []any{fence}
	for _, i := range places {
		args = append(args, fieldsOf(records[i])...)
	}
	out, err := s.c.ask(ctx, "append to the log", newCall("log", "log_append", true, keys, args...))
	if reason, ok := errors.AsType[errSaid](err); ok {
		err = s.c.refused(ctx, "append to the log", fmt.Errorf("%w", reason))
	}
	if err != nil {
		if len(places) > 0 && !errors.Is(err, interact.ErrFenced) {
			s.doubt(channel, name)
		}
		return "", err
	}
	s.settled(channel, doubts)
	return name, s.number(ctx, out, records, places)
}

// number sets the numbers of records from what the function said of the first.
func (s *Store) number(ctx context.Context, out []string, records []interact.Record, places []int) error {
	if len(out) != 1 {
		return s.c.refused(ctx, "append to the log", fmt.Errorf("%d fields", len(out)))
	}
	first, err := strconv.ParseUint(out[0], 10, 64)
	if err != nil {
		return s.c.refused(ctx, "append to the log", err)
	}
	for k, i := range places {
		records[i].Seq = first + uint64(k)
	}
	return nil
}

// takeBack undoes what has been appended to other channels by an Append that
// cannot be done whole, now or with their next append.
func (s *Store) takeBack(ctx context.Context, done []written, err error) error {
	for _, w := range done {
		s.doubt(w.channel, w.name)
		// An append of nothing settles doubts. Failing, it leaves them.
		_, _ = s.appendTo(context.WithoutCancel(ctx), w.channel, nil, nil)
	}
	return err
}

func (s *Store) doubt(channel, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubts[channel] = append(s.doubts[channel], name)
}

func (s *Store) doubtsOf(channel string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.doubts[channel]...)
}

func (s *Store) settled(channel string, names []string) {
	if len(names) == 0 {
		return
	}
	gone := make(map[string]bool)
	for _, n := range names {
		gone[n] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var rest []string
	for _, n := range s.doubts[channel] {
		if !gone[n] {
			rest = append(rest, n)
		}
	}
	if s.doubts[channel] = rest; len(rest) == 0 {
		delete(s.doubts, channel)
	}
}

// Expire lets the log of a channel be deleted after a while, zero now. An append
// or replacement that comes before then keeps it.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (s *Store) Expire(ctx context.Context, channel string, after time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := s.c.ask(ctx, "expire the log", newCall("log", "log_expire", true, s.c.logKeys(channel), ttlMS(after)))
	return err
}
