package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// long is a poll whose window nothing in these tests reaches the end of.
func long() interact.Question {
	q := poll
	q.Window = 5 * time.Minute
	return q
}

// told counts the codes of verdicts and returns when the first and the last came.
func told(all []<-chan verdict) (got map[interact.Code]int, first, last time.Duration) {
	began, got := time.Now(), make(map[interact.Code]int)
	for i, v := range all {
		got[interact.CodeOf((<-v).err)]++
		if last = time.Since(began); i == 0 {
			first = last
		}
	}
	return got, first, last
}

func TestReplicaWaitsForBallots(t *testing.T) {
	nodesOf(t, "RE9 Ballots that take four seconds for each cast cost nobody a receipt", 1, func(h *house) {
		n := h.nodes[0]
		n.ballots.way = 4 * time.Second
		c := h.take(long())
		h.until(c.Open.Add(time.Second))
		got, _, last := told(n.crowdAnswers(c, 0, 80_000))
		if got[""] != 80_000 || last < 16*time.Second || last > 24*time.Second {
			h.Errorf("%v after %v", got, last)
		}
		if s := n.Stats(); s.Votes != 80_000 || s.Waiting != 0 {
			h.Errorf("%+v", s)
		}
	})
	nodesOf(t, "RE9 Ballots that say at once that they cannot are believed at once", 1, func(h *house) {
		n := h.nodes[0]
		n.ballots.way, n.ballots.dice, n.ballots.rate = 0, rand.New(rand.NewPCG(1, 1)), 1
		c := h.take(long())
		h.until(c.Open.Add(time.Second))
		got, _, last := told(n.crowdAnswers(c, 0, 50_000))
		if got[interact.CodeUnavailable] != 50_000 || last > 50*ms {
			h.Errorf("%v after %v", got, last)
		}
		if s := n.Stats(); s.Votes != 50_000 {
			h.Errorf("%d votes cast", s.Votes)
		}
		n.ballots.calm()
		if got := codes(n.crowdAnswers(c, 0, 1000)); got[""] != 1000 {
			h.Errorf("again: %v", got)
		}
	})
	nodesOf(t, "RE9 Ballots that never reply are known after ten seconds, and later answers wait for two", 1, func(h *house) {
		n := h.nodes[0]
		c := h.take(long())
		h.until(c.Open.Add(time.Second))
		n.ballots.freeze()
		if got, first, last := told(n.crowdAnswers(c, 0, 40_000)); got[interact.CodeUnavailable] != 40_000 || first != 10*time.Second || last != 10*time.Second {
			h.Errorf("%v after %v to %v", got, first, last)
		}
		var later []<-chan verdict
		for i := range 100 { // for a second
			later = append(later, n.crowdAnswers(c, 40_000+100*i, 100)...)
			time.Sleep(10 * ms)
		}
		if got, _, last := told(later); got[interact.CodeUnavailable] != 10_000 || last > 2*time.Second {
			h.Errorf("later: %v after %v", got, last)
		}
		n.ballots.melt()
		if got, _, last := told(n.crowdAnswers(c, 0, 50_000)); got[""] != 50_000 || last > time.Second {
			h.Errorf("again: %v after %v", got, last)
		}
		n.ballots.freeze() // they have replied: they have their ten seconds again
		v := n.send(c.ID, "ann", "a1", 0)
		time.Sleep(9 * time.Second)
		n.ballots.melt()
		h.counted(v)
	})
	nodesOf(t, "RE9 an answer is judged by when it came, not by when it could be cast", 1, func(h *house) {
		n := h.nodes[0]
		c := h.take(poll)
		h.until(c.Close.Add(-time.Second))
		h.leader.kill() // nobody ends the count
		n.ballots.way = 3 * time.Second
		if got, _, last := told(n.crowdAnswers(c, 0, 12*4096)); got[""] != 12*4096 || last < 9*time.Second {
			h.Errorf("%v after %v", got, last)
		}
	})
}

