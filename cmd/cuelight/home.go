package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/lease"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// A channel is published on one node at a time: its home. Who takes a
// publisher takes the channel's lease first, goes on with the timeline and the
// numbers of the home before, and tells everybody. The lease is kept for a
// while after the publisher has gone, for its return; a node stays the home
// without it until there is another one.
//
// A home that cannot reach the store goes on: its encoder is connected to it,
// and nobody else can take the lease either.

// homeLease names the lease of a channel's home.
func homeLease(channel string) string { return "ingest:" + channel }

const (
	homeTTL = 3 * time.Second
	// homeGrace is how long the lease waits for the publisher's return.
	homeGrace = 10 * time.Second
	// claimWait bounds the taking of a channel, takeWait that of a takeover.
	claimWait = 5 * time.Second
	takeWait  = 3 * time.Second
	takeEvery = 100 * time.Millisecond
	// homeBeat is how often the edge is told; everything else is done every
	// fourth time, but for the timeline, which is told again every eighth.
	homeBeat = 250 * time.Millisecond
)

// home is a channel on a node that takes publishers: an ingest.Output.
type home struct {
	*channel
	node     string
	boot     string // names this process: what it saved it need not restore
	takeover bool
	leases   lease.Store
	slate    interact.Slate
	whisper  func(kind string, v any)
	taken    func()      // called when this node has become the home
	ready    func() bool // whether this node's R is that of all
	log      *slog.Logger

	fresh  atomic.Bool   // the session is not on the timeline yet
	saved  chan struct{} // holds one: save at once
	yields chan struct{} // holds one: let another node have it
	turn   chan struct{} // held by whoever takes, renews or gives back the lease

	mu       sync.Mutex // protects what follows
	held     lease.Lease
	fence    uint64    // of the lease by which this node is the home, zero if it is not
	on       bool      // a session is running
	left     time.Time // when the last one ended
	timeline *wire.Timeline
	beats    int
}

// Begin takes the channel, and begins.
func (h *home) Begin(info ingest.Info, tracks []media.Track) error {
	ctx, cancel := context.WithTimeout(context.Background(), claimWait)
	defer cancel()
	if !h.ready() {
		return ingest.Errorf(ingest.CodeBusy, "channel %s: this server is starting: try again in a second", h.name)
	}
	if err := h.claim(ctx); err != nil {
		return err
	}
	if err := h.channel.Begin(info, tracks); err != nil {
		h.setOn(false)
		return err
	}
	h.fresh.Store(true)
	return nil
}

// Observe feeds the estimator. The first one lays the session on the timeline,
// which is saved before anything of it is seen.
func (h *home) Observe(o ingest.Observation) {
	h.channel.Observe(o)
	if h.fresh.CompareAndSwap(true, false) {
		select {
		case h.saved <- struct{}{}:
		default: // it is about to be saved
		}
	}
}

// Write packages a frame while the channel is this node's.
func (h *home) Write(f media.Frame) error {
	if !h.is() {
		return ingest.Errorf(ingest.CodeReplaced, "channel %s is published to another server now", h.name)
	}
	return h.channel.Write(f)
}

// End ends the session. The lease is kept for a while.
func (h *home) End(reason error) {
	h.channel.End(reason)
	h.setOn(false)
}

func (h *home) setOn(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.on, h.left = on, time.Now()
}

// is reports whether this node is the channel's home.
func (h *home) is() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fence > 0
}

// claim makes this node the home, if no other one has a publisher.
func (h *home) claim(ctx context.Context) error {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return h.untaken(context.Cause(ctx))
	}
	h.mu.Lock()
	held := h.held
	if held.Fence > 0 { // the publisher is back
		h.on = true
	}
	h.mu.Unlock()
	if held.Fence > 0 {
		return nil
	}
	l, err := h.acquire(ctx)
	if err != nil {
		return h.untaken(err)
	}
	if err := h.inherit(ctx); err != nil {
		return h.untaken(errors.Join(err, h.leases.Release(ctx, l)))
	}
	h.mu.Lock()
	h.held, h.fence, h.on, h.beats = l, l.Fence, true, 0
	h.mu.Unlock()
	h.log.Info("channel is published here", "channel", h.name)
	h.taken()
	return nil
}

// acquire takes the lease, from a holder that yields if publishers may take
// over.
func (h *home) acquire(ctx context.Context) (lease.Lease, error) {
	l, err := h.leases.Acquire(ctx, homeLease(h.name), h.node, homeTTL)
	if !errors.Is(err, lease.ErrHeld) || !h.takeover {
		return l, err
	}
	h.whisper(whisperYield, struct{}{})
	ctx, cancel := context.WithTimeout(ctx, takeWait)
	defer cancel()
	again := time.NewTicker(takeEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return lease.Lease{}, lease.ErrHeld
		case <-again.C:
		}
		if l, err = h.leases.Acquire(ctx, homeLease(h.name), h.node, homeTTL); !errors.Is(err, lease.ErrHeld) {
			return l, err
		}
	}
}

