package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/memory"
	"github.com/cuelight/cuelight/interact/wire"
)

// call is one call of a bus.
type call struct {
	at       time.Time
	posts    []interact.Post
	snapshot []byte
}

// board is a bus that writes down what it is asked to post.
type board struct {
	memory.Bus

	mu    sync.Mutex
	calls []call
	fail  func(c call) error // nil: it works
}

func (b *board) Post(ctx context.Context, channel string, fence interact.Fence, posts []interact.Post, snapshot []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := call{time.Now(), posts, snapshot}
	if b.fail != nil {
		if err := b.fail(c); err != nil {
			return err
		}
	}
	if err := b.Bus.Post(ctx, channel, fence, posts, snapshot); err != nil {
		return err
	}
	b.calls = append(b.calls, c)
	return nil
}

func (b *board) set(fail func(c call) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = fail
}

// posted is what was posted so far.
func (b *board) posted() (calls []call, posts []interact.Post, snapshots int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.calls {
		posts = append(posts, c.posts...)
		if c.snapshot != nil {
			snapshots++
		}
	}
	return b.calls, posts, snapshots
}

// cry is a herald in a bubble.
type cry struct {
	*testing.T
	*engine.Herald
	board *board
	ended chan error
	stop  func()
	scene func() (engine.Scene, error)
}

func cries(t *testing.T, name string, test func(c *cry)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := &cry{T: t, board: new(board), ended: make(chan error, 1)}
			c.scene = func() (engine.Scene, error) {
				return engine.Scene{Timeline: &wire.Timeline{Rev: int(time.Now().UnixMilli())}}, nil
			}
			var err error
			c.Herald, err = engine.NewHerald(engine.HeraldConfig{
				Bus: c.board, Channel: "show", Fence: 1, Scene: func(context.Context) (engine.Scene, error) { return c.scene() },
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			go func() { c.ended <- c.Herald.Run(ctx) }()
			c.stop = cancel
			t.Cleanup(cancel)
			test(c)
		})
	})
}

func (c *cry) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (c *cry) tally(version uint64) {
	c.Broadcast("show", wire.Viewers|wire.Producers, &wire.Tally{Cue: "c1", Version: version})
}

func recordOf(rev int) interact.Record {
	data := fmt.Sprintf(`{"v":3,"id":"c1","action":"extend","cue":{"rev":%d}}`, rev)
	return interact.Record{Seq: uint64(rev), Channel: "show", Kind: interact.RecordCue, Cue: "c1", Data: []byte(data)}
}

// kinds says in short what posts are: the reach and the revision, or the version.
func kinds(posts []interact.Post) string {
	var out []string
	for _, p := range posts {
		var d struct {
			T       string
			Version int `json:"ver"`
			Cue     json.RawMessage
			Record  *struct{ Seq int }
		}
		if err := json.Unmarshal(p.Data, &d); err != nil {
			return err.Error()
		}
		switch {
		case d.Record != nil:
			out = append(out, fmt.Sprintf("record %d", d.Record.Seq))
		case d.T == "cue":
			var c wire.Cue
			_ = json.Unmarshal(d.Cue, &c)
			out = append(out, fmt.Sprintf("cue %d to %d", c.Rev, p.Reach))
		default:
			out = append(out, fmt.Sprintf("%s %d to %d", d.T, d.Version, p.Reach))
		}
	}
	return strings.Join(out, ", ")
}

func (c *cry) want(want string) {
	c.Helper()
	if _, posts, _ := c.board.posted(); kinds(posts) != want {
		c.Errorf("posted %q, want %q", kinds(posts), want)
	}
}

