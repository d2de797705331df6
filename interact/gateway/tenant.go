package gateway

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// TenantLimits bound what the viewers of one tenant's channels may take of this
// node, beside the limits of the node. Zero is no bound. Producers are not
// counted.
type TenantLimits struct {
	// Connections is how many sockets there may be.
	Connections int
	// Handshakes is how many may begin in a second on average; twice as many at
	// once.
	Handshakes int
	// Joins is how many sockets without Welcome are worked on at once. Of the
	// others as many as Limits.JoinLine wait.
	Joins int
	// Answers is how many are passed on in a second on average; as many at once.
	Answers int
}

// TenantStats are what one tenant's viewers have taken and were refused since
// the start, and the gauge Connections.
type TenantStats struct {
	Connections int
	Answers     uint64 // handed to a room
	// Refused are sockets: for TenantLimits.Connections, Handshakes and Joins.
	RefusedFull, RefusedRush, RefusedLine uint64
	// RefusedAnswers were above TenantLimits.Answers.
	RefusedAnswers uint64
}

// tenant is whose channels share a quota, and a turn in everything that is
// done for many: with each turn all tenants get as much (GW44).
type tenant struct {
	lim   TenantLimits
	lane  int // place among all
	door  *door
	shelf shelf

	connections                   atomic.Int64
	unsettled                     atomic.Int64 // answers that its rooms have
	answered                      atomic.Uint64
	full, rushed, refused, answer atomic.Uint64

	mu                  sync.Mutex // protects the buckets
	handshakes, answers bucket
}

// openTenants makes the tenants of the configuration, and the one that all
// other channels belong to.
func (g *Gateway) openTenants() {
	g.tenants = make(map[string]*tenant)
	add := func(name string, lim TenantLimits) *tenant {
		t := &tenant{lim: lim, lane: len(g.lanes)}
		if lim.Joins > 0 {
			t.door = &door{free: make(chan struct{}, lim.Joins), line: int64(g.lim.JoinLine)}
		}
		g.tenants[name] = t
		g.lanes = append(g.lanes, t)
		return t
	}
	g.common = add("", g.cfg.Tenants[""])
	for name, lim := range g.cfg.Tenants {
		if name != "" {
			add(name, lim)
		}
	}
}

// tenantOf returns whose a channel is.
func (g *Gateway) tenantOf(channel string) *tenant {
	if g.cfg.Tenant == nil || len(g.lanes) == 1 {
		return g.common
	}
	if t := g.tenants[g.cfg.Tenant(channel)]; t != nil {
		return t
	}
	return g.common
}

// namedBy returns the tenant of the channel that a handshake's address names,
// nil if it names none: then hello tells.
func (g *Gateway) namedBy(r *http.Request) *tenant {
	if len(g.lanes) == 1 || r.URL.RawQuery == "" {
		return nil
	}
	if channel := r.URL.Query().Get("channel"); channel != "" {
		return g.tenantOf(channel)
	}
	return nil
}

// take counts a socket of the tenant. It reports false if that has enough.
func (t *tenant) take(now moment) bool {
	if t.lim.Handshakes > 0 && !t.allow(&t.handshakes, now, t.lim.Handshakes, 2*t.lim.Handshakes) {
		t.rushed.Add(1)
		return false
	}
	if n := t.connections.Add(1); t.lim.Connections > 0 && n > int64(t.lim.Connections) {
		t.connections.Add(-1)
		t.full.Add(1)
		return false
	}
	return true
}

func (t *tenant) release() { t.connections.Add(-1) }

func (t *tenant) allow(b *bucket, now moment, rate, burst int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return b.take(now, rate, burst)
}

// TakeAnswer counts an answer that came by another way than a socket against the
// quota of the channel's tenant. Safe for concurrent use.
//
// Errors: *interact.Error with CodeBusy if it is too many.
func (g *Gateway) TakeAnswer(channel string) error {
	if err := g.tenantOf(channel).takeAnswer(g.moment(time.Now())); err != nil {
		return err
	}
	return nil
}

// takeAnswer returns why a tenant's answer is not passed on, or nil.
func (t *tenant) takeAnswer(now moment) *interact.Error {
	if t.lim.Answers > 0 && !t.allow(&t.answers, now, t.lim.Answers, t.lim.Answers) {
		t.answer.Add(1)
		return interact.Errorf(interact.CodeBusy, "Many answers are coming in at once, and yours did not get through. Please try again.")
	}
	t.answered.Add(1)
	return nil
}

// belong counts c as a viewer of its channel's tenant, unless the handshake
// has.
func (c *conn) belong(channel, role string, now time.Time) *ending {
	t := c.g.tenantOf(channel)
	if c.held && c.tenant != t {
		c.tenant.release()
		c.held = false
	}
	if c.tenant = t; c.held || role == wire.RoleProducer {
		return nil
	}
	if !t.take(c.g.moment(now)) {
		return &ending{code: wire.CloseBusy}
	}
	c.held = true
	return nil
}

// lane is whose turn c is written in.
func (c *conn) lane() int {
	if c.tenant == nil {
		return 0
	}
	return c.tenant.lane
}

// passDoors goes through the tenant's door and then the node's, so that a
// tenant's line is not one for others. Whoever has passed calls leave.
func (c *conn) passDoors(patience time.Duration, gone <-chan struct{}) (leave func(), ok bool) {
	own, all := c.tenant.door, &c.g.load.door
	if own == nil {
		return all.leave, all.enter(patience, gone)
	}
	until := time.Now().Add(patience)
	if !own.enter(patience, gone) {
		c.tenant.refused.Add(1)
		return nil, false
	}
	if !all.enter(time.Until(until), gone) {
		own.leave()
		return nil, false
	}
	return func() { all.leave(); own.leave() }, true
}

// tenantStats are nil without tenants.
func (g *Gateway) tenantStats() map[string]TenantStats {
	if len(g.lanes) == 1 {
		return nil
	}
	all := make(map[string]TenantStats, len(g.tenants))
	for name, t := range g.tenants {
		all[name] = TenantStats{
			Connections: int(t.connections.Load()), Answers: t.answered.Load(),
			RefusedFull: t.full.Load(), RefusedRush: t.rushed.Load(), RefusedLine: t.refused.Load(),
			RefusedAnswers: t.answer.Load(),
		}
	}
	return all
}
