package redis

import (
	"context"
	"errors"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// How a follower looks after what it hears.
const (
	// lookEvery is how often the stream is asked whether there is more than was
	// heard: what a lost subscription costs at most.
	lookEvery = 500 * time.Millisecond
	// lookAgain is when it is asked again if it did not answer.
	lookAgain = 100 * time.Millisecond
	// silence is how long a subscription says nothing, not even to a ping, until
	// it is taken for dead.
	silence = 3 * time.Second
	// tipsKept is of how many posts the follower knows the tips, to tell one it
	// knows from another one with its number.
	tipsKept = 256
	// stayEvery is how often a channel that is followed is kept from ending.
	stayEvery = time.Hour
)

// Kept is how long stays in Redis what nobody touches and nobody lets go: answers,
// and everything of a channel that no node follows. The functions have it, too.
const Kept = 90 * 24 * time.Hour

// follower is one Follow.
type follower struct {
	b        *Bus
	channel  string
	listener interact.Listener

	place interact.Place // of the last post that the listener was given
	tip   string         // its tip, empty before the first one
	tips  [tipsKept]struct {
		n   uint64
		tip string
	}

	sub        *subscription
	subscribed bool      // the subscription stands, as far as it says
	heardAt    time.Time // when it said something
	heard      uint64    // the highest number it has said
	looked     uint64    // the number up to which it should have said all by now
	stayed     time.Time // when the channel was last kept from ending
}

// Follow gives to listener what is posted after the place and what is whispered
// from now on, until ctx ends. It subscribes first, then reads the stream, and
// goes on reading it now and then, for what a subscription has lost.
//
// Errors: interact.ErrLost; ctx's.
func (b *Bus) Follow(ctx context.Context, channel string, from interact.Place, listener interact.Listener) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f := &follower{b: b, channel: channel, listener: listener, place: from}
	f.sub = b.subscribe(ctx, channel)
	defer func() { f.sub.end() }()
	f.heardAt = time.Now()
	next := time.NewTimer(lookEvery)
	defer next.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-f.sub.events:
			err = f.hear(ctx, e)
		case <-next.C:
			f.tend(ctx)
			err = errors.Join(f.look(ctx), f.stay(ctx))
			next.Reset(lookEvery)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, interact.ErrLost):
			return interact.ErrLost
		case err != nil:
			next.Reset(lookAgain)
		}
	}
}

// hear takes what the subscription says.
func (f *follower) hear(ctx context.Context, e event) error {
	if e.err != nil {
		f.subscribed = false
		return nil
	}
	f.heardAt = time.Now()
	if e.text == "" {
		return f.stand(ctx, e)
	}
	switch e.text[0] {
	case sayPost:
		return f.hearPost(ctx, e.text)
	case sayAnew:
		return f.look(ctx)
	case sayWhisper:
		w, err := parseWhisper(e.text)
		if err != nil {
			f.b.c.complain("hear a whisper", err)
			return nil
		}
		f.listener.Whispered(w)
	}
	return nil // a letter of a later release
}

// stand notes that the subscription stands or not. What was posted before it did
// is in the stream.
func (f *follower) stand(ctx context.Context, e event) error {
	if e.stands {
		f.subscribed = true
		err := f.look(ctx)
		f.heard = f.place.N
		return err
	}
	if e.gone {
		f.renew(ctx)
	}
	return nil
}

// hearPost gives the listener a post that is the next one. For any other the
// stream is asked.
func (f *follower) hearPost(ctx context.Context, text string) error {
	m, err := parsePost(text)
	if err != nil {
		f.b.c.complain("hear a post", err)
		return f.look(ctx)
	}
	f.heard = max(f.heard, m.post.N)
	if m.epoch == f.place.Epoch && f.knows(m) {
		return nil
	}
	if !f.isNext(m) {
		return f.look(ctx)
	}
	f.give(m)
	return nil
}

