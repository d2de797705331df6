package load_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/embedded"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// disk is a store that takes time, fails on demand and may lose its process.
type disk struct {
	interact.Store

	mu      sync.Mutex // protects what follows
	failing bool
	dead    bool
}

// slow is how long a write takes before it is durable, and again until that is
// known.
const slow = 3 * time.Millisecond

func (d *disk) Append(ctx context.Context, records []interact.Record) error {
	return d.write(func() error { return d.Store.Append(ctx, records) })
}

func (d *disk) Replace(ctx context.Context, channel string, upTo uint64, records []interact.Record) error {
	return d.write(func() error { return d.Store.Replace(ctx, channel, upTo, records) })
}

func (d *disk) write(write func() error) error {
	time.Sleep(slow)
	if d.is(&d.dead) || d.is(&d.failing) {
		return interact.Errorf(interact.CodeUnavailable, "The log cannot be written.")
	}
	err := write()
	time.Sleep(slow)
	return err
}

func (d *disk) is(flag *bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return *flag
}

func (d *disk) set(flag *bool, to bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*flag = to
}

// nobody is connected.
type nobody struct{}

func (nobody) Broadcast(string, wire.Audience, wire.Message) {}
func (nobody) Viewers(string) int                            { return 0 }
func (nobody) Stuck(string) int                              { return 0 }

// ballot is an attempt to answer.
type ballot struct {
	cue, participant, id string
	choice               int
}

// hall is an engine that is killed and comes back, and all that it ever said.
type hall struct {
	*rapid.T
	open  func() interact.Store // the same log, again and again
	clock *clock.Room

	disk *disk
	room *engine.Room
	stop func()

	sent []ballot

	mu   sync.Mutex // protects what follows
	life int
	told map[ballot]interact.Receipt
	ever map[string]interact.Receipt // by cue and participant: the first
	lies []string
}

// start begins a life on the log that the one before left.
func (h *hall) start() {
	h.disk = &disk{Store: h.open()}
	e, err := engine.New(context.Background(), engine.Config{
		Store: h.disk, Clock: h.clock, Broadcaster: nobody{}, CompactRecords: 5,
		Channels: []engine.Channel{{Name: channel, Latency: time.Second}},
	})
	if err != nil {
		h.Fatalf("start: %v", err)
	}
	h.room, _ = e.Room(channel)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- e.Run(ctx) }()
	h.stop = func() {
		cancel()
		<-done
	}
}

// kill ends a life: what the engine does from now on nobody hears of, and
// nothing of it reaches the log.
func (h *hall) kill() {
	h.mu.Lock()
	h.life++
	h.mu.Unlock()
	h.disk.set(&h.disk.dead, true)
	h.stop()
	if s, ok := h.disk.Store.(*embedded.Store); ok {
		if err := s.Close(); err != nil {
			h.Fatalf("close: %v", err)
		}
	}
}

// send lets a participant answer, and listens as long as this life lasts.
func (h *hall) send(b ballot) {
	h.sent = append(h.sent, b)
	h.mu.Lock()
	life := h.life
	h.mu.Unlock()
	now := h.clock.At(time.Now())
	a := interact.Answer{ID: b.id, Cue: b.cue, Participant: b.participant, Choice: []int{b.choice}, Received: now}
	h.room.Answer(a, func(r interact.Receipt, err error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if err == nil && life == h.life {
			h.hear(b, r)
		}
	})
}

// hear holds a receipt against all that were given before. h.mu is held.
func (h *hall) hear(b ballot, r interact.Receipt) {
	who := b.cue + " " + b.participant
	if first, ok := h.ever[who]; !ok {
		h.ever[who] = r
	} else if r.Seq != first.Seq {
		h.lies = append(h.lies, fmt.Sprintf("%s has number %d and then %d", who, first.Seq, r.Seq))
	}
	if before, ok := h.told[b]; ok && !same(before, r) {
		h.lies = append(h.lies, fmt.Sprintf("%+v was given %+v and then %+v", b, before, r))
	}
	h.told[b] = r
}

// same says that two receipts are of one answer.
func same(a, b interact.Receipt) bool {
	return a.Seq == b.Seq && a.Credited == b.Credited && a.Changes == b.Changes && slices.Equal(a.Choice, b.Choice)
}

// take puts a poll on the air and waits until it can be answered.
func (h *hall) take(slot string, changes bool) string {
	ctx := context.Background()
	q := interact.Question{
		Kind: interact.KindPoll, Title: "Which way?", Options: []string{"North", "East", "South"}, Correct: -1,
		Window: interact.MaxWindow, Slot: slot, Changes: changes,
	}
	draft, err := h.room.Prepare(ctx, q)
	if err != nil {
		h.Fatalf("prepare: %v", err)
	}
	c, err := h.room.Take(ctx, draft.ID, "")
	if err != nil {
		h.Fatalf("take: %v", err)
	}
	time.Sleep(c.Open.Add(2 * time.Second).Sub(h.clock.At(time.Now())))
	return c.ID
}

