package edge

import (
	"context"
	"errors"
	"net/http"
	"time"
)

const (
	// lookEvery is how often it is looked whether the origin is another one while
	// it is waited for.
	lookEvery = 250 * time.Millisecond
	// pause is how long after a failure the origin is asked again.
	pause = 100 * time.Millisecond
	// maxMoves is how often an object follows its origin.
	maxMoves = 8
)

var (
	errMoved = errors.New("the channel has another origin")
	errSlow  = errors.New("the origin takes too long")
)

// load gets an object from the channel's origin, wherever that is. It returns
// one of its own when there is none, and nil when nobody waits any more.
func (e *Edge) load(ctx context.Context, a *ask, kept *object) *object {
	began := time.Now()
	until := began.Add(e.cfg.Away)
	var failed, moved int
	for {
		base, there := e.cfg.Upstream(a.channel)
		last, known := e.origin(a.channel)
		if !there && !known {
			e.count.absent.Add(1)
			return absent
		}
		if there {
			o, err := e.attempt(ctx, base, a, kept, failed+moved > 0, began)
			switch {
			case err == nil && e.settled(a, o, kept, known && last != base):
				e.remember(a.channel, base)
				return o
			case errors.Is(err, errMoved) && moved < maxMoves:
				moved++
				e.count.moved.Add(1)
				continue
			case err != nil && ctx.Err() == nil:
				e.complain(a.channel, base, err)
			}
			failed++
		}
		if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil
		}
		now := time.Now()
		switch {
		case kept.serves(now, e.cfg.Stale):
			e.count.stale.Add(1)
			return kept
		case a.media && there && failed == 1:
			continue
		case a.media || !now.Before(until) || ctx.Err() != nil:
			e.count.away.Add(1)
			return away
		}
		e.wait(ctx)
	}
}

// settled says whether an answer is one. A channel that is moving is not there
// yet where it moves to, and what is kept of media is right whoever has it now.
func (e *Edge) settled(a *ask, o, kept *object, moving bool) bool {
	switch o.status {
	case http.StatusNotFound, http.StatusServiceUnavailable:
		return !(moving && !a.media) && !(a.media && kept.serves(time.Now(), e.cfg.Stale))
	}
	return true
}

// wait lets a moment pass.
func (e *Edge) wait(ctx context.Context) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// attempt asks one origin once, and takes the request back when the channel has
// another one. What is asked again is answered before players lose patience.
func (e *Edge) attempt(ctx context.Context, base string, a *ask, kept *object, again bool, began time.Time) (*object, error) {
	if again {
		e.count.retried.Add(1)
		patience, cancel := context.WithDeadline(ctx, began.Add(e.cfg.Away*3/2))
		defer cancel()
		ctx = patience
	}
	ctx, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		e.watch(ctx, cancel, a.channel, base)
	}()
	o, err := e.request(ctx, cancel, base, a, kept)
	cause := context.Cause(ctx)
	cancel(nil)
	<-watched
	if err != nil && cause != nil {
		err = cause
	}
	return o, err
}

// watch cancels a request when its channel has another origin.
func (e *Edge) watch(ctx context.Context, cancel context.CancelCauseFunc, channel, base string) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now, ok := e.cfg.Upstream(channel); ok && now != base {
			cancel(errMoved)
			return
		}
	}
}
