package engine

import (
	"cmp"
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
	// maxAnswers and maxOpenings may wait for the room: a burst of everybody at
	// once. An answer beyond is refused as busy, an opening is dropped.
	maxAnswers  = 131_072
	maxOpenings = 16_384
	maxMoves    = 200_000
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
	ballots  interact.Ballots      // nil if the room counts itself
	nodes    func(interact.Record) // nil if nobody is told

	answers *inbox[pending]
	opened  *inbox[report]
	moved   *inbox[move] // participants who have come or left
	claims  *inbox[claim]
	asks    chan func()
	edits   chan *edit
	stopped chan struct{} // closed when nothing new is taken in

	capacity int
	audience func(channel string) int
	compact  compaction

	door     door
	front    atomic.Pointer[front]         // what every viewer who comes in is told
	told     atomic.Pointer[wire.Timeline] // the timeline as it was last told
	keyboard keyboard
	holdings holdings
	counting atomic.Bool // somebody's opening or closing is waited for

	timelineMu sync.Mutex // protects timeline and target, and the order of broadcasts
	timeline   *wire.Timeline
	target     target

	// All below belongs to the goroutine of run, and to replay before it.

	items  map[string]*item
	order  []string // ids as prepared
	recent []*item  // the last finished ones, by O
	live   []*item  // taken and not final: one for each place on screen
	keys   keyring
	last   *item // that was answered last

	// ledgerMu is held by that goroutine while it changes the ledger, and by
	// others while they read it.
	ledgerMu sync.RWMutex
	ledger   *interact.Ledger

	watched    []*openings // of live cues and of the last ones
	raiseFrom  clock.Instant
	choresFrom clock.Instant
	alive      clock.Instant // the last sign of life in the log
	epoch      uint32        // the clock's, then

	again   []pending // judged before, and to be judged anew
	backlog []pending // taken from answers, from head on not judged yet
	head    int
	spent   [][]pending // judged and told, but for those of this turn
	spare   [][]pending // empty, for answers to come
	sum     uint64      // of what near has read, so that it is read
	upTo    uint64      // the place of the last in backlog, among all answers ever
	landed  uint64      // up to there all were dealt with, to the disk where they count

	flight    *flight // on its way to the disk, nil if nothing is
	edited    bool    // the last write was a command
	unkept    int     // batches since there was time for a chore
	batches   [2]*batch
	turn      int
	commits   chan write
	committed chan error

	polls    int               // questions to Ballots that are under way
	asking   sync.WaitGroup    // those who ask them
	counted  chan counted      // what they were told
	unsealed []*item           // off the air, without final counts in the log
	deferred []*edit           // commands that wait for final counts
	tail     []interact.Record // the end of the log that was replayed
	doubtful bool              // the last write failed, and others read the log
	fatal    error             // why the room must not write any more

	counts   Counts
	failures failures
	unread   failures
	reports  []report // taken from opened, from reportAt on not looked at
	reportAt int
	moves    []move // taken from moved, the same
	moveAt   int
}

func newRoom(cfg Config, ch Channel) *Room {
	ch.MinLatency = cmp.Or(ch.MinLatency, shortestLatency)
	return &Room{
		channel: ch, clock: cfg.Clock, store: cfg.Store, out: cfg.Broadcaster,
		log: cfg.Log.With("channel", ch.Name), receipts: cfg.Receipts,
		answers: newInbox[pending](maxAnswers), opened: newInbox[report](maxOpenings),
		moved: newInbox[move](maxMoves), claims: newInbox[claim](maxClaims),
		capacity: cfg.Capacity, audience: cfg.Audience, door: newDoor(),
		compact: newCompaction(cfg),
		asks:    make(chan func()), edits: make(chan *edit), stopped: make(chan struct{}),
		items: make(map[string]*item), ledger: interact.NewLedger(cfg.Store.Level()),
		keys:      keyring{used: make(map[string]use)},
		keyboard:  keyboard{keys: make(map[string]interact.Key)},
		target:    target{latency: ch.Latency},
		batches:   [2]*batch{new(batch), new(batch)},
		commits:   make(chan write, 1),
		committed: make(chan error, 1),
		ballots:   cfg.Ballots, nodes: cfg.Nodes, counted: make(chan counted, maxPolls),
		counts: Counts{Refused: make(map[interact.Code]uint64)},
	}
}

func (r *Room) now() clock.Instant { return r.clock.At(time.Now()) }

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
	if it.cue.State(now) == cue.Closed && r.final(it) {
		s = cue.Closed
	}
	if s != it.shown {
		r.show(it, s)
	}
}

// final says whether all that counts for a cue whose window is over is counted.
func (r *Room) final(it *item) bool {
	if r.ballots != nil {
		return it.polled.logged
	}
	if !it.sealing {
		it.sealing = true
		it.cut, _ = r.answers.counts()
	}
	return r.landed >= it.cut
}

// show tells everybody that it is in state s, with what follows from that.
func (r *Room) show(it *item, s cue.State) {
	if s >= cue.Keyed && s.Live() && s != it.shown {
		r.expect(it)
	}
	if s.Over() && slices.Contains(r.live, it) {
		r.finish(it)
	}
	r.enter(it, s)
	if s == cue.Closed || s == cue.Revealed {
		r.tellFinal(it)
	}
	if o := r.watching(it.id); o != nil {
		o.follow(it)
	}
}

// enter takes it into state s and tells so. That the window opens is told
// producers alone: viewers know the instant from the revision that they hold, and
// at O they are the busiest.
func (r *Room) enter(it *item, s cue.State) {
	known := it.shown == cue.Keyed && s == cue.Open && it.told == it.cue.Rev
	it.shown = s
	r.hang(it)
	r.publish()
	if known {
		r.broadcastProducers(it)
		return
	}
	r.broadcast(it)
}

// expect counts who should open, and takes reports from when the text is out: a
// display shows up to a frame before O what it was told to show at O.
func (r *Room) expect(it *item) {
	viewers := r.out.Viewers(r.channel.Name)
	if r.ballots == nil {
		r.open(it)
		r.ledgerMu.Lock()
		it.sheet.Expect(min(viewers, r.receipts))
		r.ledgerMu.Unlock()
	}
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
	r.ledgerMu.Lock()
	r.ledger.Seal(it.id)
	r.ledgerMu.Unlock()
	it.sealing = false
	r.uncount(it)
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
	r.broadcastProducers(it)
}

func (r *Room) broadcastProducers(it *item) {
	r.out.Broadcast(r.channel.Name, wire.Producers, &wire.CueChanged{Cue: it.view(it.shown)})
}
