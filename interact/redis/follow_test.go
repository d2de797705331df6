package redis_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// insist posts what has a name until somebody says that it is posted.
func insist(ctx context.Context, b *redisstore.Bus, n int) error {
	p := interact.Post{Reach: interact.ReachViewers, Once: fmt.Sprint("n:", n), Data: []byte(fmt.Sprint(n))}
	for {
		err := b.Post(ctx, "show", 1, []interact.Post{p}, nil)
		if interact.CodeOf(err) != interact.CodeUnavailable {
			return err
		}
	}
}

// flow posts numbers as long as the test wants, and tells how many are posted.
type flow struct {
	stop   chan struct{}
	posted chan int
}

func startFlow(t *testing.T, b *redisstore.Bus) *flow {
	f := &flow{stop: make(chan struct{}), posted: make(chan int, 1)}
	go func() {
		n := 0
		defer func() { f.posted <- n }()
		for ; ; n++ {
			select {
			case <-f.stop:
				return
			case <-t.Context().Done():
				return
			default:
			}
			if err := insist(t.Context(), b, n); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	return f
}

// wantNumbers hears the numbers from first up to before end.
func (e *ear) wantNumbers(t *testing.T, first, end int) {
	t.Helper()
	for i := first; i < end; i++ {
		if p := e.next(t); string(p.Data) != fmt.Sprint(i) || p.N != uint64(i+1) || p.Offset != p.N {
			t.Fatalf("BU14 heard %q as number %d with offset %d in the place of %d", p.Data, p.N, p.Offset, i)
		}
	}
}

func TestFollowOverKilledConnections(t *testing.T) {
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory})
	heard, posting := hark(t, c.Bus(), interact.Place{}), startFlow(t, c.Bus())
	at := 0
	for round := range 10 {
		heard.wantNumbers(t, at, at+50)
		at += 50
		kind := []string{"pubsub", "normal"}[round%2]
		if _, err := s.Do(t.Context(), "CLIENT", "KILL", "TYPE", kind); err != nil {
			t.Fatal(err)
		}
	}
	drainFlow(t, posting, heard, at)
}

func TestFollowOverFrozenServer(t *testing.T) {
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory})
	heard, posting := hark(t, c.Bus(), interact.Place{}), startFlow(t, c.Bus())
	heard.wantNumbers(t, 0, 100)
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	<-time.After(5 * time.Second)
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
	thawed := time.Now()
	heard.wantNumbers(t, 100, 2000)
	t.Logf("1900 posts within %v of the thaw", time.Since(thawed))
	drainFlow(t, posting, heard, 2000)
}

// drainFlow ends a flow and hears the rest of it.
func drainFlow(t *testing.T, f *flow, e *ear, at int) {
	t.Helper()
	close(f.stop)
	for {
		select {
		case n := <-f.posted:
			e.wantNumbers(t, at, n)
			return
		case p := <-e.posts:
			if string(p.Data) != fmt.Sprint(at) {
				t.Fatalf("BU14 heard %q in the place of %d", p.Data, at)
			}
			at++
		case <-time.After(patience):
			t.Fatal("the flow does not end")
		}
	}
}

func TestFollowWithoutSubscription(t *testing.T) {
	s := serve(t, redisproc.Options{})
	for _, args := range [][]any{{"ACL", "SETUSER", "deaf", "on", ">secret", "~*", "+@all", "resetchannels"}} {
		if _, err := s.Do(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	cfg := redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory}
	poster := open(t, cfg).Bus()
	cfg.Username, cfg.Password = "deaf", "secret"
	heard := hark(t, open(t, cfg).Bus(), interact.Place{})
	for i := range 3 {
		if err := insist(t.Context(), poster, i); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		heard.wantNumbers(t, i, i+1)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("BU15 heard only after %v", took)
		}
	}
}

