package engine_test

import (
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/cue"
)

// hears lets the leader hear what the first node hears of the bus.
func (h *house) hears() {
	h.nodes[0].ears = append(h.nodes[0].ears, func(w interact.Whisper) { h.leader.room.Hear(w) })
}

// finalAt waits until the count of a cue is final, and returns when, after C + GraceMax.
func (h *house) finalAt(c wire.Cue) (t wire.Tally, after time.Duration) {
	h.Helper()
	for range 4000 {
		var err error
		if t, err = h.leader.room.Tally(h.Context(), c.ID); err == nil && t.Final {
			return t, h.now().Sub(c.Close.Add(cue.GraceMax))
		}
		time.Sleep(10 * ms)
	}
	h.Fatal("not final")
	return t, 0
}

func TestCountWaitsForGateways(t *testing.T) {
	nodesOf(t, "EN32 what gateways have in hand when a window ends is in its final count", 3, func(h *house) {
		h.hears()
		c := h.take(poll)
		h.until(c.Close.Add(-200 * ms))
		var all []<-chan verdict
		for i, n := range h.nodes {
			n.ballots.way = time.Duration(i+2) * time.Second
			all = append(all, n.crowdAnswers(c, i*20_000, 20_000)...)
		}
		tally, after := h.finalAt(c)
		if got := codes(all); got[""] != 60_000 {
			h.Errorf("%v", got)
		}
		if tally.Total != 60_000 || after < 7*time.Second || after > 9*time.Second {
			h.Errorf("%d counted, final %v after C + GraceMax", tally.Total, after)
		}
	})
	nodesOf(t, "EN32 a gateway that dies with answers in hand delays a count by seconds", 2, func(h *house) {
		h.hears()
		c := h.take(poll)
		h.until(c.Close)
		h.must(h.bus.Whisper(h.Context(), "show", interact.Whisper{Kind: engine.WhisperHolding, Node: "gone", Data: []byte(`{"v":1,"cues":{"` + c.ID + `":7}}`)}))
		if tally, after := h.finalAt(c); tally.Total != 0 || after < 4*time.Second || after > 7*time.Second {
			h.Errorf("%d counted, final %v after C + GraceMax", tally.Total, after)
		}
	})
	nodesOf(t, "EN32 one that never lets go of them does not keep it open", 2, func(h *house) {
		h.hears()
		c := h.take(poll)
		h.until(c.Close.Add(-200 * ms))
		n := h.nodes[1]
		n.ballots.freeze()
		v := n.send(c.ID, "ann", "a1", 0)
		stop := make(chan struct{})
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Second):
					_ = h.bus.Whisper(h.Context(), "show", interact.Whisper{Kind: engine.WhisperHolding, Node: "stuck", Data: []byte(`{"v":1,"cues":{"` + c.ID + `":7}}`)})
				}
			}
		}()
		_, after := h.finalAt(c)
		close(stop)
		if after < 12*time.Second || after > 14*time.Second {
			h.Errorf("final %v after C + GraceMax", after)
		}
		h.wantRefused("nobody knows", v, interact.CodeUnavailable)
		n.ballots.melt()
	})
	nodesOf(t, "EN32 what is not understood is no answer", 1, func(h *house) {
		h.hears()
		c := h.take(poll)
		h.until(c.Close)
		for _, data := range []string{"{", "[]", `{"v":9,"cues":{"other":1}}`, `{"cues":{"` + c.ID + `":-1}}`} {
			if !h.leader.room.Hear(interact.Whisper{Kind: engine.WhisperHolding, Node: "x", Data: []byte(data)}) {
				h.Error("not for the leader")
			}
		}
		if _, after := h.finalAt(c); after > time.Second {
			h.Errorf("final %v after C + GraceMax", after)
		}
	})
}
