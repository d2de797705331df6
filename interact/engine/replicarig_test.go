package engine_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/memory"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// relayed is a message of a channel's log.
type relayed struct {
	epoch  string
	offset uint64
	m      wire.Message
}

// lounge is the sockets of one node: it writes down what they hear, and what a
// viewer who came in after each message would have been welcomed with.
type lounge struct {
	mu      sync.Mutex
	log     []relayed
	stood   []uint64       // offsets at which the log was said to stand
	asides  []wire.Message // to viewers, without a place in the log
	studio  []wire.Message // to producers
	relayed func()         // after each message of the log
}

func (l *lounge) Relay(_, epoch string, offset uint64, m wire.Message) {
	l.mu.Lock()
	hook := l.relayed
	switch {
	case m == nil:
		l.stood = append(l.stood, offset)
		hook = nil
	case offset == 0:
		l.asides = append(l.asides, m)
		hook = nil
	default:
		l.log = append(l.log, relayed{epoch, offset, m})
	}
	l.mu.Unlock()
	if hook != nil {
		hook()
	}
}

func (l *lounge) Broadcast(_ string, to wire.Audience, m wire.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if to != wire.Producers {
		panic("viewers are told by Relay alone")
	}
	l.studio = append(l.studio, m)
}

// studioMessages are what producers heard.
func (l *lounge) studioMessages() []wire.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.studio)
}

func (l *lounge) messages() []relayed {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]relayed(nil), l.log...)
}

func (l *lounge) spoken() []wire.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]wire.Message(nil), l.asides...)
}

// shaky breaks calls of Ballots and of a bus: before they take effect, after, or
// not at all. While it is frozen they wait.
type shaky struct {
	mu    sync.Mutex
	dice  *rand.Rand // nil: nothing breaks
	rate  float64
	thaw  chan struct{} // nil: not frozen
	casts int           // under way
	most  int           // at a time
	sizes []int
	asked int // receipts
}

func (s *shaky) freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.thaw = make(chan struct{})
}

func (s *shaky) melt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.thaw)
	s.thaw = nil
}

// calm breaks nothing any more.
func (s *shaky) calm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dice = nil
}

func errBroken() error {
	return interact.Errorf(interact.CodeUnavailable, "broken for the test")
}

