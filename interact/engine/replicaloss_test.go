package engine_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// fate is what a viewer was told in the end.
type fate struct {
	receipts []interact.Receipt
	refused  interact.Code
}

// tryUntilTold answers over one node after the other until somebody says what
// became of it. It stops waiting for a node that is killed.
func (h *house) tryUntilTold(dice *rand.Rand, who string, c wire.Cue, choice int) (f fate) {
	for range 200 {
		n := h.someNode(dice)
		v := n.send(c.ID, who, "a1", choice)
		select {
		case got := <-v:
			switch code := interact.CodeOf(got.err); code {
			case "":
				f.receipts = append(f.receipts, got.receipt)
				return f
			case interact.CodeUnavailable, interact.CodeBusy, interact.CodeEarly, interact.CodeTooFast:
			default:
				f.refused = code
				return f
			}
		case <-time.After(5 * time.Second):
			f.refused = "no reply"
			return f
		}
		time.Sleep(time.Duration(20+dice.IntN(200)) * ms)
	}
	f.refused = "too many tries"
	return f
}

func (h *house) someNode(dice *rand.Rand) *node {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.nodes[dice.IntN(len(h.nodes))]
}

// disturb breaks things at random until done is closed: calls of Ballots and of
// the bus, nodes that end and come back, and the leader.
func (h *house) disturb(dice *rand.Rand, done <-chan struct{}) {
	fence := interact.Fence(1)
	for {
		select {
		case <-done:
			return
		case <-time.After(time.Duration(100+dice.IntN(700)) * ms):
		}
		switch dice.IntN(5) {
		case 0:
			h.leader.kill()
			time.Sleep(time.Duration(dice.IntN(1500)) * ms)
			fence++
			h.lead(fence)
		case 1, 2:
			i := dice.IntN(len(h.nodes))
			old := h.nodes[i]
			old.stop()
			next := &node{name: old.name, clock: old.clock, lounge: new(lounge), ballots: old.ballots, bus: old.bus}
			h.open(next)
			h.mu.Lock()
			h.nodes[i] = next
			h.mu.Unlock()
		case 3:
			s := h.nodes[dice.IntN(len(h.nodes))].ballots.shaky
			s.freeze()
			time.Sleep(time.Duration(dice.IntN(800)) * ms)
			s.melt()
		}
	}
}

func TestReplicaLosesNothing(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint("RE1 seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { loseNothing(houseOf(t, 4), seed) })
		})
	}
}

func loseNothing(h *house, seed uint64) {
	dice := func(i int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(i))) }
	for i, n := range h.nodes {
		n.ballots.shaky.dice, n.ballots.rate = dice(1000+i), 0.2
		n.bus.shaky.dice, n.bus.rate = dice(2000+i), 0.2
	}
	q := poll
	q.Window = 8 * time.Second
	c := h.take(q)
	h.until(c.Open.Add(-200 * ms))
	done := make(chan struct{})
	var disturber, viewers sync.WaitGroup
	disturber.Go(func() { h.disturb(dice(1), done) })
	fates := make([]fate, 120)
	for i := range fates {
		viewers.Go(func() {
			d := dice(10 + i)
			time.Sleep(time.Duration(d.IntN(8600)) * ms)
			if d.IntN(3) == 0 { // on two devices
				var second fate
				var both sync.WaitGroup
				d2 := dice(5000 + i)
				both.Go(func() { second = h.tryUntilTold(d2, participant(i), c, 1) })
				fates[i] = h.tryUntilTold(d, participant(i), c, 0)
				both.Wait()
				fates[i].receipts = append(fates[i].receipts, second.receipts...)
				return
			}
			fates[i] = h.tryUntilTold(d, participant(i), c, d.IntN(2))
		})
	}
	viewers.Wait()
	close(done)
	disturber.Wait()
	for _, n := range h.nodes {
		n.ballots.calm()
		n.bus.calm()
	}
	h.until(max(h.now(), c.Close).Add(15 * time.Second))
	h.audit(c, fates)
}

// audit holds what viewers were told against what is counted.
func (h *house) audit(c wire.Cue, fates []fate) {
	h.Helper()
	counted := make(map[string]interact.Mark)
	sums := make([]uint64, 2)
	h.must(h.ballots.Entries(h.Context(), interact.Poll{Channel: "show", Cue: c.ID, Options: 2}, func(e interact.Entry, m interact.Mark) error {
		if _, twice := counted[e.Participant]; twice {
			h.Errorf("%s is counted twice", e.Participant)
		}
		counted[e.Participant] = m
		sums[m.Choice.Indices()[0]]++
		return nil
	}))
	receipts := 0
	for i, f := range fates {
		m, ok := counted[participant(i)]
		for _, r := range f.receipts {
			receipts++
			if !ok || uint64(m.Seq) != r.Seq || m.Credited != r.Credited || m.Choice.Indices()[0] != r.Choice[0] {
				h.Errorf("%s has %+v, counted is %+v, %v", participant(i), r, m, ok)
			}
		}
		if len(f.receipts) == 0 && ok {
			h.Errorf("%s was told %s and is counted", participant(i), f.refused)
		}
		if f.refused == "no reply" || f.refused == "too many tries" {
			h.Errorf("%s: %s", participant(i), f.refused)
		}
	}
	if receipts < len(fates)/2 {
		h.Errorf("only %d receipts", receipts)
	}
	tally, err := h.leader.room.Tally(h.Context(), c.ID)
	if err != nil || !tally.Final || tally.Total != uint64(len(counted)) || tally.Counts[0] != sums[0] || tally.Counts[1] != sums[1] {
		h.Errorf("tally %+v, %v; counted are %v", tally, err, sums)
	}
	for _, n := range h.nodes {
		if got, err := n.Tally(h.Context(), c.ID); err != nil || !got.Final || got.Total != tally.Total {
			h.Errorf("%s says %+v, %v", n.name, got, err)
		}
		if s := n.Stats(); s.Waiting != 0 {
			h.Errorf("%s: %d answers wait", n.name, s.Waiting)
		}
	}
}