// shards are Ballots over several servers: one of them is frozen for a while. A cast
// waits for it for two seconds; from then on it is known not to answer.
type shards struct {
	interact.Ballots

	mu     sync.Mutex
	thaw   chan struct{} // nil: not frozen
	known  bool          // not to answer
	effect bool          // votes that were on their way are counted when it thaws
	votes  map[string]int
}

func frozen(v *interact.Vote) bool {
	return len(v.Participant) > 0 && v.Participant[len(v.Participant)-1]%2 == 0
}

func (s *shards) Cast(ctx context.Context, p interact.Poll, votes []interact.Vote, outcomes []interact.Outcome) error {
	s.mu.Lock()
	for i := range votes {
		s.votes[votes[i].Participant]++
	}
	thaw, known := s.thaw, s.known
	s.mu.Unlock()
	up := make([]interact.Vote, 0, len(votes))
	for i := range votes {
		if thaw == nil || !frozen(&votes[i]) {
			up = append(up, votes[i])
		}
	}
	got := make([]interact.Outcome, len(up))
	if err := s.Ballots.Cast(ctx, p, up, got); err != nil {
		return err
	}
	for i, j := 0, 0; i < len(votes); i++ {
		if outcomes[i] = (interact.Outcome{Code: interact.CodeUnavailable}); thaw == nil || !frozen(&votes[i]) {
			outcomes[i] = got[j]
			j++
		}
	}
	if len(up) < len(votes) && !known {
		s.await(ctx, p, votes, thaw)
	}
	return nil
}

// await waits for a server that does not answer.
func (s *shards) await(ctx context.Context, p interact.Poll, votes []interact.Vote, thaw chan struct{}) {
	if s.effect {
		sent := append([]interact.Vote(nil), votes...)
		go func() {
			<-thaw
			_ = s.Ballots.Cast(context.WithoutCancel(ctx), p, sent, make([]interact.Outcome, len(sent)))
		}()
	}
	time.Sleep(2 * time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = s.thaw != nil
}

func (s *shards) freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.thaw = make(chan struct{})
}

func (s *shards) melt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.thaw)
	s.thaw, s.known = nil, false
}

// shardsOf gives a node such Ballots.
func (h *house) shardsOf(n *node) *shards {
	s := &shards{Ballots: h.ballots, effect: true, votes: make(map[string]int)}
	n.ballots.Ballots, n.ballots.way = s, ms
	return s
}

