package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// broadcastFigures are what one message to everybody costs.
type broadcastFigures struct {
	server time.Duration // CPU time of the server, of one delivery
	client time.Duration // CPU time of this process, of one delivery
	delays spread        // from asking for the broadcast until a viewer has it
	last   time.Duration // until the last one has it, on average
	bytes  int           // of the message
	busy   float64       // share of the machine that others took
}

// measureBroadcasts has every viewer hear a message, times over, after one that
// does not count. say makes the server send it.
func measureBroadcasts(ctx context.Context, p *peer, c *crowd, times int, say func(context.Context) error) (*broadcastFigures, error) {
	f := new(broadcastFigures)
	for i := range times + 1 {
		if err := pause(ctx, settle); err != nil {
			return nil, err
		}
		once, err := measureBroadcast(ctx, p, c, say)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		if i == 0 {
			continue
		}
		f.server += once.server
		f.client += once.client
		f.last += once.delays.at(1)
		f.busy += once.busy / float64(times)
		f.delays = append(f.delays, once.delays...)
	}
	deliveries := time.Duration(times * len(c.sockets))
	f.server /= deliveries
	f.client /= deliveries
	f.last /= time.Duration(times)
	f.delays = spreadOf(f.delays)
	f.bytes = len(c.sockets[0].reply)
	return f, nil
}

func measureBroadcast(ctx context.Context, p *peer, c *crowd, say func(context.Context) error) (*broadcastFigures, error) {
	server, err := meter(p.pid)
	if err != nil {
		return nil, err
	}
	client, err := meter(os.Getpid())
	if err != nil {
		return nil, err
	}
	busy, err := watchOthers(p)
	if err != nil {
		return nil, err
	}
	var asked instant
	err = c.hear(ctx, func() error {
		asked = now()
		return say(ctx)
	})
	if err != nil {
		return nil, err
	}
	f := new(broadcastFigures)
	if f.server, err = server(); err != nil {
		return nil, err
	}
	if f.client, err = client(); err != nil {
		return nil, err
	}
	if f.busy, err = busy(); err != nil {
		return nil, err
	}
	for _, s := range c.sockets {
		f.delays = append(f.delays, s.heard.sub(asked))
	}
	f.delays = spreadOf(f.delays)
	return f, nil
}

// step is by how much an open window is made longer, so that everybody is told.
const step = 5 * time.Second

// broadcastsOfProduct tells all viewers that an open window is longer, and
// returns the message, too.
func broadcastsOfProduct(ctx context.Context, s settings) (f *broadcastFigures, message []byte, err error) {
	greeting, err := hello()
	if err != nil {
		return nil, nil, err
	}
	err = withProduct(ctx, s, func(p *product) error {
		c, err := connect(ctx, p.sockets(), greeting, s.listeners, `{"t":"cue"`)
		if err != nil {
			return err
		}
		defer c.close()
		room, err := roomClock(c)
		if err != nil {
			return err
		}
		cue, err := p.producer.take(ctx)
		if err != nil {
			return err
		}
		if err := pause(ctx, time.Until(room(cue.Open.Add(afterOpen)).time())); err != nil {
			return err
		}
		longer := map[string]int64{"by_ms": step.Milliseconds()}
		f, err = measureBroadcasts(ctx, p.peer, c, s.broadcasts, func(ctx context.Context) error {
			return p.producer.do(ctx, http.MethodPost, "/cues/"+cue.ID+"/extend", longer, new(wire.Cue))
		})
		message = c.sockets[0].reply
		return err
	})
	return f, message, err
}

func broadcastsOfCentrifuge(ctx context.Context, s settings, message []byte) (f *broadcastFigures, err error) {
	base := answerPeers[len(answerPeers)-1]
	err = withRole(ctx, base.name, base.role, func(p *peer) error {
		c, err := connect(ctx, socketOf(p.url, base.path), []byte(base.greeting), s.listeners, `{"push":`)
		if err != nil {
			return err
		}
		defer c.close()
		f, err = measureBroadcasts(ctx, p, c, s.broadcasts, func(ctx context.Context) error {
			return put(ctx, p.url+centrifugePublish, string(message))
		})
		return err
	})
	return f, err
}

func compareBroadcasts(ctx context.Context, s settings, w io.Writer) error {
	ours, message, err := broadcastsOfProduct(ctx, s)
	if err != nil {
		return err
	}
	base, err := broadcastsOfCentrifuge(ctx, s, message)
	if err != nil {
		return err
	}
	t := table{
		title: fmt.Sprintf("Broadcast: %d viewers hear one message of %d bytes, %d times", s.listeners, len(message), s.broadcasts),
		ours:  "cuelight", base: answerPeers[len(answerPeers)-1].name,
	}
	t.addTime("server CPU per delivery", micros, ours.server, base.server)
	t.addTime("asked for to heard, p50", millis, ours.delays.at(0.5), base.delays.at(0.5))
	t.addTime("asked for to heard, p99", millis, ours.delays.at(0.99), base.delays.at(0.99))
	t.addTime("asked for to heard by the last, mean", millis, ours.last, base.last)
	t.tell("message as it is heard, bytes", whole, float64(ours.bytes), float64(base.bytes))
	t.tell("generator CPU per delivery", micros, float64(ours.client), float64(base.client))
	t.tell("machine taken by other programs", share, ours.busy, base.busy)
	t.print(w)
	return nil
}
