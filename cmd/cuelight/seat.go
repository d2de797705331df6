package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// seat is a channel on one node of several: what the node knows of it, and the
// channel's engine while this node leads it.
type seat struct {
	*engine.Replica
	name string
	far  *farEdge
	home *home // nil on a node that takes no publishers
	tell *whisperer
	log  *slog.Logger

	leader   atomic.Pointer[engine.Room]      // nil while another node leads
	recorder atomic.Pointer[history.Recorder] // nil then, and without history

	// remove closes sockets here, health tells producers here.
	remove func(participant string, code wire.CloseCode)
	health func(wire.Health)
	link   func(ctx context.Context, link, participant string) (string, error)

	removed removals

	mu    sync.Mutex // protects onAir
	onAir map[string]wire.Cue
}

// room returns the engine's room, if this node leads the channel.
func (s *seat) room() (*engine.Room, error) {
	if r := s.leader.Load(); r != nil {
		return r, nil
	}
	return nil, interact.Errorf(interact.CodeUnavailable, "Another server is taking over. Try again in a second.")
}

// Tally returns a cue's counts. The node that leads knows a cue before it is told
// of it as all nodes are.
func (s *seat) Tally(ctx context.Context, id string) (wire.Tally, error) {
	t, err := s.Replica.Tally(ctx, id)
	if r := s.leader.Load(); r != nil && interact.CodeOf(err) == interact.CodeUnknownCue {
		return r.Tally(ctx, id)
	}
	return t, err
}

// Edge returns the newest picture: this node's own, or what its home says.
func (s *seat) Edge() (media clock.Ticks, at clock.Instant, live bool) {
	if s.home != nil && s.home.is() {
		return s.home.Edge()
	}
	return s.far.Edge()
}

// MediaAt returns the channel media time that is at P.
func (s *seat) MediaAt(at clock.Instant) clock.Ticks {
	if s.home != nil && s.home.is() {
		return s.home.MediaAt(at)
	}
	return s.far.MediaAt(at)
}

// removal asks gateways to close a participant's sockets.
type removal struct {
	Participant string         `json:"participant"`
	Code        wire.CloseCode `json:"code"`
}

// whispered takes in what another node says. Kinds that are not known are
// ignored.
func (s *seat) whispered(w interact.Whisper) {
	if room := s.leader.Load(); room != nil && room.Hear(w) {
		return
	}
	if w.Node == s.tell.node && w.Kind != whisperTimeline {
		return // what it says itself it knows
	}
	var err error
	switch w.Kind {
	case whisperTimeline:
		err = s.hearTimeline(w.Data)
	case whisperEdge:
		if s.home != nil {
			s.home.hear(w.Data)
		}
		err = s.far.hear(w.Node, w.Data)
	case whisperHealth:
		var h wire.Health
		if err = json.Unmarshal(w.Data, &h); err == nil {
			s.far.hearHealth(h)
			s.health(h)
		}
	case whisperRemove:
		var r removal
		if err = json.Unmarshal(w.Data, &r); err == nil {
			s.remove(r.Participant, r.Code)
			s.removed.note(r)
		}
	case whisperYield:
		if s.home != nil {
			s.home.yield()
		}
	}
	if err != nil {
		s.log.Warn("whisper not understood", "channel", s.name, "err", err)
	}
}

// hearTimeline is for MediaAt on every node, and for viewers by the one that
// leads.
func (s *seat) hearTimeline(data []byte) error {
	var t wire.Timeline
	if err := json.Unmarshal(data, &t); err != nil {
		return err
	}
	s.far.setTimeline(t)
	if room := s.leader.Load(); room != nil {
		room.SetTimeline(t)
	}
	return nil
}

// heardCue keeps the cues that are not over, and puts them into the media where
// those are.
func (s *seat) heardCue(q wire.Cue) {
	s.mu.Lock()
	if s.onAir == nil {
		s.onAir = make(map[string]wire.Cue)
	}
	if over(q) {
		delete(s.onAir, q.ID)
	} else {
		s.onAir[q.ID] = q
	}
	s.mu.Unlock()
	if r := s.recorder.Load(); r != nil && ended(q) {
		r.Wake()
	}
	if s.home != nil && s.home.is() {
		s.home.carry(q, s.Latency(), s.log)
	}
}

// carryAll puts the cues that are not over into media that have just become
// this node's.
func (s *seat) carryAll() {
	s.mu.Lock()
	all := make([]wire.Cue, 0, len(s.onAir))
	for _, q := range s.onAir {
		all = append(all, q)
	}
	s.mu.Unlock()
	for _, q := range all {
		s.home.carry(q, s.Latency(), s.log)
	}
}