func TestHerald(t *testing.T) {
	cries(t, "HE1 what comes within 3 ms is posted together, the latest of each subject", func(c *cry) {
		c.tally(1)
		c.tally(2)
		c.Broadcast("show", wire.Producers, &wire.CueChanged{Cue: wire.Cue{ID: "c1", Rev: 1}})
		c.Broadcast("other", wire.Viewers, &wire.Tally{Cue: "c1", Version: 9})
		c.after(4 * ms)
		c.want("tally 2 to 1, tally 2 to 2, cue 1 to 2")
		if calls, _, _ := c.board.posted(); len(calls) != 1 {
			c.Errorf("%d calls", len(calls))
		}
		if s := c.Stats(); s.Conflated != 2 || s.Posts != 3 || s.Calls != 1 || s.Waiting != 0 {
			c.Errorf("stats = %+v", s)
		}
	})
	cries(t, "HE2 a record is posted before what follows it, and nothing takes a place before it", func(c *cry) {
		c.tally(1)
		c.Broadcast("show", wire.Viewers, &wire.CueChanged{Cue: wire.Cue{ID: "c1", Rev: 1}})
		c.Record(recordOf(2))
		c.Broadcast("show", wire.Viewers, &wire.CueChanged{Cue: wire.Cue{ID: "c1", Rev: 2}})
		c.Record(recordOf(3))
		c.Broadcast("show", wire.Viewers, &wire.CueChanged{Cue: wire.Cue{ID: "c1", Rev: 3}})
		c.after(4 * ms)
		c.want("tally 1 to 1, tally 1 to 2, record 2, record 3, cue 3 to 1")
	})
	cries(t, "HE2 records are kept and in order while the bus is away, and messages conflated", func(c *cry) {
		c.board.set(func(call) error { return errDown })
		for rev := 1; rev <= 20; rev++ {
			c.Record(recordOf(rev))
			c.Broadcast("show", wire.Viewers, &wire.CueChanged{Cue: wire.Cue{ID: "c1", Rev: rev}})
			c.after(100 * ms)
		}
		c.board.set(nil)
		c.after(1100 * ms)
		calls, posts, snapshots := c.board.posted()
		var want []string
		for rev := 1; rev <= 20; rev++ {
			want = append(want, fmt.Sprintf("record %d", rev))
		}
		want = append(want, "cue 20 to 1")
		if got := kinds(posts); got != strings.Join(want, ", ") {
			c.Errorf("posted %q", got)
		}
		if snapshots == 0 || calls[0].snapshot == nil {
			c.Error("HE3 no snapshot after the outage")
		}
	})
	cries(t, "HE2 what could not be posted goes before what came meanwhile", func(c *cry) {
		c.board.set(func(call) error { time.Sleep(35 * ms); return errDown })
		for rev := 1; rev <= 20; rev++ {
			c.Record(recordOf(rev))
			c.Broadcast("show", wire.Viewers, &wire.CueChanged{Cue: wire.Cue{ID: "c1", Rev: rev}})
			time.Sleep(10 * ms)
		}
		time.Sleep(time.Second)
		c.board.set(nil)
		c.after(2 * time.Second)
		_, posts, _ := c.board.posted()
		if got := kinds(posts); !strings.HasPrefix(got, "record 1, record 2, record 3, ") || !strings.HasSuffix(got, "record 19, record 20, cue 20 to 1") {
			c.Errorf("posted %q", got)
		}
	})
	cries(t, "HE3 a snapshot comes with every record, and every 250 ms while anything changes", func(c *cry) {
		for i := range 100 { // a second
			c.tally(uint64(i + 1))
			c.after(10 * ms)
		}
		if _, _, snapshots := c.board.posted(); snapshots < 4 || snapshots > 5 {
			c.Errorf("%d snapshots in a second", snapshots)
		}
		c.after(time.Second)
		calls, _, n := c.board.posted()
		last := calls[len(calls)-1]
		if last.snapshot == nil {
			c.Error("what was told last is in no snapshot")
		}
		c.after(time.Minute)
		if _, _, later := c.board.posted(); later != n {
			c.Errorf("%d snapshots of nothing new", later-n)
		}
		c.Record(recordOf(1))
		c.after(4 * ms)
		c.Record(recordOf(2))
		c.after(4 * ms)
		if _, _, later := c.board.posted(); later != n+2 {
			c.Errorf("%d snapshots with 2 records", later-n)
		}
	})
	cries(t, "HE3 a room that does not run is asked for a scene now and then", func(c *cry) {
		asked := 0
		c.scene = func() (engine.Scene, error) { asked++; return engine.Scene{}, errDown }
		c.tally(1)
		c.after(time.Second)
		if asked < 2 || asked > 6 {
			c.Errorf("asked %d times", asked)
		}
		c.want("tally 1 to 1, tally 1 to 2")
	})
	t.Run("HE9 what the posts say already is not posted again by who begins", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := new(board)
			tally := func(cue string, version uint64) wire.Message { return &wire.Tally{Cue: cue, Version: version} }
			var before []interact.Post
			for _, m := range []wire.Message{tally("same", 1), tally("older", 1), tally("older", 2), tally("newer", 1)} {
				data, err := wire.Encode(m)
				if err != nil {
					t.Fatal(err)
				}
				before = append(before, interact.Post{Reach: interact.ReachViewers, Data: data})
			}
			if err := b.Bus.Post(t.Context(), "show", 1, before, []byte("{}")); err != nil {
				t.Fatal(err)
			}
			h, err := engine.NewHerald(engine.HeraldConfig{Bus: b, Channel: "show", Fence: 2, Scene: func(context.Context) (engine.Scene, error) { return engine.Scene{}, nil }})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range []wire.Message{tally("same", 1), tally("older", 1), tally("newer", 2)} {
				h.Broadcast("show", wire.Viewers, m)
			}
			h.Broadcast("show", wire.Producers, tally("same", 1))
			h.Record(recordOf(1))
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- h.Run(ctx) }()
			time.Sleep(10 * ms)
			h.Broadcast("show", wire.Viewers, tally("newer", 1))
			time.Sleep(10 * ms)
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			_, posts, _ := b.posted()
			if got, want := kinds(posts), "tally 1 to 1, tally 2 to 1, tally 1 to 2, record 1, tally 1 to 1"; got != want || !strings.Contains(string(posts[0].Data), "older") {
				t.Errorf("posted %q, want %q", got, want)
			}
		})
	})
	cries(t, "HE4 a key has a name, so that it is posted once whoever posts it", func(c *cry) {
		c.Broadcast("show", wire.Viewers, &wire.Key{Cue: "c1", Rev: 4, KeyID: "k"})
		c.after(4 * ms)
		_, posts, _ := c.board.posted()
		if len(posts) != 1 || posts[0].Once != "key:c1:4" || posts[0].Reach != interact.ReachViewers {
			c.Fatalf("posted %+v", posts)
		}
		again := []interact.Post{{Reach: interact.ReachViewers, Once: "key:c1:4", Data: posts[0].Data}}
		if err := c.board.Bus.Post(c.Context(), "show", 0, again, nil); err != nil {
			c.Fatal(err)
		}
		if kept, err := c.board.Recent(c.Context(), "show", 0); err != nil || len(kept) != 1 {
			c.Errorf("%d posts, %v", len(kept), err)
		}
	})
	cries(t, "HE5 more records than the next leader tells again end it", func(c *cry) {
		c.board.set(func(call) error { return errDown })
		for rev := 1; rev <= 300; rev++ {
			c.Record(recordOf(rev))
		}
		c.after(2 * time.Second)
		select {
		case err := <-c.ended:
			if err == nil {
				c.Error("no error")
			}
		default:
			c.Error("it goes on")
		}
	})
	cries(t, "HE6 it ends when another one leads", func(c *cry) {
		if err := c.board.Bus.Post(c.Context(), "show", 2, nil, []byte("{}")); err != nil {
			c.Fatal(err)
		}
		c.tally(1)
		c.after(10 * ms)
		<-c.Fenced()
		if err := <-c.ended; !errors.Is(err, interact.ErrFenced) {
			c.Errorf("ended with %v", err)
		}
	})
	cries(t, "HE6 what waits when it is told to end is posted, if that goes at once", func(c *cry) {
		c.tally(1)
		c.stop()
		if err := <-c.ended; err != nil {
			c.Error(err)
		}
		c.want("tally 1 to 1, tally 1 to 2")
	})
	cries(t, "HE6 a bus that is away does not hold it up", func(c *cry) {
		c.board.set(func(call) error { return errDown })
		c.tally(1)
		c.after(time.Second)
		began := time.Now()
		c.stop()
		if err := <-c.ended; err != nil || time.Since(began) > time.Second {
			c.Errorf("ended after %v with %v", time.Since(began), err)
		}
	})
	cries(t, "HE7 what no bus takes is left out, and harms nothing else", func(c *cry) {
		c.board.set(func(one call) error {
			for _, p := range one.posts {
				if strings.Contains(string(p.Data), "poison") {
					return interact.Errorf(interact.CodeInvalid, "no")
				}
			}
			return nil
		})
		c.tally(1)
		c.Broadcast("show", wire.Producers, &wire.Removed{Cue: "poison"})
		c.Broadcast("show", wire.Producers, &wire.CueChanged{Cue: wire.Cue{ID: "big", Note: strings.Repeat("x", interact.MaxPost)}})
		c.Record(recordOf(7))
		c.after(50 * ms)
		c.want("tally 1 to 1, tally 1 to 2, record 7")
	})
	cries(t, "HE1 thousands of subjects go in several calls", func(c *cry) {
		for i := range 1000 {
			c.Broadcast("show", wire.Producers, &wire.Tally{Cue: fmt.Sprint("c", i), Version: 1})
		}
		c.after(20 * ms)
		calls, posts, _ := c.board.posted()
		if len(posts) != 1000 || len(calls) < 4 {
			c.Errorf("%d posts in %d calls", len(posts), len(calls))
		}
	})
	t.Run("HE8 what cannot work is refused", func(t *testing.T) {
		if _, err := engine.NewHerald(engine.HeraldConfig{}); err == nil || !strings.Contains(err.Error(), "fence") {
			t.Errorf("err = %v", err)
		}
	})
}

