package engine

import "sync"

// inbox is a bounded queue from many goroutines to one. It is a slice behind a
// lock, not a channel, because the owner takes all there is at once.
type inbox[T any] struct {
	limit int
	wake  chan struct{} // holds a token when items came into an empty inbox

	mu     sync.Mutex // protects everything below
	items  []T
	pushed uint64 // ever
	full   uint64 // refused because limit were waiting
	closed bool
}

func newInbox[T any](limit int) *inbox[T] {
	return &inbox[T]{limit: limit, wake: make(chan struct{}, 1)}
}

// admission is what became of a push.
type admission uint8

const (
	admitted admission = iota
	refusedFull
	refusedClosed
)

// push never blocks.
func (b *inbox[T]) push(item T) admission {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return refusedClosed
	case len(b.items) >= b.limit:
		b.full++
		return refusedFull
	}
	b.items = append(b.items, item)
	b.pushed++
	if len(b.items) == 1 {
		select {
		case b.wake <- struct{}{}:
		default: // the owner has not looked since the last token
		}
	}
	return admitted
}

// swap returns all items and keeps empty for the next ones. The owner hands
// the slice back when it is done with it, so two slices serve for ever.
func (b *inbox[T]) swap(empty []T) []T {
	clear(empty) // what was taken is not kept alive here
	b.mu.Lock()
	defer b.mu.Unlock()
	items := b.items
	b.items = empty[:0]
	return items
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
