package engine

import (
	"slices"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

const (
	// maxLights are kept: of as many cues as a room watches at a time, and a few
	// before them.
	maxLights = 8
	// greetAfter is how long a producer may take from Join until messages arrive.
	greetAfter = 500 * time.Millisecond
)

// lights are how far apart the windows of the last cues opened. Who leads tells it
// as it changes; a producer who comes to this node later is told by it.
type lights struct {
	mu   sync.Mutex // protects everything below
	last []*wire.Openings
	due  time.Time // zero: nobody came
}

// note keeps what producers were told.
func (l *lights) note(o *wire.Openings) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = slices.DeleteFunc(l.last, func(old *wire.Openings) bool { return old.Cue == o.Cue })
	l.last = append(l.last, o)
	l.last = l.last[max(0, len(l.last)-maxLights):]
}

// greet has all that is kept told once more, soon after now.
func (l *lights) greet(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due = now.Add(greetAfter)
}

// take returns what is to be told at now, and when to look again, zero if at no
// certain time.
func (l *lights) take(now time.Time) ([]*wire.Openings, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.due.IsZero() || now.Before(l.due) {
		return nil, l.due
	}
	l.due = time.Time{}
	return slices.Clone(l.last), time.Time{}
}

// light tells producers here how far apart windows opened, if one of them is new.
// It returns when to look again, zero if at no certain time.
func (r *Replica) light(now time.Time) time.Time {
	all, next := r.lights.take(now)
	for _, o := range all {
		r.cfg.Sockets.Broadcast(r.cfg.Channel.Name, wire.Producers, o)
	}
	return next
}
