package cluster_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/audience"
)

// soonest is after how long the first viewers tap, burst over how long all do.
const (
	soonest = 300 * time.Millisecond
	burst   = 1500 * time.Millisecond
)

// crowd is viewers on both gateways, and what they were told.
type crowd struct {
	*audience.Crowd

	mu       sync.Mutex                // protects what follows
	receipts map[string]map[string]int // option by participant, by cue
	wrong    []string
}

// gather lets n viewers come, and waits until all are there. Each answers every
// cue, with an option of its own taste.
func (s *stand) gather(t *testing.T, n int) *crowd {
	t.Helper()
	c := &crowd{receipts: make(map[string]map[string]int)}
	c.Crowd = &audience.Crowd{
		URL: "ws://gateways.invalid/ws/v1?channel=" + channel, Channel: channel, Size: n, Ramp: 500, Seed: 7, Dial: s.anyGateway,
		BackoffMin: 100 * time.Millisecond, BackoffMax: time.Second,
		Behaviour: func(r *rand.Rand, _ wire.Cue) (audience.Reaction, bool) {
			return audience.Reaction{After: soonest + time.Duration(r.Int64N(int64(burst))), Choice: []int{r.IntN(3)}}, true
		},
		OnReceipt: c.told,
	}
	s.crowd = c
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	s.until("all viewers are there", func() bool { return c.Stats().Connected == int64(n) })
	return c
}

func (c *crowd) told(participant string, r wire.Receipt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.receipts[r.Cue] == nil {
		c.receipts[r.Cue] = make(map[string]int)
	}
	if was, ok := c.receipts[r.Cue][participant]; ok && was != r.Choice[0] {
		c.wrong = append(c.wrong, participant)
	}
	c.receipts[r.Cue][participant] = r.Choice[0]
}

// acknowledged is how many were told that their answer to a cue counts.
func (c *crowd) acknowledged(cue string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.receipts[cue])
}

// agrees holds a final count against what viewers were told.
func (c *crowd) agrees(t *testing.T, tally wire.Tally) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := make([]uint64, 3)
	for _, choice := range c.receipts[tally.Cue] {
		counts[choice]++
	}
	if !slices.Equal(counts, tally.Counts) || tally.Total != uint64(len(c.receipts[tally.Cue])) {
		t.Errorf("IN1 counted %v (%d), acknowledged %v (%d)", tally.Counts, tally.Total, counts, len(c.receipts[tally.Cue]))
	}
	if len(c.wrong) > 0 {
		t.Errorf("IN3 another receipt for the same answer: %v", c.wrong)
	}
}
