package redis_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// TestFailover kills the primary while posts and records flow.
func TestFailover(t *testing.T) {
	set, err := redisproc.StartSentinel(t.Context(), redisproc.SentinelOptions{Dir: t.TempDir(), Replicas: 2, Args: redisproc.Durable()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Stop)
	c := open(t, redisstore.Config{Addresses: set.Addresses(), Master: set.Name, Level: interact.LevelReplicated})
	follower := open(t, redisstore.Config{Addresses: set.Addresses(), Master: set.Name, Level: interact.LevelReplicated})
	heard := listen(t, follower.Bus(), interact.Place{})
	posting, writing := startFlow(t, c.Bus()), startWriting(t, c.Store())
	hearing := &hearing{ear: heard, bus: follower.Bus()}
	hearing.upTo(t, 200)
	set.Servers[0].Kill()
	killed := time.Now()
	hearing.upTo(t, 600)
	t.Logf("400 posts more, %v after the kill; lost its place %d times", time.Since(killed), hearing.lost)
	posted, written := hearing.drain(t, posting), writing.end()
	missing := 0
	for i := range posted {
		if !hearing.seen[i] {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("BU14 %d of %d acknowledged posts were not heard", missing, posted)
	}
	wantLog(t, c.Store(), written...)
}

// hearing hears numbers in their order, and begins again where its place is
// lost, which is when it has heard what nobody has acknowledged and a kill has
// lost.
type hearing struct {
	ear  *ear
	bus  *redisstore.Bus
	seen [1 << 16]bool
	last int // the number heard last, -1 after beginning again
	n    uint64
	lost int
}

func (h *hearing) take(t *testing.T, p interact.Post) {
	t.Helper()
	var number int
	if _, err := fmt.Sscan(string(p.Data), &number); err != nil {
		t.Fatal(err)
	}
	if p.N != h.n+1 || p.Offset != p.N || h.n > 0 && number != h.last+1 {
		t.Fatalf("BU14 heard %d as number %d with offset %d after %d as number %d", number, p.N, p.Offset, h.last, h.n)
	}
	h.last, h.n, h.seen[number] = number, p.N, true
}

// again follows from the beginning of another numbering.
func (h *hearing) again(t *testing.T, err error) {
	t.Helper()
	if h.lost++; err != interact.ErrLost || h.lost > 3 {
		t.Fatalf("following ended with %v, %d times", err, h.lost)
	}
	h.ear, h.n = listen(t, h.bus, interact.Place{}), 0
}

func (h *hearing) upTo(t *testing.T, number int) {
	t.Helper()
	for !h.seen[number] {
		select {
		case p := <-h.ear.posts:
			h.take(t, p)
		case err := <-h.ear.ended:
			h.again(t, err)
		case <-time.After(patience):
			t.Fatalf("heard nothing after %d", h.last)
		}
	}
}

func (h *hearing) drain(t *testing.T, f *flow) (posted int) {
	t.Helper()
	close(f.stop)
	posted = -1
	for posted < 0 || !h.seen[posted-1] {
		select {
		case posted = <-f.posted:
		case p := <-h.ear.posts:
			h.take(t, p)
		case err := <-h.ear.ended:
			h.again(t, err)
		case <-time.After(patience):
			t.Fatalf("heard nothing after %d of %d", h.last, posted)
		}
	}
	return posted
}

// writing appends records one by one; one that is refused is left out.
type writing struct {
	stop  chan struct{}
	wrote chan []string
}

func startWriting(t *testing.T, s *redisstore.Store) *writing {
	w := &writing{stop: make(chan struct{}), wrote: make(chan []string, 1)}
	go func() {
		var done []string
		defer func() { w.wrote <- done }()
		for i := 0; ; i++ {
			text := fmt.Sprint("record ", i)
			err := s.Append(t.Context(), []interact.Record{cueRecord("show", text)})
			if err == nil {
				done = append(done, text)
			}
			select {
			case <-w.stop:
				if err != nil { // the last one settles what is in doubt
					continue
				}
				return
			case <-t.Context().Done():
				return
			default:
			}
		}
	}()
	return w
}

func (w *writing) end() []string {
	close(w.stop)
	return slices.Clone(<-w.wrote)
}

// TestFailoverThatLosesPosts makes a primary of a replica that had not copied
// what followers have heard.
func TestFailoverThatLosesPosts(t *testing.T) {
	set, err := redisproc.StartSentinel(t.Context(), redisproc.SentinelOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Stop)
	primary, replica := set.Servers[0], set.Servers[1]
	cfg := redisstore.Config{Addresses: set.Addresses(), Master: set.Name, Level: interact.LevelReplicated}
	copied := open(t, cfg)
	cfg.Level = interact.LevelMemory
	c := open(t, cfg)
	heard := listen(t, c.Bus(), interact.Place{})
	post := func(c *redisstore.Client, from, end int) {
		t.Helper()
		for i := from; i < end; i++ {
			if err := insist(t.Context(), c.Bus(), i); err != nil {
				t.Fatal(err)
			}
		}
	}
	post(copied, 0, 5)
	heard.wantNumbers(t, 0, 5)
	was, err := c.Bus().Snapshot(t.Context(), "show")
	if err != nil {
		t.Fatal(err)
	}
	if err := replica.Freeze(); err != nil {
		t.Fatal(err)
	}
	do(t, primary, "CLIENT", "KILL", "TYPE", "REPLICA")
	post(c, 5, 10)
	heard.wantNumbers(t, 5, 10)
	primary.Kill()
	if err := replica.Thaw(); err != nil {
		t.Fatal(err)
	}
	heard.wantLost(t)
	now, err := c.Bus().Snapshot(t.Context(), "show")
	if err != nil || now.Epoch == was.Epoch {
		t.Fatalf("BU16 the epoch is %q after %q, %v", now.Epoch, was.Epoch, err)
	}
	again := hark(t, c.Bus(), now.Place)
	again.wantNumbers(t, 0, 5)
	post(c, 5, 7) // the lost ones did not use up their names
	again.wantNumbers(t, 5, 7)
}