// UseLink makes a one-time link a participant's, for all nodes.
func (s *seat) UseLink(ctx context.Context, link, participant string) (owner string, err error) {
	return s.link(ctx, link, participant)
}

// The rest is what producers ask of the one who leads. Requests come to a node
// that does; one that has just lost the lease says so.

// Cues returns all cues.
func (s *seat) Cues(ctx context.Context) ([]wire.Cue, []wire.Tally, error) {
	r, err := s.room()
	if err != nil {
		return nil, nil, err
	}
	return r.Cues(ctx)
}

// Prepare adds a draft.
func (s *seat) Prepare(ctx context.Context, q interact.Question) (wire.Cue, error) {
	return s.ask(func(r *engine.Room) (wire.Cue, error) { return r.Prepare(ctx, q) })
}

// Edit replaces the question of a cue.
func (s *seat) Edit(ctx context.Context, id string, q interact.Question) (wire.Cue, error) {
	return s.ask(func(r *engine.Room) (wire.Cue, error) { return r.Edit(ctx, id, q) })
}

// TakeAt puts a draft on air.
func (s *seat) TakeAt(ctx context.Context, id string, at interact.Spot, key string) (wire.Cue, error) {
	return s.ask(func(r *engine.Room) (wire.Cue, error) { return r.TakeAt(ctx, id, at, key) })
}

// Move shifts the opening of a window.
func (s *seat) Move(ctx context.Context, id string, by time.Duration, key string) (wire.Cue, error) {
	return s.ask(func(r *engine.Room) (wire.Cue, error) { return r.Move(ctx, id, by, key) })
}

// Pause stops the counting of answers for a while.
func (s *seat) Pause(ctx context.Context, id, key string) (wire.Cue, error) {
	return s.ask(func(r *engine.Room) (wire.Cue, error) { return r.Pause(ctx, id, key) })
}

// Resume ends a pause.
func (s *seat) Resume(ctx context.Context, id, key string) (wire.Cue, error) {
	return s.ask(func(r *engine.Room) (wire.Cue, error) { return r.Resume(ctx, id, key) })
}

// Extend makes an open window longer.
func (s *seat) Extend(ctx context.Context, id string, by time.Duration, key string) (wire.Cue, error) {
	return s.ask(func(r *engine.Room) (wire.Cue, error) { return r.Extend(ctx, id, by, key) })
}

// CloseNow ends an open window early.
func (s *seat) CloseNow(ctx context.Context, id, key string) (wire.Cue, error) {
	return s.ask(func(r *engine.Room) (wire.Cue, error) { return r.CloseNow(ctx, id, key) })
}

// Reveal publishes a result.
func (s *seat) Reveal(ctx context.Context, id, key string) (wire.Cue, error) {
	return s.ask(func(r *engine.Room) (wire.Cue, error) { return r.Reveal(ctx, id, key) })
}

// RevealWhenClear publishes it once all windows are closed.
func (s *seat) RevealWhenClear(ctx context.Context, id, key string) (wire.Cue, error) {
	return s.ask(func(r *engine.Room) (wire.Cue, error) { return r.RevealWhenClear(ctx, id, key) })
}

// Cancel withdraws a cue.
func (s *seat) Cancel(ctx context.Context, id, key string) (wire.Cue, error) {
	return s.ask(func(r *engine.Room) (wire.Cue, error) { return r.Cancel(ctx, id, key) })
}

func (s *seat) ask(do func(*engine.Room) (wire.Cue, error)) (wire.Cue, error) {
	r, err := s.room()
	if err != nil {
		return wire.Cue{}, err
	}
	return do(r)
}

// Remove deletes a draft.
func (s *seat) Remove(ctx context.Context, id string) error {
	r, err := s.room()
	if err != nil {
		return err
	}
	return r.Remove(ctx, id)
}

// SetLatency changes the target latency.
func (s *seat) SetLatency(ctx context.Context, latency time.Duration) (clock.Instant, error) {
	r, err := s.room()
	if err != nil {
		return 0, err
	}
	return r.SetLatency(ctx, latency)
}

// Ban keeps a participant out.
func (s *seat) Ban(ctx context.Context, participant string, until clock.Instant, reason string) error {
	r, err := s.room()
	if err != nil {
		return err
	}
	return r.Ban(ctx, participant, until, reason)
}

// Unban lets a participant in again.
func (s *seat) Unban(ctx context.Context, participant string) error {
	r, err := s.room()
	if err != nil {
		return err
	}
	return r.Unban(ctx, participant)
}

// Bans returns the bans in force.
func (s *seat) Bans(ctx context.Context) ([]interact.Ban, error) {
	r, err := s.room()
	if err != nil {
		return nil, err
	}
	return r.Bans(ctx)
}
