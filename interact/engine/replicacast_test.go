package engine_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// crowdAnswers lets n participants answer over a node at once, and returns what
// becomes of each.
func (n *node) crowdAnswers(c wire.Cue, from, count int) []<-chan verdict {
	out := make([]<-chan verdict, count)
	for i := range out {
		out[i] = n.send(c.ID, participant(from+i), "a1", i%2)
	}
	return out
}

// codes counts the codes of verdicts.
func codes(all []<-chan verdict) map[interact.Code]int {
	out := make(map[interact.Code]int)
	for _, v := range all {
		out[interact.CodeOf((<-v).err)]++
	}
	return out
}

func TestReplicaCasts(t *testing.T) {
	nodesOf(t, "RE6 a lone answer is cast at once, a crowd's together", 1, func(h *house) {
		n := h.nodes[0]
		n.ballots.way = 0
		c := h.take(poll)
		h.until(c.Open.Add(time.Second))
		began := time.Now()
		h.counted(n.send(c.ID, "ann", "a1", 0))
		if took := time.Since(began); took != 0 {
			h.Errorf("alone: %v", took)
		}
		n.ballots.way = 20 * ms
		if got := codes(n.crowdAnswers(c, 0, 10_000)); got[""] != 10_000 {
			h.Errorf("%v", got)
		}
		if got := n.Stats(); got.Casts > 6 || got.Counted != 10_001 {
			h.Errorf("%+v", got)
		}
	})
	nodesOf(t, "RE6 while casts are under way answers gather; four are at a time", 1, func(h *house) {
		n := h.nodes[0]
		n.ballots.way = 100 * ms
		c := h.take(poll)
		h.until(c.Open.Add(time.Second))
		var all []<-chan verdict
		for i := range 1000 { // one a millisecond
			all = append(all, n.send(c.ID, participant(i), "a1", 0))
			time.Sleep(ms)
		}
		if got := codes(all); got[""] != 1000 {
			h.Errorf("%v", got)
		}
		if n.ballots.most != 4 {
			h.Errorf("%d casts at a time", n.ballots.most)
		}
		for _, size := range n.ballots.sizes {
			if size > interact.MaxCast {
				h.Errorf("%d votes in a cast", size)
			}
		}
	})
	nodesOf(t, "RE6 where answers may be changed, one is at a time: the last one counts", 1, func(h *house) {
		n := h.nodes[0]
		n.ballots.way = 30 * ms
		q := poll
		q.Changes = true
		c := h.take(q)
		h.until(c.Open.Add(time.Second))
		var all []<-chan verdict
		for i := range 40 {
			all = append(all, n.send(c.ID, "ann", fmt.Sprint("a", i), i%2))
			time.Sleep(7 * ms)
		}
		changes := -1
		for i, v := range all {
			got := h.counted(v)
			if got.Choice[0] != i%2 || got.Changes <= changes {
				h.Errorf("%d: %+v", i, got)
			}
			changes = got.Changes
		}
		if n.ballots.most != 1 {
			h.Errorf("%d casts at a time", n.ballots.most)
		}
		if w := h.welcome(n, "ann", wire.RoleViewer); w.Receipts[0].Choice[0] != 1 || w.Receipts[0].Changes != 39 {
			h.Errorf("%+v", w.Receipts)
		}
	})
	nodesOf(t, "RE6 a retry on the same node is told without Ballots", 1, func(h *house) {
		n := h.nodes[0]
		c := h.take(poll)
		h.until(c.Open.Add(time.Second))
		first := h.counted(n.send(c.ID, "ann", "a1", 0))
		n.ballots.freeze()
		again := h.counted(n.send(c.ID, "ann", "a1", 1))
		if first.Seq != again.Seq || again.Choice[0] != 0 {
			h.Errorf("%+v, %+v", first, again)
		}
		n.ballots.melt()
	})
}

