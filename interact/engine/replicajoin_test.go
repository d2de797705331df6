package engine_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

func (b *shakyBallots) lookups() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

func TestReplicaJoins(t *testing.T) {
	nodesOf(t, "RE11 nothing is asked where nobody can have answered", 1, func(h *house) {
		n := h.nodes[0]
		h.welcome(n, "ann", wire.RoleViewer)
		c := h.take(poll)
		h.welcome(n, "ann", wire.RoleViewer)
		h.until(c.Open.Add(-100 * ms))
		h.welcome(n, "ann", wire.RoleViewer)
		if got := n.ballots.lookups(); got != 0 {
			h.Errorf("%d lookups", got)
		}
	})
	nodesOf(t, "RE11 an own receipt is known here, and from elsewhere it is asked for once", 2, func(h *house) {
		c := h.take(poll)
		h.until(c.Open.Add(time.Second))
		first := h.counted(h.nodes[0].send(c.ID, "ann", "a1", 0))
		for range 3 {
			for _, n := range h.nodes {
				if w := h.welcome(n, "ann", wire.RoleViewer); len(w.Receipts) != 1 || w.Receipts[0].Seq != first.Seq || w.Receipts[0].At != first.Credited || w.Receipts[0].Level != "memory" {
					h.Errorf("%s: %+v", n.name, w.Receipts)
				}
			}
		}
		if here, there := h.nodes[0].ballots.lookups(), h.nodes[1].ballots.lookups(); here != 0 || there != 1 {
			h.Errorf("%d and %d lookups", here, there)
		}
	})
	nodesOf(t, "RE11 the same question is asked once at a time, different ones 128 at a time", 1, func(h *house) {
		n := h.nodes[0]
		n.ballots.way = 100 * ms
		c := h.take(poll)
		h.until(c.Open.Add(time.Second))
		began := time.Now()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { h.welcome(n, "ann", wire.RoleViewer) })
		}
		all.Wait()
		if got := n.ballots.lookups(); got != 1 || time.Since(began) != 100*ms {
			h.Errorf("%d lookups in %v", got, time.Since(began))
		}
		began = time.Now()
		for i := range 256 {
			all.Go(func() { h.welcome(n, participant(i), wire.RoleViewer) })
		}
		all.Wait()
		if took := time.Since(began); took != 200*ms {
			h.Errorf("256 joins took %v", took)
		}
	})
	nodesOf(t, "RE11 without Ballots a viewer is told to come back, where a receipt may be missing", 1, func(h *house) {
		n := h.nodes[0]
		n.ballots.freeze()
		c := h.take(poll)
		h.welcome(n, "ann", wire.RoleViewer)
		h.until(c.Open.Add(time.Second))
		began := time.Now()
		_, err := n.Join(h.Context(), "ann", wire.RoleViewer)
		if interact.CodeOf(err) != interact.CodeUnavailable || time.Since(began) > 2*time.Second {
			h.Errorf("%v after %v", err, time.Since(began))
		}
		n.ballots.melt()
		h.welcome(n, "ann", wire.RoleViewer)
	})
	nodesOf(t, "RE11 producers see everything on every node", 3, func(h *house) {
		c := h.take(trivia)
		h.until(c.Open.Add(time.Second))
		h.counted(h.nodes[1].send(c.ID, "ann", "a1", 1))
		h.until(c.Close.Add(2 * time.Second))
		draft, err := h.leader.room.Prepare(h.Context(), poll)
		h.must(err)
		time.Sleep(50 * ms)
		for _, n := range h.nodes {
			w := h.welcome(n, "producer", wire.RoleProducer)
			if len(w.Cues) != 2 || w.Cues[0].Text.Title != trivia.Title || w.Cues[0].State != wire.StateClosed || w.Cues[1].ID != draft.ID {
				h.Errorf("%s: %+v", n.name, w.Cues)
			}
			if len(w.Tallies) != 1 || w.Tallies[0].Total != 1 || !w.Tallies[0].Final {
				h.Errorf("%s: %+v", n.name, w.Tallies)
			}
			cues, tallies, err := n.Cues(h.Context())
			if err != nil || len(cues) != 2 || len(tallies) != 1 {
				h.Errorf("%s: %v, %v, %v", n.name, cues, tallies, err)
			}
		}
		h.must(h.leader.room.Remove(h.Context(), draft.ID))
		time.Sleep(50 * ms)
		if w := h.welcome(h.nodes[0], "producer", wire.RoleProducer); len(w.Cues) != 1 {
			h.Errorf("removed: %+v", w.Cues)
		}
		if _, err := h.nodes[0].Tally(h.Context(), draft.ID); interact.CodeOf(err) != interact.CodeUnknownCue {
			h.Errorf("tally of a removed draft: %v", err)
		}
	})
	nodesOf(t, "RE13 a ban holds on every node, and what was answered before keeps its receipt", 2, func(h *house) {
		c := h.take(poll)
		h.until(c.Open.Add(time.Second))
		first := h.counted(h.nodes[0].send(c.ID, "eve", "a1", 0))
		h.must(h.leader.room.Ban(h.Context(), "eve", 0, "spam"))
		h.must(h.leader.room.Ban(h.Context(), "mal", 0, "spam"))
		time.Sleep(50 * ms)
		for _, n := range h.nodes {
			if _, err := n.Join(h.Context(), "eve", wire.RoleViewer); interact.CodeOf(err) != interact.CodeBanned {
				h.Errorf("%s: %v", n.name, err)
			}
			if got := h.counted(n.send(c.ID, "eve", "a1", 0)); got.Seq != first.Seq {
				h.Errorf("%s: %+v", n.name, got)
			}
			h.wantRefused(n.name, n.send(c.ID, "mal", "a1", 0), interact.CodeNotAdmitted)
			if bans, err := n.Bans(h.Context()); err != nil || len(bans) != 2 || bans[0].Reason != "spam" {
				h.Errorf("%s: %+v, %v", n.name, bans, err)
			}
		}
		h.must(h.leader.room.Unban(h.Context(), "mal"))
		time.Sleep(50 * ms)
		h.counted(h.nodes[1].send(c.ID, "mal", "a1", 0))
	})
}

