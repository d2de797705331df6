package gateway

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// rosterEvery is how often producers are sent a roster.
const rosterEvery = 5 * time.Second

// seen is one viewer of a sample, as the hall knows it.
type seen struct {
	c     *conn
	shown shown
}

// Roster returns a random sample of a channel's viewers on this node: of n, at
// most wire.MaxRoster. Total counts those of all nodes. It costs as much as the
// sample is large, however many watch. Safe for concurrent use.
func (g *Gateway) Roster(channel string, n int) *wire.Roster {
	others := 0
	if g.cfg.Elsewhere != nil {
		others = g.cfg.Elsewhere(channel).Viewers
	}
	h := g.hallOf(channel)
	if h == nil {
		return &wire.Roster{Total: others, Viewers: []wire.RosterViewer{}}
	}
	sample, total := h.sample(min(n, wire.MaxRoster))
	r := &wire.Roster{Total: total + others, Viewers: make([]wire.RosterViewer, 0, len(sample))}
	for _, s := range sample {
		r.Viewers = append(r.Viewers, s.c.introduce(s.shown))
	}
	return r
}

// sample returns up to n viewers, each as likely as any other, and how many
// there are.
func (h *hall) sample(n int) (all []seen, total int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	total = len(h.viewers)
	for _, i := range pick(n, total) {
		all = append(all, seen{h.viewers[i], h.viewers[i].shown})
	}
	return all, total
}

// pick returns min(n, total) different numbers below total: a shuffle that
// stops after n steps and remembers only what it has moved.
func pick(n, total int) []int {
	n = max(min(n, total), 0)
	picked := make([]int, 0, n)
	moved := make(map[int]int, 2*n)
	at := func(i int) int {
		if j, ok := moved[i]; ok {
			return j
		}
		return i
	}
	for i := range n {
		j := i + rand.IntN(total-i)
		picked = append(picked, at(j))
		moved[j] = at(i)
	}
	return picked
}

// introduce says of a viewer what producers may know.
func (c *conn) introduce(s shown) wire.RosterViewer {
	c.mu.Lock()
	rtt := c.lineLocked().rttMin
	c.mu.Unlock()
	return wire.RosterViewer{
		Participant: c.participant, Grade: c.grade, Class: class(s.class), Synced: s.synced,
		Since: c.g.cfg.Clock.At(c.since), RTT: rtt.Microseconds(), Strikes: c.struck(time.Now()),
	}
}

// tellRosters sends producers a sample of the viewers from time to time, beside
// what must not wait for other nodes.
func (g *Gateway) tellRosters(ctx context.Context) {
	look := time.NewTicker(presenceEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-look.C:
			for _, h := range g.everyHall() {
				if h.rosterDue(now) {
					g.Broadcast(h.name, wire.Producers, g.wholeRoster(ctx, h.name))
				}
			}
		}
	}
}

func (g *Gateway) wholeRoster(ctx context.Context, channel string) *wire.Roster {
	if g.cfg.WholeRoster != nil {
		return g.cfg.WholeRoster(ctx, channel, wire.MaxRoster)
	}
	return g.Roster(channel, wire.MaxRoster)
}

// rosterDue says that producers are to be sent a roster at now.
func (h *hall) rosterDue(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.producers) == 0 || now.Sub(h.sampled) < rosterEvery {
		return false
	}
	h.sampled = now
	return true
}
