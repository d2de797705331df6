package edge

import (
	"container/list"
	"net/http"
	"time"
)

// How much is kept of answers that are no media, so that who asks for what does
// not exist drives out nothing.
const (
	mostErrors     = 1024
	mostErrorBytes = 4 << 20
)

// shelves are what is kept. They belong to whoever holds the edge's lock.
type shelves struct{ objects, errors store }

func newShelves(maxBytes int64, maxObjects int) shelves {
	return shelves{objects: newStore(maxBytes, maxObjects), errors: newStore(mostErrorBytes, mostErrors)}
}

// get returns what is kept, fresh or not, nil if nothing is.
func (s *shelves) get(k key, now time.Time) *object {
	if o := s.errors.get(k); o != nil && o.isFresh(now) {
		return o
	}
	return s.objects.get(k)
}

// put keeps o. What was kept of media stays while there is an error instead.
func (s *shelves) put(o *object) {
	if o.status == http.StatusOK {
		s.errors.drop(o.key)
		s.objects.put(o)
	} else {
		s.errors.put(o)
	}
}

// prune drops what is of no use any more.
func (s *shelves) prune(now time.Time, stale time.Duration) {
	s.errors.prune(now, stale)
	s.objects.prune(now, stale)
}

// store keeps the objects used last, up to its limits. It belongs to whoever
// holds the edge's lock.
type store struct {
	maxBytes   int64
	maxObjects int

	bytes int64
	order list.List // of *object, used last first
	at    map[key]*list.Element
}

func newStore(maxBytes int64, maxObjects int) store {
	return store{maxBytes: maxBytes, maxObjects: maxObjects, at: make(map[key]*list.Element)}
}

// get returns what is kept, fresh or not, nil if nothing is.
func (s *store) get(k key) *object {
	at := s.at[k]
	if at == nil {
		return nil
	}
	s.order.MoveToFront(at)
	return at.Value.(*object)
}

// put keeps o instead of what was kept under its key.
func (s *store) put(o *object) {
	s.drop(o.key)
	if o.size() > s.maxBytes {
		return
	}
	s.at[o.key] = s.order.PushFront(o)
	s.bytes += o.size()
	for s.bytes > s.maxBytes || s.order.Len() > s.maxObjects {
		s.drop(s.order.Back().Value.(*object).key)
	}
}

func (s *store) drop(k key) {
	if at := s.at[k]; at != nil {
		s.bytes -= at.Value.(*object).size()
		s.order.Remove(at)
		delete(s.at, k)
	}
}

// prune drops what is of no use any more at the end of the order.
func (s *store) prune(now time.Time, stale time.Duration) {
	for at := s.order.Back(); at != nil; at = s.order.Back() {
		o := at.Value.(*object)
		if o.isFresh(now) || o.serves(now, stale) {
			return
		}
		s.drop(o.key)
	}
}
