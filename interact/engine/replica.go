package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// Sockets are the connections of this node. Its methods do not block and are
// safe for concurrent use.
type Sockets interface {
	// Relay sends m to the channel's viewers here and keeps it in its log: it is
	// the one with this offset in the numbering named epoch. Offsets ascend; where
	// one is left out, the log begins anew. A nil m says that the log stands at
	// offset. Offset zero with an m tells those who are here and keeps nothing.
	Relay(channel, epoch string, offset uint64, m wire.Message)
	// Broadcast sends m to the producers who are here.
	Broadcast(channel string, to wire.Audience, m wire.Message)
}

// ReplicaConfig says what a replica runs on. All but the last fields are needed.
type ReplicaConfig struct {
	// Channel is what it is of. Stream and AutoLatency are for the leader.
	Channel Channel
	// Node is the name of this node.
	Node    string
	Clock   *clock.Room
	Bus     interact.Bus
	Store   interact.Store // it is read only
	Ballots interact.Ballots
	Sockets Sockets

	// Whispered is told of every whisper, by the goroutine that follows the bus;
	// it does not block. Nil: nobody.
	Whispered func(w interact.Whisper)
	// OnCue is told of every cue as viewers are told of it, by the same goroutine.
	// The same one may come again. Nil: nobody.
	OnCue func(c wire.Cue)
	// Receipts is how many receipts are held in memory, so that they need not be
	// asked for. Default 1,000,000 (some 60 MB).
	Receipts int
	// Log is told of what fails. Nil discards.
	Log *slog.Logger
}

// Validate reports everything that is wrong with c.
func (c ReplicaConfig) Validate() error {
	var errs []error
	if c.Clock == nil || c.Bus == nil || c.Store == nil || c.Ballots == nil || c.Sockets == nil {
		errs = append(errs, errors.New("clock, bus, store, ballots and sockets are needed"))
	}
	if c.Channel.Name == "" || c.Node == "" {
		errs = append(errs, errors.New("channel and node need a name"))
	}
	if l := c.Channel.Latency; l < shortestLatency || l > LongestLatency {
		errs = append(errs, fmt.Errorf("latency: %v is not between %v and %v", l, shortestLatency, LongestLatency))
	}
	if c.Receipts < 0 {
		errs = append(errs, fmt.Errorf("receipts: %d is negative", c.Receipts))
	}
	return errors.Join(errs...)
}

// Replica is what a node knows of a channel that is led elsewhere, and how it
// takes answers: it follows what the leader posts, judges by it, and gives what
// it has judged to Ballots. It is safe for concurrent use. The rules are RE… in
// SPEC.md.
type Replica struct {
	cfg   ReplicaConfig
	log   *slog.Logger
	level interact.Level

	book  atomic.Pointer[book]  // what the leader has decided
	lobby atomic.Pointer[lobby] // what viewers were told

	latencyMu sync.Mutex // protects target
	target    target

	ready    chan struct{} // closed once the channel is known
	stopped  chan struct{} // closed when nothing new is taken in
	synced   atomic.Bool   // what is known is what is posted, as far as one can tell
	news     chan struct{} // holds a token when the book or the lobby has changed
	reports  *inbox[replicaReport]
	counting atomic.Bool // somebody's opening or closing is waited for

	strays   strays
	lights   lights
	lookups  lookups
	lessons  chan known   // cues whose receipts are to be learnt
	waiting  atomic.Int64 // answers that were taken in and not told yet
	flights  sync.WaitGroup
	casts    sync.Pool
	held     atomic.Int64 // receipts in memory
	counts   replicaCounts
	failures failures
	failMu   sync.Mutex // protects failures

	fold fold // belongs to the goroutine that follows
}

// NewReplica returns a replica that knows nothing until Run runs.
//
// Errors: those of ReplicaConfig.Validate.
func NewReplica(cfg ReplicaConfig) (*Replica, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	cfg.Receipts = cmp.Or(cfg.Receipts, 1_000_000)
	cfg.Channel.MinLatency = cmp.Or(cfg.Channel.MinLatency, shortestLatency)
	if cfg.Whispered == nil {
		cfg.Whispered = func(interact.Whisper) {}
	}
	if cfg.OnCue == nil {
		cfg.OnCue = func(wire.Cue) {}
	}
	r := &Replica{
		cfg: cfg, log: cfg.Log.With("channel", cfg.Channel.Name), level: cfg.Ballots.Level(),
		target: target{latency: cfg.Channel.Latency},
		ready:  make(chan struct{}), stopped: make(chan struct{}), news: make(chan struct{}, 1), lessons: make(chan known, maxLessons),
		reports: newInbox[replicaReport](maxOpenings), fold: newFold(),
	}
	r.casts.New = func() any { return new(cast) }
	r.strays.init()
	r.lookups.init()
	r.counts.init()
	r.book.Store(newBook())
	r.lobby.Store(new(lobby))
	return r, nil
}

// Run follows the channel until ctx ends. Answers taken in by then are still
// cast and told, later ones are refused as busy. It is called once.
func (r *Replica) Run(ctx context.Context) error {
	whole, end := context.WithCancel(context.WithoutCancel(ctx))
	var own, last sync.WaitGroup
	last.Go(func() { r.declare(whole) })
	own.Go(func() { r.follow(ctx) })
	own.Go(func() { r.keep(ctx) })
	own.Go(func() { r.report(ctx) })
	own.Go(func() { r.learn(ctx) })
	own.Wait()
	r.drain()
	end()
	last.Wait()
	return nil
}

// Ready is closed once the replica knows what the channel is. Before, joins wait
// and answers are refused.
func (r *Replica) Ready() <-chan struct{} { return r.ready }

func (r *Replica) now() clock.Instant { return r.cfg.Clock.At(time.Now()) }

// stir lets the keeper look at what has changed.
func (r *Replica) stir() { signal(r.news) }

// drain deals with everything that was taken in.
func (r *Replica) drain() {
	close(r.stopped)
	r.synced.Store(false)
	r.reports.close()
	r.strays.close(r)
	for _, k := range r.book.Load().known {
		k.booth.shut()
	}
	r.flights.Wait()
}
