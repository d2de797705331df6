package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

const (
	// latencyNotice is how far ahead a change of L is announced.
	latencyNotice = 2 * time.Second
	// LongestLatency is the longest target latency of a channel.
	LongestLatency = time.Minute
	// shortestLatency is the shortest one that a Config may have.
	shortestLatency = 500 * time.Millisecond
)

// When L is raised because viewers cannot hold it.
const (
	raiseBy     = 500 * time.Millisecond
	raiseEvery  = time.Minute // at most
	raiseLook   = time.Second // how often viewers are counted
	raiseCrowd  = 20          // viewers, at least
	raiseShare  = 50          // more than one in so many is stuck
	latencyNote = "the target latency is now %g s"
)

// target is L, and the change of it that has been announced.
type target struct {
	latency time.Duration
	next    time.Duration // zero if no change is announced
	at      clock.Instant
	changes int
}

// settle makes a change whose time has come the current one.
func (t *target) settle(now clock.Instant) bool {
	if t.next == 0 || now < t.at {
		return false
	}
	t.latency, t.next, t.at = t.next, 0, 0
	t.changes++
	return true
}

// coming is what L will be for a window that opens later.
func (t *target) coming() time.Duration {
	if t.next != 0 {
		return t.next
	}
	return t.latency
}

// latencyRecord is a change of L in the log.
type latencyRecord struct {
	Version int   `json:"v"`
	Latency int64 `json:"latency_ms"`
	// Configured is what the configuration said then. If it says something else
	// after a restart, that counts.
	Configured int64 `json:"configured_ms"`
	// At is when it takes effect, zero if it has, Changes how often L had changed
	// by then at most. What clients were told is numbered on from there.
	At      clock.Instant `json:"at_us,omitempty"`
	Changes int           `json:"changes,omitempty"`
	// By is who changed it, empty in a snapshot.
	By string `json:"by,omitempty"`
}

const latencyVersion = 1

// Latency returns the channel's target latency, after a change that has been
// announced. Safe for concurrent use.
func (r *Room) Latency() time.Duration {
	r.timelineMu.Lock()
	defer r.timelineMu.Unlock()
	return r.target.coming()
}

// SetLatency changes L for everybody, latencyNotice from now, and returns when.
// Cues that viewers have not heard of get their new O with it.
//
// Errors: *interact.Error with CodeInvalid out of bounds, with CodeConflict
// while a cue is armed or open, or would open too early; as Prepare.
func (r *Room) SetLatency(ctx context.Context, latency time.Duration) (clock.Instant, error) {
	if latency < r.channel.MinLatency || latency > LongestLatency {
		return 0, interact.Errorf(interact.CodeInvalid, "The target latency of this channel is between %g and %g s.", r.channel.MinLatency.Seconds(), LongestLatency.Seconds())
	}
	tune := &tune{latency: latency.Truncate(time.Millisecond), by: interact.ActorOf(ctx)}
	_, err := r.do(ctx, &edit{job: tune})
	return tune.at, err
}

// tune is a change of L on its way through the room.
type tune struct {
	latency time.Duration
	by      string // who changes it
	at      clock.Instant
	moved   []item // cues with their new O
}

// begin gives a change of L, and what follows from it, to the disk.
func (t *tune) begin(r *Room, now clock.Instant) (write, error) {
	if t.latency == r.Latency() {
		t.at = now
		return write{}, nil
	}
	records, err := r.tuned(t, now)
	if err != nil {
		return write{}, err
	}
	for i := range t.moved {
		r.items[t.moved[i].id].held = true
	}
	return write{records: records}, nil
}

func (r *Room) tuned(t *tune, now clock.Instant) ([]interact.Record, error) {
	data, err := json.Marshal(latencyRecord{
		Version: latencyVersion, Latency: t.latency.Milliseconds(), Configured: r.channel.Latency.Milliseconds(),
		At: now.Add(latencyNotice), Changes: r.target.changes + 2, // the one before may settle first
		By: t.by,
	})
	if err != nil {
		return nil, fmt.Errorf("pack latency: %w", err)
	}
	records := []interact.Record{{Channel: r.channel.Name, Kind: interact.RecordLatency, Data: data}}
	for _, it := range r.live {
		if it.cue.State(now) != cue.Scheduled {
			return nil, interact.Errorf(interact.CodeConflict, "A cue is on air. Change the latency when its count is final.")
		}
		// Viewers must not hear of it before players began to glide.
		next, moved, err := it.cue.Retarget(now.Add(latencyNotice), t.latency)
		if err != nil {
			return nil, fmt.Errorf("move cue %s: %w", it.id, err)
		}
		if !moved {
			continue
		}
		one := *it
		one.cue, one.note = next, fmt.Sprintf(latencyNote, t.latency.Seconds())
		rec, err := r.record(one, actionRetarget, "", interact.ActorClock)
		if err != nil {
			return nil, err
		}
		records = append(records, rec)
		t.moved = append(t.moved, one)
	}
	return records, nil
}

