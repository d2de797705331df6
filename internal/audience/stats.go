package audience

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// keptOpenings is how many of the latest openings the quantiles are of.
const keptOpenings = 4096

// Stats is what a crowd did so far.
type Stats struct {
	// Connected viewers have been welcomed and not lost since; Connects counts
	// all welcomes, so Connects − Connected came back or left.
	Connected, Connects int64
	// TurnedAway viewers will not come back.
	TurnedAway int64
	// Opened counts windows, Late those of viewers who joined inside.
	Opened, Late int64
	// OpenP50 and OpenP95 are of |opening − O| by the viewers' own clocks, over
	// the latest windows that were not late.
	OpenP50, OpenP95 time.Duration
	// Answers counts answers, Retries the times one was sent again.
	Answers, Retries int64
	// Receipts counts answers acknowledged.
	Receipts int64
	// Refused counts refusals by code.
	Refused map[interact.Code]int64
}

// counts gathers Stats from many viewers.
type counts struct {
	connected, connects, turnedAway atomic.Int64
	opened, late, answers, retries  atomic.Int64
	receipts                        atomic.Int64

	mu      sync.Mutex // protects what follows
	off     []time.Duration
	next    int
	refused map[interact.Code]int64
}

func (c *counts) hooks(onReceipt func(string, wire.Receipt)) Hooks {
	return Hooks{
		Connected: func(string) { c.connected.Add(1); c.connects.Add(1) },
		Gone:      func() { c.connected.Add(-1) },
		Opened:    c.open,
		Answered: func(_ wire.Answer, try int) {
			if try == 1 {
				c.answers.Add(1)
			} else {
				c.retries.Add(1)
			}
		},
		Receipt: func(participant string, r wire.Receipt) {
			c.receipts.Add(1)
			if onReceipt != nil {
				onReceipt(participant, r)
			}
		},
		Refused: func(_ string, r wire.Refused) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.refused == nil {
				c.refused = make(map[interact.Code]int64)
			}
			c.refused[interact.Code(r.Code)]++
		},
	}
}

func (c *counts) open(o wire.Opened, late time.Duration) {
	c.opened.Add(1)
	if o.Late {
		c.late.Add(1)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.off) < keptOpenings {
		c.off = append(c.off, late.Abs())
		return
	}
	c.off[c.next] = late.Abs()
	c.next = (c.next + 1) % keptOpenings
}

func (c *counts) stats() Stats {
	c.mu.Lock()
	off, refused := slices.Clone(c.off), maps.Clone(c.refused)
	c.mu.Unlock()
	slices.Sort(off)
	return Stats{
		Connected: c.connected.Load(), Connects: c.connects.Load(), TurnedAway: c.turnedAway.Load(),
		Opened: c.opened.Load(), Late: c.late.Load(), OpenP50: quantile(off, 50), OpenP95: quantile(off, 95),
		Answers: c.answers.Load(), Retries: c.retries.Load(), Receipts: c.receipts.Load(), Refused: refused,
	}
}

// quantile is the nearest rank of sorted, 0 if there is nothing.
func quantile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*percent+99)/100-1]
}
