package edge

import (
	"context"
	"net/http"
	"time"
)

// flight is an object on its way, and who waits for it.
type flight struct {
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	object *object // set when done is closed; nil if nothing came

	waiting int // under the edge's lock
}

// get returns an object: the one that is kept, or what an origin gives. Old says
// that it was kept for a while. It returns nil when too many are on their way,
// or when the viewer left.
func (e *Edge) get(r *http.Request, a *ask) (o *object, old bool) {
	f, kept, leads := e.join(a)
	switch {
	case f == nil && kept != nil:
		e.count.hits.Add(1)
		return kept, true
	case f == nil:
		return nil, false
	}
	stop := context.AfterFunc(r.Context(), func() { e.leave(f, a.key) })
	defer stop()
	if leads {
		e.fly(f, a, kept)
	} else {
		e.count.joined.Add(1)
		select {
		case <-f.done:
		case <-r.Context().Done():
			if stop() { // it has not begun, and will not
				e.leave(f, a.key)
			}
			return nil, false
		}
	}
	if r.Context().Err() != nil {
		return nil, false
	}
	return f.object, f.object != nil && f.object == kept
}

// join finds or begins the flight of an object. Whoever begins it leads: it has
// to fly. Without a flight the object is kept and fresh, or there are too many.
func (e *Edge) join(a *ask) (f *flight, kept *object, leads bool) {
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	kept = e.store.get(a.key, now)
	if kept != nil && kept.isFresh(now) {
		return nil, kept, false
	}
	if f = e.flights[a.key]; f == nil {
		if len(e.flights) >= e.cfg.MaxFlights {
			return nil, nil, false
		}
		f, leads = &flight{done: make(chan struct{})}, true
		f.ctx, f.cancel = context.WithTimeout(context.Background(), e.cfg.Timeout)
		e.flights[a.key] = f
	}
	f.waiting++
	return f, kept, leads
}

// leave stops waiting. The last one ends the flight.
func (e *Edge) leave(f *flight, k key) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if f.waiting--; f.waiting > 0 {
		return
	}
	if e.flights[k] == f {
		delete(e.flights, k)
	}
	f.cancel()
}

// fly loads the object in the goroutine of the one who asked first, also after
// that one has left, as long as others wait.
func (e *Edge) fly(f *flight, a *ask, kept *object) {
	defer f.cancel()
	defer close(f.done)
	defer func() { e.land(f, a.key) }()
	f.object = e.load(f.ctx, a, kept)
}

// land keeps what came.
func (e *Edge) land(f *flight, k key) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.flights[k] == f {
		delete(e.flights, k)
	}
	if o := f.object; o != nil && o.fresh > 0 {
		e.store.put(o)
	}
	e.store.prune(time.Now(), e.cfg.Stale)
}
