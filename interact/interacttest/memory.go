package interacttest

import (
	"context"
	"sync"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/memory"
)

// Memory is the store of package memory with a place where a test makes a disk
// slow or full. The zero value is empty and ready.
type Memory struct {
	// Commit, if set, runs before records are written, one call at a time; an
	// error refuses them. Both Append and Replace call it.
	Commit func(records []interact.Record) error

	committing sync.Mutex // held over Commit
	store      memory.Store
}

// Append keeps copies of records and sets their Seq.
func (m *Memory) Append(ctx context.Context, records []interact.Record) error {
	return m.commit(ctx, records, func() error { return m.store.Append(ctx, records) })
}

// Replace keeps copies of records in the place of the channel's first ones.
func (m *Memory) Replace(ctx context.Context, channel string, upTo uint64, records []interact.Record) error {
	return m.commit(ctx, records, func() error { return m.store.Replace(ctx, channel, upTo, records) })
}

func (m *Memory) commit(ctx context.Context, records []interact.Record, write func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.committing.Lock()
	defer m.committing.Unlock()
	for _, r := range records {
		if err := r.Validate(); err != nil {
			return err
		}
	}
	if m.Commit != nil {
		if err := m.Commit(records); err != nil {
			return err
		}
	}
	return write()
}

// Replay visits copies of the channel's records.
func (m *Memory) Replay(ctx context.Context, channel string, visit func(interact.Record) error) error {
	return m.store.Replay(ctx, channel, visit)
}

// Level is memory.
func (m *Memory) Level() interact.Level { return m.store.Level() }
