package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

const (
	// gatherFor is how long what is said waits for more, so that it is posted
	// together; batchMost and batchBytes are how much of it.
	gatherFor  = 3 * time.Millisecond
	batchMost  = 256
	batchBytes = 1 << 20
	// snapshotEvery is how often a snapshot is posted, at most, while nothing but
	// counts changes.
	snapshotEvery = 250 * time.Millisecond
	// postFor is the longest that the bus is waited for; after a failure it is
	// asked again after postRetry, doubled up to postRetryMost.
	postFor       = 2 * time.Second
	postRetry     = 50 * time.Millisecond
	postRetryMost = time.Second
	// lastWords is how long what waits may be posted after Run was told to end.
	lastWords = time.Second
)

// errUntold ends a herald behind which a bus has been away for too long.
var errUntold = errors.New("too much waits to be posted")

// Run posts what is told until ctx ends, and what waits then, if the bus takes it
// at once. Let the room end first. It is called once.
//
// Errors: interact.ErrFenced in its chain if another node leads; one if more
// records wait than the next who leads would tell. Nil when ctx ends.
func (h *Herald) Run(ctx context.Context) error {
	p := poster{h: h, retry: postRetry}
	p.recall(ctx)
	for {
		if err := p.wait(ctx); err != nil {
			return p.end(ctx)
		}
		if err := p.post(ctx); err != nil {
			return err
		}
	}
}

// poster is the goroutine of Run.
type poster struct {
	h     *Herald
	shot  time.Time     // when the last snapshot was posted
	stale bool          // a snapshot is to be posted although nothing else is
	away  bool          // the bus has failed
	more  bool          // the last batch was full
	past  past          // what was posted before it began
	retry time.Duration // how long to wait after the next failure
}

// wait returns when there is something to post, or ctx's error.
func (p *poster) wait(ctx context.Context) error {
	if p.away {
		return pause(ctx, p.backOff())
	}
	if p.more {
		return ctx.Err()
	}
	if p.h.waiting() > 0 {
		return pause(ctx, gatherFor)
	}
	var due <-chan time.Time
	if p.stale {
		timer := time.NewTimer(time.Until(p.shot.Add(snapshotEvery)))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-due:
		return nil
	case <-p.h.wake:
		return pause(ctx, gatherFor)
	}
}

func (p *poster) backOff() time.Duration {
	d := p.retry
	p.retry = min(2*p.retry, postRetryMost)
	return d
}

// pause returns ctx's error if that ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// post posts a batch. Its errors end the herald; what the bus could not take
// waits for the next time.
func (p *poster) post(ctx context.Context) error {
	batch, dirty, full := p.h.take(batchMost)
	if full {
		return fmt.Errorf("channel %s: %w", p.h.cfg.Channel, errUntold)
	}
	posts, taken := p.encode(batch)
	p.more = taken < len(batch) || len(batch) == batchMost
	if taken < len(batch) {
		p.h.putBack(batch[taken:])
		batch = batch[:taken]
	}
	snapshot := p.snapshot(ctx, batch, dirty)
	if len(posts) == 0 && snapshot == nil {
		return nil
	}
	err := p.give(ctx, posts, snapshot)
	switch {
	case err == nil:
		p.went(len(posts), snapshot != nil)
		return nil
	case errors.Is(err, interact.ErrFenced):
		close(p.h.fenced)
		return fmt.Errorf("channel %s: post: %w", p.h.cfg.Channel, interact.ErrFenced)
	case interact.CodeOf(err) == interact.CodeInvalid:
		return p.sort(ctx, batch, err)
	}
	p.failed(err)
	p.h.putBack(batch)
	return nil
}

func (p *poster) give(ctx context.Context, posts []interact.Post, snapshot []byte) error {
	ctx, cancel := context.WithTimeout(ctx, postFor)
	defer cancel()
	return p.h.cfg.Bus.Post(ctx, p.h.cfg.Channel, p.h.cfg.Fence, posts, snapshot)
}

func (p *poster) went(posts int, snapshot bool) {
	p.h.calls.Add(1)
	p.h.posts.Add(uint64(posts))
	p.away, p.retry = false, postRetry
	if snapshot {
		p.h.snapshots.Add(1)
		p.shot, p.stale = time.Now(), false
	}
}

