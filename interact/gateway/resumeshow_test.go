package gateway_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/memory"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

// Broadcast, Viewers and Stuck are those of the gateway that runs now.
func (v *venue) Broadcast(channel string, to wire.Audience, m wire.Message) {
	v.now.Load().Broadcast(channel, to, m)
}

func (v *venue) Viewers(channel string) int { return v.now.Load().Viewers(channel) }
func (v *venue) Stuck(channel string) int   { return v.now.Load().Stuck(channel) }

// host is a producer at an engine's room, with participants that answer over
// other connections.
type host struct {
	t       *testing.T
	v       *venue
	room    *engine.Room
	cues    []string
	rev     int // of the timeline
	sent    int
	counted int
}

// Settle counts receipts.
func (h *host) Settle(_ interact.Receipt, err error) {
	if err == nil {
		h.v.stage.mu.Lock()
		h.counted++
		h.v.stage.mu.Unlock()
	}
}

// openHost puts an engine in the place of the stage.
func openHost(t *testing.T, v *venue) (h *host, stop func()) {
	e, err := engine.New(context.Background(), engine.Config{
		Store: new(memory.Store), Clock: v.clock, Broadcaster: v,
		Channels: []engine.Channel{{Name: "show", Title: "Tonight", Latency: time.Second}},
	})
	if err != nil {
		t.Fatal(err)
	}
	h = &host{t: t, v: v}
	h.room, _ = e.Room("show")
	v.room = h.room
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- e.Run(ctx) }()
	return h, func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	}
}

// command gives the n-th kind of command. One that comes at the wrong time is
// refused, which is fine.
func (h *host) command(n int) {
	ctx := context.Background()
	last := ""
	if len(h.cues) > 0 {
		last = h.cues[len(h.cues)-1]
	}
	switch n % 8 {
	case 0, 1:
		h.ask(ctx, []interact.Results{interact.ResultsLive, interact.ResultsReveal}[n%2])
	case 2:
		_, _ = h.room.Extend(ctx, last, 5*time.Second, "")
	case 3:
		_, _ = h.room.CloseNow(ctx, last, "")
	case 4:
		_, _ = h.room.Reveal(ctx, last, "")
	case 5:
		_, _ = h.room.Pause(ctx, last, "")
	case 6:
		_, _ = h.room.Resume(ctx, last, "")
	default:
		h.rev++
		h.room.SetTimeline(wire.Timeline{Epoch: 1, Rev: h.rev, Scale: 90_000, State: "locked", Points: [][2]int64{{0, int64(n)}}, Live: true})
	}
}

// ask takes a new cue, unless one is on air, up to what a newcomer is told of.
func (h *host) ask(ctx context.Context, results interact.Results) {
	if len(h.cues) >= 10 {
		return
	}
	c, err := h.room.Prepare(ctx, interact.Question{
		Kind: interact.KindPoll, Title: "Tea or coffee?", Options: []string{"Tea", "Coffee"}, Results: results, Window: 10 * time.Second,
	})
	if err != nil {
		h.t.Error(err)
		return
	}
	if _, err = h.room.Take(ctx, c.ID, ""); err == nil {
		h.cues = append(h.cues, c.ID)
	}
}

// answer lets n people answer the last cue, one after the other.
func (h *host) answer(n int) {
	if len(h.cues) == 0 {
		return
	}
	for range n {
		h.sent++
		now := h.v.clock.At(time.Now())
		h.room.AnswerTo(interact.Answer{
			ID: "a", Cue: h.cues[len(h.cues)-1], Participant: fmt.Sprint("p", h.sent), Choice: []int{h.sent % 2}, Stamp: now, Received: now,
		}, h)
		time.Sleep(20 * time.Millisecond)
	}
}

// TestResumedKnowsWhatANewcomerKnows: with the real engine, whoever was cut
// off and came back knows in the end what somebody who comes then is told.
func TestResumedKnowsWhatANewcomerKnows(t *testing.T) {
	keys, err := token.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	resumed, counted := uint64(0), 0
	rapid.Check(t, func(rt *rapid.T) {
		turns := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) turn {
			return turn{
				Op:  rapid.SampledFrom([]int{opChange, opChange, opBurst, opBurst, opBurst, opCut, opJoin, opJoin, opPause, opHurry, opSleep, opSleep, opRestart}).Draw(rt, "op"),
				Who: rapid.IntRange(0, guests-2).Draw(rt, "who"), N: rapid.IntRange(0, 31).Draw(rt, "n"),
			}
		}), 10, 60).Draw(rt, "turns")
		var wrong []string
		synctest.Test(t, func(t *testing.T) {
			v := openVenue(t, keys, gateway.Limits{})
			h, stop := openHost(t, v)
			defer stop()
			wrong = h.act(append([]turn{
				{Op: opChange}, {Op: opSleep, N: 20}, {Op: opBurst, N: 3}, {Op: opCut}, {Op: opBurst, N: 3}, {Op: opSleep, N: 3}, {Op: opJoin},
			}, turns...))
			resumed, counted = resumed+v.spent.Resumed, counted+h.counted
		})
		for _, what := range wrong {
			rt.Errorf("GW29 %s", what)
		}
	})
	if resumed == 0 || counted == 0 {
		t.Errorf("GW29 %d resumed, %d answers counted: nothing was tried", resumed, counted)
	}
}

// act plays the turns and holds what every guest knows against a newcomer.
func (h *host) act(turns []turn) (wrong []string) {
	v := h.v
	all := make([]*guest, guests)
	for i := range all {
		all[i] = v.guest([]wire.Codec{wire.JSON, wire.Msgpack}[i%2])
		all[i].join()
	}
	for _, turn := range turns {
		switch turn.Op {
		case opChange:
			h.command(turn.N)
		case opBurst:
			h.answer(turn.N)
		case opSleep:
			time.Sleep(time.Duration(turn.N) * 300 * time.Millisecond)
		default:
			v.play(turn, all[1+turn.Who%(guests-1)])
		}
	}
	_, _ = h.room.Resume(context.Background(), append(h.cues, "")[max(len(h.cues)-1, 0)], "")
	for range 3 {
		for _, c := range all {
			c.hurry()
			c.join()
		}
		time.Sleep(time.Minute) // by then every window is closed
		synctest.Wait()
	}
	newcomer := v.guest(wire.JSON)
	newcomer.join()
	synctest.Wait()
	for i, c := range all {
		for _, what := range c.judge(newcomer.known) {
			wrong = append(wrong, fmt.Sprintf("guest %d: %s", i, what))
		}
	}
	v.halt()
	for _, c := range append(all, newcomer) {
		<-c.over
	}
	return wrong
}