func TestReplicaStarts(t *testing.T) {
	nodesOf(t, "RE2 a node that starts knows the show and fills its log", 1, func(h *house) {
		c := h.take(poll)
		h.must(h.leader.room.Ban(h.Context(), "eve", 0, ""))
		h.until(c.Open.Add(time.Second))
		h.counted(h.nodes[0].send(c.ID, "ann", "a1", 0))
		time.Sleep(time.Second)
		late := h.join(3 * ms)
		synctest.Wait()
		old, log := h.nodes[0].lounge.messages(), late.lounge.messages()
		if len(log) == 0 || len(log) != len(old) || log[0].epoch != old[0].epoch || log[len(log)-1].offset != old[len(old)-1].offset {
			h.Errorf("log of %d, want %d", len(log), len(old))
		}
		if at := h.nodes[0].lounge.stood; len(at) != 1 || at[0] != 0 {
			h.Errorf("the first node's log was said to stand at %v", at)
		}
		a, b := h.welcome(h.nodes[0], "ann", wire.RoleViewer), h.welcome(late, "ann", wire.RoleViewer)
		if len(b.Cues) != 1 || b.Cues[0].State != a.Cues[0].State || b.Cues[0].Key != a.Cues[0].Key || len(b.Receipts) != 1 || len(b.Tallies) != 1 {
			h.Errorf("welcomed with %+v, want %+v", b, a)
		}
		if _, err := late.Join(h.Context(), "eve", wire.RoleViewer); interact.CodeOf(err) != interact.CodeBanned {
			h.Errorf("%v", err)
		}
		h.counted(late.send(c.ID, "bob", "a1", 0))
	})
	nodesOf(t, "RE2 posts that are lost: all is learnt anew, viewers hear what has changed, in the log or beside it", 2, func(h *house) {
		n := h.nodes[0]
		c := h.take(poll)
		h.until(c.Open.Add(time.Second))
		first := h.counted(n.send(c.ID, "ann", "a1", 0))
		seated := h.enter(n, "bob")
		forget(h)
		_, err := h.leader.room.Extend(h.Context(), c.ID, 5*time.Second, "")
		h.must(err)
		time.Sleep(10 * time.Second)
		w := h.welcome(n, "ann", wire.RoleViewer)
		if w.Cues[0].Rev != 3 || len(w.Receipts) != 1 || w.Receipts[0].Seq != first.Seq {
			h.Errorf("welcomed with %+v", w)
		}
		got, _ := seated.leave()
		for _, m := range n.lounge.spoken() {
			got.hear(m)
		}
		if got.cues[c.ID].Rev != 3 || got.cues[c.ID].Close != w.Cues[0].Close {
			h.Errorf("who stayed knows %+v", got.cues)
		}
		if s := n.Stats(); s.Resyncs == 0 || s.Resyncs > 8 || !s.Synced {
			h.Errorf("%+v", s)
		}
		h.counted(n.send(c.ID, "eve", "a1", 0))
	})
	synctestOf(t, "RE2 joins wait for a node that starts, as long as they may", func(t *testing.T) {
		h := houseOf(t, 0)
		n := h.prepare(0)
		n.bus.hold = make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		h.start(n)
		if _, err := n.Join(ctx, "ann", wire.RoleViewer); interact.CodeOf(err) != interact.CodeUnavailable {
			t.Errorf("%v", err)
		}
		if _, _, err := n.Cues(ctx); interact.CodeOf(err) != interact.CodeUnavailable {
			t.Errorf("%v", err)
		}
		h.wantRefused("an answer", n.send("c1", "ann", "a1", 0), interact.CodeUnavailable)
		joined := make(chan error, 1)
		go func() { _, err := n.Join(t.Context(), "ann", wire.RoleViewer); joined <- err }()
		close(n.bus.hold)
		if err := <-joined; err != nil {
			t.Error(err)
		}
	})
}