// do runs f unless it breaks.
func (s *shaky) do(ctx context.Context, f func() error) error {
	s.mu.Lock()
	thaw, before, after := s.thaw, false, false
	if s.dice != nil {
		before, after = s.dice.Float64() < s.rate, s.dice.Float64() < s.rate
	}
	s.mu.Unlock()
	if thaw != nil {
		select {
		case <-thaw:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if before {
		return errBroken()
	}
	if err := f(); err != nil {
		return err
	}
	if after {
		return errBroken()
	}
	return nil
}

type shakyBallots struct {
	interact.Ballots
	*shaky
	way time.Duration // a call takes so long
}

func (b *shakyBallots) Cast(ctx context.Context, p interact.Poll, votes []interact.Vote, outcomes []interact.Outcome) error {
	b.mu.Lock()
	b.casts++
	b.most = max(b.most, b.casts)
	b.sizes = append(b.sizes, len(votes))
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.casts--
	}()
	time.Sleep(b.way)
	return b.do(ctx, func() error { return b.Ballots.Cast(ctx, p, votes, outcomes) })
}

func (b *shakyBallots) Receipts(ctx context.Context, polls []interact.Poll, participant string) (out []interact.Receipt, err error) {
	b.mu.Lock()
	b.asked++
	b.mu.Unlock()
	time.Sleep(b.way)
	err = b.do(ctx, func() error { out, err = b.Ballots.Receipts(ctx, polls, participant); return err })
	return out, err
}

func (b *shakyBallots) Seal(ctx context.Context, p interact.Poll) (t interact.Tally, err error) {
	err = b.do(ctx, func() error { t, err = b.Ballots.Seal(ctx, p); return err })
	return t, err
}

type shakyBus struct {
	interact.Bus
	*shaky
	lag  time.Duration // posts are heard so much later
	hold chan struct{} // snapshots wait for it, unless it is nil
}

func (b *shakyBus) Snapshot(ctx context.Context, channel string) (interact.Snapshot, error) {
	if b.hold != nil {
		select {
		case <-b.hold:
		case <-ctx.Done():
			return interact.Snapshot{}, context.Cause(ctx)
		}
	}
	return b.Bus.Snapshot(ctx, channel)
}

func (b *shakyBus) Post(ctx context.Context, channel string, fence interact.Fence, posts []interact.Post, snapshot []byte) error {
	return b.do(ctx, func() error { return b.Bus.Post(ctx, channel, fence, posts, snapshot) })
}

func (b *shakyBus) Follow(ctx context.Context, channel string, from interact.Place, l interact.Listener) error {
	return b.Bus.Follow(ctx, channel, from, &lateListener{l, b})
}

// lateListener hears everything late.
type lateListener struct {
	interact.Listener
	bus *shakyBus
}

func (l *lateListener) Posted(p interact.Post) {
	time.Sleep(l.bus.lag)
	l.Listener.Posted(p)
}

// house is a channel on several nodes in a synctest bubble: who leads it, and the
// replicas of it.
type house struct {
	*testing.T
	clock   *clock.Room
	store   interact.Store
	bus     interact.Bus
	ballots interact.Ballots
	leader  *leader
	// receipts are how many a replica holds; zero: as many as it likes.
	receipts int

	mu    sync.Mutex // protects nodes where several change them
	nodes []*node
}

// node is one gateway's node.
type node struct {
	*engine.Replica
	name    string
	clock   *clock.Room
	lounge  *lounge
	ballots *shakyBallots
	bus     *shakyBus
	ears    []func(interact.Whisper) // hear whispers
	stop    func()
}

// houseOf opens a house with n nodes whose clocks are off by up to 5 ms.
func houseOf(t *testing.T, n int) *house {
	t.Helper()
	base := clock.Instant(1_795_410_000_000_000)
	h := &house{
		T: t, clock: clock.NewRoom(time.Now(), base, 7), store: new(interacttest.Memory),
		bus: new(memory.Bus), ballots: new(memory.Ballots),
	}
	h.lead(1)
	for i := range n {
		h.join(time.Duration(i%3-1) * 5 * ms)
	}
	return h
}

// join adds a node whose clock is off.
func (h *house) join(off time.Duration) *node {
	h.Helper()
	n := h.prepare(off)
	h.open(n)
	h.nodes = append(h.nodes, n)
	return n
}

// prepare makes a node that does not run.
func (h *house) prepare(off time.Duration) *node {
	return &node{
		name: "n" + string(rune('a'+len(h.nodes))), clock: clock.NewRoom(time.Now(), h.now().Add(off), 7), lounge: new(lounge),
		ballots: &shakyBallots{Ballots: h.ballots, shaky: new(shaky), way: ms},
		bus:     &shakyBus{Bus: h.bus, shaky: new(shaky), lag: ms},
	}
}

// open runs a replica on a node, the first one or another, and waits for it.
func (h *house) open(n *node) {
	h.Helper()
	h.start(n)
	<-n.Ready()
}

func (h *house) start(n *node) {
	h.Helper()
	var err error
	n.Replica, err = engine.NewReplica(engine.ReplicaConfig{
		Channel: engine.Channel{Name: "show", Title: "Tonight", Latency: latency}, Node: n.name,
		Clock: n.clock, Bus: n.bus, Store: h.store, Ballots: n.ballots, Sockets: n.lounge,
		Receipts: h.receipts, Whispered: func(w interact.Whisper) {
			for _, ear := range n.ears {
				ear(w)
			}
		},
	})
	if err != nil {
		h.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := n.Run(ctx); err != nil {
			h.Error(err)
		}
	}()
	n.stop = sync.OnceFunc(func() { cancel(); <-done })
	h.Cleanup(n.stop)
}

func (h *house) now() clock.Instant { return h.clock.At(time.Now()) }

func (h *house) until(at clock.Instant) {
	h.Helper()
	if d := at.Sub(h.now()); d > 0 {
		time.Sleep(d)
	}
	synctest.Wait()
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// take takes a cue and lets every node hear of it.
func (h *house) take(q interact.Question) wire.Cue {
	h.Helper()
	c := h.takeNow(q)
	time.Sleep(20 * ms)
	return c
}

func (h *house) takeNow(q interact.Question) wire.Cue {
	h.Helper()
	c, err := h.leader.room.Prepare(h.Context(), q)
	h.must(err)
	c, err = h.leader.room.Take(h.Context(), c.ID, "")
	h.must(err)
	return c
}

// send answers over a node, tapped and received now by that node's clock.
func (n *node) send(cue, participant, id string, choice int) <-chan verdict {
	now := n.clock.At(time.Now())
	out := make(chan verdict, 2) // a second call would be seen, not blocked
	n.Answer(interact.Answer{
		ID: id, Cue: cue, Participant: participant, Choice: []int{choice},
		Stamp: now, Received: now, Line: interact.Line{Dispersion: ms},
	}, func(r interact.Receipt, err error) { out <- verdict{r, err} })
	return out
}

func (h *house) counted(v <-chan verdict) interact.Receipt {
	h.Helper()
	got := <-v
	if got.err != nil {
		h.Fatalf("refused: %v", got.err)
	}
	return got.receipt
}

func (h *house) wantRefused(name string, v <-chan verdict, code interact.Code) {
	h.Helper()
	if got := <-v; interact.CodeOf(got.err) != code {
		h.Errorf("%s: %+v, %v, want %s", name, got.receipt, got.err, code)
	}
}

func (h *house) welcome(n *node, participant, role string) wire.Welcome {
	h.Helper()
	w, err := n.Join(h.Context(), participant, role)
	h.must(err)
	return w
}

// nodesOf runs a test in a bubble with a channel on n nodes.
func nodesOf(t *testing.T, name string, n int, f func(h *house)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(houseOf(t, n)) })
	})
}