// untaken is what the publisher is told.
func (h *home) untaken(err error) error {
	if errors.Is(err, lease.ErrHeld) {
		return ingest.Errorf(ingest.CodeBusy, "channel %s is being published to another server: stop that first or use another channel", h.name)
	}
	h.log.Error("channel not taken", "channel", h.name, "err", err)
	return ingest.Errorf(ingest.CodeBusy, "channel %s cannot be taken at the moment: try again", h.name)
}

// Run keeps the lease and tells the other nodes of the channel until ctx ends.
func (h *home) Run(ctx context.Context) error {
	beat := time.NewTicker(homeBeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			h.giveBack()
			return nil
		case <-h.saved:
			h.keep(ctx)
		case <-h.yields:
			h.giveBack()
			h.supersede()
		case <-beat.C:
			h.beat(ctx)
		}
	}
}

func (h *home) beat(ctx context.Context) {
	h.mu.Lock()
	h.beats++
	n, fence, held, line := h.beats, h.fence, h.held, h.timeline
	over := held.Fence > 0 && !h.on && time.Since(h.left) > homeGrace
	h.mu.Unlock()
	if fence == 0 {
		return
	}
	media, at, live := h.Edge()
	h.whisper(whisperEdge, edgeNote{Media: media, At: at, Live: live, Fence: fence})
	if n%8 == 0 && line != nil {
		h.whisper(whisperTimeline, line)
	}
	switch {
	case over:
		h.giveBack()
	case n%4 == 0 && held.Fence > 0:
		h.keep(ctx)
	}
}

// keep renews the lease and saves where the channel stands.
func (h *home) keep(ctx context.Context) {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	default:
		return // somebody is at it
	}
	ctx, cancel := context.WithTimeout(ctx, homeTTL/2)
	defer cancel()
	h.mu.Lock()
	held := h.held
	h.mu.Unlock()
	if held.Fence == 0 {
		return // it was given back
	}
	err := h.leases.Renew(ctx, held, homeTTL)
	if errors.Is(err, lease.ErrLost) { // the store was away for longer than the lease
		held, err = h.leases.Acquire(ctx, homeLease(h.name), h.node, homeTTL)
		if err == nil {
			h.mu.Lock()
			h.held, h.fence = held, held.Fence
			h.mu.Unlock()
		}
	}
	if err == nil {
		err = h.save(ctx, interact.Fence(held.Fence))
	}
	switch {
	case errors.Is(err, lease.ErrHeld), errors.Is(err, interact.ErrFenced):
		h.supersede()
	case err != nil:
		h.log.Warn("channel's state not saved", "channel", h.name, "err", err)
	}
}

// supersede is called when another node has become the home.
func (h *home) supersede() {
	h.mu.Lock()
	was := h.fence
	h.held, h.fence = lease.Lease{}, 0
	h.mu.Unlock()
	if was > 0 {
		h.log.Info("channel is published elsewhere", "channel", h.name)
	}
}

// hear takes in who else says to be the home.
func (h *home) hear(data []byte) {
	var note edgeNote
	if json.Unmarshal(data, &note) != nil {
		return // farEdge complains of it
	}
	h.mu.Lock()
	newer := h.fence > 0 && note.Fence > h.fence
	h.mu.Unlock()
	if newer {
		h.supersede()
	}
}

// yield lets another node take the channel soon, if publishers may take over.
func (h *home) yield() {
	if !h.takeover || !h.is() {
		return
	}
	select {
	case h.yields <- struct{}{}:
	default: // it is about to
	}
}

// giveBack gives the lease back, with where the channel stands.
func (h *home) giveBack() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return // it ends by itself
	}
	h.mu.Lock()
	held := h.held
	h.held = lease.Lease{}
	h.mu.Unlock()
	if held.Fence == 0 {
		return
	}
	err := h.save(ctx, interact.Fence(held.Fence))
	if err = errors.Join(err, h.leases.Release(ctx, held)); err != nil {
		h.log.Warn("channel not given back", "channel", h.name, "err", err)
	}
}

// SetTimeline tells the other nodes how media time maps to R.
func (h *home) SetTimeline(t wire.Timeline) {
	h.mu.Lock()
	h.timeline = &t
	is := h.fence > 0
	h.mu.Unlock()
	if is {
		h.whisper(whisperTimeline, &t)
	}
}

// setHealth tells producers on all nodes how the channel does.
func (h *home) setHealth(v wire.Health) {
	if h.is() {
		h.whisper(whisperHealth, &v)
	}
}

// Edge is the channel's; none while another node is the home.
func (h *home) Edge() (media clock.Ticks, at clock.Instant, live bool) {
	media, at, live = h.channel.Edge()
	return media, at, live && h.is()
}