// knows says that the listener has been given this post, as far back as tips
// are kept.
func (f *follower) knows(m said) bool {
	t := f.tips[m.post.N%tipsKept]
	return m.post.N <= f.place.N && (t.n != m.post.N || t.tip == m.tip)
}

func (f *follower) isNext(m said) bool {
	return m.epoch == f.place.Epoch && m.post.N == f.place.N+1 && (f.tip == "" || f.tip == m.before)
}

func (f *follower) give(m said) {
	f.place.N, f.tip = m.post.N, m.tip
	if m.post.Offset != 0 {
		f.place.Offset = m.post.Offset
	}
	t := &f.tips[m.post.N%tipsKept]
	t.n, t.tip = m.post.N, m.tip
	f.listener.Posted(m.post)
}

// look gives the listener what the stream has after the last post.
//
// Errors: interact.ErrLost if it does not follow; *interact.Error with
// CodeUnavailable; ctx's.
func (f *follower) look(ctx context.Context) error {
	for {
		n, found, err := f.ask(ctx)
		if err != nil {
			return err
		}
		for _, text := range found {
			m, err := parsePost(text)
			if err != nil {
				f.b.c.complain("follow posts", err)
				return interact.ErrLost
			}
			if !f.isNext(m) {
				return interact.ErrLost
			}
			f.give(m)
		}
		if f.place.N >= n {
			return nil
		}
		if len(found) == 0 { // what comes next is not kept any more
			return interact.ErrLost
		}
	}
}

// ask returns the number of the last post and some after the follower's.
func (f *follower) ask(ctx context.Context) (last uint64, found []string, err error) {
	if f.place.N >= maxNumber {
		return 0, nil, interact.ErrLost
	}
	c := f.b.c
	out, err := c.ask(ctx, "follow posts", newCall("bus", "bus_look", false, c.busKeys(f.channel)[:3],
		c.liveName(f.channel), nonce(), f.place.Epoch, f.place.N, f.tip, pageOfPosts))
	if reason, ok := errors.AsType[errSaid](err); ok {
		c.log.Info("posts do not go on from where they were followed", "channel", f.channel, "n", f.place.N, "reason", string(reason))
		return 0, nil, interact.ErrLost
	}
	if err != nil {
		return 0, nil, err
	}
	if len(out) < 3 {
		return 0, nil, c.refused(ctx, "follow posts", errors.New("a function said too little"))
	}
	at, err := parsePlace(out[0], out[1], out[2])
	if f.place.Epoch == "" && err == nil { // followed from the beginning, whatever its name
		if f.place.N != 0 {
			return 0, nil, interact.ErrLost
		}
		f.place.Epoch = at.Epoch
	}
	return at.N, out[3:], c.refused(ctx, "follow posts", err)
}

// tend makes a new subscription in the place of one that says nothing any more,
// or not all there is to say.
func (f *follower) tend(ctx context.Context) {
	quiet := time.Since(f.heardAt)
	if f.subscribed && f.heard < f.looked || quiet > silence {
		f.renew(ctx)
		return
	}
	f.looked = f.place.N
	if quiet > silence/3 {
		f.sub.ping()
	}
}

// stay keeps everything of the channel from ending, now and then.
func (f *follower) stay(ctx context.Context) error {
	if time.Since(f.stayed) < stayEvery {
		return nil
	}
	c := f.b.c
	keys := append(c.busKeys(f.channel), c.logKeys(f.channel)...)
	keys = append(keys, c.linkKeys(f.channel)...)
	_, err := c.ask(ctx, "keep a channel", newCall("bus", "bus_stay", false, keys))
	if err == nil {
		f.stayed = time.Now()
	}
	return err
}

func (f *follower) renew(ctx context.Context) {
	f.b.c.log.Debug("subscribe again", "channel", f.channel)
	f.sub.end()
	f.subscribed, f.heardAt, f.looked = false, time.Now(), 0
	f.sub = f.b.subscribe(ctx, f.channel)
}