func TestFollowerOfWhatIsGone(t *testing.T) {
	for name, after := range map[string]func(t *testing.T, b *redisstore.Bus){
		"and nothing new": func(*testing.T, *redisstore.Bus) {},
		"and others after it": func(t *testing.T, b *redisstore.Bus) {
			for _, text := range []string{"other 4", "other 5", "other 6"} {
				if err := b.Post(t.Context(), "show", 1, []interact.Post{viewers(text)}, nil); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := alone(t)(t)
			b := c.Bus()
			if err := b.Post(t.Context(), "show", 1, []interact.Post{viewers("1"), viewers("2")}, []byte("after 2")); err != nil {
				t.Fatal(err)
			}
			before, err := b.Snapshot(t.Context(), "show")
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Post(t.Context(), "show", 1, []interact.Post{viewers("3")}, nil); err != nil {
				t.Fatal(err)
			}
			bus, posts := c.Key("show", "bus"), c.Key("show", "posts")
			was, err := c.Do(t.Context(), bus, "HMGET", bus, "n", "offset", "tip")
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Post(t.Context(), "show", 1, []interact.Post{viewers("4"), viewers("5")}, nil); err != nil {
				t.Fatal(err)
			}
			heard := listen(t, b, interact.Place{})
			heard.want(t, "1", "2", "3", "4", "5")
			// A replica that had not copied the last ones becomes the primary.
			at := was.([]any)
			for _, args := range [][]any{
				{"XDEL", posts, "4-0", "5-0"}, {"XSETID", posts, "3-0"}, {"HSET", bus, "n", at[0], "offset", at[1], "tip", at[2]},
			} {
				if _, err := c.Do(t.Context(), bus, args...); err != nil {
					t.Fatal(err)
				}
			}
			after(t, b)
			heard.wantLost(t)
			now, err := b.Snapshot(t.Context(), "show")
			if err != nil || now.Epoch == before.Epoch || string(now.Data) != "after 2" {
				t.Errorf("BU16 the snapshot is %+v, %v", now, err)
			}
		})
	}
}

func TestAnewKeepsWhatFollowsTheSnapshot(t *testing.T) {
	c := alone(t)(t)
	b := c.Bus()
	if err := b.Post(t.Context(), "show", 1, []interact.Post{viewers("1"), {Reach: interact.ReachNodes, Data: []byte("2")}}, []byte("after 2")); err != nil {
		t.Fatal(err)
	}
	rest := []interact.Post{viewers("3"), {Reach: interact.ReachProducers, Once: "four", Data: []byte("4\n\x00")}, viewers("5")}
	if err := b.Post(t.Context(), "show", 1, rest, nil); err != nil {
		t.Fatal(err)
	}
	heard := listen(t, b, interact.Place{})
	heard.want(t, "1", "2", "3", "4\n\x00", "5")
	bus := c.Key("show", "bus")
	if _, err := c.Do(t.Context(), bus, "HSET", bus, "tip", "another.1"); err != nil {
		t.Fatal(err)
	}
	heard.wantLost(t)
	s, err := b.Snapshot(t.Context(), "show")
	if err != nil || s.N != 0 || s.Offset != 0 || string(s.Data) != "after 2" {
		t.Fatalf("BU16 the snapshot is %+v, %v", s, err)
	}
	again := hark(t, b, s.Place)
	for i, want := range []interact.Post{
		{N: 1, Offset: 1, Reach: interact.ReachViewers, Data: []byte("3")},
		{N: 2, Reach: interact.ReachProducers, Once: "four", Data: []byte("4\n\x00")},
		{N: 3, Offset: 2, Reach: interact.ReachViewers, Data: []byte("5")},
	} {
		if got := again.next(t); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("BU16 post %d is %+v, want %+v", i, got, want)
		}
	}
	if err := b.Post(t.Context(), "show", 1, []interact.Post{viewers("6")}, nil); err != nil {
		t.Fatal(err)
	}
	if p := again.next(t); p.N != 4 || p.Offset != 3 {
		t.Errorf("BU16 the next one is %+v", p)
	}
}