// TestConservation lets an engine on a store that fails be killed at random,
// while participants answer, change their minds and ask again.
func TestConservation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Without T's own type: a bubble has no deadline to ask for.
		rapid.Check(struct{ testing.TB }{t}, func(rt *rapid.T) { conserve(t, rt) })
	})
}

func conserve(t *testing.T, rt *rapid.T) {
	h := &hall{
		T: rt, clock: clock.NewRoom(time.Now(), clock.InstantOf(time.Now()), 1),
		told: make(map[ballot]interact.Receipt), ever: make(map[string]interact.Receipt),
	}
	kept := new(interacttest.Memory)
	h.open = func() interact.Store { return kept }
	if rapid.IntRange(0, 9).Draw(rt, "on disk") == 0 {
		path := filepath.Join(t.TempDir(), "interact.db")
		defer os.Remove(path)
		h.open = func() interact.Store {
			s, err := embedded.Open(context.Background(), path, nil)
			if err != nil {
				rt.Fatalf("open: %v", err)
			}
			return s
		}
	}
	h.start()
	defer func() { h.kill() }()
	cues := []string{h.take("fixed", false), h.take("free", true)}
	for range rapid.IntRange(5, 60).Draw(rt, "steps") {
		h.step(cues)
	}
	h.disk.set(&h.disk.failing, false)
	time.Sleep(time.Second)
	for _, id := range cues {
		if _, err := h.room.CloseNow(context.Background(), id, ""); err != nil {
			rt.Fatalf("close: %v", err)
		}
	}
	time.Sleep(rapid.SampledFrom([]time.Duration{2 * time.Second, 3 * time.Minute}).Draw(rt, "rest")) // the log may become shorter
	h.kill()
	h.start()
	for i, id := range cues {
		h.recount(id, i == 1)
	}
}

// step is something that happens.
func (h *hall) step(cues []string) {
	switch what := rapid.IntRange(0, 19).Draw(h.T, "what"); {
	case what == 0:
		h.kill()
		h.start()
	case what == 1:
		h.disk.set(&h.disk.failing, !h.disk.is(&h.disk.failing))
	case what <= 4:
		time.Sleep(rapid.SampledFrom([]time.Duration{time.Millisecond, slow, 2 * slow, 50 * time.Millisecond}).Draw(h.T, "pause"))
	case what <= 8 && len(h.sent) > 0:
		h.send(rapid.SampledFrom(h.sent).Draw(h.T, "again"))
	default:
		h.send(ballot{
			cue:         rapid.SampledFrom(cues).Draw(h.T, "cue"),
			participant: rapid.SampledFrom([]string{"ann", "bob", "cid", "dan", "eve"}).Draw(h.T, "who"),
			id:          fmt.Sprint("a", len(h.sent)),
			choice:      rapid.IntRange(0, 2).Draw(h.T, "choice"),
		})
	}
}

// recount asks every participant's every attempt once more, after the end and
// after a restart, and counts what it is told.
func (h *hall) recount(cue string, changes bool) {
	h.mu.Lock()
	promised := h.told
	h.told = make(map[ballot]interact.Receipt)
	h.mu.Unlock()
	asked := make(map[ballot]bool)
	for _, b := range slices.Clone(h.sent) {
		if b.cue == cue && !asked[b] {
			asked[b] = true
			h.send(b)
		}
	}
	time.Sleep(time.Second)
	tally, err := h.room.Tally(context.Background(), cue)
	if err != nil {
		h.Fatalf("tally: %v", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for b, r := range promised {
		if b.cue != cue {
			h.told[b] = r // another cue's turn comes
		} else if again, ok := h.told[b]; !ok || !same(r, again) {
			h.Errorf("IN3 %+v had receipt %+v and has %+v", b, r, again)
		}
	}
	for _, lie := range h.lies {
		h.Errorf("ST30 %s", lie)
	}
	h.hold(tally, changes)
}

// hold compares the counts with the receipts. h.mu is held.
func (h *hall) hold(tally wire.Tally, changes bool) {
	last := make(map[string]interact.Receipt)
	for b, r := range h.told {
		if was, ok := last[b.participant]; b.cue == tally.Cue && (!ok || r.Changes > was.Changes) {
			last[b.participant] = r
		}
	}
	counts, seqs := make([]uint64, 3), make(map[uint64]bool)
	for participant, r := range last {
		counts[r.Choice[0]]++
		if seqs[r.Seq] {
			h.Errorf("ST30 number %d was given twice, also to %s", r.Seq, participant)
		}
		seqs[r.Seq] = true
		if r.Changes > 0 && !changes {
			h.Errorf("IN1 %s has changed its answer", participant)
		}
	}
	if !tally.Final || tally.Total != uint64(len(last)) || !slices.Equal(tally.Counts, counts) {
		h.Errorf("ST30 the tally is %+v, the receipts say %d: %v", tally, len(last), counts)
	}
}
