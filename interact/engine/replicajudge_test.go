package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// TestReplicaJudgesAsRoom gives the same answers, in the same order, to a room
// that counts by itself and to a replica of a channel with the same cues.
func TestReplicaJudgesAsRoom(t *testing.T) {
	seen := make(map[interact.Code]int)
	for seed := range uint64(150) {
		synctest.Test(t, func(t *testing.T) {
			h := houseOf(t, 0)
			n := h.join(0)
			n.ballots.way, n.bus.lag = 0, 0
			dice := rand.New(rand.NewPCG(seed, 7))
			if d := differ(dice, h, n, resumeBare(t, h.clock), seen); d != "" {
				t.Fatalf("RE4 seed %d: %s", seed, d)
			}
		})
	}
	for _, code := range []interact.Code{
		"", interact.CodeEarly, interact.CodeTooFast, interact.CodeLate, interact.CodeClosed, interact.CodeVoid, interact.CodePaused,
		interact.CodeNotAdmitted, interact.CodeInvalid, interact.CodeUnknownOption,
	} {
		if seen[code] == 0 {
			t.Errorf("no answer came to %q: %v", code, seen)
		}
	}
}

// pair is the same cue in a room and on several nodes.
type pair struct {
	house, alone wire.Cue
}

var judged = []interact.Question{
	{Kind: interact.KindPoll, Title: "Tea or coffee?", Options: []string{"Tea", "Coffee"}, Window: 5 * time.Second},
	{Kind: interact.KindPoll, Title: "Which?", Options: []string{"a", "b", "c"}, Window: 5 * time.Second, Changes: true, Slot: "side"},
	{Kind: interact.KindTrivia, Title: "How many?", Options: []string{"24", "30", "60"}, Correct: 1, Window: 4 * time.Second, Slot: "low"},
	{Kind: interact.KindPoll, Title: "Archive?", Options: []string{"a", "b"}, Window: 4 * time.Second, Policy: "archive", Slot: "old"},
}

func differ(dice *rand.Rand, h *house, n *node, one *show, seen map[interact.Code]int) string {
	var cues []pair
	for _, q := range judged {
		cues = append(cues, pair{h.takeNow(q), one.take(q)})
		if dice.IntN(2) == 0 {
			time.Sleep(300 * ms)
		}
	}
	names := []string{"ann", "bob", "eve", "", "x123456789012345678901234567890123456789012345678901234567890123456789"}
	for range 5 + dice.IntN(60) {
		time.Sleep(time.Duration(1+dice.IntN(400)) * ms)
		synctest.Wait()
		c := cues[dice.IntN(len(cues))]
		if dice.IntN(10) == 0 {
			command2(dice, h, one, c)
			time.Sleep(20 * ms)
			synctest.Wait()
			continue
		}
		a := answerOf(dice, h.now(), names)
		a.Cue = c.house.ID
		var got, want verdict
		n.Answer(a, func(r interact.Receipt, err error) { got = verdict{r, err} })
		a.Cue = c.alone.ID
		one.room.Answer(a, func(r interact.Receipt, err error) { want = verdict{r, err} })
		time.Sleep(20 * ms)
		synctest.Wait()
		seen[interact.CodeOf(want.err)]++
		if d := difference(got, want, c.alone); d != "" {
			return d
		}
	}
	return ""
}

func answerOf(dice *rand.Rand, now clock.Instant, names []string) interact.Answer {
	a := interact.Answer{
		ID:          "a" + strconv.Itoa(dice.IntN(3)),
		Participant: names[dice.IntN(len(names))],
		Choice:      [][]int{{0}, {1}, {0}, {1}, {2}, {0, 1}, {}, {9}}[dice.IntN(8)],
		Received:    now,
		Line:        interact.Line{RTTMin: 40 * ms, Jitter: 5 * ms, Dispersion: time.Duration(1+dice.IntN(80)) * ms},
	}
	if dice.IntN(3) > 0 {
		a.Stamp = now.Add(-time.Duration(dice.IntN(300)-20) * ms)
	}
	return a
}

// command2 gives the same command to both. What one refuses the other has to.
func command2(dice *rand.Rand, h *house, one *show, c pair) {
	var got, want error
	room := h.leader.room
	switch dice.IntN(6) {
	case 0:
		_, got = room.Pause(h.Context(), c.house.ID, "")
		_, want = one.room.Pause(h.Context(), c.alone.ID, "")
	case 1:
		_, got = room.Resume(h.Context(), c.house.ID, "")
		_, want = one.room.Resume(h.Context(), c.alone.ID, "")
	case 2:
		_, got = room.Extend(h.Context(), c.house.ID, 3*time.Second, "")
		_, want = one.room.Extend(h.Context(), c.alone.ID, 3*time.Second, "")
	case 3:
		_, got = room.CloseNow(h.Context(), c.house.ID, "")
		_, want = one.room.CloseNow(h.Context(), c.alone.ID, "")
	case 4:
		_, got = room.Cancel(h.Context(), c.house.ID, "")
		_, want = one.room.Cancel(h.Context(), c.alone.ID, "")
	default:
		got = room.Ban(h.Context(), "eve", h.now().Add(2*time.Second), "")
		want = one.room.Ban(h.Context(), "eve", one.now().Add(2*time.Second), "")
	}
	if interact.CodeOf(got) != interact.CodeOf(want) {
		h.Fatalf("commands differ: %v, %v", got, want)
	}
}

// resumeBare runs a channel without a picture, as a house has none.
func resumeBare(t *testing.T, room *clock.Room) *show {
	t.Helper()
	return start(t, new(interacttest.Memory), room, func(c *engine.Channel) { c.Stream = nil })
}

func difference(got, want verdict, c wire.Cue) string {
	g, w := got.receipt, want.receipt
	switch {
	case interact.CodeOf(got.err) != interact.CodeOf(want.err):
		return fmt.Sprintf("cue %s %s: a replica says %v, a room %v", c.Policy, c.Slot, got.err, want.err)
	case g.ID != w.ID || g.Seq != w.Seq || g.Credited != w.Credited || g.Changes != w.Changes || !slices.Equal(g.Choice, w.Choice):
		return fmt.Sprintf("a replica's receipt is %+v, a room's %+v", g, w)
	}
	return ""
}