func TestReplicaBehindAFrozenShard(t *testing.T) {
	nodesOf(t, "RE9 a shard that is frozen for five seconds refuses nobody, and delays others for two", 1, func(h *house) {
		n := h.nodes[0]
		s := h.shardsOf(n)
		c := h.take(long())
		h.until(c.Open.Add(time.Second))
		s.freeze()
		time.AfterFunc(5*time.Second, s.melt)
		all := n.crowdAnswers(c, 0, 1000)
		time.Sleep(3 * time.Second)
		all = append(all, n.crowdAnswers(c, 1000, 5000)...)
		time.Sleep(100 * ms)
		if s := n.Stats(); s.Counted < 3000 || s.Waiting > 3100 {
			h.Errorf("others wait for it: %+v", s)
		}
		if got, _, last := told(all); got[""] != 6000 || last > 2500*ms {
			h.Errorf("%v after %v", got, last)
		}
		if got, err := h.ballots.Tally(h.Context(), interact.Poll{Channel: "show", Cue: c.ID, Options: 2}); err != nil || got.Total != 6000 {
			h.Errorf("%+v, %v", got, err)
		}
	})
	nodesOf(t, "RE9 one that stays away is known after ten seconds, others go on", 1, func(h *house) {
		n := h.nodes[0]
		s := h.shardsOf(n)
		s.effect = false
		c := h.take(long())
		h.until(c.Open.Add(time.Second))
		s.freeze()
		began := time.Now()
		all := n.crowdAnswers(c, 0, 1000)
		got := make(map[interact.Code]int)
		for i, v := range all {
			code := interact.CodeOf((<-v).err)
			got[code]++
			if took := time.Since(began); code != "" && took != 10*time.Second && (took < 10*time.Second || took > 10200*ms) {
				h.Fatalf("%d: %s after %v", i, code, took)
			}
		}
		if got[""] != 500 || got[interact.CodeUnavailable] != 500 {
			h.Errorf("%v", got)
		}
		if got, _, last := told(n.crowdAnswers(c, 1000, 1000)); got[""] != 500 || last > 100*ms {
			h.Errorf("later: %v after %v", got, last)
		}
		s.melt()
		if got := codes(n.crowdAnswers(c, 0, 2000)); got[""] != 2000 {
			h.Errorf("again: %v", got)
		}
	})
	nodesOf(t, "RE9 where answers may be changed the last one counts, also of those that are cast again", 1, func(h *house) {
		n := h.nodes[0]
		s := h.shardsOf(n)
		s.effect = false
		q := long()
		q.Changes = true
		c := h.take(q)
		h.until(c.Open.Add(time.Second))
		s.freeze()
		time.AfterFunc(5*time.Second, s.melt)
		var all []<-chan verdict
		for i := range 30 {
			all = append(all, n.send(c.ID, "ann2", fmt.Sprint("a", i), i%2), n.send(c.ID, "bob1", fmt.Sprint("b", i), i%2))
			time.Sleep(200 * ms)
		}
		changes := map[string]int{"ann2": -1, "bob1": -1}
		for i, v := range all {
			got := h.counted(v)
			if got.Choice[0] != i/2%2 || got.Changes <= changes[got.Participant] {
				h.Errorf("%d: %+v", i, got)
			}
			changes[got.Participant] = got.Changes
		}
	})
	nodesOf(t, "RE10 a node that stops behind one tells all it took in", 1, func(h *house) {
		n := h.nodes[0]
		s := h.shardsOf(n)
		s.effect = false
		c := h.take(long())
		h.until(c.Open.Add(time.Second))
		s.freeze()
		all := n.crowdAnswers(c, 0, 2000)
		time.Sleep(3 * time.Second)
		began := time.Now()
		n.stop()
		if got := codes(all); got[""] != 1000 || got[interact.CodeUnavailable] != 1000 || time.Since(began) > time.Second {
			h.Errorf("%v, stopped after %v", got, time.Since(began))
		}
		s.melt()
	})
}

