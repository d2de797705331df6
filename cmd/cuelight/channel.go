package main

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/ladder"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
)

// channel is where a publisher's frames become a channel's media: it rebases
// their timestamps on the channel's timeline and hands them to the packager.
// It outlives publishers.
type channel struct {
	name      string
	segment   time.Duration // TARGETDURATION
	part      time.Duration // PART-TARGET
	room      *clock.Room
	packaging packager.Config // of every event
	timing    timeline.Config
	ladder    *ladder.Ladder // nil unless the channel has renditions
	source    source         // nil unless the channel's stream is fetched
	log       *slog.Logger
	told      adviser // what the broadcaster has been told
	band      band    // what the media say of cues

	// event packages what is on air, or was last. Readers take it without a
	// lock; it changes with the lock held, when the next event has begun.
	event atomic.Pointer[packager.Channel]
	// current is the timeline as published. Readers take it without a lock.
	current atomic.Pointer[timeline.Map]

	mu       sync.Mutex // protects what follows
	timeline *timeline.Channel
	tracks   []media.Track
	info     ingest.Info
	on       bool          // a session is running
	anchored bool          // the session's first timestamp is on the timeline
	waiting  []media.Frame // until the timeline is ready: 1.5 s at most
	leader   int           // track that the ladder is made of, noTrack if none
	turn     int           // counts what the ladder was begun for
	lag      clock.Ticks   // how late the ladder's pictures come, lately
	edge     clock.Ticks
	heard    clock.Instant // last arrival
	ended    clock.Instant // when the event ended, 0 while it goes on
	unseen   bool          // the encoder that was there then may not have stopped yet
}

// source is where a channel's stream is fetched from.
type source interface {
	State() (connected bool, lastErr string)
}

// staleAfter is how long a publisher may be silent and still count as live.
const staleAfter = 3 * time.Second

// channelConfig is what a channel is made of.
type channelConfig struct {
	name     string
	room     *clock.Room
	packager packager.Config
	timeline timeline.Config
	ladder   *ladder.Ladder // nil for none
	log      *slog.Logger
}

func newChannel(made channelConfig) (*channel, error) {
	now, cfg := made.room.At(time.Now()), made.packager
	c := &channel{
		name: made.name, segment: cfg.SegmentTarget, part: cfg.PartTarget, room: made.room, log: made.log,
		timeline: timeline.New(now, made.timeline), timing: made.timeline, ladder: made.ladder,
	}
	c.publishMap()
	cfg.PDT = func(t clock.Ticks) clock.Instant { return c.current.Load().At(t) }
	cfg.Log = made.log
	event, err := packager.New(cfg, startAt(now, cfg.SegmentTarget))
	if err != nil {
		return nil, err
	}
	c.packaging = cfg
	c.event.Store(event)
	return c, nil
}

// discontinuities is the range that the first discontinuity number is taken
// from. It has to stay small: hls.js keeps an array as long as the number is
// large and copies it for every part; 1.8 billion froze its page for good.
const discontinuities = 4096

// startAt derives the first numbers from the clock. Sequence numbers never go
// back over a restart, so no cached name is used twice; the discontinuity number
// differs from the last run's, so players do not mix up their timelines.
func startAt(now clock.Instant, segment time.Duration) packager.Start {
	minutes := uint64(now) / uint64(time.Minute/time.Microsecond)
	return packager.Start{
		MSN:           uint64(now) / uint64(segment/time.Microsecond),
		Discontinuity: minutes % discontinuities,
	}
}

// Begin is called when a publisher's tracks are known.
func (c *channel) Begin(info ingest.Info, tracks []media.Track) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.beginLocked(info, tracks); err != nil {
		return err
	}
	c.info, c.on, c.anchored, c.waiting = info, true, false, nil
	return nil
}

func (c *channel) beginLocked(info ingest.Info, tracks []media.Track) error {
	switch {
	case c.ended == 0:
		return c.startLocked(c.event.Load(), tracks)
	case c.hiddenLocked(info):
		c.tracks = tracks
		return nil
	}
	return c.renewLocked(tracks)
}

