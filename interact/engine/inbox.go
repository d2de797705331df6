package engine

import "sync"

// inbox is a bounded queue from many goroutines to one. It is a slice behind a
// lock, not a channel, because the owner takes all there is at once.
type inbox[T any] struct {
	limit int
	wake  chan struct{} // holds a token when items came into an empty inbox
	crowd chan struct{} // holds a token when crowded items were waiting

	mu     sync.Mutex // protects everything below
	items  []T
	pushed uint64 // ever
	full   uint64 // refused because limit were waiting
	closed bool
}

const (
	// crowded items are worth looking at although the disk is not back yet.
	crowded = 1024
	// roomy is the size from which on a slice that was hardly used is not kept.
	roomy = 65_536
)

func newInbox[T any](limit int) *inbox[T] {
	return &inbox[T]{limit: limit, wake: make(chan struct{}, 1), crowd: make(chan struct{}, 1)}
}

// admission is what became of a push.
type admission uint8

const (
	admitted admission = iota
	refusedFull
	refusedClosed
)

// push never blocks. It copies item.
func (b *inbox[T]) push(item *T) admission {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return refusedClosed
	case len(b.items) >= b.limit:
		b.full++
		return refusedFull
	}
	b.items = append(b.items, *item)
	b.pushed++
	switch len(b.items) {
	case 1:
		signal(b.wake)
	case crowded:
		signal(b.crowd)
	}
	return admitted
}

// signal leaves a token unless the last one has not been taken.
func signal(token chan<- struct{}) {
	select {
	case token <- struct{}{}:
	default:
	}
}

// swap returns all items, and how many were ever pushed by then; it keeps empty
// for the next ones. The owner hands slices back when it is done with them, so
// that few serve for ever.
func (b *inbox[T]) swap(empty []T) ([]T, uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	items := b.items
	b.items = empty
	return items, b.pushed
}

// emptied returns items as an empty slice, without what was in it; nil if a flood
// has made it large and it is hardly used any more.
func emptied[T any](items []T) []T {
	if cap(items) > roomy && len(items) < cap(items)/8 {
		return nil
	}
	clear(items)
	return items[:0]
}

// waiting says whether there is anything to take.
func (b *inbox[T]) waiting() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.items) > 0
}

// counts returns how many items were ever pushed, and how many refused as full.
func (b *inbox[T]) counts() (pushed, full uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pushed, b.full
}

// close refuses every later push. What is inside can still be taken.
func (b *inbox[T]) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}
