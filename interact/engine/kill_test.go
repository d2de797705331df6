package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/cue"
)

// mutiny is a show whose leaders are killed at any of their calls, while producers
// go on giving commands and viewers go on answering.
type mutiny struct {
	*fleet
	dice *rand.Rand

	mu    sync.Mutex
	now   *helm // nil while nobody leads
	kills int

	acked map[string]map[string]bool // participants whose answers were receipted, by cue
}

// TestKills kills leaders at random calls to the log, the bus and Ballots, with and
// without the call taking place.
func TestKills(t *testing.T) {
	runs := 150
	if testing.Short() {
		runs = 20
	}
	kills := 0
	for seed := range runs {
		synctest.Test(t, func(t *testing.T) {
			m := &mutiny{fleet: fleetOf(t), dice: rand.New(rand.NewPCG(uint64(seed), 36)), acked: make(map[string]map[string]bool)}
			if m.compact = 0; seed%3 == 0 {
				m.compact = 6
			}
			m.run()
			kills += m.kills
			if t.Failed() {
				t.Errorf("with seed %d", seed)
			}
		})
		if t.Failed() {
			return
		}
	}
	if kills < 2*runs {
		t.Errorf("%d kills in %d shows", kills, runs)
	}
}

func (m *mutiny) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { m.elect(ctx) })
	defer func() { cancel(); wg.Wait() }()
	m.play()
}

// elect sees to it that somebody leads, again and again.
func (m *mutiny) elect(ctx context.Context) {
	dice := rand.New(rand.NewPCG(m.dice.Uint64(), 0))
	for n := 0; ctx.Err() == nil; n++ {
		l := &line{}
		if n < 6 {
			l.cutAt, l.effect = 1+dice.IntN(60), dice.IntN(2) == 0
		}
		h, err := m.tryLead(l)
		if err == nil {
			m.set(h)
			h.wait(ctx)
			m.set(nil)
		}
		m.kills++
		asleep(ctx, time.Duration(dice.IntN(1500))*ms)
	}
}

// wait returns when a leader has ended, or ends it with ctx.
func (h *helm) wait(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = h.stop() })
	defer stop()
	_ = h.ended()
}

func (m *mutiny) set(h *helm) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = h
}

// command gives a producer's command until somebody has carried it out.
func (m *mutiny) command(run func(ctx context.Context, r *engine.Room) (wire.Cue, error)) (wire.Cue, error) {
	for range 2000 {
		m.mu.Lock()
		h := m.now
		m.mu.Unlock()
		if h != nil {
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			c, err := run(ctx, h.room)
			cancel()
			if code := interact.CodeOf(err); err == nil || code != interact.CodeUnavailable && code != interact.CodeInternal {
				return c, err
			}
		}
		time.Sleep(50 * ms)
	}
	m.Fatal("nobody carries out a command")
	return wire.Cue{}, nil
}

// play is two cues, one after the other.
func (m *mutiny) play() {
	for n := range 2 {
		key := func(s string) string { return fmt.Sprint(s, n) }
		draft, err := m.command(func(ctx context.Context, r *engine.Room) (wire.Cue, error) { return r.Prepare(ctx, trivia) })
		m.ok(draft, err)
		taken, err := m.command(func(ctx context.Context, r *engine.Room) (wire.Cue, error) { return r.Take(ctx, draft.ID, key("take")) })
		m.ok(taken, err)
		m.acked[taken.ID] = make(map[string]bool)
		m.until(taken.Open.Add(time.Second))
		c := m.answers(taken, 40)
		if m.dice.IntN(2) == 0 {
			longer, err := m.command(func(ctx context.Context, r *engine.Room) (wire.Cue, error) {
				return r.Extend(ctx, c.ID, 4*time.Second, key("extend"))
			})
			c = m.ok(longer, err)
			if c.Open != taken.Open || c.Close != taken.Close.Add(4*time.Second) || c.Rev != taken.Rev+1 {
				m.Errorf("extended once: %+v, taken as %+v", c, taken)
			}
		}
		c = m.answers(c, 80)
		m.until(c.Close)
		m.late(c)
		m.until(c.Close.Add(cue.GraceMax))
		revealed, err := m.command(func(ctx context.Context, r *engine.Room) (wire.Cue, error) { return r.Reveal(ctx, c.ID, key("reveal")) })
		m.ok(revealed, err)
		m.after(10 * time.Second) // whoever leads by then has told
		m.judge(c)
	}
}