func TestReplicaJoinsRetries(t *testing.T) {
	nodesOf(t, "RE17 an answer that is sent again while it waits is cast once, and every sending is told", 1, func(h *house) {
		n := h.nodes[0]
		s := h.shardsOf(n)
		n.ballots.way = 4 * time.Second
		c := h.take(long())
		h.until(c.Open.Add(time.Second))
		var all []<-chan verdict
		for range 30 { // in casts under way, and in such as gather
			for i := range 600 {
				all = append(all, n.send(c.ID, participant(i), "a1", i%2))
			}
			time.Sleep(150 * ms)
		}
		seqs := make(map[string]uint64)
		for i, v := range all {
			got := h.counted(v)
			if was := seqs[got.Participant]; was != 0 && was != got.Seq || got.Choice[0] != i%600%2 {
				h.Fatalf("%+v, the first was %d", got, was)
			}
			seqs[got.Participant] = got.Seq
		}
		for who, times := range s.votes {
			if times != 1 {
				h.Errorf("%s was cast %d times", who, times)
			}
		}
		if st := n.Stats(); st.Counted != 600 || st.Counted+st.Retried != 18_000 || st.Joined == 0 || st.Waiting != 0 {
			h.Errorf("%+v", st)
		}
	})
	for _, sealed := range []bool{false, true} {
		nodesOf(t, fmt.Sprint("RE17 a later answer says nothing else, a late one gets the receipt if there is one; sealed: ", sealed), 1, func(h *house) {
			n := h.nodes[0]
			c := h.take(poll)
			n.ballots.way = 4 * time.Second
			h.until(c.Close.Add(-500 * ms))
			h.leader.kill()
			first, other := n.send(c.ID, "ann", "a1", 0), n.send(c.ID, "ann", "a2", 1)
			h.until(c.Close.Add(100 * ms))
			late, bob := n.send(c.ID, "ann", "a1", 0), n.send(c.ID, "bob", "b1", 0)
			want := [3]interact.Code{}
			if sealed {
				_, err := h.ballots.Seal(h.Context(), interact.Poll{Channel: "show", Cue: c.ID, Options: 2})
				h.must(err)
				want = [3]interact.Code{interact.CodeClosed, interact.CodeClosed, interact.CodeLate}
			}
			for i, v := range []<-chan verdict{first, other, late} {
				got := <-v
				if interact.CodeOf(got.err) != want[i] || !sealed && (got.receipt.ID != [3]string{"a1", "a2", "a1"}[i] || got.receipt.Choice[0] != 0) {
					h.Errorf("%d: %+v, want %q", i, got, want[i])
				}
			}
			if st := n.Stats(); st.Joined != 2 {
				h.Errorf("%+v", st)
			}
			h.wantRefused("who did not answer before", bob, interact.CodeLate)
		})
	}
	nodesOf(t, "RE17 who was refused may answer again while that waits", 1, func(h *house) {
		n := h.nodes[0]
		n.ballots.way = time.Second
		c := h.take(trivia)
		h.until(c.Open.Add(ms))
		now := n.clock.At(time.Now())
		out := make(chan verdict, 2)
		n.Answer(interact.Answer{ID: "a1", Cue: c.ID, Participant: "ann", Choice: []int{9}, Stamp: now, Received: now, Line: interact.Line{Dispersion: ms}},
			func(r interact.Receipt, err error) { out <- verdict{r, err} })
		h.until(c.Open.Add(500 * ms))
		again := n.send(c.ID, "ann", "a2", 1)
		if st := n.Stats(); st.Joined != 0 {
			h.Errorf("%+v", st)
		}
		h.wantRefused("no such option", out, interact.CodeUnknownOption)
		if got := h.counted(again); got.Choice[0] != 1 {
			h.Errorf("%+v", got)
		}
	})
	nodesOf(t, "RE17 where answers may be changed only the same attempt is told together", 1, func(h *house) {
		n := h.nodes[0]
		n.ballots.way = 2 * time.Second
		q := long()
		q.Changes = true
		c := h.take(q)
		h.until(c.Open.Add(time.Second))
		a1, a2 := n.send(c.ID, "ann", "a1", 0), n.send(c.ID, "ann", "a2", 1)
		b1, b2 := n.send(c.ID, "ann", "a1", 0), n.send(c.ID, "ann", "a2", 1)
		r1, r2, s1, s2 := h.counted(a1), h.counted(a2), h.counted(b1), h.counted(b2)
		if r1.Changes != 0 || s1.Changes != 0 || r2.Changes != 1 || s2.Changes != 1 || s1.Choice[0] != 0 || s2.Choice[0] != 1 {
			h.Errorf("%+v %+v %+v %+v", r1, r2, s1, s2)
		}
		if st := n.Stats(); st.Joined != 2 || st.Votes != 2 {
			h.Errorf("%+v", st)
		}
	})
}

