package hlstest_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/archive"
	"github.com/cuelight/cuelight/packager/hlstest"
	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

const first = clock.Ticks(10 * clock.TicksPerSecond)

func onR(t clock.Ticks) clock.Instant { return 1_800_000_000_000_000 + clock.Instant(t.Micros()) }

// network is a listener without sockets, so that servers and clients can live
// in a synctest bubble.
type network struct {
	conns chan net.Conn
	done  chan struct{}
}

func newNetwork() *network {
	return &network{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error   { close(n.done); return nil }
func (n *network) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case n.conns <- theirs:
		return ours, nil
	case <-n.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// collect watches a handler over HTTP, in a bubble.
func collect(t *testing.T, h http.Handler, cfg hlstest.Config) (*hlstest.Capture, error) {
	t.Helper()
	n := newNetwork()
	server := &http.Server{Handler: h}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(n) }()
	transport := &http.Transport{DialContext: n.dial, MaxIdleConnsPerHost: 16}
	cfg.Client = &http.Client{Transport: transport}
	c, err := hlstest.Collect(t.Context(), cfg)
	transport.CloseIdleConnections()
	server.Close()
	<-ended
	return c, err
}

// act is a publisher session of a broadcast.
type act struct {
	tracks []media.Track
	frames []media.Frame
}

func perform(s packagertest.Show) act { return act{s.Tracks(), s.Frames()} }

// broadcast is a channel whose acts are written at their own pace; ends says
// that the channel is finished after the last.
type broadcast struct {
	acts []act
	ends bool
	cfg  packager.Config
	// ticked tells the channel the time every 100 ms, from the beginning to the
	// end of the watch.
	ticked bool
	cues   []announcement
	// archived puts an archive on disk behind the channel.
	archived bool
}

// announcement is a cue that is announced so long after the beginning.
type announcement struct {
	after time.Duration
	cue   packager.Cue
}

// tick tells the channel the time until ctx ends.
func tick(ctx context.Context, t *testing.T, c *packager.Channel) {
	start, every := time.Now(), time.NewTicker(100*time.Millisecond)
	defer every.Stop()
	for {
		select {
		case now := <-every.C:
			if err := c.Tick(onR(first).Add(now.Sub(start))); err != nil {
				t.Error(err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// announce sets the cues at their times.
func (b broadcast) announce(ctx context.Context, t *testing.T, c *packager.Channel) {
	start := time.Now()
	for _, a := range b.cues {
		if !sleepUntil(ctx, start.Add(a.after)) {
			return
		}
		if err := c.SetCue(a.cue); err != nil {
			t.Error(err)
		}
	}
}

// shelve opens an archive for the channel and returns what closes it.
func (b *broadcast) shelve(t *testing.T) (stop func()) {
	t.Helper()
	if !b.archived {
		return func() {}
	}
	a, err := archive.Open(archive.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	b.cfg.Archive = a
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// run writes the acts. Times are those of DTS, so acts that are far apart leave
// the channel without a publisher meanwhile.
func (b broadcast) run(ctx context.Context, t *testing.T, c *packager.Channel) {
	start := time.Now()
	for _, a := range b.acts {
		if err := c.Begin(a.tracks); err != nil {
			t.Error(err)
			return
		}
		for _, f := range a.frames {
			due := time.NewTimer(time.Until(start.Add((f.DTS - first).Duration())))
			select {
			case <-due.C:
			case <-ctx.Done():
				due.Stop()
				return
			}
			if err := c.Write(f); err != nil {
				t.Error(err)
				return
			}
		}
		if err := c.End(); err != nil {
			t.Error(err)
		}
	}
	if b.ends {
		if err := c.Finish(); err != nil {
			t.Error(err)
		}
	}
}

// watch runs the broadcast behind the real origin and watches it for a time
// after a while, all in fake time.
func (b broadcast) watch(t *testing.T, while time.Duration, cfg hlstest.Config) (c *hlstest.Capture) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b.cfg.PDT = onR
		defer b.shelve(t)()
		channel, err := packager.New(b.cfg, packager.Start{MSN: 100})
		if err != nil {
			t.Fatal(err)
		}
		o := origin.New(func(name string) (*packager.Channel, bool) { return channel, name == "show" }, origin.Config{})
		ctx, stop := context.WithCancel(t.Context())
		var going sync.WaitGroup
		going.Go(func() { b.run(ctx, t, channel) })
		going.Go(func() { b.announce(ctx, t, channel) })
		if b.ticked {
			going.Go(func() { tick(ctx, t, channel) })
		}
		time.Sleep(while) // fake time
		cfg.URL = "http://localhost/hls/show/index.m3u8"
		if c, err = collect(t, o, cfg); err != nil {
			t.Error(err)
		}
		stop()
		going.Wait()
	})
	return c
}

// broken returns the rules that do not hold.
func broken(results []hlstest.Result) []string {
	var list []string
	for _, r := range results {
		if r.Status == hlstest.Fail || r.Status == hlstest.Warn {
			list = append(list, r.Rule)
		}
	}
	return list
}

func describe(results []hlstest.Result) string {
	var b bytes.Buffer
	for _, r := range results {
		fmt.Fprintf(&b, "%-15s %-4s %s checked %d broken %d %s %s\n", r.Status, r.Rule, r.Level, r.Checked, r.Broken, r.Why, strings.Join(r.Seen, "\n      "))
	}
	return b.String()
}

func ticks(d time.Duration) clock.Ticks { return clock.TicksOf(d) }