// Change is called when the encoder changed what it sends: the timeline goes
// on, the packager marks a discontinuity.
func (c *channel) Change(tracks []media.Track) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != 0 {
		c.tracks = tracks
		return nil
	}
	waiting := c.waiting
	c.waiting = nil
	for _, f := range waiting { // of the tracks before
		if err := c.packageLocked(f); err != nil {
			return err
		}
	}
	return c.startLocked(c.event.Load(), tracks)
}

// Observe feeds the estimator.
func (c *channel) Observe(o ingest.Observation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = c.room.At(o.Arrival)
	sample := timeline.Sample{DTS: o.DTS, Arrival: c.heard}
	if !o.Capture.IsZero() {
		sample.Capture = clock.InstantOf(o.Capture)
	}
	if !c.anchored {
		c.anchorLocked(sample, c.info.Returned)
		return
	}
	c.timeline.Observe(sample)
	c.publishMap()
}

// anchorLocked lays a session's first timestamp on the timeline. The clock of
// an encoder that returned is known already.
func (c *channel) anchorLocked(first timeline.Sample, returned bool) {
	c.timeline.Begin(first, returned)
	c.anchored = true
	c.publishMap()
}

// Write packages one frame, or keeps it for the moment that the timeline needs
// to see an encoder's start burst pass. After the end of the event it goes
// nowhere.
func (c *channel) Write(f media.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != 0 {
		return nil
	}
	if !c.anchored {
		c.anchorLocked(timeline.Sample{DTS: f.DTS, Arrival: c.room.At(time.Now())}, c.info.Returned)
	}
	if !c.timeline.Ready() {
		c.waiting = append(c.waiting, f)
		return nil
	}
	waiting := c.waiting
	c.waiting = nil
	for _, w := range append(waiting, f) {
		if err := c.packageLocked(w); err != nil {
			return err
		}
	}
	return nil
}

func (c *channel) packageLocked(f media.Frame) error {
	if c.current.Load().NeedsEpoch && c.entryLocked(f) {
		c.log.Warn("timeline starts a new epoch: media fell behind for good", "channel", c.name)
		if err := c.startLocked(c.event.Load(), c.tracks); err != nil {
			return err
		}
		c.anchorLocked(timeline.Sample{DTS: f.DTS, Arrival: c.heard}, true)
		c.waiting = append(c.waiting, f)
		return nil
	}
	f.PTS, f.DTS = c.timeline.Media(f.PTS), c.timeline.Media(f.DTS)
	c.edge = max(c.edge, f.PTS)
	if err := c.event.Load().Write(f); err != nil {
		return err
	}
	if f.Track == c.leader && c.ladder != nil {
		c.ladder.Write(f)
	}
	return nil
}

// entryLocked says whether decoding of the whole channel can start at f.
func (c *channel) entryLocked(f media.Frame) bool {
	for _, t := range c.tracks {
		if t.Codec.Kind() == media.Video {
			return t.ID == f.Track && f.Key
		}
	}
	return true
}

// End is called when the publisher has gone. The timeline goes on.
func (c *channel) End(error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on, c.waiting = false, nil
	c.endLadderLocked()
	if err := c.event.Load().End(); err != nil {
		c.log.Error("last part lost", "channel", c.name, "err", err)
	}
}

// tick tells the packager the time, so that gaps keep the playlists going
// while media stay away.
func (c *channel) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.event.Load().Tick(c.room.At(time.Now())); err != nil {
		c.log.Error("playlists stand still", "channel", c.name, "err", err)
	}
}

// Edge returns the newest media of the channel and its instant on R. It is not
// live before the publisher's timeline is ready: until then the edge is still
// that of the session before.
func (c *channel) Edge() (media clock.Ticks, at clock.Instant, live bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	live = c.liveLocked(c.room.At(time.Now())) && c.timeline.Ready()
	return c.edge, c.current.Load().At(c.edge), live
}

func (c *channel) liveLocked(now clock.Instant) bool {
	return c.on && c.ended == 0 && c.anchored && now.Sub(c.heard) < staleAfter
}

func (c *channel) publishMap() {
	m := c.timeline.Map()
	c.current.Store(&m)
}
