package memory

import (
	"bytes"
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// What a channel keeps of its posts, and the names of posts of which there is
// only one.
const (
	keepPosts = 2048
	maxPosts  = 16384
	keepFor   = 5 * time.Minute
	maxOnces  = 16384
)

// Bus tells posts and whispers inside this process. Several engines and
// replicas of a test or of one process share it as nodes share a server. The
// zero value is empty and ready. It is safe for concurrent use.
type Bus struct {
	mu       sync.Mutex // protects channels and what is in them
	channels map[string]*posts
}

var _ interact.Bus = (*Bus)(nil)

// posts are those of one channel. Their Data are never changed, so that a reader
// may copy them after the lock is given back.
type posts struct {
	place    interact.Place // of the last post
	fence    interact.Fence // the highest one that has posted
	kept     []keptPost
	onces    []string // oldest first
	once     map[string]bool
	snapshot interact.Snapshot
	ears     map[*ear]bool
}

type keptPost struct {
	interact.Post
	at time.Time
}

// Post appends posts to those of the channel, all or none.
//
// Errors: interact.ErrFenced; *interact.Error with CodeInvalid; ctx's.
func (b *Bus) Post(ctx context.Context, channel string, fence interact.Fence, posts []interact.Post, snapshot []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := interact.ValidatePosts(channel, fence, posts, snapshot); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.channel(channel)
	if fence != 0 && fence < c.fence {
		return interact.ErrFenced
	}
	c.fence = max(c.fence, fence)
	for _, p := range posts {
		c.append(p)
	}
	if snapshot != nil {
		c.snapshot = interact.Snapshot{Place: c.place, Data: bytes.Clone(snapshot)}
	}
	c.trim()
	c.wake()
	return nil
}

// channel is called with b.mu held.
func (b *Bus) channel(name string) *posts {
	if b.channels == nil {
		b.channels = make(map[string]*posts)
	}
	c := b.channels[name]
	if c == nil {
		place := interact.Place{Epoch: rand.Text()}
		c = &posts{place: place, snapshot: interact.Snapshot{Place: place}, once: make(map[string]bool), ears: make(map[*ear]bool)}
		b.channels[name] = c
	}
	return c
}

func (c *posts) append(p interact.Post) {
	if p.Once != "" {
		if c.once[p.Once] {
			return
		}
		c.once[p.Once], c.onces = true, append(c.onces, p.Once)
	}
	c.place.N++
	p.N, p.Offset, p.Data = c.place.N, 0, bytes.Clone(p.Data)
	if p.Reach == interact.ReachViewers {
		c.place.Offset++
		p.Offset = c.place.Offset
	}
	c.kept = append(c.kept, keptPost{Post: p, at: time.Now()})
}

func (c *posts) trim() {
	drop, old := 0, time.Now().Add(-keepFor)
	for rest := len(c.kept); rest > keepPosts && (rest > maxPosts || c.kept[drop].at.Before(old)); rest-- {
		drop++
	}
	c.kept = c.kept[drop:]
	for len(c.onces) > maxOnces {
		delete(c.once, c.onces[0])
		c.onces = c.onces[1:]
	}
}

func (c *posts) wake() {
	for e := range c.ears {
		e.wake()
	}
}

// after returns the kept posts after n and whether none is missing between. It is
// called with the lock held.
func (c *posts) after(n uint64) (found []keptPost, whole bool) {
	first := c.place.N - uint64(len(c.kept)) + 1
	if n >= c.place.N {
		return nil, n == c.place.N
	}
	if n+1 < first {
		return c.kept, false
	}
	return c.kept[n+1-first:], true
}

// Snapshot returns the latest one.
//
// Errors: ctx's.
func (b *Bus) Snapshot(ctx context.Context, channel string) (interact.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return interact.Snapshot{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.channel(channel).snapshot
	s.Data = bytes.Clone(s.Data)
	return s, nil
}

// Recent returns the kept posts after a place, oldest first.
//
// Errors: ctx's.
func (b *Bus) Recent(ctx context.Context, channel string, after uint64) ([]interact.Post, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	found, _ := b.channel(channel).after(after)
	b.mu.Unlock()
	out := make([]interact.Post, len(found))
	for i, p := range found {
		out[i] = p.own()
	}
	return out, nil
}

func (p keptPost) own() interact.Post {
	p.Data = bytes.Clone(p.Data)
	return p.Post
}

// Expire forgets everything of a channel after a while, zero now: who follows
// it gets interact.ErrLost, and another epoch begins. Unlike a server this one
// forgets although the channel goes on meanwhile.
//
// Errors: ctx's.
func (b *Bus) Expire(ctx context.Context, channel string, after time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if after > 0 {
		time.AfterFunc(after, func() { b.forget(channel) })
		return nil
	}
	b.forget(channel)
	return nil
}

func (b *Bus) forget(channel string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.channels[channel]; c != nil {
		delete(b.channels, channel)
		b.channel(channel).ears = c.ears // they find another epoch
		c.wake()
	}
}