func (m *mutiny) ok(c wire.Cue, err error) wire.Cue {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
	return c
}

// answers lets people answer inside the window, some of them again.
func (m *mutiny) answers(c wire.Cue, n int) wire.Cue {
	for range n {
		m.after(time.Duration(m.dice.IntN(100)) * ms)
		m.cast(c, m.dice.IntN(200), m.refused(c))
	}
	return c
}

// refused is the code with which an answer is refused now, by its window.
func (m *mutiny) refused(c wire.Cue) interact.Code {
	if m.fleet.now() >= c.Close.Add(cue.GraceMax) {
		return interact.CodeClosed
	}
	return ""
}

// late lets answers that were taken in time come late into Ballots.
func (m *mutiny) late(c wire.Cue) {
	for range m.dice.IntN(12) {
		m.cast(c, 200+m.dice.IntN(100), "")
		m.after(time.Duration(m.dice.IntN(150)) * ms)
	}
}

func (m *mutiny) cast(c wire.Cue, who int, refused interact.Code) {
	if m.votes(c, who, 1, refused) == 1 {
		m.acked[c.ID][participant(who)] = true
	}
}

// judge compares what everybody knows with what was receipted.
func (m *mutiny) judge(c wire.Cue) {
	p := interact.Poll{Channel: "show", Cue: c.ID, Options: c.Choices}
	sum, err := m.urn.Tally(m.Context(), p)
	if err != nil || int(sum.Total) != len(m.acked[c.ID]) {
		m.Errorf("%d receipts, %+v counted, %v", len(m.acked[c.ID]), sum, err)
	}
	if at := m.urn.sealedAt(c.ID); at < c.Close.Add(cue.GraceMax) {
		m.Errorf("sealed at C%+v", at.Sub(c.Close))
	}
	for _, reach := range []interact.Reach{interact.ReachViewers, interact.ReachProducers} {
		if got := m.ear.tally(reach, c.ID); !got.Final || got.Total != sum.Total || !slices.Equal(got.Counts, sum.Counts) {
			m.Errorf("told to %d: %+v, counted %+v", reach, got, sum)
		}
	}
	got := m.ear.viewer(c.ID)
	if got.State != wire.StateRevealed || got.Open != c.Open || got.Close != c.Close || got.Key == "" || unseal(m.T, got, got.Key).Title != trivia.Title {
		m.Errorf("viewers hold %+v, it is %+v", got, c)
	}
	m.ear.check(m.T)
	m.replayed(c, sum)
}

// replayed says that a log alone tells the same.
func (m *mutiny) replayed(c wire.Cue, sum interact.Tally) {
	e, err := engine.New(m.Context(), engine.Config{
		Store: m.store, Clock: m.clock, Broadcaster: &crowd{clock: m.clock},
		Channels: []engine.Channel{{Name: "show", Latency: latency}},
	})
	if err != nil {
		m.Fatal(err)
	}
	defer run(m.T, e)()
	r, _ := e.Room("show")
	cues, tallies, err := r.Cues(m.Context())
	i := slices.IndexFunc(tallies, func(t wire.Tally) bool { return t.Cue == c.ID })
	was, ok := byID(cues, c.ID)
	if err != nil || i < 0 || !ok || was.Open != c.Open || was.Close != c.Close || !tallies[i].Final || !reflect.DeepEqual(tallies[i].Counts, sum.Counts) {
		m.Errorf("the log says %+v, %+v, %v", cues, tallies, err)
	}
}
