package engine_test

import (
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// keysHeard returns the keys of a cue in a node's log.
func (n *node) keysHeard(id string) (keys []*wire.Key) {
	for _, r := range n.lounge.messages() {
		if k, ok := r.m.(*wire.Key); ok && k.Cue == id {
			keys = append(keys, k)
		}
	}
	return keys
}

func TestReplicaKeys(t *testing.T) {
	nodesOf(t, "RE8 the key is told once although the leader is gone at its instant", 3, func(h *house) {
		c := h.take(trivia)
		h.until(c.Open.Add(-time.Second))
		h.leader.kill()
		h.until(c.Open.Add(-405 * ms))
		kid := h.sealOf(c).KeyID
		for _, n := range h.nodes {
			if keys := n.keysHeard(c.ID); len(keys) != 0 {
				h.Errorf("%s: %d keys too early", n.name, len(keys))
			}
		}
		h.until(c.Open.Add(-290 * ms))
		posted := uint64(0)
		for _, n := range h.nodes {
			keys := n.keysHeard(c.ID)
			if len(keys) != 1 || keys[0].KeyID != kid {
				h.Errorf("%s: keys %+v", n.name, keys)
			}
			if key, err := n.Key(kid); err != nil || key.Open != c.Open || key.Key != keys[0].Key {
				h.Errorf("%s: %+v, %v", n.name, key, err)
			}
			posted += n.Stats().KeysPosted
		}
		if posted == 0 {
			h.Error("no node says that it posted the key")
		}
		h.until(c.Open.Add(time.Second))
		h.counted(h.nodes[1].send(c.ID, "ann", "a1", 1))
	})
	nodesOf(t, "RE8 nobody helps a leader that tells the key itself", 3, func(h *house) {
		c := h.take(trivia)
		h.until(c.Close.Add(time.Second))
		for _, n := range h.nodes {
			if got := n.Stats().KeysPosted; got != 0 || len(n.keysHeard(c.ID)) != 1 {
				h.Errorf("%s posted %d keys, heard %d", n.name, got, len(n.keysHeard(c.ID)))
			}
		}
	})
	nodesOf(t, "RE8 the key of a cue that is moved, edited or withdrawn is not told by the old one", 2, func(h *house) {
		c := h.take(trivia)
		kid := h.sealOf(c).KeyID
		_, err := h.leader.room.Cancel(h.Context(), c.ID, "")
		h.must(err)
		h.until(c.Open.Add(time.Second))
		for _, n := range h.nodes {
			if len(n.keysHeard(c.ID)) != 0 {
				h.Errorf("%s told the key of a withdrawn cue", n.name)
			}
			if _, err := n.Key(kid); interact.CodeOf(err) != interact.CodeUnknown {
				h.Errorf("%s: %v", n.name, err)
			}
		}
	})
	nodesOf(t, "RE8 a bus that fails is asked again", 2, func(h *house) {
		c := h.take(trivia)
		h.until(c.Open.Add(-time.Second))
		h.leader.kill()
		for _, n := range h.nodes {
			n.bus.freeze()
		}
		h.until(c.Open.Add(2 * time.Second))
		for _, n := range h.nodes {
			n.bus.melt()
		}
		h.until(c.Open.Add(4 * time.Second))
		for _, n := range h.nodes {
			if len(n.keysHeard(c.ID)) != 1 {
				h.Errorf("%s heard %d keys", n.name, len(n.keysHeard(c.ID)))
			}
		}
	})
	nodesOf(t, "RE7 a key is not to be had before its instant, by each node's clock", 3, func(h *house) {
		c := h.take(trivia)
		kid := h.sealOf(c).KeyID
		h.until(c.Open.Add(-410 * ms))
		for _, n := range h.nodes {
			if _, err := n.Key(kid); interact.CodeOf(err) != interact.CodeNotYet {
				h.Errorf("%s: %v", n.name, err)
			}
		}
		h.until(c.Open.Add(-395 * ms))
		for _, n := range h.nodes {
			if _, err := n.Key(kid); err != nil {
				h.Errorf("%s: %v", n.name, err)
			}
		}
	})
}

// sealOf returns the seal of a cue as viewers were told it.
func (h *house) sealOf(c wire.Cue) *wire.Seal {
	h.Helper()
	for _, cue := range h.welcome(h.nodes[0], "somebody", wire.RoleViewer).Cues {
		if cue.ID == c.ID && cue.Seal != nil {
			return cue.Seal
		}
	}
	h.Fatalf("nobody was told of cue %s", c.ID)
	return nil
}