// viewing is what a viewer knows: a fold of what it was told (W5, IN4).
type viewing struct {
	cues     map[string]wire.Cue
	tallies  map[string]wire.Tally
	timeline *wire.Timeline
}

func newViewing() *viewing {
	return &viewing{cues: make(map[string]wire.Cue), tallies: make(map[string]wire.Tally)}
}

var rankOf = map[wire.State]int{
	wire.StateArmed: 1, wire.StateKeyed: 2, wire.StateOpen: 3, wire.StatePaused: 3, wire.StateClosing: 4, wire.StateClosed: 5,
	wire.StateRevealed: 6, wire.StateCancelled: 7, wire.StateVoid: 8,
}

// opened is a cue as a viewer has it at now, who is not told that it opens.
func opened(c wire.Cue, now clock.Instant) wire.Cue {
	if c.State == wire.StateKeyed && now >= c.Open {
		c.State = wire.StateOpen
	}
	return c
}

// at is what is known of the cues at now.
func (v *viewing) at(now clock.Instant) map[string]wire.Cue {
	all := make(map[string]wire.Cue)
	for id, c := range v.cues {
		all[id] = opened(c, now)
	}
	return all
}

func (v *viewing) welcome(w wire.Welcome) {
	for i := range w.Cues {
		v.hear(&wire.CueChanged{Cue: w.Cues[i]})
	}
	for i := range w.Tallies {
		v.hear(&w.Tallies[i])
	}
	if w.Timeline != nil {
		v.hear(w.Timeline)
	}
}

func (v *viewing) hear(m wire.Message) {
	switch m := m.(type) {
	case *wire.CueChanged:
		old, ok := v.cues[m.Cue.ID]
		if !ok || m.Cue.Rev > old.Rev || m.Cue.Rev == old.Rev && rankOf[m.Cue.State] >= rankOf[old.State] {
			v.cues[m.Cue.ID] = m.Cue
		}
	case *wire.Key:
		if c := v.cues[m.Cue]; c.Rev == m.Rev && c.Seal != nil && c.Seal.KeyID == m.KeyID {
			c.Key = m.Key
			if rankOf[c.State] < rankOf[wire.StateKeyed] {
				c.State = wire.StateKeyed
			}
			v.cues[m.Cue] = c
		}
	case *wire.Tally:
		if m.Version >= v.tallies[m.Cue].Version {
			v.tallies[m.Cue] = *m
		}
	case *wire.Timeline:
		v.timeline = m
	}
}

func (v *viewing) clone() *viewing {
	return &viewing{maps.Clone(v.cues), maps.Clone(v.tallies), v.timeline}
}