// forget lets the bus lose all posts, as a server does that lost its memory.
func forget(h *house) {
	h.Helper()
	type expirer interface {
		Expire(ctx context.Context, channel string, after time.Duration) error
	}
	h.must(h.bus.(expirer).Expire(h.Context(), "show", 0))
}

func synctestOf(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func TestReplicaLearns(t *testing.T) {
	nodesOf(t, "RE11 a crowd that comes back after the end is not asked for one by one", 2, func(h *house) {
		a, b := h.nodes[0], h.nodes[1]
		c := h.take(poll)
		h.until(c.Open.Add(time.Second))
		if got := codes(a.crowdAnswers(c, 0, 500)); got[""] != 500 {
			h.Fatalf("%v", got)
		}
		h.until(c.Close.Add(5 * time.Second))
		for i := range 500 {
			w := h.welcome(b, participant(i), wire.RoleViewer)
			if len(w.Receipts) != 1 || w.Receipts[0].Choice[0] != i%2 || w.Receipts[0].Level != "memory" {
				h.Fatalf("%d: %+v", i, w.Receipts)
			}
			if want := h.welcome(a, participant(i), wire.RoleViewer).Receipts[0]; want.Seq != w.Receipts[0].Seq || want.At != w.Receipts[0].At {
				h.Fatalf("%d: %+v, want %+v", i, w.Receipts[0], want)
			}
		}
		if w := h.welcome(b, "nobody", wire.RoleViewer); len(w.Receipts) != 0 {
			h.Errorf("%+v", w.Receipts)
		}
		if got, s := b.ballots.lookups(), b.Stats(); got > 64 || s.Lessons != 1 || s.Receipts != 500 {
			h.Errorf("%d lookups, %+v", got, s)
		}
		if got := h.counted(b.send(c.ID, participant(7), "a1", 0)); got.Choice[0] != 1 {
			h.Errorf("a retry: %+v", got)
		}
		h.wantRefused("a new one", b.send(c.ID, "eve", "a1", 0), interact.CodeClosed)
	})
	nodesOf(t, "RE11 nothing is learnt while a cue is on air, nor what may change", 2, func(h *house) {
		a, b := h.nodes[0], h.nodes[1]
		q := poll
		q.Changes = true
		c := h.take(q)
		h.until(c.Open.Add(time.Second))
		codes(a.crowdAnswers(c, 0, 100))
		h.until(c.Close.Add(5 * time.Second))
		d := h.take(poll)
		h.until(d.Open.Add(time.Second))
		codes(a.crowdAnswers(d, 0, 100))
		for i := range 100 {
			if w := h.welcome(b, participant(i), wire.RoleViewer); len(w.Receipts) != 2 {
				h.Fatalf("%+v", w.Receipts)
			}
		}
		if s := b.Stats(); s.Lessons != 0 {
			h.Errorf("%+v", s)
		}
	})
}