func TestFencedPoster(t *testing.T) {
	s := serve(t, redisproc.Options{})
	cfg := redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory}
	old, next := open(t, cfg).Bus(), open(t, cfg).Bus()
	heard := hark(t, old, interact.Place{})
	post := func(b *redisstore.Bus, fence interact.Fence, text string) error {
		return b.Post(t.Context(), "show", fence, []interact.Post{viewers(text)}, []byte(text))
	}
	if err := errors.Join(post(old, 1, "old"), post(next, 2, "next")); err != nil {
		t.Fatal(err)
	}
	if err := post(old, 1, "too late"); !errors.Is(err, interact.ErrFenced) {
		t.Errorf("BU4 %v", err)
	}
	if err := post(next, 2, "last"); err != nil {
		t.Fatal(err)
	}
	heard.want(t, "old", "next", "last")
}

func TestFollowOverRestart(t *testing.T) {
	for name, args := range map[string][]string{"that keeps all": redisproc.Durable(), "that keeps nothing": nil} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, redisproc.Options{Args: args})
			c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory})
			heard := listen(t, c.Bus(), interact.Place{})
			for i := range 3 {
				if err := insist(t.Context(), c.Bus(), i); err != nil {
					t.Fatal(err)
				}
			}
			heard.wantNumbers(t, 0, 3)
			if err := s.Restart(); err != nil {
				t.Fatal(err)
			}
			if args == nil {
				heard.wantLost(t)
				return
			}
			if err := insist(t.Context(), c.Bus(), 3); err != nil {
				t.Fatal(err)
			}
			heard.wantNumbers(t, 3, 4)
		})
	}
}

func TestDamagedPost(t *testing.T) {
	c := alone(t)(t)
	b := c.Bus()
	post := func(texts ...string) {
		t.Helper()
		for _, text := range texts {
			if err := b.Post(t.Context(), "show", 1, []interact.Post{viewers(text)}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	post("1", "2")
	heard := listen(t, b, interact.Place{})
	heard.want(t, "1", "2")
	bus, posts := c.Key("show", "bus"), c.Key("show", "posts")
	for _, args := range [][]any{{"XADD", posts, "3-0", "m", "P what is this", "t", "1"}, {"HSET", bus, "n", 3, "offset", 3, "tip", "x.1"}} {
		if _, err := c.Do(t.Context(), bus, args...); err != nil {
			t.Fatal(err)
		}
	}
	heard.wantLost(t)
	post("4", "5")
	got, err := b.Recent(t.Context(), "show", 0)
	if err != nil || len(got) != 2 || got[0].N != 4 || got[1].N != 5 {
		t.Errorf("BU17 recent posts are %v, %v", got, err)
	}
	if c.Stats().Refused == 0 {
		t.Error("BU17 nobody counted it")
	}
}

func TestStrangeWords(t *testing.T) {
	c := alone(t)(t)
	heard := hark(t, c.Bus(), interact.Place{})
	live := c.Key("show", "live")
	say := func(texts ...string) {
		t.Helper()
		for _, text := range texts {
			if _, err := c.Do(t.Context(), live, "SPUBLISH", live, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for first := true; first; { // until somebody listens
		say("W edge n\nfirst")
		select {
		case <-heard.whispers:
			first = false
		case <-again.C:
		}
	}
	say("", "X what a later release says\n", "W no\n", "P no", "F\n", "W edge n later fields\nlast")
	for {
		select {
		case w := <-heard.whispers:
			switch text := string(w.Data); {
			case text == "last":
				return
			case text != "first":
				t.Errorf("BU17 heard %+v", w)
			}
		case <-time.After(patience):
			t.Fatal("BU17 hears nothing any more")
		}
	}
}

// TestFollowWithRights hears a whisper, which needs a subscription, as the user
// that docs/redis.md describes.
func TestFollowWithRights(t *testing.T) {
	s := serve(t, redisproc.Options{})
	addUser(t, s, "cuelight", rights(t)...)
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Username: "cuelight", Password: "secret", Level: interact.LevelMemory})
	heard := hark(t, c.Bus(), interact.Place{})
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for giveUp := time.After(patience); ; {
		if err := c.Bus().Whisper(t.Context(), "show", interact.Whisper{Kind: "edge", Node: "n"}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard.whispers:
			return
		case <-again.C:
		case <-giveUp:
			t.Fatal("heard nothing: the user may not subscribe")
		}
	}
}
