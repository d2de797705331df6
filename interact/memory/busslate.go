package memory

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// Slate keeps in this process what nodes know of channels. The zero value is
// empty and ready. It is safe for concurrent use.
type Slate struct {
	mu    sync.Mutex // protects notes
	notes map[slateName]note
}

var _ interact.Slate = (*Slate)(nil)

type slateName struct{ channel, name string }

type note struct {
	data  []byte // nil once erased; the fence stays
	until time.Time
	fence interact.Fence
}

// Write replaces what is written under a name.
//
// Errors: interact.ErrFenced; *interact.Error with CodeInvalid; ctx's.
func (s *Slate) Write(ctx context.Context, channel, name string, fence interact.Fence, data []byte, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := interact.ValidateWriting(channel, name, fence, data, ttl); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := slateName{channel, name}
	was := s.notes[key].fence
	if fence != 0 && fence < was {
		return interact.ErrFenced
	}
	if s.notes == nil {
		s.notes = make(map[slateName]note)
	}
	s.notes[key] = note{data: bytes.Clone(data), until: time.Now().Add(ttl), fence: max(was, fence)}
	return nil
}

// Read returns what is written under a name, nil if nothing is.
//
// Errors: ctx's.
func (s *Slate) Read(ctx context.Context, channel, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.notes[slateName{channel, name}]
	if !time.Now().Before(n.until) {
		return nil, nil
	}
	return bytes.Clone(n.data), nil
}
