package gateway

import (
	"context"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// comeBack is how much later than usual the i-th of all viewers is told to come
// back at a stop, so that they come at Limits.ComeBack: 19,000 of them within 5 s,
// a few at once (GW35). Clients add full jitter of half a second to what they
// are told, so it need not be exact.
func (g *Gateway) comeBack(i int) time.Duration {
	return time.Duration(i) * time.Second / time.Duration(g.lim.ComeBack)
}

// Draining says that this node is about to stop: it is not ready for more. It
// is so for Limits.Notice before anybody is refused or told to leave. Safe for
// concurrent use.
func (g *Gateway) Draining() bool { return g.leaving.Load() }

// notice waits for ctx to end and then until whoever hands out connections has
// heard that this node is draining (GW41).
func (g *Gateway) notice(ctx context.Context) {
	<-ctx.Done()
	g.leaving.Store(true)
	if g.lim.Notice > 0 {
		time.Sleep(g.lim.Notice)
	}
}

// drain lets receipts under way out, then closes every socket. Answers that
// come meanwhile get no reply, so that viewers send them again after they have
// reconnected.
func (g *Gateway) drain() {
	g.mu.Lock()
	g.stopping = true
	g.mu.Unlock()
	g.draining.Store(true)
	if g.inflight.Load() > 0 {
		select {
		case <-g.settled:
		case <-time.After(drainWait):
		}
	}
	for i, c := range g.everyConn() {
		c.endWithin(g.elsewhere(ending{code: wire.CloseRestart}, c.channel()), g.comeBack(i))
	}
}

// channel is the one c has joined, "" before.
func (c *conn) channel() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.interrupt != nil || c.hall == nil {
		return ""
	}
	return c.hall.name
}

// endWithin is end with a longer wait before the client comes back.
func (c *conn) endWithin(why ending, wait time.Duration) {
	c.mu.Lock()
	c.comeBack = wait
	c.mu.Unlock()
	c.end(why)
}