func TestReplicaWithoutBallots(t *testing.T) {
	nodesOf(t, "RE9 frozen: unavailable after ten seconds, busy beyond the queue, right afterwards", 1, func(h *house) {
		n := h.nodes[0]
		q := poll
		q.Window = time.Minute
		c := h.take(q)
		h.until(c.Open.Add(time.Second))
		n.ballots.freeze()
		began := time.Now()
		all := n.crowdAnswers(c, 0, 140_000)
		got := codes(all)
		if took := time.Since(began); got[interact.CodeUnavailable] != 131_072 || got[interact.CodeBusy] != 140_000-131_072 || took != 10*time.Second {
			h.Errorf("%v after %v", got, took)
		}
		n.ballots.melt()
		synctest.Wait()
		if s := n.Stats(); s.Waiting != 0 || s.Refused[interact.CodeUnavailable] != 131_072 {
			h.Errorf("%+v", s)
		}
		if got := codes(n.crowdAnswers(c, 0, 20_000)); got[""] != 20_000 {
			h.Errorf("again: %v", got)
		}
	})
	nodesOf(t, "IN3 a retry whose cast is lost gets the receipt that another cast brought meanwhile", 1, func(h *house) {
		n := h.nodes[0]
		n.ballots.way = 100 * ms
		q := poll
		q.Window = time.Minute
		c := h.take(q)
		h.until(c.Open.Add(time.Second))
		first := n.send(c.ID, "ann", "a1", 0)
		time.Sleep(50 * ms)
		again, bob := n.send(c.ID, "ann", "a1", 0), n.send(c.ID, "bob", "b1", 1)
		time.Sleep(70 * ms)
		n.ballots.freeze()
		got, retried := <-first, <-again
		if got.err != nil || retried.err != nil || got.receipt.Seq != retried.receipt.Seq || got.receipt.Credited != retried.receipt.Credited {
			h.Errorf("receipts %+v and %+v", got, retried)
		}
		h.wantRefused("of whom nobody knows", bob, interact.CodeUnavailable)
		n.ballots.melt()
	})
	nodesOf(t, "RE9 an answer of a cue that this node hears of late waits for it", 2, func(h *house) {
		slow, fast := h.nodes[0], h.nodes[1]
		slow.bus.lag = 60 * ms
		c := h.takeNow(poll)
		now := h.now()
		out := slow.send(c.ID, "ann", "a1", 0)
		h.wantRefused("early, not unknown", out, interact.CodeEarly)
		if took := h.now().Sub(now); took == 0 || took > 200*ms {
			h.Errorf("told after %v", took)
		}
		now = h.now()
		h.wantRefused("never heard of", fast.send("c-nothing", "ann", "a1", 0), interact.CodeUnknownCue)
		if took := h.now().Sub(now); took < 190*ms || took > 210*ms {
			h.Errorf("unknown after %v", took)
		}
		d, err := h.leader.room.Prepare(h.Context(), trivia)
		h.must(err)
		h.wantRefused("a draft", fast.send(d.ID, "ann", "a1", 0), interact.CodeUnknownCue)
	})
	nodesOf(t, "RE9 those who wait for unknown cues are few", 1, func(h *house) {
		got := codes(h.nodes[0].crowdAnswers(wire.Cue{ID: "c-nothing"}, 0, 10_000))
		if got[interact.CodeBusy] != 10_000-4096 || got[interact.CodeUnknownCue] != 4096 {
			h.Errorf("%v", got)
		}
	})
	nodesOf(t, "RE10 a node that stops tells all that it took in", 2, func(h *house) {
		n := h.nodes[0]
		n.ballots.way = 50 * ms
		c := h.take(poll)
		h.until(c.Open.Add(time.Second))
		all := n.crowdAnswers(c, 0, 30_000)
		stray := n.send("c-nothing", "ann", "a1", 0)
		n.stop()
		if got := codes(all); got[""] != 30_000 {
			h.Errorf("%v", got)
		}
		h.wantRefused("of no cue", stray, interact.CodeUnavailable)
		h.wantRefused("later", n.send(c.ID, "bob", "a1", 0), interact.CodeBusy)
		if _, err := n.Join(h.Context(), "ann", wire.RoleViewer); interact.CodeOf(err) != interact.CodeUnavailable {
			h.Errorf("joined: %v", err)
		}
	})
}

func TestReplicaRemembersSoMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := houseOf(t, 0)
		h.receipts = 1000
		n := h.join(0)
		var cues []wire.Cue
		for i := range 4 {
			q := poll
			q.Slot = fmt.Sprint("s", i)
			cues = append(cues, h.take(q))
		}
		h.until(cues[3].Open.Add(time.Second))
		for i, c := range cues {
			if got := codes(n.crowdAnswers(c, 0, 400)); got[""] != 400 {
				t.Errorf("cue %d: %v", i, got)
			}
		}
		synctest.Wait()
		if s := n.Stats(); s.Receipts > 1000 || s.Receipts == 0 {
			t.Errorf("RE12 %d receipts are held", s.Receipts)
		}
		if w := h.welcome(n, participant(7), wire.RoleViewer); len(w.Receipts) != 4 {
			t.Errorf("RE12 %d receipts of 4", len(w.Receipts))
		}
		codes(n.crowdAnswers(cues[0], 1000, 1500))
		synctest.Wait()
		if s := n.Stats(); s.Receipts > 1000 {
			t.Errorf("RE12 %d receipts of one cue are held", s.Receipts)
		}
	})
}

func TestReplicaBehindSlowBallots(t *testing.T) {
	nodesOf(t, "RE9 slow Ballots delay receipts, and cost none", 1, func(h *house) {
		n := h.nodes[0]
		n.ballots.way = 800 * ms
		q := poll
		q.Window = time.Minute
		c := h.take(q)
		h.until(c.Open.Add(time.Second))
		began := time.Now()
		if got := codes(n.crowdAnswers(c, 0, 100_000)); got[""] != 100_000 {
			h.Errorf("%v", got)
		}
		if took := time.Since(began); took < 5*time.Second {
			h.Errorf("it took %v: nothing had to wait for long", took)
		}
	})
}
