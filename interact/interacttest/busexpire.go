package interacttest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// ExpiringBus is a bus that can forget a channel.
type ExpiringBus interface {
	interact.Bus
	// Expire forgets everything of a channel after a while, zero now.
	Expire(ctx context.Context, channel string, after time.Duration) error
}

// TestBusExpires checks rule BU13 of interact/SPEC.md.
func TestBusExpires(t *testing.T, open func(t *testing.T) ExpiringBus) {
	t.Run("BU13 what is forgotten begins anew", func(t *testing.T) { testForgets(t, open(t), 0) })
	t.Run("BU13 after a while", func(t *testing.T) { testForgets(t, open(t), 50*time.Millisecond) })
}

func testForgets(t *testing.T, b ExpiringBus, after time.Duration) {
	if err := b.Post(t.Context(), "show", 1, []interact.Post{once("x", "a")}, []byte("a")); err != nil {
		t.Fatal(err)
	}
	if err := b.Post(t.Context(), "other", 1, []interact.Post{toViewers("other's")}, nil); err != nil {
		t.Fatal(err)
	}
	was := snapshotOf(t, b, "show")
	e, ended := newEar(t.Context()), make(chan error, 1)
	go func() { ended <- b.Follow(t.Context(), "show", interact.Place{}, e) }()
	e.want(t, "a")
	if err := b.Expire(t.Context(), "show", after); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, interact.ErrLost) {
			t.Errorf("a follower was told %v", err)
		}
	case <-time.After(patience):
		t.Fatal("a follower was told nothing")
	}
	if s := snapshotOf(t, b, "show"); s.Epoch == was.Epoch || s.N != 0 || len(s.Data) != 0 {
		t.Errorf("afterwards: %+v", s)
	}
	wantPosts(t, recent(t, b, 0))
	postAll(t, b, once("x", "b"))
	wantPosts(t, recent(t, b, 0), "b")
	if kept, err := b.Recent(t.Context(), "other", 0); err != nil || len(kept) != 1 {
		t.Errorf("another channel has %d posts, %v", len(kept), err)
	}
}
