package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/memory"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// urn keeps answers for all nodes, and writes down when it was sealed.
type urn struct {
	memory.Ballots
	clock *clock.Room

	mu     sync.Mutex
	sealed map[string]clock.Instant
}

func newUrn(room *clock.Room) *urn {
	return &urn{clock: room, sealed: make(map[string]clock.Instant)}
}

// Seal ends the counting.
func (u *urn) Seal(ctx context.Context, p interact.Poll) (interact.Tally, error) {
	u.mu.Lock()
	if u.sealed[p.Cue] == 0 {
		u.sealed[p.Cue] = u.clock.At(time.Now())
	}
	u.mu.Unlock()
	return u.Ballots.Seal(ctx, p)
}

// sealedAt is when a cue was sealed, zero if it was not.
func (u *urn) sealedAt(id string) clock.Instant {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.sealed[id]
}

// line is what a leader reaches the others over. It can be slow, break for a while,
// or be cut with a call under way.
type line struct {
	mu     sync.Mutex
	calls  int
	cutAt  int    // the call at which it is cut, 0 for never
	cutOn  string // or the next one by these means
	effect bool   // that call takes place all the same
	gone   bool
	down   map[string]error // by means: what is broken for now
	slow   time.Duration
	cut    func() // told when it is cut
}

var errGone = errors.New("the line is cut")

// call runs f over the line.
func (l *line) call(ctx context.Context, means string, f func() error) error {
	l.mu.Lock()
	l.calls++
	now := !l.gone && (l.calls == l.cutAt || l.cutOn == means)
	l.gone = l.gone || now
	gone, down, slow, effect := l.gone, l.down[means], l.slow, l.effect
	l.mu.Unlock()
	if now {
		defer l.cut()
	}
	switch {
	case now && effect:
		_ = f()
		return errGone
	case gone:
		return errGone
	case down != nil:
		return down
	case slow > 0:
		if !asleep(ctx, slow) {
			return ctx.Err()
		}
	}
	return f()
}

// asleep reports false if ctx ended first.
func asleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// kill cuts the line for good.
func (l *line) kill() {
	l.mu.Lock()
	l.gone = true
	l.mu.Unlock()
}

// set breaks a means, or repairs it with nil.
func (l *line) set(means string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down == nil {
		l.down = make(map[string]error)
	}
	l.down[means] = err
}

var errDown = interact.Errorf(interact.CodeUnavailable, "not reachable")

type lineStore struct {
	interact.Store
	line  *line
	fence interact.Fence
	high  *highest
}

// highest is the highest fence that has written.
type highest struct {
	mu    sync.Mutex
	fence interact.Fence
}

func (h *highest) pass(f interact.Fence) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f < h.fence {
		return interact.ErrFenced
	}
	h.fence = f
	return nil
}

func (s *lineStore) Append(ctx context.Context, records []interact.Record) error {
	return s.line.call(ctx, "store", func() error {
		if err := s.high.pass(s.fence); err != nil {
			return err
		}
		return s.Store.Append(ctx, records)
	})
}

type lineBus struct {
	interact.Bus
	line *line
}

func (b *lineBus) Post(ctx context.Context, channel string, fence interact.Fence, posts []interact.Post, snapshot []byte) error {
	return b.line.call(ctx, "bus", func() error { return b.Bus.Post(ctx, channel, fence, posts, snapshot) })
}

type lineUrn struct {
	interact.Ballots // nil: nothing else is asked for
	urn              *urn
	line             *line
}

func (b *lineUrn) Tally(ctx context.Context, p interact.Poll) (t interact.Tally, err error) {
	err = b.line.call(ctx, "ballots", func() error { t, err = b.urn.Tally(ctx, p); return err })
	return t, err
}

func (b *lineUrn) Seal(ctx context.Context, p interact.Poll) (t interact.Tally, err error) {
	err = b.line.call(ctx, "ballots", func() error { t, err = b.urn.Seal(ctx, p); return err })
	return t, err
}

// fleet is what all nodes share, and who leads them.
type fleet struct {
	*testing.T
	clock   *clock.Room
	store   interact.Store
	high    *highest
	bus     *memory.Bus
	urn     *urn
	picture *picture
	ear     *hearing
	fence   interact.Fence
	compact int // Config.CompactRecords
	*helm       // who leads now
}

// helm is one node that leads.
type helm struct {
	room   *engine.Room
	herald *engine.Herald
	line   *line
	stop   func() error // ends it in good order; what the engine returned
	ended  func() error // waits until it has ended by itself
}