func TestReplicaSaysWhatItHolds(t *testing.T) {
	nodesOf(t, "RE18 a node says whose answers wait there, and when none do any more", 1, func(h *house) {
		n := h.nodes[0]
		var said []string
		n.ears = append(n.ears, func(w interact.Whisper) {
			if w.Kind == "holding" {
				said = append(said, string(w.Data))
			}
		})
		c := h.take(long())
		h.until(c.Open.Add(time.Second))
		h.counted(n.send(c.ID, "ann", "a1", 0))
		time.Sleep(2 * time.Second)
		n.ballots.way = 3 * time.Second
		h.counted(n.send(c.ID, "bob", "a1", 0))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(said) < 5 || len(said) > 9 {
			h.Fatalf("%q", said)
		}
		for i, data := range said {
			if want := fmt.Sprintf(`{"v":1,"cues":{"%s":%d}}`, c.ID, map[bool]int{true: 1}[i < len(said)-1]); data != want {
				h.Errorf("%d: %s, want %s", i, data, want)
			}
		}
	})
}

// TestReplicaLosesNothingSlowly is RE1 with Ballots that are slow, silent for
// seconds, and count votes long after they left them without a reply.
func TestReplicaLosesNothingSlowly(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint("RE1 seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { loseNothingSlowly(houseOf(t, 3), seed) })
		})
	}
}

func loseNothingSlowly(h *house, seed uint64) {
	dice := func(i int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(i))) }
	all := make([]*shards, len(h.nodes))
	for i, n := range h.nodes {
		all[i] = h.shardsOf(n)
		n.ballots.way = time.Duration(dice(100+i).IntN(1500)) * ms
		n.ballots.shaky.dice, n.ballots.rate = dice(1000+i), 0.05
	}
	q := poll
	q.Window = 20 * time.Second
	c := h.take(q)
	h.until(c.Open)
	var wg sync.WaitGroup
	for i, s := range all {
		wg.Go(func() {
			d := dice(i)
			for range 3 {
				time.Sleep(time.Duration(d.IntN(3000)) * ms)
				s.freeze()
				time.Sleep(time.Duration(d.IntN(6000)) * ms)
				s.melt()
			}
		})
	}
	fates := make([]fate, 150)
	for i := range fates {
		wg.Go(func() {
			d := dice(10 + i)
			time.Sleep(time.Duration(d.IntN(14_000)) * ms)
			fates[i] = h.insist(d, participant(i), c)
		})
	}
	wg.Wait()
	for _, n := range h.nodes {
		n.ballots.calm()
	}
	h.until(max(h.now(), c.Close).Add(30 * time.Second))
	h.audit(c, fates)
}

// insist sends an answer again and again over one node, without waiting for what
// becomes of it, until it is told.
func (h *house) insist(dice *rand.Rand, who string, c wire.Cue) (f fate) {
	n := h.someNode(dice)
	out := make(chan verdict, 2000)
	sent, got, again := 0, 0, time.Now()
	for ends := time.Now().Add(5 * time.Minute); f.refused == "" && (len(f.receipts) == 0 || got < sent); {
		if time.Now().After(ends) {
			f.refused = "no reply"
			h.Errorf("%s: %d of %d told, waiting %+v", who, got, sent, n.Stats())
		}
		if len(f.receipts) == 0 && !time.Now().Before(again) {
			now := n.clock.At(time.Now())
			again = time.Now().Add(time.Duration(200+dice.IntN(1000)) * ms)
			sent++
			n.Answer(interact.Answer{ID: "a1", Cue: c.ID, Participant: who, Choice: []int{0}, Stamp: now, Received: now, Line: interact.Line{Dispersion: ms}},
				func(r interact.Receipt, err error) { out <- verdict{r, err} })
		}
		select {
		case v := <-out:
			got++
			switch code := interact.CodeOf(v.err); code {
			case "":
				f.receipts = append(f.receipts, v.receipt)
			case interact.CodeUnavailable, interact.CodeBusy, interact.CodeEarly, interact.CodeTooFast:
			default:
				f.refused = code
			}
		case <-time.After(max(time.Until(again), 10*ms)):
		}
	}
	return f
}
