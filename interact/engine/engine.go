package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// Broadcaster reaches everybody who is connected to a channel. Its methods do
// not block and are safe for concurrent use.
type Broadcaster interface {
	Broadcast(channel string, to wire.Audience, m wire.Message)
	// Viewers counts the connected viewers, Stuck those of them who cannot hold
	// the target latency.
	Viewers(channel string) int
	Stuck(channel string) int
}

// Stream is a channel's picture.
type Stream interface {
	// Edge returns the channel media time of the newest picture, the same on R,
	// and whether there is a picture at all. It does not block and is safe for
	// concurrent use.
	//
	// While there is none, at is that of the last one.
	Edge() (media clock.Ticks, at clock.Instant, live bool)
	// MediaAt returns the channel media time that is at P, on the timeline as it
	// is known now. As Edge.
	MediaAt(at clock.Instant) clock.Ticks
}

// Config is what an engine runs on.
type Config struct {
	Store       interact.Store
	Clock       *clock.Room
	Broadcaster Broadcaster
	// Log is told of cues and of a log that fails. Nil discards.
	Log      *slog.Logger
	Channels []Channel
	// Receipts is how many receipts a channel holds in memory. Beyond it, the
	// oldest finished cues keep only their counts. Default 1,000,000 (some 50 MB).
	Receipts int
	// Capacity is how many answers a second a cue may bring: larger audiences are
	// asked to spread their answers. Default 20,000.
	Capacity int
	// Audience returns how many viewers of a channel a cue has to expect. It does
	// not block and is safe for concurrent use. Nil: those connected, by
	// Broadcaster.
	Audience func(channel string) int
	// CompactRecords and CompactBytes are how long the log of a channel grows
	// until a snapshot takes its place, while no cue is on air. Defaults 100,000
	// records and 64 MiB.
	CompactRecords int
	CompactBytes   int64
	// Ballots, if set, keep the answers, and this engine leads its channels among
	// other nodes that take them: it reads and ends the counting, and takes no
	// answers itself.
	Ballots interact.Ballots
	// Nodes is told of every record of the log that is durable, but for answers
	// and snapshots, before the broadcasts that follow from it; at the start, of
	// what other nodes may have missed of the engine that led before. It does not
	// block. Nil: there are none.
	Nodes func(interact.Record)
}

// Channel is one programme.
type Channel struct {
	Name, Title string
	// Latency is the target latency L, 0.5 s to LongestLatency, unless a producer
	// has changed it.
	Latency time.Duration
	// MinLatency is the shortest L that a producer may choose. Default 0.5 s.
	MinLatency time.Duration
	// AutoLatency is up to where L is raised while viewers cannot hold it. Zero:
	// never.
	AutoLatency time.Duration
	// Stream may be nil: every cue is then anchored on R.
	Stream Stream
}

func (c Config) withDefaults() Config {
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	c.Receipts = cmp.Or(c.Receipts, 1_000_000)
	c.Capacity = cmp.Or(c.Capacity, 20_000)
	c.CompactRecords = cmp.Or(c.CompactRecords, 100_000)
	c.CompactBytes = cmp.Or(c.CompactBytes, 64<<20)
	if c.Audience == nil && c.Broadcaster != nil {
		c.Audience = c.Broadcaster.Viewers
	}
	return c
}

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	if c.Store == nil || c.Clock == nil || c.Broadcaster == nil {
		errs = append(errs, errors.New("store, clock and broadcaster are needed"))
	}
	if c.Receipts < 0 {
		errs = append(errs, fmt.Errorf("receipts: %d is negative", c.Receipts))
	}
	if c.Capacity < 0 {
		errs = append(errs, fmt.Errorf("capacity: %d is negative", c.Capacity))
	}
	if c.CompactRecords < 0 || c.CompactBytes < 0 {
		errs = append(errs, fmt.Errorf("compact: %d records, %d bytes: one is negative", c.CompactRecords, c.CompactBytes))
	}
	seen := make(map[string]bool)
	for i, ch := range c.Channels {
		if ch.Name == "" || seen[ch.Name] {
			errs = append(errs, fmt.Errorf("channels[%d].name: %q is empty or there twice", i, ch.Name))
		}
		seen[ch.Name] = true
		if ch.Latency < shortestLatency || ch.Latency > LongestLatency {
			errs = append(errs, fmt.Errorf("channels[%d].latency: %v is not between %v and %v", i, ch.Latency, shortestLatency, LongestLatency))
		}
		if ch.AutoLatency < 0 || ch.AutoLatency > LongestLatency {
			errs = append(errs, fmt.Errorf("channels[%d].auto_latency: %v is not between 0 and %v", i, ch.AutoLatency, LongestLatency))
		}
	}
	return errors.Join(errs...)
}

// Engine runs the rooms of all channels. It is safe for concurrent use.
type Engine struct {
	rooms map[string]*Room
}

// New replays the log of every channel. Cues, answers and receipts are as they
// were; a window that was open goes on with the instants it had. With Ballots it
// writes to each log before it reads it, so that who led before cannot any more.
//
// Errors: of Config.Validate; of the store; one that names a record of a newer
// version.
func New(ctx context.Context, cfg Config) (*Engine, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	e := &Engine{rooms: make(map[string]*Room, len(cfg.Channels))}
	for _, ch := range cfg.Channels {
		r := newRoom(cfg, ch)
		if err := r.replay(ctx); err != nil {
			return nil, fmt.Errorf("engine: channel %s: %w", ch.Name, err)
		}
		e.rooms[ch.Name] = r
	}
	return e, nil
}

// Room returns the room of a channel.
func (e *Engine) Room(channel string) (*Room, bool) {
	r, ok := e.rooms[channel]
	return r, ok
}

// Run runs every room until ctx ends. Answers taken in by then are still
// judged, written and receipted; later ones are refused as busy. It is called
// once. With Ballots, what is on its way to the log when ctx ends has drainFor to
// get there, and a room ends when it must not write any more.
//
// Errors: one for every room that ended before ctx: interact.ErrFenced in its
// chain if another node leads, otherwise what the store said of a write of which
// nobody can tell whether it took place.
func (e *Engine) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, r := range e.rooms {
		wg.Go(func() { r.run(ctx) })
	}
	wg.Wait()
	var errs []error
	for _, r := range e.rooms {
		errs = append(errs, r.fatal)
	}
	return errors.Join(errs...)
}
