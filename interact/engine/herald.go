package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

const (
	// maxUntold records may wait for a bus that is away: as many as the next who
	// leads tells again, and what it tells of its own.
	maxUntold = maxTail + 32
	// maxNotices may wait in all. About each subject there is only the latest.
	maxNotices = 8192
)

// HeraldConfig is what a Herald tells, and where.
type HeraldConfig struct {
	Bus     interact.Bus
	Channel string
	// Fence is that of the lease under which the channel is led.
	Fence interact.Fence
	// Scene returns what is true now: that of the channel's Room.
	Scene func(ctx context.Context) (Scene, error)
	// Viewers and Stuck count those who are connected to any node. They do not
	// block and are safe for concurrent use. Nil: nobody.
	Viewers, Stuck func() int
	// Log is told of a bus that fails. Nil discards.
	Log *slog.Logger
}

// Validate reports everything that is wrong with c.
func (c HeraldConfig) Validate() error {
	var errs []error
	if c.Bus == nil || c.Scene == nil {
		errs = append(errs, errors.New("bus and scene are needed"))
	}
	if c.Channel == "" {
		errs = append(errs, errors.New("channel: a name is needed"))
	}
	if c.Fence == 0 {
		errs = append(errs, errors.New("fence: one above 0 is needed"))
	}
	return errors.Join(errs...)
}

// Herald tells all nodes what the room of a channel says: it is the room's
// Broadcaster, and its Record is the room's Nodes. What waits to be posted is
// replaced by what is newer about the same, but never moves before a record that
// it follows, and records are kept. It is safe for concurrent use.
type Herald struct {
	cfg    HeraldConfig
	wake   chan struct{} // holds one
	fenced chan struct{}

	conflated, calls, posts, failed, snapshots atomic.Uint64

	mu      sync.Mutex // protects everything below
	queue   []*notice
	index   map[topic]*notice // of those in queue that are no records
	last    uint64            // number of the last notice
	barrier uint64            // number of the last record
	records int               // in queue
	dirty   bool              // something that a scene shows was told since the last snapshot
	full    bool              // too much waits
}

var _ Broadcaster = (*Herald)(nil)

// notice is a message or a record that waits to be posted.
type notice struct {
	n     uint64
	topic topic
	m     wire.Message     // nil if it is a record
	rec   *interact.Record // nil if it is a message
}

// topic is whom a message is for, and what it is about.
type topic struct {
	reach     interact.Reach
	kind, cue string
}

// NewHerald returns a herald that posts while its Run runs.
//
// Errors: of HeraldConfig.Validate.
func NewHerald(cfg HeraldConfig) (*Herald, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("herald: %w", err)
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)).With("channel", cfg.Channel)
	return &Herald{cfg: cfg, wake: make(chan struct{}, 1), fenced: make(chan struct{}), index: make(map[topic]*notice)}, nil
}

// Fenced is closed when the bus has refused a post because another node leads.
func (h *Herald) Fenced() <-chan struct{} { return h.fenced }

// Viewers counts the viewers on all nodes.
func (h *Herald) Viewers(string) int { return count(h.cfg.Viewers) }

// Stuck counts those of them who cannot hold the target latency.
func (h *Herald) Stuck(string) int { return count(h.cfg.Stuck) }

func count(f func() int) int {
	if f == nil {
		return 0
	}
	return f()
}

// Broadcast posts m to whom it is for, soon. It never blocks. Nobody changes m
// afterwards. Messages of other channels are ignored.
func (h *Herald) Broadcast(channel string, to wire.Audience, m wire.Message) {
	if channel != h.cfg.Channel {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	kind, cue := subjectOf(m)
	if to&wire.Viewers != 0 {
		h.addLocked(topic{interact.ReachViewers, kind, cue}, m)
	}
	if to&wire.Producers != 0 {
		h.addLocked(topic{interact.ReachProducers, kind, cue}, m)
	}
	h.dirty = h.dirty || kind != "openings"
	signal(h.wake)
}

// subjectOf says what a message is about: a newer one about the same takes its
// place.
func subjectOf(m wire.Message) (kind, cue string) {
	switch m := m.(type) {
	case *wire.CueChanged:
		return "cue", m.Cue.ID
	case *wire.Removed:
		return "cue", m.Cue
	case *wire.Key:
		return "key", m.Cue
	case *wire.Tally:
		return "tally", m.Cue
	case *wire.Openings:
		return "openings", m.Cue
	default:
		return m.Type(), ""
	}
}

func (h *Herald) addLocked(t topic, m wire.Message) {
	if old := h.index[t]; old != nil {
		h.conflated.Add(1)
		if old.n > h.barrier {
			old.m = m
			return
		}
		h.queue = slices.DeleteFunc(h.queue, func(n *notice) bool { return n == old })
	}
	h.last++
	n := &notice{n: h.last, topic: t, m: m}
	h.index[t] = n
	h.pushLocked(n)
}

// Record posts a record of the log to all nodes, soon. It never blocks. Records
// that no node needs are ignored.
func (h *Herald) Record(rec interact.Record) {
	if rec.Channel != h.cfg.Channel || !forNodes(rec.Kind) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	h.barrier = h.last
	h.records++
	h.dirty = true
	h.pushLocked(&notice{n: h.last, topic: topic{reach: interact.ReachNodes}, rec: &rec})
	signal(h.wake)
}

func (h *Herald) pushLocked(n *notice) {
	h.queue = append(h.queue, n)
	h.full = h.full || len(h.queue) > maxNotices || h.records > maxUntold
}

// take takes out what is to be posted next, at most so many.
func (h *Herald) take(most int) (batch []*notice, dirty, full bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := min(most, len(h.queue))
	batch = slices.Clone(h.queue[:n])
	h.queue = slices.Delete(h.queue, 0, n)
	for _, one := range batch {
		if one.rec != nil {
			h.records--
		} else {
			delete(h.index, one.topic)
		}
	}
	return batch, h.dirty, h.full
}

// putBack puts what could not be posted before what waits, but for what is out of
// date by now.
func (h *Herald) putBack(batch []*notice) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var first []*notice
	for _, n := range batch {
		switch {
		case n.rec != nil:
			h.records++
		case h.index[n.topic] != nil:
			h.conflated.Add(1)
			continue
		default:
			h.index[n.topic] = n
		}
		first = append(first, n)
	}
	h.queue = append(first, h.queue...)
	h.dirty = true
	h.full = h.full || h.records > maxUntold
}

// setClean notes that a snapshot is about to be made.
func (h *Herald) setClean() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dirty = false
}

// waiting says how much waits.
func (h *Herald) waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.queue)
}

// HeraldStats is what a Herald has done since it was made.
type HeraldStats struct {
	// Calls of the bus that posted Posts, with Snapshots; Failed ones did not.
	Calls, Posts, Snapshots, Failed uint64
	// Conflated messages were replaced by a newer one before they were posted.
	Conflated uint64
	// Waiting are to be posted now.
	Waiting int
}

// Stats returns the herald's counters.
func (h *Herald) Stats() HeraldStats {
	return HeraldStats{
		Calls: h.calls.Load(), Posts: h.posts.Load(), Snapshots: h.snapshots.Load(), Failed: h.failed.Load(),
		Conflated: h.conflated.Load(), Waiting: h.waiting(),
	}
}
