package engine

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

const (
	// holdFor is how long a node's word that it has answers holds: a node that has
	// to share its processors may say nothing for seconds.
	holdFor = 6 * time.Second
	// holdMost is how long after C + GraceMax a count waits for answers that nodes
	// have: by then each was cast or refused.
	holdMost = castWait + deafWait + transport
	// maxHoldings words of nodes are kept.
	maxHoldings = 4096
	maxCueName  = 64 // bytes
)

// holdings is which nodes have said that answers to which cues wait there. It is
// safe for concurrent use.
type holdings struct {
	mu    sync.Mutex // protects heard
	heard map[holding]time.Time
}

type holding struct{ cue, node string }

// hear takes in a whisper of WhisperHolding.
func (h *holdings) hear(w interact.Whisper, now time.Time) error {
	var d holdingData
	if err := json.Unmarshal(w.Data, &d); err != nil {
		return fmt.Errorf("read holding: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.heard == nil {
		h.heard = make(map[holding]time.Time)
	}
	for id, n := range d.Cues {
		switch one := (holding{id, w.Node}); {
		case n <= 0:
			delete(h.heard, one)
		case len(id) <= maxCueName && h.roomLocked(now):
			h.heard[one] = now
		}
	}
	return nil
}

// roomLocked says whether one more fits, without what is too old.
func (h *holdings) roomLocked(now time.Time) bool {
	if len(h.heard) >= maxHoldings {
		for one, at := range h.heard {
			if now.Sub(at) >= holdFor {
				delete(h.heard, one)
			}
		}
	}
	return len(h.heard) < maxHoldings
}

// waits says whether a node has answers to a cue.
func (h *holdings) waits(id string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for one, at := range h.heard {
		if one.cue == id && now.Sub(at) < holdFor {
			return true
		}
	}
	return false
}

// held says that the count of a cue that is over waits for answers that a node has
// taken in.
func (r *Room) held(it *item, now clock.Instant) bool {
	if it.cue.State(now) != cue.Closed || now >= max(it.cue.Final(), it.polled.back).Add(holdMost) {
		return false
	}
	return r.holdings.waits(it.id, time.Now())
}
