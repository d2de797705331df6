package engine

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// Limits of a room.
const (
	// MaxCues is how many cues a channel keeps. Beyond it the oldest finished
	// one is let go; its records stay in the log.
	MaxCues = 500
	// maxAnswers and maxOpenings may wait for the room. An answer beyond is
	// refused as busy, an opening is dropped.
	maxAnswers  = 32_768
	maxOpenings = 16_384
	maxLeavers  = 200_000
	// maxLive places on screen can be taken at once.
	maxLive = 8
	// maxKeys idempotency keys are remembered, the latest.
	maxKeys = 1024
	// recentCues finished cues are in a viewer's welcome.
	recentCues = 10
)

// How often a change is told, at most.
const (
	tallyToProducers = 200 * time.Millisecond
	tallyToViewers   = 500 * time.Millisecond
	openingsEvery    = 250 * time.Millisecond
	complainEvery    = 10 * time.Second
)

// Room is one channel's interactions. Its methods are safe for concurrent use;
// those that return an error need a running Engine.
type Room struct {
	channel  Channel
	clock    *clock.Room
	store    interact.Store
	out      Broadcaster
	log      *slog.Logger
	receipts int

	answers *inbox[pending]
	opened  *inbox[report]
	gone    *inbox[string] // participants who have left
	asks    chan func()
	edits   chan *edit
	stopped chan struct{} // closed when nothing new is taken in

	keyboard keyboard
	counting atomic.Bool // somebody's opening or closing is waited for

	timelineMu sync.Mutex // protects timeline and target, and the order of broadcasts
	timeline   *wire.Timeline
	target     target

	// All below belongs to the goroutine of run, and to replay before it.

	items  map[string]*item
	order  []string // ids as prepared
	recent []*item  // the last finished ones, by O
	live   []*item  // taken and not final: one for each place on screen
	ledger *interact.Ledger
	keys   keyring

	watched    []*openings // of live cues and of the last ones
	raiseFrom  clock.Instant
	choresFrom clock.Instant
	alive      clock.Instant // the last sign of life in the log
	epoch      uint32        // the clock's, then

	backlog []pending // taken from answers, from head on not judged yet
	head    int
	judged  uint64 // answers ever judged
	landed  uint64 // answers ever dealt with, to the disk where they count

	flight    *flight // on its way to the disk, nil if nothing is
	edited    bool    // the last write was a command
	batches   [2]*batch
	turn      int
	commits   chan []interact.Record
	committed chan error

	counts   Counts
	failures failures
	reports  []report // handed back to opened at the next swap
	leavers  []string // the same for gone
}

func newRoom(cfg Config, ch Channel) *Room {
	ch.MinLatency = cmp.Or(ch.MinLatency, shortestLatency)
	return &Room{
		channel: ch, clock: cfg.Clock, store: cfg.Store, out: cfg.Broadcaster,
		log: cfg.Log.With("channel", ch.Name), receipts: cfg.Receipts,
		answers: newInbox[pending](maxAnswers), opened: newInbox[report](maxOpenings), gone: newInbox[string](maxLeavers),
		asks: make(chan func()), edits: make(chan *edit), stopped: make(chan struct{}),
		items: make(map[string]*item), ledger: interact.NewLedger(cfg.Store.Level()),
		keys:      keyring{used: make(map[string]use)},
		keyboard:  keyboard{keys: make(map[string]interact.Key)},
		target:    target{latency: ch.Latency},
		batches:   [2]*batch{newBatch(), newBatch()},
		commits:   make(chan []interact.Record, 1),
		committed: make(chan error, 1),
		counts:    Counts{Refused: make(map[interact.Code]uint64)},
	}
}

func (r *Room) now() clock.Instant { return r.clock.At(time.Now()) }

// run owns the room until ctx ends.
func (r *Room) run(ctx context.Context) {
	var disk sync.WaitGroup
	// A commit is not cut off: nobody could tell whether it took place.
	disk.Go(func() { r.commit(context.WithoutCancel(ctx)) })
	r.serve(ctx)
	r.drain()
	close(r.commits)
	disk.Wait()
}

// commit waits for the disk, one write at a time, so that run does not have to.
func (r *Room) commit(ctx context.Context) {
	for records := range r.commits {
		r.committed <- r.store.Append(ctx, records)
	}
}

func (r *Room) serve(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	stepped := r.clock.Stepped()
	for {
		r.advance(r.now()) // first, so that no command slips in before the last answers
		r.next()
		now := r.now()
		r.advance(now)
		r.tell(now)
		timer.Reset(r.rest(now))

		answers, edits := r.answers.wake, r.edits
		if r.flight != nil {
			answers, edits = nil, nil // they gather until the disk is back
		} else if r.sealing() {
			edits = nil
		}
		select {
		case <-ctx.Done():
			return
		case ask := <-r.asks:
			ask()
		case e := <-edits:
			r.begin(e)
		case <-answers:
		case <-r.opened.wake:
			r.takeReports()
		case <-r.gone.wake:
			r.takeLeavers()
		case err := <-r.committed:
			r.land(err)
		case <-stepped: // the timer was set by another clock
			stepped = r.clock.Stepped()
		case <-timer.C:
		}
	}
}

