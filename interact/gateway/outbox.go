package gateway

import (
	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// lane is a priority; a lower one leaves first (GW3).
type lane uint8

const (
	laneReply lane = iota // receipts and refusals
	laneCue               // cues and the timeline
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

// broadcast is one message to many, in the form it has on the wire.
type broadcast struct {
	lane  lane
	about subject
	frame *websocket.PreparedMessage
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

// outbox is what waits to be written to one reader. Its zero value is empty.
// Queues that run empty give their memory back.
type outbox struct {
	clock   []clockReply
	pong    []byte // payload of the last WebSocket ping, nil if none waits
	ping    bool   // a liveness ping is due
	letters [lanes][]letter
}

// addClock reports false if too many wait already.
func (o *outbox) addClock(r clockReply) bool {
	if len(o.clock) >= maxClockReplies {
		return false
	}
	o.clock = append(o.clock, r)
	return true
}

// addOwn reports false if the lane is full.
func (o *outbox) addOwn(m wire.Message, limit int) bool {
	if len(o.letters[laneReply]) >= limit {
		return false
	}
	o.letters[laneReply] = append(o.letters[laneReply], letter{own: m})
	return true
}

// addShared reports false if the lane is full of other subjects.
func (o *outbox) addShared(b *broadcast, limit int) bool {
	queue := o.letters[b.lane]
	for i := range queue {
		if queue[i].shared.about == b.about {
			queue[i].shared = b
			return true
		}
	}
	if len(queue) >= limit {
		return false
	}
	o.letters[b.lane] = append(queue, letter{shared: b})
	return true
}

// next takes the first letter of the most urgent lane.
func (o *outbox) next() (letter, bool) {
	for i, queue := range o.letters {
		if len(queue) > 0 {
			o.letters[i] = shift(queue)
			return queue[0], true
		}
	}
	return letter{}, false
}

func (o *outbox) nextClock() (clockReply, bool) {
	if len(o.clock) == 0 {
		return clockReply{}, false
	}
	first := o.clock[0]
	o.clock = shift(o.clock)
	return first, true
}

// shift drops the first element, and the whole array with the last one.
func shift[T any](queue []T) []T {
	if len(queue) == 1 {
		return nil
	}
	return queue[1:]
}
