package engine

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// takeLatency takes over a change of L. Where the channel has a timeline, that
// says from when on.
func (r *Replica) takeLatency(rec interact.Record) error {
	var l latencyRecord
	if err := json.Unmarshal(rec.Data, &l); err != nil {
		return fmt.Errorf("read latency: %w", err)
	}
	if l.Configured != r.cfg.Channel.Latency.Milliseconds() {
		return nil
	}
	latency := min(max(time.Duration(l.Latency)*time.Millisecond, r.cfg.Channel.MinLatency), LongestLatency)
	r.latencyMu.Lock()
	defer r.latencyMu.Unlock()
	if t := &r.target; latency != t.coming() {
		t.latency, t.next, t.at = latency, 0, 0
		t.changes++
	}
	return nil
}

// aim takes over what a timeline that was told says of L.
func (r *Replica) aim(t *wire.Timeline) {
	r.latencyMu.Lock()
	defer r.latencyMu.Unlock()
	r.target.latency, r.target.next, r.target.at = time.Duration(t.Latency)*time.Millisecond, 0, 0
	if t.Next != nil {
		r.target.next, r.target.at = time.Duration(t.Next.Latency)*time.Millisecond, t.Next.At
	}
}

// Latency returns the channel's target latency, after a change that has been
// announced.
func (r *Replica) Latency() time.Duration {
	r.latencyMu.Lock()
	defer r.latencyMu.Unlock()
	return r.target.coming()
}

// Told returns t as clients are told it: with L, and the change of it that has
// been announced. Its revision is that of the timeline that was told last, where
// that is higher.
func (r *Replica) Told(t wire.Timeline) wire.Timeline {
	r.latencyMu.Lock()
	target := r.target
	r.latencyMu.Unlock()
	target.settle(r.now())
	t.Latency, t.Next = target.latency.Milliseconds(), nil
	if target.next != 0 {
		t.Next = &wire.NextLatency{Latency: target.next.Milliseconds(), At: target.at}
	}
	if told := r.lobby.Load().timeline; told != nil && told.Epoch == t.Epoch {
		t.Rev = max(t.Rev, told.Rev)
	}
	return t
}

// Timeline returns the timeline as it was told last, false if there is none yet.
// Its points are shared: nobody changes them.
func (r *Replica) Timeline() (wire.Timeline, bool) {
	t := r.currentTimeline()
	if t == nil {
		return wire.Timeline{}, false
	}
	return *t, true
}

// currentTimeline is the timeline for one who comes in. It is shared.
func (r *Replica) currentTimeline() *wire.Timeline {
	told := r.lobby.Load().timeline
	if told == nil || told.Next == nil || r.now() < told.Next.At {
		return told
	}
	settled := *told
	settled.Latency, settled.Next = told.Next.Latency, nil
	return &settled
}
