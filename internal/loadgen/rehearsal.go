package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// What can be rehearsed.
const (
	Answers   = "answers"   // viewers answer polls
	Connect   = "connect"   // viewers come
	Broadcast = "broadcast" // a message goes to all
	Resume    = "resume"    // all connections are cut at once
)

// Config says what is rehearsed. URL, Channel, Viewers and Spawn are needed,
// and Token for all but Connect.
type Config struct {
	// URL is the server: http://HOST:PORT or https://HOST.
	URL string
	// Gateways are where viewers connect, where that is not URL: addresses like
	// it, each for as many viewers as any other.
	Gateways []string
	Channel  string
	Token    Token
	// Viewers are spread evenly over Processes. Default: as many as there must
	// be with half of MaxSockets each, two at least.
	Viewers   int
	Processes int
	// Codec is "json" (default) or "msgpack".
	Codec string
	// Timing and Share say when viewers answer, and which share of them does.
	// Defaults TimingHuman and 0.85.
	Timing Timing
	Share  float64
	// Cues is how many polls, or broadcasts, there are. Default 3.
	Cues int
	// Window is how long viewers may answer. Default 10 s, or what the timing
	// needs.
	Window time.Duration
	// Ramp is how many viewers come per second. Default: as fast as they can.
	Ramp float64
	// ServerPID is the server's process on this machine, Admin the address of
	// its metrics; with neither, what it uses is not known.
	ServerPID int
	Admin     string
	// Settle is how long the server is left alone before its memory is read.
	// Default 2 s.
	Settle time.Duration
	// Seed makes the viewers' choices repeatable.
	Seed uint64
	// Spawn starts workers.
	Spawn Spawn
	// Progress is told, in words, what goes on. Default: nothing.
	Progress func(string)
}

// maxViewers keeps a rehearsal to what one machine can hold.
const maxViewers = 500_000

// Validate reports everything that is wrong with c for a scenario.
func (c Config) Validate(scenario string) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch scenario {
	case Connect:
	case Answers, Broadcast, Resume:
		if c.Token == "" {
			bad("token: a producer's token is needed: put it into CUELIGHT_TOKEN, or name its file with --token-file")
		}
	default:
		bad("scenario: %q is none of answers, connect, broadcast, resume", scenario)
	}
	if !isServer(c.URL) {
		bad("url: %q is not like http://localhost:8080", c.URL)
	}
	for _, g := range c.Gateways {
		if !isServer(g) {
			bad("gateway: %q is not like http://localhost:8080", g)
		}
	}
	if n := len(c.Gateways); n > 1 && (c.Viewers < n || c.Processes > 0 && c.Processes%n != 0) {
		bad("processes: %d for %d viewers cannot be spread evenly over %d gateways", c.Processes, c.Viewers, n)
	}
	if c.Channel == "" {
		bad("channel: name one")
	}
	if c.Viewers < 1 || c.Viewers > maxViewers {
		bad("viewers: %d is not between 1 and %d", c.Viewers, maxViewers)
	}
	if n := c.Processes; n < 0 || n > c.Viewers || n > 0 && (c.Viewers+n-1)/n > MaxSockets {
		bad("processes: %d viewers do not fit into %d processes, which hold 1 to %d each", c.Viewers, n, MaxSockets)
	}
	if c.codec() == "" {
		bad("codec: %q is neither json nor msgpack", c.Codec)
	}
	if c.Share < 0 || c.Share > 1 {
		bad("share: %v is not between 0 and 1", c.Share)
	}
	if c.Cues < 0 || c.Cues > 100 {
		bad("cues: %d is not between 1 and 100", c.Cues)
	}
	if c.Window != 0 && (c.Window < 3*time.Second || c.Window > 10*time.Minute) {
		bad("window: %v is not between 3s and 10m", c.Window)
	}
	if c.Ramp < 0 {
		bad("ramp: %v is less than nothing", c.Ramp)
	}
	return errors.Join(errs...)
}

