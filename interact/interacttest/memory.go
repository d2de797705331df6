package interacttest

import (
	"bytes"
	"context"
	"sync"

	"github.com/cuelight/cuelight/interact"
)

// Memory is a store that forgets with the process. The zero value is empty and
// ready.
type Memory struct {
	// Commit, if set, runs before records are written, one call at a time; an
	// error refuses them. It is where a test makes a disk slow or full.
	Commit func(records []interact.Record) error

	committing sync.Mutex // held over Commit, before mu

	mu      sync.Mutex
	seq     uint64
	records []interact.Record
}

// Append keeps copies of records.
func (m *Memory) Append(ctx context.Context, records []interact.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, r := range records {
		if err := r.Validate(); err != nil {
			return err
		}
	}
	m.committing.Lock()
	defer m.committing.Unlock()
	if m.Commit != nil {
		if err := m.Commit(records); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range records {
		m.seq++
		r.Seq, r.Data = m.seq, bytes.Clone(r.Data)
		m.records = append(m.records, r)
	}
	return nil
}

// Replay visits copies of the channel's records.
func (m *Memory) Replay(ctx context.Context, channel string, visit func(interact.Record) error) error {
	m.mu.Lock()
	records := m.records[:len(m.records):len(m.records)]
	m.mu.Unlock()
	for _, r := range records {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.Channel != channel {
			continue
		}
		r.Data = bytes.Clone(r.Data)
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}

// Level is memory.
func (m *Memory) Level() interact.Level { return interact.LevelMemory }
