package cluster_test

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/nodeproc"
	"github.com/cuelight/cuelight/test/chaos/noise"
)

// noisy is a channel of another tenant.
const noisy = "noise"

const twoTenants = `tenants:
  quiet: {sockets: 500, handshakes: 500, answers: 2000}
  loud: {sockets: 40, handshakes: 60, answers: 80}
channels:
  show: {tenant: quiet}
  noise: {tenant: loud}
`

// as is the stand as a tenant's producer sees it.
func (s *stand) as(tenant, channel string) *stand {
	s.t.Helper()
	key, err := s.leaders[0].Token(s.t.Context(), "--tenant", tenant)
	if err != nil {
		s.t.Fatal(err)
	}
	own := *s
	own.token, own.channel = key, channel
	return &own
}

// flood lets the people of one tenant do what they should not, from an address of
// their own, until it is stopped.
func (s *stand) flood(f *noise.Flood) (stop func() noise.Stats) {
	for _, n := range s.gateways {
		f.Gateways = append(f.Gateways, n.Web)
	}
	for _, n := range s.leaders {
		f.Studios = append(f.Studios, n.Web)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Run(ctx)
	}()
	stop = func() noise.Stats {
		cancel()
		<-done
		return f.Stats()
	}
	s.t.Cleanup(func() { stop() })
	return stop
}

// metric is the sum of a metric over nodes.
func (s *stand) metric(nodes []*nodeproc.Node, format string, labels ...any) (sum int64) {
	s.t.Helper()
	name := fmt.Sprintf(format, labels...)
	for _, n := range nodes {
		text, err := s.get(n.Admin + "/metrics")
		if err != nil {
			s.t.Fatal(err)
		}
		found := false
		for line := range strings.Lines(text) {
			series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if series != name && !strings.HasPrefix(series, name+"{") {
				continue
			}
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			sum, found = sum+int64(v), true
		}
		if !found {
			s.t.Fatalf("%s has no %s", n.Name(), name)
		}
	}
	return sum
}

// One tenant's people offer all they can, far beyond what it may use. The viewers
// of the other one answer as if they were alone.
func TestNoisyTenant(t *testing.T) {
	s := newStandOf(t, twoTenants)
	quiet, loud := s.as("quiet", channel), s.as("loud", noisy)
	c := s.gather(t, viewers)
	theirs := loud.take(0, time.Minute)
	first := quiet.take(0, window) // also what the others try to get at
	f := &noise.Flood{
		Channel: noisy, Cue: theirs.ID, Token: loud.token, Other: channel, OtherCue: first.ID,
		Guests: 90, Spammers: 8, Vandals: 8, Callers: 4, Producers: 2, Burglars: 2,
		Every: 100 * time.Millisecond, Source: "127.0.0.2",
	}
	stop := s.flood(f)
	refusals := []string{
		"socket 503",         // too many sockets or handshakes, told before there is one
		"socket 4003",        // the same, of who names the channel only then
		"answer busy",        // too many answers of the tenant
		"answer too_many",    // too many of one viewer
		"sent 4104",          // who goes on all the same
		"again 4104",         // and who comes back
		"sent 4100",          // what is no message
		"request 429",        // too many answers of one viewer, over HTTP
		"break-in 403",       // the key, on the other's channel
		"break-in 4103",      // and for a producer's socket there
		"answer unknown_cue", // the other's question, on the own channel
	}
	answered := func(n int, cue string) {
		s.until("every viewer has a receipt", func() bool { return c.acknowledged(cue) == viewers })
		c.agrees(t, quiet.final(n, cue))
	}
	answered(0, first.ID)
	s.until("the flood is refused in every way", func() bool {
		said := f.Stats().Said
		return !slices.ContainsFunc(refusals, func(what string) bool { return said[what] == 0 })
	})
	answered(1, quiet.take(1, window).ID)
	got := stop()
	t.Logf("offered %d, accepted %d, refused %d: %v", got.Offered, got.Accepted, got.Refused, got)
	if len(got.Taken) > 0 {
		t.Errorf("one tenant has got of the other: %v", got.Taken)
	}
	if got.Said["answer receipt"] == 0 || got.Said["socket 101"] == 0 || got.Said["command 201"] == 0 {
		t.Errorf("within its limits it is served: %v", got)
	}
	if was := c.Stats(); was.Connects != viewers || was.TurnedAway != 0 || len(was.Refused) != 0 {
		t.Errorf("GW43 the other tenant's viewers were refused or cut off: %+v", was)
	}
	s.limits(got)
	s.foreignKey(loud)
}

// foreignKey publishes to one tenant's channel with the other one's key.
func (s *stand) foreignKey(of *stand) {
	s.t.Helper()
	n := s.leaders[0]
	_, key, ok := strings.Cut(of.streamKey(n), ":")
	if !ok {
		s.t.Fatal("there is no key in what an encoder is given")
	}
	out, err := exec.CommandContext(s.t.Context(), "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=30",
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-t", "5", "-f", "flv", n.RTMP+"/"+s.channel+":"+key).CombinedOutput()
	if err == nil {
		s.t.Errorf("a tenant publishes to the channel of another: %s", out)
	}
	if n := s.metric(s.leaders[:1], `cuelight_ingest_refused_total{code="wrong_key"}`); n != 1 {
		s.t.Errorf("%d publishers were refused for a wrong key, want 1", n)
	}
}

// limits holds the tenants' metrics against what was told.
func (s *stand) limits(told noise.Stats) {
	s.t.Helper()
	refused := func(tenant, why string) int64 {
		return s.metric(s.gateways, `cuelight_tenant_refused_total{tenant=%q,why=%q}`, tenant, why)
	}
	for _, why := range []string{"sockets", "handshakes", "joins", "answers"} {
		n := refused("loud", why)
		if n == 0 && why != "joins" { // it has no limit of those
			s.t.Errorf("GW43 no refusal of %s is counted", why)
		}
		if n := refused("quiet", why); n != 0 {
			s.t.Errorf("GW43 %d refusals of %s are counted for the other tenant", n, why)
		}
	}
	said := told.Said
	atDoor := said["socket 503"] + said["socket 4003"] + said["again 503"] + said["again 4003"]
	if n := refused("loud", "sockets") + refused("loud", "handshakes"); n < atDoor {
		s.t.Errorf("GW43 %d sockets were refused, %d are counted", atDoor, n)
	}
	if n := refused("loud", "answers"); n < said["answer busy"] {
		s.t.Errorf("GW43 %d answers were refused as busy, %d are counted", said["answer busy"], n)
	}
}
