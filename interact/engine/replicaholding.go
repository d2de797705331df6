package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// WhisperHolding says of which cues a node has answers that wait for Ballots, for
// whoever leads the channel: the count waits for them.
const WhisperHolding = "holding"

const (
	// holdEvery is how often a node looks what it has, holdAgain how often it says
	// the same again while it is so.
	holdEvery = 100 * time.Millisecond
	holdAgain = 500 * time.Millisecond
	// heldLong is how long an answer has waited when it is spoken of: what does not
	// wait longer is cast before a count is ended.
	heldLong = 50 * time.Millisecond
)

// holdingData is the answers that a node has, by cue. A cue without any is said
// once.
type holdingData struct {
	Version int            `json:"v"`
	Cues    map[string]int `json:"cues"`
}

// declare says which cues' answers wait here, until ctx ends.
func (r *Replica) declare(ctx context.Context) {
	tick := time.NewTicker(holdEvery)
	defer tick.Stop()
	said, at := make(map[string]int), time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		if r.waiting.Load() == 0 && len(said) == 0 {
			continue
		}
		words := r.holding(now)
		for id := range said {
			words[id] += 0
		}
		if len(words) == 0 || len(words) == len(said) && now.Sub(at) < holdAgain && !slices.Contains(slices.Collect(maps.Values(words)), 0) {
			continue
		}
		if err := r.sayHeld(ctx, words); err == nil {
			maps.DeleteFunc(words, func(_ string, n int) bool { return n == 0 })
		}
		said, at = words, now // what could not be said is said the next time
	}
}

// holding is how many answers to which cues wait here.
func (r *Replica) holding(now time.Time) map[string]int {
	held := make(map[string]int)
	for id, k := range r.book.Load().known {
		if n := k.booth.held(now); n > 0 {
			held[id] = n
		}
	}
	return held
}

func (r *Replica) sayHeld(ctx context.Context, words map[string]int) error {
	data, err := json.Marshal(holdingData{postVersion, words})
	if err != nil {
		return fmt.Errorf("pack holding: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, postWait)
	defer cancel()
	return r.cfg.Bus.Whisper(ctx, r.cfg.Channel.Name, interact.Whisper{Kind: WhisperHolding, Node: r.cfg.Node, Data: data})
}

// held is how many answers wait here, zero if none has for long.
func (b *booth) held(now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, long := 0, false
	for _, c := range slices.Concat(b.flights, b.back, b.queue) {
		n += len(c.votes)
		long = long || len(c.votes) > 0 && now.Sub(c.first) >= heldLong
	}
	if !long {
		return 0
	}
	return n
}
