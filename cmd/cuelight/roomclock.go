package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/cuelight/cuelight/internal/lifecycle"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/follow"
	"github.com/cuelight/cuelight/sync/node"
	"github.com/cuelight/cuelight/sync/sntp"
)

// clockSettings are what the room clock is held against.
type clockSettings struct {
	NTP    []string `yaml:"ntp"`    // time servers, none or at least 3
	Check  span     `yaml:"check"`  // how often they are asked
	Leader string   `yaml:"leader"` // HOST:PORT of the server whose clock this one keeps
	Answer string   `yaml:"answer"` // UDP address where others may follow this one's
}

func (c *clockSettings) setDefaults() {
	if c.Check.Duration == 0 {
		c.Check.Duration = 10 * time.Minute
	}
	if c.Answer == "" {
		c.Answer = off
	}
}

func (s settings) validateClock() error {
	var errs []error
	c := s.Clock
	if len(c.NTP) > 0 {
		if err := (sntp.Config{Servers: c.NTP, Every: c.Check.Duration}).Validate(); err != nil {
			errs = append(errs, fmt.Errorf("clock.%w", err))
		}
	}
	if c.Leader != "" {
		if host, port, err := net.SplitHostPort(c.Leader); err != nil || host == "" || port == "" {
			errs = append(errs, fmt.Errorf("clock.leader: %q is not HOST:PORT", c.Leader))
		}
	}
	if c.Answer != off {
		if err := checkAddress(c.Answer); err != nil {
			errs = append(errs, fmt.Errorf("clock.answer: %w", err))
		}
	}
	return errors.Join(errs...)
}

// roomClock is R with all that it is held against.
type roomClock struct {
	kept   *node.Clock
	utc    *sntp.Checker    // nil without time servers
	lead   *follow.Follower // nil without a leader
	answer *follow.Responder
	// elected says that who leads changes: time servers are asked by whoever does.
	elected bool
}

// openClock continues R and prepares what watches over it.
func (srv *server) openClock() (_ *roomClock, err error) {
	s := srv.settings
	c := &roomClock{elected: s.clustered()}
	if c.kept, err = node.Open(node.Config{Dir: s.Data, Log: srv.log}); err != nil {
		return nil, err
	}
	room := c.kept.Room()
	if len(s.Clock.NTP) > 0 {
		cfg := sntp.Config{Servers: s.Clock.NTP, Every: s.Clock.Check.Duration, Room: room, Log: srv.log}
		switch {
		case c.elected:
			cfg.Idle = func() bool { return c.leads() && srv.cluster.unwatched() }
		case s.Clock.Leader == "": // a follower's R is its leader's
			cfg.Idle = srv.unwatched
		}
		if c.utc, err = sntp.New(cfg); err != nil {
			return nil, fmt.Errorf("clock: %w", err)
		}
	}
	if s.Clock.Leader != "" {
		cfg := follow.Config{Room: room, Leader: &follow.UDP{Address: s.Clock.Leader}, Idle: srv.unwatched, Log: srv.log}
		if c.lead, err = follow.New(cfg); err != nil {
			return nil, fmt.Errorf("clock: %w", err)
		}
	}
	if s.clustered() {
		cfg := follow.Config{Room: room, Whom: srv.leadsClock, Idle: srv.unwatched, Log: srv.log}
		if c.lead, err = follow.New(cfg); err != nil {
			return nil, fmt.Errorf("clock: %w", err)
		}
	}
	if srv.open.clock != nil {
		c.answer = follow.NewResponder(srv.open.clock, room)
		if lead := c.lead; s.clustered() {
			c.answer.MuteWhile(func() bool { return !lead.Candidate().Member })
		}
	}
	return c, nil
}

// leadsClock says whose R this node keeps.
func (srv *server) leadsClock() (address string, self bool) { return srv.cluster.whom() }

// add puts what watches over R into a group.
func (c *roomClock) add(group *lifecycle.Group) {
	group.Add("room clock", c.kept)
	switch {
	case c.utc == nil:
	case c.elected:
		group.Add("time servers", &whileLeading{leads: c.leads, run: c.watchUTC})
	default:
		group.Add("time servers", c.utc)
	}
	if c.lead != nil {
		group.Add("clock leader", c.lead)
	}
	if c.answer != nil {
		group.Add("clock answers", c.answer)
	}
}

// leads reports whether the other nodes keep this one's R.
func (c *roomClock) leads() bool { return c.elected && c.lead.Leads() }

// asks reports whether this node asks time servers. Of several nodes the one
// that leads does: what it finds out is true of all of them.
func (c *roomClock) asks() bool { return c.utc != nil && (!c.elected || c.leads()) }

// watchUTC asks time servers until ctx ends. It leaves R as it is then: a
// correction that went on would take it away from that of the next leader.
func (c *roomClock) watchUTC(ctx context.Context) error {
	err := c.utc.Run(ctx)
	now := time.Now()
	if _, left := c.kept.Room().Slew(now); left != 0 {
		c.kept.Room().Steer(now, 0, 0, 0)
	}
	return err
}

// unwatched reports whether nobody would notice if this server's R moved:
// nothing is on air here, and no viewer is there.
func (srv *server) unwatched() bool {
	for name, ch := range srv.channels {
		if _, _, live := ch.Edge(); live || srv.gateway.Viewers(name) > 0 {
			return false
		}
	}
	return true
}

// status is how R does.
func (c *roomClock) status(now time.Time) clock.Status {
	s := c.kept.Room().Status(now)
	if c.asks() {
		s.UTC = c.utc.Last()
	}
	if c.lead != nil {
		lead := c.lead.Lead()
		s.Lead = &lead
	}
	return s
}

var (
	descClockEpoch   = desc("clock_epoch", "Epoch of the room clock: another one makes every player measure anew.")
	descClockRate    = desc("clock_rate_ppm", "How much faster than the machine's clock the room clock is made to run.")
	descClockUTC     = desc("clock_utc_error_ms", "Room clock minus UTC, by the time servers that agree.")
	descClockBound   = desc("clock_utc_bound_ms", "How wrong the error can be.")
	descClockServers = desc("clock_servers", "Time servers, by what they did in the last check.", "state")
	descClockLead    = desc("clock_leader_error_ms", "Room clock minus the leader's.")
	descClockLeadMax = desc("clock_leader_dispersion_ms", "How wrong that error can be.")
)

func (c *roomClock) collect(gauge meter) {
	s := c.status(time.Now())
	gauge(descClockEpoch, float64(s.Epoch))
	gauge(descClockRate, s.Rate.PPM())
	if s.UTC.At != 0 {
		gauge(descClockServers, float64(s.UTC.Servers), "asked")
		gauge(descClockServers, float64(s.UTC.Answered), "answered")
		gauge(descClockServers, float64(s.UTC.Agree), "agree")
	}
	if s.UTC.Known() {
		gauge(descClockUTC, s.UTC.Error.Seconds()*1e3)
		gauge(descClockBound, s.UTC.Bound.Seconds()*1e3)
	}
	if s.Lead != nil && s.Lead.Followed {
		gauge(descClockLead, s.Lead.Error.Seconds()*1e3)
		gauge(descClockLeadMax, s.Lead.Dispersion.Seconds()*1e3)
	}
}
