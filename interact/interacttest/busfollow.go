package interacttest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// ear is a listener that hands on what it hears.
type ear struct {
	ctx      context.Context
	posts    chan interact.Post
	whispers chan interact.Whisper
}

func newEar(ctx context.Context) *ear {
	return &ear{ctx: ctx, posts: make(chan interact.Post), whispers: make(chan interact.Whisper, 64)}
}

func (e *ear) Posted(p interact.Post) {
	select {
	case e.posts <- p:
	case <-e.ctx.Done():
	}
}

func (e *ear) Whispered(w interact.Whisper) {
	select {
	case e.whispers <- w:
	default: // nobody is waiting for that many
	}
}

// follow follows a channel until the test ends, which fails if following ended
// for any other reason.
func follow(t *testing.T, b interact.Bus, channel string, from interact.Place) *ear {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	e, ended := newEar(ctx), make(chan error, 1)
	go func() { ended <- b.Follow(ctx, channel, from, e) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("BU7 following ended with %v", err)
		}
	})
	return e
}

func (e *ear) next(t *testing.T) interact.Post {
	t.Helper()
	select {
	case p := <-e.posts:
		return p
	case <-time.After(patience):
		t.Fatal("heard of no post")
		return interact.Post{}
	}
}

func (e *ear) want(t *testing.T, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if p := e.next(t); string(p.Data) != want {
			t.Fatalf("heard %q as number %d, want %q", p.Data, p.N, want)
		}
	}
}

func testFollow(t *testing.T, b interact.Bus) {
	postAll(t, b, toViewers("a"), toViewers("b"), interact.Post{Reach: interact.ReachNodes, Once: "x", Data: []byte("c")})
	from := snapshotOf(t, b, "show").Place
	from.N, from.Offset = 1, 1
	heard := follow(t, b, "show", from)
	heard.want(t, "b")
	if p := heard.next(t); p.N != 3 || p.Offset != 0 || p.Reach != interact.ReachNodes || p.Once != "x" {
		t.Errorf("heard %+v", p)
	}
	postAll(t, b, toViewers("d"))
	if p := heard.next(t); p.N != 4 || p.Offset != 3 || string(p.Data) != "d" {
		t.Errorf("heard %+v", p)
	}
	all := follow(t, b, "show", interact.Place{}) // the beginning, whatever its epoch
	all.want(t, "a", "b", "c", "d")
	postAll(t, b, toViewers("e"))
	heard.want(t, "e")
	all.want(t, "e")
}

func testFollowWhile(t *testing.T, b interact.Bus) {
	const all = 600
	posted := make(chan struct{})
	go func() {
		defer close(posted)
		for i := range all / 2 {
			if err := b.Post(t.Context(), "show", 1, []interact.Post{toViewers(fmt.Sprint(2 * i)), toViewers(fmt.Sprint(2*i + 1))}, nil); err != nil {
				t.Error(err)
			}
		}
	}()
	var ears []*ear
	for range 4 {
		e := follow(t, b, "show", interact.Place{})
		ears = append(ears, e)
		for i := range 20 {
			e.want(t, fmt.Sprint(i))
		}
	}
	for i := 20; i < all; i++ {
		for _, e := range ears {
			if p := e.next(t); p.N != uint64(i+1) || p.Offset != uint64(i+1) || string(p.Data) != fmt.Sprint(i) {
				t.Fatalf("heard %q as number %d in the place of %d", p.Data, p.N, i)
			}
		}
	}
	<-posted
}

func testFollowEnds(t *testing.T, b interact.Bus) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Follow(ctx, "show", interact.Place{}, newEar(ctx)) }()
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("goes on after its context")
	}
}

// whispered whispers until somebody hears it: that a follower has begun to
// listen is told by nothing else.
func whispered(t *testing.T, b interact.Bus, channel string, w interact.Whisper, e *ear) interact.Whisper {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	giveUp := time.After(patience)
	for {
		if err := b.Whisper(t.Context(), channel, w); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-e.whispers:
			return got
		case <-again.C:
		case <-giveUp:
			t.Fatal("nobody heard the whisper")
		}
	}
}

func testWhisper(t *testing.T, b interact.Bus) {
	postAll(t, b, toViewers("a"))
	w := interact.Whisper{Kind: "edge", Node: "n-1", Data: []byte("\x00 \n\xff")}
	if err := b.Whisper(t.Context(), "show", w); err != nil {
		t.Fatalf("with nobody there: %v", err)
	}
	heard, other := follow(t, b, "show", interact.Place{}), follow(t, b, "other", interact.Place{})
	heard.want(t, "a")
	if got := whispered(t, b, "show", w, heard); got.Kind != w.Kind || got.Node != w.Node || string(got.Data) != string(w.Data) {
		t.Errorf("heard %+v", got)
	}
	for _, data := range [][]byte{nil, make([]byte, interact.MaxPost)} {
		w.Kind, w.Data = fmt.Sprint("of-", string(rune('a'+len(data)%26))), data
		for got := whispered(t, b, "show", w, heard); got.Kind != w.Kind; got = whispered(t, b, "show", w, heard) {
		}
	}
	w.Kind = "last"
	if got := whispered(t, b, "other", w, other); got.Kind != "last" {
		t.Errorf("heard %s, which was said to another channel", got.Kind)
	}
	wantPosts(t, recent(t, b, 0), "a")
}

func testBadWhisper(t *testing.T, b interact.Bus) {
	for name, bad := range map[string]struct {
		channel string
		w       interact.Whisper
	}{
		"no channel":  {"", interact.Whisper{Kind: "edge", Node: "n1"}},
		"no kind":     {"show", interact.Whisper{Node: "n1"}},
		"a bad kind":  {"show", interact.Whisper{Kind: "Edge", Node: "n1"}},
		"a long kind": {"show", interact.Whisper{Kind: "abcdefghijklmnopqrstuvwxyzabcdefg", Node: "n1"}},
		"no node":     {"show", interact.Whisper{Kind: "edge"}},
		"a bad node":  {"show", interact.Whisper{Kind: "edge", Node: "n 1"}},
		"too much":    {"show", interact.Whisper{Kind: "edge", Node: "n1", Data: make([]byte, interact.MaxPost+1)}},
	} {
		if err := b.Whisper(t.Context(), bad.channel, bad.w); interact.CodeOf(err) != interact.CodeInvalid {
			t.Errorf("%s: err = %v, want invalid", name, err)
		}
	}
}
