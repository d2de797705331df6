package redis_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
)

const patience = 30 * time.Second

// ear is a listener that hands on what it hears.
type ear struct {
	ctx      context.Context
	posts    chan interact.Post
	whispers chan interact.Whisper
	ended    chan error
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
	default:
	}
}

// listen follows the channel show until the test ends. What following ended with
// is in ended.
func listen(t *testing.T, b *redisstore.Bus, from interact.Place) *ear {
	ctx, cancel := context.WithCancel(t.Context())
	e := &ear{ctx: ctx, posts: make(chan interact.Post), whispers: make(chan interact.Whisper, 64), ended: make(chan error, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.ended <- b.Follow(ctx, "show", from, e)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return e
}

// hark is listen of what never ends by itself.
func hark(t *testing.T, b *redisstore.Bus, from interact.Place) *ear {
	e := listen(t, b, from)
	t.Cleanup(func() {
		select {
		case err := <-e.ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("following ended with %v", err)
			}
		default:
		}
	})
	return e
}

func (e *ear) next(t *testing.T) interact.Post {
	t.Helper()
	select {
	case p := <-e.posts:
		return p
	case err := <-e.ended:
		t.Fatalf("following ended with %v", err)
	case <-time.After(patience):
		t.Fatal("heard of no post")
	}
	return interact.Post{}
}

func (e *ear) want(t *testing.T, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if p := e.next(t); string(p.Data) != want {
			t.Fatalf("heard %q as number %d, want %q", p.Data, p.N, want)
		}
	}
}

// wantLost waits until the follower is told that it has lost its place. What it
// hears until then does not matter.
func (e *ear) wantLost(t *testing.T) {
	t.Helper()
	giveUp := time.After(patience)
	for {
		select {
		case <-e.posts:
		case err := <-e.ended:
			if !errors.Is(err, interact.ErrLost) {
				t.Fatalf("following ended with %v, want lost", err)
			}
			return
		case <-giveUp:
			t.Fatal("the follower was told nothing")
		}
	}
}