// next gives the disk its next write, if it is idle. A command goes before
// answers, because a burst of answers has always more; but never two in a row.
func (r *Room) next() {
	if r.flight != nil {
		return
	}
	if !r.sealing() && !r.edited {
		select {
		case e := <-r.edits:
			r.begin(e)
		default:
		}
	}
	if r.flight == nil && !r.sealing() && !r.edited {
		if e := r.chore(r.now()); e != nil {
			r.begin(e)
		}
	}
	r.edited = false
	if r.flight == nil {
		r.gather()
	}
}

// land takes in what the disk has done. Receipts go out while it works on the
// next write.
func (r *Room) land(err error) {
	f := r.flight
	r.flight = nil
	if err != nil {
		r.failures.report(r.log, r.now(), err)
	}
	if f.edit != nil {
		r.edited = true
		r.finishEdit(f, err)
		return
	}
	r.count(f.batch, err)
	r.next()
	r.reply(f.batch, err)
}

// drain deals with everything that was taken in.
func (r *Room) drain() {
	close(r.stopped)
	r.answers.close()
	r.opened.close()
	r.gone.close()
	for {
		if r.flight == nil {
			r.gather()
		}
		if r.flight != nil {
			r.land(<-r.committed)
		} else if !r.behind() {
			return
		}
	}
}

// sealing says that a window has passed and its last answers are being counted.
func (r *Room) sealing() bool {
	return slices.ContainsFunc(r.live, func(it *item) bool { return it.sealing })
}

// behind says that there are answers to judge at once.
func (r *Room) behind() bool { return r.head < len(r.backlog) }

// rest returns how long nothing needs to be done by the clock alone.
func (r *Room) rest(now clock.Instant) time.Duration {
	if r.flight == nil && r.behind() {
		return 0
	}
	wake := now.Add(time.Hour)
	if r.chores(now) {
		wake = max(now, r.choresFrom).Add(choreEvery)
	}
	if r.target.next != 0 { // only this goroutine changes it
		wake = min(wake, r.target.at)
	}
	for _, it := range r.live {
		if at, ok := it.cue.Next(now); ok && !it.held && !it.sealing {
			wake = min(wake, at)
		}
		wake = it.due(wake)
	}
	for _, o := range r.watched {
		if at, ok := o.pace.due(); ok {
			wake = min(wake, at)
		}
	}
	return max(0, time.Until(r.clock.TimeAt(wake)))
}

// advance moves what is live to the state the clock says.
func (r *Room) advance(now clock.Instant) {
	for _, it := range slices.Clone(r.live) { // show takes out what is over
		r.advanceItem(it, now)
	}
	r.settleLatency(now)
	r.lookAfter(now)
}

func (r *Room) advanceItem(it *item, now clock.Instant) {
	if it.held {
		return
	}
	s := it.state(now)
	if it.cue.State(now) == cue.Closed {
		if !it.sealing {
			it.sealing = true
			it.cut, _ = r.answers.counts()
		}
		if r.landed >= it.cut {
			s = cue.Closed
		}
	}
	if s != it.shown {
		r.show(it, s)
	}
}

// show tells everybody that it is in state s, with what follows from that.
func (r *Room) show(it *item, s cue.State) {
	if s >= cue.Keyed && s.Live() && s != it.shown {
		r.expect(it)
	}
	if s.Over() && slices.Contains(r.live, it) {
		r.finish(it)
	}
	it.shown = s
	r.hang(it)
	r.broadcast(it)
	if s == cue.Closed || s == cue.Revealed {
		r.tellFinal(it)
	}
	if o := r.watching(it.id); o != nil {
		o.follow(it)
	}
}

// expect counts who should open, and takes reports from when the text is out: a
// display shows up to a frame before O what it was told to show at O.
func (r *Room) expect(it *item) {
	viewers := r.out.Viewers(r.channel.Name)
	switch o := r.watching(it.id); {
	case o == nil:
		r.watch(newOpenings(it, viewers))
	case it.shown < cue.Open:
		o.expected = viewers
	}
}

// hang puts the key of it up where those without a socket find it, as far as
// its state allows.
func (r *Room) hang(it *item) {
	if it.seal == nil {
		return
	}
	if sight := it.sight(it.shown); it.shown == cue.Scheduled || sight.Seal {
		r.keyboard.set(it.seal, it.cue.Open, sight.Text)
	} else {
		r.keyboard.remove(it.seal)
	}
}

// finish takes it off the air.
func (r *Room) finish(it *item) {
	r.ledger.Seal(it.id)
	it.sealing = false
	r.live = slices.DeleteFunc(r.live, func(o *item) bool { return o == it })
	r.recent = append(r.recent[max(0, len(r.recent)+1-recentCues):], it)
	it.toProducers.dirty, it.toViewers.dirty = false, false
}

// broadcast tells of the state that it is in. That the text may be read is told
// viewers in one short message, if they know the rest.
func (r *Room) broadcast(it *item) {
	name := r.channel.Name
	switch {
	case it.shown == cue.Keyed && it.told == it.cue.Rev && it.seal != nil:
		r.out.Broadcast(name, wire.Viewers, it.key())
	case it.sight(it.shown).Cue:
		it.told = it.cue.Rev
		r.out.Broadcast(name, wire.Viewers, &wire.CueChanged{Cue: it.viewerView(it.shown)})
	}
	r.out.Broadcast(name, wire.Producers, &wire.CueChanged{Cue: it.view(it.shown)})
}