func isServer(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// codec is the subprotocol, empty if there is none.
func (c Config) codec() string {
	switch c.Codec {
	case "", "json":
		return wire.Subprotocol
	case "msgpack":
		return wire.SubprotocolMsgpack
	default:
		return ""
	}
}

func (c Config) withDefaults() Config {
	if len(c.Gateways) == 0 {
		c.Gateways = []string{c.URL}
	}
	c.Processes = cmp.Or(c.Processes, c.processes())
	c.Timing.Kind = cmp.Or(c.Timing.Kind, TimingHuman)
	c.Share = cmp.Or(c.Share, 0.85)
	c.Cues = cmp.Or(c.Cues, 3)
	c.Window = cmp.Or(c.Window, max(10*time.Second, c.Timing.last()+5*time.Second))
	c.Settle = cmp.Or(c.Settle, 2*time.Second)
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	return c
}

// processes is how many there are by default: the same number for each gateway.
func (c Config) processes() int {
	n := min(max(2, 2*c.Viewers/MaxSockets), c.Viewers)
	each := (n + len(c.Gateways) - 1) / len(c.Gateways)
	return each * len(c.Gateways)
}

// rehearsal is one that runs.
type rehearsal struct {
	Config
	producer producer
	meter    meter
	fleet    *fleet
	report   *Report
	ahead    time.Duration // of R, before this machine's wall clock
}

// Run rehearses a scenario and reports what was found. It returns when all
// workers are over.
//
// Errors: those of Validate; a server that cannot be reached or does not let
// the viewers in; a command that it refuses; a worker that is gone; the reason
// why ctx ended. What differs from what should be is no error: the report says
// it.
func Run(ctx context.Context, scenario string, cfg Config) (_ *Report, err error) {
	if err := cfg.Validate(scenario); err != nil {
		return nil, err
	}
	r := &rehearsal{Config: cfg.withDefaults(), meter: meter{cfg.ServerPID, metricsAddress(cfg.Admin)}}
	base := strings.TrimRight(r.URL, "/")
	r.producer = producer{base + "/api/v1/channels/" + url.PathEscape(r.Channel), r.Token}
	r.report = &Report{
		Scenario: scenario, URL: base, Gateways: len(r.Gateways), Channel: r.Channel, Codec: r.codec(), Viewers: r.Viewers, Processes: r.Processes,
	}
	if r.fleet, err = launch(ctx, r.Spawn, r.Processes); err != nil {
		return nil, err
	}
	defer func() {
		if ended := r.fleet.close(); err == nil && ctx.Err() == nil {
			err = ended
		}
	}()
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	switch scenario {
	case Answers:
		err = r.answers(ctx)
	case Broadcast:
		err = r.broadcasts(ctx)
	case Resume:
		err = r.resume(ctx)
	}
	if err != nil {
		return nil, err
	}
	r.report.Differences = append(r.report.Differences, r.fleet.differences...)
	r.report.Differing += r.fleet.differing
	return r.report, nil
}

// metricsAddress completes HOST:PORT.
func metricsAddress(admin string) string {
	switch {
	case admin == "":
		return ""
	case !strings.Contains(admin, "://"):
		admin = "http://" + admin
	}
	if u, err := url.Parse(admin); err == nil && strings.Trim(u.Path, "/") == "" {
		return strings.TrimRight(admin, "/") + "/metrics"
	}
	return admin
}

// assignment is what worker i is to be. A machine has about 28,000 ports for
// connections from one address to another; on the loopback there are more
// addresses.
func (r *rehearsal) assignment(i int) *Assignment {
	first, next := r.Viewers*i/r.Processes, r.Viewers*(i+1)/r.Processes
	gateway := strings.TrimRight(r.Gateways[i%len(r.Gateways)], "/")
	a := &Assignment{
		URL: "ws" + strings.TrimPrefix(gateway, "http") + "/ws/v1", Channel: r.Channel, Codec: r.codec(),
		First: first, Viewers: next - first, Ramp: r.Ramp / float64(r.Processes), Seed: r.Seed + uint64(i),
	}
	if u, err := url.Parse(gateway); err == nil && r.Viewers > 20_000 {
		if ip := net.ParseIP(u.Hostname()); ip != nil && ip.To4() != nil && ip.IsLoopback() {
			a.Source = net.IPv4(127, 0, 0, byte(2+i%250)).String()
		}
	}
	return a
}

// connect lets the viewers in.
func (r *rehearsal) connect(ctx context.Context) error {
	before, err := r.meter.read(ctx)
	if err != nil {
		return err
	}
	r.Progress(fmt.Sprintf("connecting %d viewers from %d processes", r.Viewers, r.Processes))
	found, err := r.fleet.each(ctx, func(i int) order { return order{Do: doConnect, Assignment: r.assignment(i)} })
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	r.report.Connect = connectReport(found, r.Viewers)
	r.ahead = time.Duration(found[0].Connected.Ahead) * time.Microsecond
	if !r.meter.knows() {
		return nil
	}
	after, err := r.meter.read(ctx)
	if err != nil {
		return err
	}
	r.report.Connect.ServerCPU = per(after.cpu-before.cpu, r.Viewers)
	if !pause(ctx, r.Settle) {
		return context.Cause(ctx)
	}
	if after, err = r.meter.read(ctx); err != nil {
		return err
	}
	r.report.Connect.Memory = (after.memory - before.memory) / int64(r.Viewers)
	return nil
}

// until is how long it takes until R shows i.
func (r *rehearsal) until(i int64) time.Duration {
	return time.Until(time.UnixMicro(i).Add(-r.ahead))
}

// per is a share of CPU time. Units: µs.
func per(d time.Duration, n int) float64 {
	if n == 0 {
		return 0
	}
	return float64(d.Nanoseconds()/int64(n)) / 1000
}
