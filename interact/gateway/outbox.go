package gateway

import (
	"slices"
	"sync"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// lane is a priority; a lower one leaves first (GW3).
type lane uint8

const (
	laneReply lane = iota // receipts and refusals
	laneCue               // cues, the timeline and the channel's log
	laneView              // tallies, presence, openings, health
	lanes
)

// maxClockReplies is how many clock replies wait; a client loses nothing by
// asking again.
const maxClockReplies = 16

// subject is what a message is about. A newer message about the same subject
// says all that an older one said, so it may take its place.
type subject struct {
	kind, id string
}

// letter is a message that waits: a shared broadcast or one's own.
type letter struct {
	shared *broadcast
	own    wire.Message
}

// clockReply is a clock ping that waits for its reply.
type clockReply struct {
	ping wire.Ping
	read clock.Instant // t2
}

// outbox is what waits to be written to one reader. A connection has one only
// while something waits.
type outbox struct {
	clock   queue[clockReply]
	pong    []byte // payload of the last WebSocket ping, nil if none waits
	letters [lanes]queue[letter]
	// missed is what the reader has to be sent of the channel's log before
	// anything of laneCue. It is shared: only the slice belongs to the outbox.
	missed []kept
}

// empty says that nothing waits.
func (o *outbox) empty() bool {
	for i := range o.letters {
		if o.letters[i].len() > 0 {
			return false
		}
	}
	return o.clock.len() == 0 && o.pong == nil && len(o.missed) == 0
}

var outboxes = sync.Pool{New: func() any { return new(outbox) }}

// spareLetters is how long the lanes of an outbox may have grown to be used
// again.
const spareLetters = 16

// release gives an empty outbox to the next connection.
func (o *outbox) release() {
	for i := range o.letters {
		if cap(o.letters[i].items) > spareLetters {
			return
		}
	}
	outboxes.Put(o)
}

// addClock reports false if too many wait already.
func (o *outbox) addClock(r clockReply) bool {
	if o.clock.len() >= maxClockReplies {
		return false
	}
	o.clock.push(r)
	return true
}

// addOwn reports false if the lane is full.
func (o *outbox) addOwn(m wire.Message, limit int) bool {
	if o.letters[laneReply].len() >= limit {
		return false
	}
	o.letters[laneReply].push(letter{own: m})
	return true
}

// addShared reports false if the lane is full of other subjects. What replaces
// another message takes its place, unless both are of the channel's log, whose
// offsets ascend.
func (o *outbox) addShared(b *broadcast, limit int) bool {
	q := &o.letters[b.lane]
	for i := q.head; i < len(q.items); i++ {
		if old := q.items[i].shared; old == nil || old.about != b.about {
			continue
		}
		if b.offset == 0 {
			q.items[i].shared = b
			return true
		}
		q.items = slices.Delete(q.items, i, i+1)
		break
	}
	if q.len() >= limit {
		return false
	}
	q.push(letter{shared: b})
	return true
}

// next takes the first letter of the most urgent lane, from first to last.
func (o *outbox) next(first, last lane) (letter, bool) {
	for i := first; i <= last; i++ {
		if i == laneCue && len(o.missed) > 0 {
			oldest := o.missed[0]
			o.missed = shift(o.missed)
			return letter{shared: oldest.b}, true
		}
		if l, ok := o.letters[i].pop(); ok {
			return l, true
		}
	}
	return letter{}, false
}

// queue is first in, first out. What it has grown to it keeps.
type queue[T any] struct {
	items []T
	head  int // items before it have been taken
}

func (q *queue[T]) len() int { return len(q.items) - q.head }

func (q *queue[T]) push(item T) {
	if q.head > 0 && len(q.items) == cap(q.items) {
		kept := copy(q.items, q.items[q.head:])
		clear(q.items[kept:])
		q.items, q.head = q.items[:kept], 0
	}
	q.items = append(q.items, item)
}

func (q *queue[T]) pop() (item T, ok bool) {
	if q.len() == 0 {
		return item, false
	}
	var zero T
	item, q.items[q.head] = q.items[q.head], zero // hold nothing that is written
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return item, true
}

// shift drops the first element, and the whole array with the last one.
func shift[T any](queue []T) []T {
	if len(queue) == 1 {
		return nil
	}
	return queue[1:]
}