// TestHeraldAmongMany lets many goroutines tell, as a room and its callers do.
func TestHeraldAmongMany(t *testing.T) {
	cries(t, "HE2 whoever tells, records are posted in their order", func(c *cry) {
		var wg sync.WaitGroup
		wg.Go(func() {
			for rev := 1; rev <= 200; rev++ {
				c.Record(recordOf(rev))
				if rev%50 == 0 {
					time.Sleep(10 * ms)
				}
			}
		})
		for i := range 4 {
			wg.Go(func() {
				for v := range 100 {
					c.Broadcast("show", wire.Viewers, &wire.Tally{Cue: fmt.Sprint("c", i), Version: uint64(v + 1)})
				}
			})
		}
		wg.Wait()
		c.after(time.Second)
		_, posts, _ := c.board.posted()
		next, seen := 1, make(map[string]bool)
		for _, p := range posts {
			if rec, ok, err := engine.DecodeRecord("show", p.Data); p.Reach == interact.ReachNodes && ok && err == nil {
				if rec.Seq != uint64(next) {
					c.Fatalf("record %d in the place of %d", rec.Seq, next)
				}
				next++
				continue
			}
			seen[string(p.Data)] = true
		}
		for i := range 4 {
			last, _ := wire.Encode(&wire.Tally{Cue: fmt.Sprint("c", i), Version: 100})
			if !seen[string(last)] {
				c.Errorf("the last count of c%d was not told", i)
			}
		}
		if next != 201 {
			c.Errorf("%d records", next-1)
		}
	})
}
