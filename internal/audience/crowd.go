package audience

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// Crowd is many viewers of one channel. Set the fields, then call Run once;
// Stats may be called from anywhere.
type Crowd struct {
	// URL is the server's socket: ws://HOST/ws/v1.
	URL     string
	Channel string
	// Size is how many viewers there are. Default 300.
	Size int
	// Ramp is how many come per second. Default 100.
	Ramp int
	// Seed makes the crowd repeatable; viewer i has the seed Seed + i.
	Seed uint64
	// Behaviour of every viewer. Default Human(DefaultMedian, DefaultTurnout).
	Behaviour Behaviour
	// OnReceipt is called for every viewer's first receipt of a cue, by many
	// goroutines at once. It must not block.
	OnReceipt func(participant string, r wire.Receipt)
	// BackoffMin and BackoffMax are those of Viewer.
	BackoffMin, BackoffMax time.Duration
	// Dial connects. Default net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Log gets one line for the first viewer turned away. Default: none.
	Log *slog.Logger

	counts counts
}

// Run lets the viewers come one after another and watch until ctx ends, then
// waits for all of them and returns nil.
//
// Errors: the last viewer's *TurnedAwayError once every one was turned away.
func (c *Crowd) Run(ctx context.Context) error {
	size, every := cmp.Or(max(c.Size, 0), 300), time.Second/time.Duration(cmp.Or(max(c.Ramp, 0), 100))
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	away := make(chan error, size)
	var wg sync.WaitGroup
	defer wg.Wait()
	door := time.NewTicker(every)
	defer door.Stop()
	for come, left := 0, 0; ; {
		entry := door.C
		if come == size {
			entry = nil
			door.Stop()
		}
		select {
		case <-entry:
			v := c.viewer(uint64(come))
			come++
			wg.Go(func() {
				if err := v.Run(ctx); err != nil {
					away <- err
				}
			})
		case err := <-away:
			c.counts.turnedAway.Add(1)
			if left++; left == 1 {
				log.Warn("viewer turned away", "channel", c.Channel, "err", err)
			}
			if left == size {
				return fmt.Errorf("all %d viewers are gone: %w", size, err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *Crowd) viewer(i uint64) *Viewer {
	return &Viewer{
		URL: c.URL, Channel: c.Channel, Seed: c.Seed + i, Behaviour: c.Behaviour, Dial: c.Dial,
		BackoffMin: c.BackoffMin, BackoffMax: c.BackoffMax, Hooks: c.counts.hooks(c.OnReceipt),
	}
}

// Stats returns what the crowd did so far.
func (c *Crowd) Stats() Stats { return c.counts.stats() }
