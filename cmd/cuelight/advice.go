package main

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// maxAdvice is how much a broadcaster is told at once.
const maxAdvice = 5

// linger is how long something has to be better before its advice goes.
const linger = 5 * time.Second

// dropMemory is how long a packet that never came is spoken of.
const dropMemory = 30 * time.Second

// advised is one piece of advice.
type advised struct {
	code string // appears in metrics: never renamed
	text string // one sentence: what is wrong, and what to change where
}

// rule is one thing that can be wrong.
type rule struct {
	code string
	// value is how bad it is, 0 when there is nothing to say.
	value func(f facts) float64
	// Advice is given once the value has been at least on for the time after,
	// and withdrawn once it has been below off for a while, or is 0.
	on, off float64
	after   time.Duration
	// grows marks a value that only counts up: say rounds it. Another one is
	// said as it was until it has changed by half.
	grows bool
	say   func(f facts, value float64) string
}

// given is what is remembered of one rule.
type given struct {
	on    bool
	value float64   // as said
	since time.Time // when the value went to the other side; zero if it has not
}

// adviceState is what has been advised so far in one session, so that advice
// does not come and go, nor its figures flicker. The zero value is ready.
type adviceState struct {
	session string
	given   [len(rules)]given
	dropped uint64    // packets that never came, as last seen
	drop    time.Time // when that number last grew
}

// advise returns what to tell the broadcaster, the most important first, at
// most five, and what to remember for the next time. It may be asked at any
// time and as often as one likes.
func advise(was adviceState, f facts) (adviceState, []advised) {
	if !f.on {
		return adviceState{}, unreachable(f)
	}
	if was.session != f.info.Session {
		was = adviceState{session: f.info.Session}
	}
	if d := f.ingest.Link.Dropped; d != was.dropped {
		was.dropped, was.drop = d, f.at
	}
	f.dropping = !was.drop.IsZero() && f.at.Sub(was.drop) < dropMemory
	var out []advised
	for i, r := range rules {
		was.given[i] = r.next(was.given[i], f)
		if g := was.given[i]; g.on && len(out) < maxAdvice {
			out = append(out, advised{code: r.code, text: r.say(f, g.value)})
		}
		if (r.code == codeEnded || r.code == codeStalled) && was.given[i].on {
			break // the other figures are from before
		}
	}
	return was, out
}

// unreachable says why the channel has no stream, if it fetches one.
func unreachable(f facts) []advised {
	if f.refused == "" {
		return nil
	}
	text := fmt.Sprintf("The channel's stream cannot be fetched (%s): check its source.", f.refused)
	return []advised{{code: codeSource, text: text}}
}

// next is what is remembered of the rule after these facts.
func (r rule) next(g given, f facts) given {
	v := r.value(f)
	if v == 0 {
		return given{}
	}
	if r.holds(g.on, v) == g.on {
		g.since = time.Time{}
	} else if g.since.IsZero() {
		g.since = f.at
	}
	if !g.since.IsZero() && f.at.Sub(g.since) >= r.patience(g.on) {
		g = given{on: !g.on, value: v}
	}
	if g.on && g.since.IsZero() && (r.grows || math.Abs(v-g.value) > g.value/2) {
		g.value = v
	}
	return g
}

// holds says whether advice that is given, or not, should be with this value.
func (r rule) holds(on bool, v float64) bool {
	if on {
		return v >= r.off
	}
	return v >= r.on
}

// patience is how long a change has to last.
func (r rule) patience(on bool) time.Duration {
	if on {
		return linger
	}
	return r.after
}

// adviser remembers what a channel's broadcaster has been told. It is safe for
// concurrent use.
type adviser struct {
	mu    sync.Mutex // protects state
	state adviceState
}

func (a *adviser) consult(f facts) []advised {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []advised
	a.state, out = advise(a.state, f)
	return out
}

// advice is what to tell the channel's broadcaster.
func (c *channel) advice(f facts) []advised { return c.told.consult(f) }