// fleetOf starts nodes that nobody leads, in the bubble of t.
func fleetOf(t *testing.T) *fleet {
	t.Helper()
	room := clock.NewRoom(time.Now(), 1_795_410_000_000_000, 7)
	f := &fleet{
		T: t, clock: room, store: new(memory.Store), high: new(highest), bus: new(memory.Bus), urn: newUrn(room),
		picture: &picture{clock: room, behind: 40 * ms, live: true, epoch: room.At(time.Now())},
		ear:     newHearing(room),
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	snapshot, err := f.bus.Snapshot(ctx, "show")
	if err != nil {
		t.Fatal(err)
	}
	go func() { done <- f.bus.Follow(ctx, "show", snapshot.Place, f.ear) }()
	t.Cleanup(func() { cancel(); <-done })
	return f
}

// ships runs a test on a fake clock with a first leader.
func ships(t *testing.T, name string, test func(f *fleet)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := fleetOf(t)
			f.lead(&line{})
			test(f)
		})
	})
}

// lead lets another node lead over a line.
func (f *fleet) lead(l *line) {
	f.Helper()
	h, err := f.tryLead(l)
	if err != nil {
		f.Fatal(err)
	}
	f.helm = h
	f.Cleanup(func() { _ = h.stop() })
}

// tryLead starts another leader. Its caller stops it.
func (f *fleet) tryLead(l *line) (h *helm, err error) {
	f.fence++
	h = &helm{line: l}
	l.cut = func() {}
	h.herald, err = engine.NewHerald(engine.HeraldConfig{
		Bus: &lineBus{f.bus, l}, Channel: "show", Fence: f.fence,
		Viewers: func() int { return 100 },
		Scene:   func(ctx context.Context) (engine.Scene, error) { return h.room.Scene(ctx) },
	})
	if err != nil {
		return nil, err
	}
	e, err := engine.New(context.Background(), engine.Config{
		Store: &lineStore{f.store, l, f.fence, f.high}, Clock: f.clock, Broadcaster: h.herald, Nodes: h.herald.Record,
		Ballots: &lineUrn{urn: f.urn, line: l}, CompactRecords: f.compact,
		Channels: []engine.Channel{{Name: "show", Title: "Tonight", Latency: latency, Stream: f.picture}},
	})
	if err != nil {
		return nil, err
	}
	h.room, _ = e.Room("show")
	f.launch(h, e)
	return h, nil
}

// launch runs a leader: the room, and a herald that outlives it.
func (f *fleet) launch(h *helm, e *engine.Engine) {
	ctx, cancel := context.WithCancel(context.Background())
	telling, hush := context.WithCancel(context.Background())
	told, ended := make(chan error, 1), make(chan error, 1)
	h.ended = sync.OnceValue(func() error { return <-ended })
	h.line.cut = cancel
	go func() { told <- h.herald.Run(telling) }()
	go func() {
		err := e.Run(ctx)
		hush()
		ended <- errors.Join(err, <-told)
	}()
	h.stop = func() error { cancel(); return h.ended() }
}

// die is what a kill leaves: nothing is said and nothing written any more.
func (f *fleet) die() {
	f.line.kill()
	_ = f.stop()
}

func (f *fleet) now() clock.Instant { return f.clock.At(time.Now()) }

func (f *fleet) until(at clock.Instant) {
	f.Helper()
	if d := at.Sub(f.now()); d > 0 {
		time.Sleep(d)
	}
	synctest.Wait()
}

func (f *fleet) after(d time.Duration) { f.until(f.now().Add(d)) }

func (f *fleet) must(c wire.Cue, err error) wire.Cue {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
	return c
}

func (f *fleet) take(q interact.Question) wire.Cue {
	f.Helper()
	draft := f.must(f.room.Prepare(f.Context(), q))
	return f.must(f.room.Take(f.Context(), draft.ID, "take-"+draft.ID))
}

// votes casts answers of participants from first on, as gateways do, and returns
// how many of them are counted now.
func (f *fleet) votes(c wire.Cue, first, n int, code interact.Code) (counted int) {
	f.Helper()
	p := interact.Poll{Channel: "show", Cue: c.ID, Options: c.Choices}
	votes, outcomes := make([]interact.Vote, n), make([]interact.Outcome, n)
	for i := range votes {
		choice, err := interact.SelectionOf([]int{(first + i) % 2}, c.Choices)
		if err != nil {
			f.Fatal(err)
		}
		votes[i] = interact.Vote{Entry: interact.Entry{Participant: participant(first + i), Choice: choice, Credited: f.now(), Received: f.now()}, Refused: code}
	}
	if err := f.urn.Cast(f.Context(), p, votes, outcomes); err != nil {
		f.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Code == "" {
			counted++
		}
	}
	return counted
}

func isFenced(err error) bool { return errors.Is(err, interact.ErrFenced) }

// isEnded says that a room ended in good order, or because its write was cut off.
func isEnded(err error) bool { return err == nil || errors.Is(err, context.Canceled) }