// end announces a change of L that is durable.
func (t *tune) end(r *Room, err error) {
	for i := range t.moved {
		r.items[t.moved[i].id].held = false
	}
	if err != nil {
		return
	}
	now := r.now()
	t.at = now.Add(latencyNotice)
	r.timelineMu.Lock()
	r.target.settle(now)
	r.target.next, r.target.at = t.latency, t.at
	r.target.changes++
	r.timelineMu.Unlock()
	r.repeatTimeline()
	for _, one := range t.moved {
		r.install(one, actionRetarget, "")
		it := r.items[one.id]
		r.show(it, it.state(now))
	}
	r.log.Info("target latency changed", "dur", t.latency)
}

func (r *Room) replayLatency(data []byte) error {
	var rec latencyRecord
	if err := json.Unmarshal(data, &rec); err != nil {
		return fmt.Errorf("read latency: %w", err)
	}
	if rec.Version > latencyVersion {
		return fmt.Errorf("latency of layout %d, this program knows %d: run the newer version", rec.Version, latencyVersion)
	}
	r.target.settle(rec.At) // the change before this one
	r.target.changes = max(r.target.changes, rec.Changes)
	if rec.Configured != r.channel.Latency.Milliseconds() {
		return nil
	}
	latency := time.Duration(rec.Latency) * time.Millisecond
	latency = min(max(latency, r.channel.MinLatency), LongestLatency)
	if rec.At > r.now() {
		r.target.next, r.target.at = latency, rec.At
	} else {
		r.target.latency, r.target.next = latency, 0
	}
	return nil
}

// settleLatency lets an announced change take effect when its time has come.
func (r *Room) settleLatency(now clock.Instant) {
	r.timelineMu.Lock()
	changed := r.target.settle(now)
	r.timelineMu.Unlock()
	if changed {
		r.repeatTimeline()
	}
}

// Told returns t as clients are told it: with L, and the change of it that has
// been announced. Its revision counts changes of L, too. Safe for concurrent
// use.
func (r *Room) Told(t wire.Timeline) wire.Timeline {
	r.timelineMu.Lock()
	defer r.timelineMu.Unlock()
	return r.toldLocked(t)
}

func (r *Room) toldLocked(t wire.Timeline) wire.Timeline {
	target := r.target
	target.settle(r.now()) // only the room's goroutine does so for good
	t.Latency, t.Next = target.latency.Milliseconds(), nil
	t.Rev += target.changes
	if target.next != 0 {
		t.Next = &wire.NextLatency{Latency: target.next.Milliseconds(), At: target.at}
	}
	return t
}

// SetTimeline keeps t for joiners and tells everybody. Where there are other
// nodes, which hear it again and again, one that is the same is not told again.
func (r *Room) SetTimeline(t wire.Timeline) {
	r.timelineMu.Lock()
	defer r.timelineMu.Unlock()
	again := r.nodes != nil && r.timeline != nil && reflect.DeepEqual(*r.timeline, t)
	r.timeline = &t
	if !again {
		r.tellTimelineLocked()
	}
}

func (r *Room) tellTimelineLocked() {
	told := r.toldLocked(*r.timeline)
	r.told.Store(&told) // first: who comes in from here on is not broadcast to
	r.out.Broadcast(r.channel.Name, wire.Viewers|wire.Producers, &told)
}

// repeatTimeline tells the timeline again because L has changed.
func (r *Room) repeatTimeline() {
	r.timelineMu.Lock()
	defer r.timelineMu.Unlock()
	if r.timeline != nil {
		r.tellTimelineLocked()
	}
}

// currentTimeline is the timeline for one who comes in. It is shared.
func (r *Room) currentTimeline(now clock.Instant) *wire.Timeline {
	told := r.told.Load()
	if told == nil || told.Next == nil || now < told.Next.At {
		return told
	}
	r.timelineMu.Lock()
	defer r.timelineMu.Unlock()
	settled := r.toldLocked(*r.timeline)
	return &settled
}

// raise returns the command that raises L, if more viewers than one in
// raiseShare cannot hold it.
func (r *Room) raise(now clock.Instant) *edit {
	if r.channel.AutoLatency == 0 || now < r.raiseFrom {
		return nil
	}
	r.raiseFrom = now.Add(raiseLook)
	latency := r.Latency()
	higher := min(latency+raiseBy, r.channel.AutoLatency)
	viewers, stuck := r.out.Viewers(r.channel.Name), r.out.Stuck(r.channel.Name)
	if higher <= latency || viewers < raiseCrowd || stuck*raiseShare <= viewers {
		return nil
	}
	for _, it := range r.live {
		if it.cue.State(now) != cue.Scheduled {
			return nil
		}
	}
	r.raiseFrom = now.Add(raiseEvery)
	r.counts.LatencyRaised++
	r.log.Warn("target latency raised: viewers cannot hold it", "stuck", stuck, "viewers", viewers)
	return ownJob(&tune{latency: higher, by: interact.ActorClock})
}
