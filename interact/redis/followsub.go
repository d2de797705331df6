package redis

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/redis/go-redis/v9"
)

// subscription listens on the channel where posts are said, over a connection of
// its own, and connects again when that breaks.
type subscription struct {
	events chan event
	pubsub *redis.PubSub
	stop   context.CancelFunc
	pings  chan struct{} // of length 1
	done   chan struct{} // closed when listen has returned
	pinged chan struct{} // closed when knock has
}

// event is what a subscription says: a text; that it stands, or is gone for
// good; that it has an error and tries again; or nothing, which is an answer to
// a ping.
type event struct {
	text         string
	stands, gone bool
	err          error
}

// retryMost is the longest wait before connecting again.
const retryMost = time.Second

func (b *Bus) subscribe(ctx context.Context, channel string) *subscription {
	ctx, stop := context.WithCancel(ctx)
	s := &subscription{
		events: make(chan event), stop: stop, pings: make(chan struct{}, 1),
		done: make(chan struct{}), pinged: make(chan struct{}),
		pubsub: b.c.rdb.SSubscribe(ctx), // connects when it is asked to listen
	}
	go s.listen(ctx, b, b.c.liveName(channel))
	go s.knock(ctx)
	return s
}

// end waits until nothing of the subscription is left.
func (s *subscription) end() {
	s.stop()
	_ = s.pubsub.Close() // it is closed already, or closing does not matter
	<-s.done
	<-s.pinged
}

// ping asks the server to say something. It does not wait.
func (s *subscription) ping() {
	select {
	case s.pings <- struct{}{}:
	default:
	}
}

// knock sends pings: that may take as long as connecting does.
func (s *subscription) knock(ctx context.Context) {
	defer close(s.pinged)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.pings:
			_ = s.pubsub.Ping(ctx) // listen is told of the same
		}
	}
}

// listen says what comes until ctx ends. What is no answer of Redis ends it.
func (s *subscription) listen(ctx context.Context, b *Bus, live string) {
	defer close(s.done)
	defer func() {
		if p := recover(); p != nil {
			b.c.complain("hear posts", fmt.Errorf("%v\n%s", p, debug.Stack()))
			s.say(ctx, event{gone: true})
		}
	}()
	if err := s.pubsub.SSubscribe(ctx, live); err != nil {
		s.say(ctx, event{err: err})
	}
	for wait := lookAgain; ctx.Err() == nil; {
		got, err := s.pubsub.Receive(ctx)
		if err == nil {
			wait = lookAgain
			s.say(ctx, eventOf(got))
			continue
		}
		if ctx.Err() != nil {
			return
		}
		b.c.complain("hear posts", err)
		s.say(ctx, event{err: err})
		pause(ctx, wait)
		wait = min(2*wait, retryMost)
	}
}

func eventOf(got any) event {
	switch m := got.(type) {
	case *redis.Message:
		return event{text: m.Payload}
	case *redis.Subscription:
		// A cluster takes a subscription away when the slot moves.
		return event{stands: m.Kind == "ssubscribe", gone: m.Kind == "sunsubscribe"}
	}
	return event{}
}

func (s *subscription) say(ctx context.Context, e event) {
	select {
	case s.events <- e:
	case <-ctx.Done():
	}
}