func (p *poster) failed(err error) {
	p.h.failed.Add(1)
	if !p.away {
		p.h.cfg.Log.Warn("bus takes no posts", "err", err, "waiting", p.h.waiting())
	}
	p.away = true
}

// sort posts one by one what the bus does not take together, and leaves out what
// it never will.
func (p *poster) sort(ctx context.Context, batch []*notice, why error) error {
	p.h.failed.Add(1)
	for i := range batch {
		posts, _ := p.encode(batch[i : i+1])
		if len(posts) == 0 {
			continue
		}
		err := p.give(ctx, posts, nil)
		switch {
		case err == nil:
			p.went(1, false)
		case errors.Is(err, interact.ErrFenced):
			close(p.h.fenced)
			return fmt.Errorf("channel %s: post: %w", p.h.cfg.Channel, interact.ErrFenced)
		case interact.CodeOf(err) == interact.CodeInvalid:
			p.h.cfg.Log.Error("post left out: the bus does not take it", "kind", batch[i].topic.kind, "err", err)
		default:
			p.failed(err)
			p.h.putBack(batch[i:])
			return nil
		}
	}
	if len(batch) == 0 {
		p.h.cfg.Log.Error("snapshot left out: the bus does not take it", "err", why)
		p.stale, p.shot = false, time.Now()
	}
	return nil
}

// encode packs as many notices as fit into one call, and returns how many those
// are. What cannot be packed is left out.
func (p *poster) encode(batch []*notice) (posts []interact.Post, taken int) {
	size := 0
	for i, n := range batch {
		post, err := n.post()
		if err == nil && len(post.Data) > interact.MaxPost {
			err = fmt.Errorf("it takes %d bytes, a post %d", len(post.Data), interact.MaxPost)
		}
		if err != nil {
			p.h.cfg.Log.Error("message not posted", "kind", n.topic.kind, "cue", n.topic.cue, "err", err)
			continue
		}
		if p.past.says(n, post.Data) {
			continue
		}
		if size += len(post.Data); size > batchBytes {
			return posts, i
		}
		posts = append(posts, post)
	}
	return posts, len(batch)
}

// post packs a notice. Whoever comes first posts a key, so it has a name.
func (n *notice) post() (post interact.Post, err error) {
	post.Reach = n.topic.reach
	if n.rec != nil {
		post.Data, err = encodeRecord(*n.rec)
		return post, err
	}
	if key, ok := n.m.(*wire.Key); ok {
		post.Once = onceOf(key.Cue, key.Rev)
	}
	post.Data, err = wire.Encode(n.m)
	return post, err
}

// onceOf names the post of the key of a cue's revision.
func onceOf(cue string, rev int) string { return "key:" + cue + ":" + strconv.Itoa(rev) }

// snapshot returns what is true now, if that is to be posted: with every record,
// after every failure, and every snapshotEvery. It is at least as new as batch,
// for the room changes before it tells.
func (p *poster) snapshot(ctx context.Context, batch []*notice, dirty bool) []byte {
	p.stale = p.stale || dirty
	if !p.stale || !p.away && !hasRecord(batch) && time.Since(p.shot) < snapshotEvery {
		return nil
	}
	p.h.setClean()
	ctx, cancel := context.WithTimeout(ctx, postFor)
	defer cancel()
	scene, err := p.h.cfg.Scene(ctx)
	if err != nil {
		p.shot = time.Now()
		return nil // the room does not run: it tells everything when it does
	}
	data, err := encodeScene(scene)
	if err != nil {
		p.h.cfg.Log.Error("no snapshot posted", "err", err)
		p.stale, p.shot = false, time.Now()
		return nil
	}
	return data
}

func hasRecord(batch []*notice) bool {
	for _, n := range batch {
		if n.rec != nil {
			return true
		}
	}
	return false
}

// end posts what waits when Run is told to end.
func (p *poster) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	p.away = false
	for p.h.waiting() > 0 && !p.away && ctx.Err() == nil {
		if err := p.post(ctx); err != nil {
			return err
		}
	}
	return nil
}
