package engine_test

import (
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

func TestReplica(t *testing.T) {
	nodesOf(t, "RE1 answers over all nodes are counted once", 3, func(h *house) {
		c := h.take(poll)
		h.until(c.Open.Add(time.Second))
		first := h.counted(h.nodes[0].send(c.ID, "ann", "a1", 0))
		again := h.counted(h.nodes[1].send(c.ID, "ann", "a2", 1))
		if again.Seq != first.Seq || again.Choice[0] != 0 || again.ID != "a2" || again.Credited != first.Credited {
			h.Errorf("%+v, then %+v", first, again)
		}
		h.counted(h.nodes[2].send(c.ID, "bob", "a1", 1))
		h.until(c.Close.Add(3 * time.Second))
		tally, err := h.leader.room.Tally(h.Context(), c.ID)
		if err != nil || !tally.Final || tally.Total != 2 {
			h.Errorf("%+v, %v", tally, err)
		}
		for _, n := range h.nodes {
			if got, err := n.Tally(h.Context(), c.ID); err != nil || !got.Final || got.Total != 2 {
				h.Errorf("%s: %+v, %v", n.name, got, err)
			}
			w := h.welcome(n, "ann", wire.RoleViewer)
			if len(w.Receipts) != 1 || w.Receipts[0].Seq != first.Seq || len(w.Cues) != 1 || w.Cues[0].State != wire.StateClosed {
				h.Errorf("%s: %+v", n.name, w)
			}
		}
		h.wantRefused("a new one after the end", h.nodes[0].send(c.ID, "eve", "a1", 0), interact.CodeClosed)
		h.counted(h.nodes[0].send(c.ID, "bob", "a1", 1))
	})
}
