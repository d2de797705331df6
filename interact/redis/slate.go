package redis

import (
	"context"
	"errors"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// Slate keeps in Redis what nodes know of channels. What is written ends by the
// servers' clock. It is safe for concurrent use.
type Slate struct{ c *Client }

var _ interact.Slate = (*Slate)(nil)

// Slate returns the slate of all channels.
func (c *Client) Slate() *Slate { return &Slate{c} }

func (c *Client) slateKeys(channel string) []string {
	return []string{c.key(channel, "slate"), c.key(channel, "slate:until")}
}

// Write replaces what is written under a name. The highest fence that has written
// under it is remembered for 31 days.
//
// Errors: interact.ErrFenced; *interact.Error with CodeUnavailable or
// CodeInvalid; ctx's.
func (s *Slate) Write(ctx context.Context, channel, name string, fence interact.Fence, data []byte, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := interact.ValidateWriting(channel, name, fence, data, ttl); err != nil {
		return err
	}
	erase := "0"
	if data == nil {
		erase = "1"
	}
	keys := append(s.c.slateKeys(channel), s.c.key(channel, "slate:fences"))
	// A fenced name is somebody's state, and worth waiting for replicas.
	_, err := s.c.ask(ctx, "write slate", newCall("slate", "slate_write", fence != 0, keys, name, uint64(fence), erase, data, ttlMS(ttl)))
	return err
}

// Read returns what is written under a name, nil if nothing is.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (s *Slate) Read(ctx context.Context, channel, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := s.c.ask(ctx, "read slate", newCall("slate", "slate_read", false, s.c.slateKeys(channel), name))
	if _, none := errors.AsType[errSaid](err); none {
		return nil, nil
	}
	if err == nil && len(f) == 0 {
		err = s.c.refused(ctx, "read slate", errors.New("a function said nothing"))
	}
	if err != nil {
		return nil, err
	}
	return []byte(f[0]), nil
}

// Clear deletes everything of a channel's slate, the fences too.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (s *Slate) Clear(ctx context.Context, channel string) error {
	keys := append(s.c.slateKeys(channel), s.c.key(channel, "slate:fences"))
	args := []any{"unlink"}
	for _, k := range keys {
		args = append(args, k)
	}
	_, err := s.c.call(ctx, "clear slate", &call{key: keys[0], args: args})
	return err
}
