package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
)

// Kinds of whisper that the program gives a meaning to. Others are ignored: a
// node of another release may say more.
const (
	whisperTimeline = "timeline" // home → all: wire.Timeline
	whisperEdge     = "edge"     // home → all: edgeNote
	whisperHealth   = "health"   // home → all: wire.Health
	whisperRemove   = "remove"   // any → all: removal
	whisperYield    = "yield"    // any → home: let go of the channel
)

// edgeNote says how far a channel's media are, and who is its home.
type edgeNote struct {
	Media clock.Ticks   `json:"media"`
	At    clock.Instant `json:"at_us"`
	Live  bool          `json:"live"`
	// Fence is that of the lease by which the sender is the channel's home.
	Fence uint64 `json:"fence"`
}

// staleEdge is how old a note may be that still says that there is a picture.
const staleEdge = time.Second

// farEdge is what is known here of a channel whose home is another node: an
// engine.Stream. The zero value, with a clock, knows of none.
type farEdge struct {
	room *clock.Room

	mu       sync.Mutex // protects what follows
	note     edgeNote
	home     string        // node that said so
	heard    clock.Instant // when
	timeline timeline.Map
	health   wire.Health
	healthAt clock.Instant
}

// hear takes in an edge. One of a home that has been superseded is ignored.
//
// Errors: data that are no edge.
func (e *farEdge) hear(node string, data []byte) error {
	var note edgeNote
	if err := json.Unmarshal(data, &note); err != nil {
		return fmt.Errorf("edge of node %.41q: %w", node, err)
	}
	now := e.room.At(time.Now())
	e.mu.Lock()
	defer e.mu.Unlock()
	if note.Fence < e.note.Fence {
		return nil
	}
	e.note, e.home, e.heard = note, node, now
	return nil
}

// setTimeline takes in the map by which MediaAt goes.
func (e *farEdge) setTimeline(t wire.Timeline) {
	points := make([]timeline.Point, len(t.Points))
	for i, p := range t.Points {
		points[i] = timeline.Point{Media: clock.Ticks(p[0]), P: clock.Instant(p[1])}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.timeline = timeline.Map{Epoch: t.Epoch, Rev: t.Rev, Points: points}
}

// Edge returns the newest picture, taken on from what was heard last.
func (e *farEdge) Edge() (media clock.Ticks, at clock.Instant, live bool) {
	now := e.room.At(time.Now())
	e.mu.Lock()
	defer e.mu.Unlock()
	since := now.Sub(e.heard)
	if !e.note.Live || since > staleEdge {
		return e.note.Media, e.note.At, false
	}
	since = max(0, since)
	return e.note.Media + clock.TicksOf(since), e.note.At.Add(since), true
}

// MediaAt returns the channel media time that is at P.
func (e *farEdge) MediaAt(at clock.Instant) clock.Ticks {
	e.mu.Lock()
	m := e.timeline
	e.mu.Unlock()
	return m.MediaAt(at)
}

// homeNode is the node that has the channel's media, empty if none is known.
func (e *farEdge) homeNode() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.home
}

// hearHealth keeps what producers are told of a channel.
func (e *farEdge) hearHealth(h wire.Health) {
	now := e.room.At(time.Now())
	e.mu.Lock()
	defer e.mu.Unlock()
	e.health, e.healthAt = h, now
}

// staleHealth is how old it may be.
const staleHealth = 5 * time.Second

// lastHealth is how the channel does, as far as is known here.
func (e *farEdge) lastHealth(latency time.Duration) wire.Health {
	now := e.room.At(time.Now())
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.healthAt == 0 || now.Sub(e.healthAt) > staleHealth {
		return wire.Health{State: cmp.Or(e.health.State, timeline.Acquiring.String()), Latency: latency.Milliseconds(), Advice: []string{}}
	}
	return e.health
}
