package hlspull

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	// maxFailures in a row end a follower; between two of them it waits.
	maxFailures = 5
	failureWait = 500 * time.Millisecond
	minReload   = 200 * time.Millisecond
	// restarted is how far sequence numbers must have gone back for the origin
	// to have begun anew; less may be an old copy from a cache.
	restarted = 10
)

var errRestarted = errors.New("the source has begun anew")

// piece is an item as it was fetched, or why there will be no more.
type piece struct {
	item
	data, sets []byte // sets is its initialisation section, nil in MPEG-TS
	size       int    // bytes read for it
	fetched    time.Time
	target     time.Duration // how long such pieces are
	err        error
}

// follower fetches what one playlist lists.
type follower struct {
	fetch  *fetcher
	url    *url.URL // of the playlist
	base   *url.URL // where it was found in the end
	pieces chan piece

	list     *listing
	next     position
	missed   bool
	overhead int // bytes of playlists since the last piece
	initAt   location
	init     []byte
	failures int
	trouble  atomic.Pointer[error] // the newest failure, nil once something came
}

// run fetches until ctx ends or there is no more to fetch, which is the last
// piece's error.
func (f *follower) run(ctx context.Context) {
	defer close(f.pieces)
	err := f.protect(ctx)
	if ctx.Err() == nil {
		f.hand(ctx, piece{err: err})
	}
}

// protect keeps a panic of a parser from ending the process.
func (f *follower) protect(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{fmt.Sprintf("%v\n%s", p, debug.Stack())}
		}
	}()
	return f.follow(ctx)
}

// panicked carries a panic, with its stack, to the goroutine that owns the
// session.
type panicked struct{ text string }

func (p *panicked) Error() string { return p.text }

func (f *follower) follow(ctx context.Context) error {
	for {
		begun := time.Now()
		items, next, missed := f.list.after(f.next, f.missed)
		f.missed = missed
		for _, it := range items {
			if err := f.one(ctx, it); err != nil {
				return err
			}
		}
		f.next = next
		if f.list.ended {
			return errEnded
		}
		if err := f.reload(ctx, begun, len(items) > 0); err != nil {
			return err
		}
	}
}

// one fetches an item. One that has gone is passed over: its media are missed.
func (f *follower) one(ctx context.Context, it item) error {
	for {
		p, err := f.get(ctx, it)
		if err == nil {
			f.succeeded()
			if p.missed = p.missed || f.missed; f.hand(ctx, p) {
				f.missed = false
			}
			return ctx.Err()
		}
		if e, ok := errors.AsType[*errHTTP](err); ok && (e.status == http.StatusNotFound || e.status == http.StatusGone) {
			f.missed = true
			return f.fail(ctx, err)
		}
		if err := f.fail(ctx, err); err != nil {
			return err
		}
	}
}

// fail waits a little before another try, and returns the reason when there
// have been too many, or when another one would cost too much.
func (f *follower) fail(ctx context.Context, reason error) error {
	f.trouble.Store(&reason)
	_, large := errors.AsType[*errSize](reason)
	if f.failures++; f.failures >= maxFailures || large {
		return reason
	}
	return wait(ctx, failureWait)
}

func (f *follower) succeeded() {
	f.failures = 0
	f.trouble.Store(nil)
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *follower) get(ctx context.Context, it item) (piece, error) {
	if it.init.uri != "" && (f.init == nil || it.init != f.initAt) {
		sets, err := f.at(ctx, it.init, maxInit)
		if err != nil {
			return piece{}, err
		}
		f.init, f.initAt = sets, it.init
		f.overhead += len(sets)
	}
	data, err := f.at(ctx, it.at, maxSegment)
	if err != nil {
		return piece{}, err
	}
	p := piece{item: it, data: data, size: len(data) + f.overhead, fetched: time.Now(), target: f.list.pace()}
	if f.overhead = 0; it.init.uri != "" {
		p.sets = f.init
	}
	return p, nil
}

func (f *follower) at(ctx context.Context, l location, limit int) ([]byte, error) {
	u, err := resolve(f.base, l.uri)
	if err != nil {
		return nil, err
	}
	body, _, err := f.fetch.get(ctx, request{u, l.piece, limit, segmentTimeout})
	return body, err
}

func (f *follower) hand(ctx context.Context, p piece) bool {
	select {
	case f.pieces <- p:
		return true
	case <-ctx.Done():
		return false
	}
}

// reload gets the playlist again: at once where the server holds the answer
// back until there is something new, else when something may be.
func (f *follower) reload(ctx context.Context, begun time.Time, news bool) error {
	pause := f.list.target / 2
	last := f.list.segments[len(f.list.segments)-1]
	switch {
	case news && f.list.blocks:
		pause = 0
	case news && !f.list.low():
		pause = last.duration
	case f.list.low():
		pause = f.list.partTarget / 2
	}
	if pause -= time.Since(begun); !(news && f.list.blocks) {
		pause = max(pause, minReload)
	}
	for {
		if err := wait(ctx, pause); err != nil {
			return err
		}
		list, err := f.load(ctx)
		if err == nil {
			f.failures, f.list = 0, list
			return f.sane()
		}
		if err := f.fail(ctx, err); err != nil {
			return err
		}
		pause = 0
	}
}

func (f *follower) load(ctx context.Context) (*listing, error) {
	u, timeout := *f.url, playlistTimeout
	if f.list.blocks {
		q := u.Query()
		q.Set("_HLS_msn", strconv.Itoa(f.next.msn))
		if f.list.low() {
			q.Set("_HLS_part", strconv.Itoa(f.next.part))
		}
		u.RawQuery = q.Encode()
		timeout += 3 * f.list.target
	}
	text, base, err := f.fetch.get(ctx, request{url: &u, limit: maxPlaylist, timeout: timeout})
	if err != nil {
		return nil, err
	}
	f.base = base
	f.overhead += len(text)
	return readMedia(text)
}

// sane notices an origin that counts from the beginning again.
func (f *follower) sane() error {
	if last := f.list.segments[len(f.list.segments)-1].msn; last+restarted < f.next.msn {
		return errRestarted
	}
	return nil
}
