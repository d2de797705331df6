package main

import (
	"context"
	"strings"
	"time"

	"github.com/cuelight/cuelight/internal/nodeproc"
)

// scenario is one thing that goes wrong.
type scenario struct {
	name string
	what string
	plan plan
	// over is how long answers come, where what happens takes longer than the
	// others; zero: as long as with them.
	over time.Duration
	// strike does it at the height of the burst and says what it measured.
	strike func(ctx context.Context, s *stand, z size) (times, error)
	// course is all of it, where it is another than a burst with a strike.
	course func(ctx context.Context, s settings, c scenario, dir string) (ok bool, err error)
}

// times are how long it took until all was well; zero where nothing had to be.
type times struct {
	// back is until all viewers were connected again, led until a producer's
	// command was carried out.
	back, led time.Duration
	note      string
}

// Names of the metrics that say who leads.
const (
	leadsChannel = "cuelight_channel_leading"
	leadsClock   = "cuelight_clock_leading"
)

var scenarios = []scenario{
	{"gateway", "kill -9 of a gateway", plan{redis: "single", level: "log"}, 0, killGateway, nil},
	{"engine", "kill -9 of the node that leads the channel", plan{redis: "single", level: "log"}, 0, killHolder(leadsChannel), nil},
	{"clock", "kill -9 of the node that leads the clock", plan{redis: "single", level: "log"}, 0, killHolder(leadsClock), nil},
	{"primary", "Redis primary killed, Sentinel, level replicated", plan{redis: "sentinel", level: "replicated"}, 0, killPrimary, nil},
	{"shard", "one of three Redis shards frozen for 5 s", plan{redis: "cluster", level: "log"}, 12 * time.Second, freezeShard, nil},
	{"postgres", "PostgreSQL down for a minute", plan{redis: "single", level: "log", postgres: true}, 0, stopPostgres, nil},
	{"partition", "a gateway cut off from everything for 5 s", plan{redis: "single", level: "log"}, 12 * time.Second, partition, nil},
	{"slow", "every reply of Redis 100 ms late for 10 s", plan{redis: "single", level: "log", lines: true}, 18 * time.Second, slowRedis, nil},
	{"rolling", "rolling restart of all nodes", plan{redis: "single", level: "log"}, 45 * time.Second, rollingRestart, nil},
	{"upgrade", "every node to the next release and back, one after the other", plan{redis: "single", level: "log"}, 150 * time.Second, nil, upgrade},
	{"noisy", "a noisy tenant", plan{redis: "single", level: "log", settings: twoTenants, direct: true}, 0, nil, noisyTenant},
}

func killGateway(ctx context.Context, s *stand, z size) (t times, err error) {
	s.gateways[0].Kill()
	t.back, err = s.viewers.awaitBack(ctx, z.viewers)
	return t, err
}

func killHolder(metric string) func(context.Context, *stand, size) (times, error) {
	return func(ctx context.Context, s *stand, z size) (t times, err error) {
		n, err := s.holder(ctx, metric)
		if err != nil {
			return t, err
		}
		t.note = n.Name()
		n.Kill()
		if t.led, err = s.led(ctx); err != nil {
			return t, err
		}
		if strings.HasPrefix(n.Name(), "gateway") {
			t.back, err = s.viewers.awaitOpen(ctx, z.viewers)
		}
		return t, err
	}
}

func killPrimary(ctx context.Context, s *stand, _ size) (t times, err error) {
	primary, err := s.sentinel.Primary(ctx)
	if err != nil {
		return t, err
	}
	primary.Kill()
	t.led, err = s.led(ctx)
	return t, err
}

func freezeShard(ctx context.Context, s *stand, _ size) (t times, err error) {
	shard := s.cluster.Servers[0]
	if err := shard.Freeze(); err != nil {
		return t, err
	}
	pause(ctx, 5*time.Second)
	if err := shard.Thaw(); err != nil {
		return t, err
	}
	t.led, err = s.led(ctx)
	return t, err
}

func stopPostgres(ctx context.Context, s *stand, _ size) (t times, err error) {
	if err := s.postgres.Kill(); err != nil {
		return t, err
	}
	if t.led, err = s.led(ctx); err != nil {
		return t, err
	}
	pause(ctx, time.Minute)
	return t, s.postgres.Restart(ctx)
}

func slowRedis(ctx context.Context, s *stand, _ size) (t times, err error) {
	s.line.slow(100 * time.Millisecond)
	pause(ctx, 10*time.Second)
	s.line.slow(0)
	t.led, err = s.led(ctx)
	return t, err
}

func rollingRestart(ctx context.Context, s *stand, z size) (t times, err error) {
	for _, n := range append(append([]*nodeproc.Node(nil), s.gateways...), s.leaders...) {
		if err := restart(ctx, s, n); err != nil {
			return t, err
		}
	}
	if t.back, err = s.viewers.awaitOpen(ctx, z.viewers); err != nil {
		return t, err
	}
	t.led, err = s.led(ctx)
	return t, err
}

// restart has a node end as an operator would, after the balancers have been
// told, and start again.
func restart(ctx context.Context, s *stand, n *nodeproc.Node) error {
	s.viewers.use(webs(without(s.gateways, n))...)
	s.studio.use(webs(without(s.leaders, n))...)
	if err := n.Stop(); err != nil {
		return err
	}
	if err := n.Restart(ctx); err != nil {
		return err
	}
	if err := n.AwaitReady(ctx); err != nil {
		return err
	}
	s.viewers.use(webs(s.gateways)...)
	s.studio.use(webs(s.leaders)...)
	return nil
}

func without(nodes []*nodeproc.Node, gone *nodeproc.Node) (rest []*nodeproc.Node) {
	for _, n := range nodes {
		if n != gone {
			rest = append(rest, n)
		}
	}
	return rest
}
