package engine_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// hearing folds what a bus says as nodes do.
type hearing struct {
	clock *clock.Room

	mu      sync.Mutex
	posts   []heardPost
	cues    map[interact.Reach]map[string]wire.Cue
	tallies map[interact.Reach]map[string]wire.Tally
	revs    map[string]int // by cue, of the records told to nodes
	keys    map[string]string
	places  map[place][2]clock.Instant // O and C
	wrong   []string
}

type heardPost struct {
	at clock.Instant
	interact.Post
	m wire.Message // nil for one to nodes
}

func newHearing(room *clock.Room) *hearing {
	return &hearing{
		clock:   room,
		cues:    map[interact.Reach]map[string]wire.Cue{interact.ReachViewers: {}, interact.ReachProducers: {}},
		tallies: map[interact.Reach]map[string]wire.Tally{interact.ReachViewers: {}, interact.ReachProducers: {}},
		revs:    make(map[string]int), keys: make(map[string]string), places: make(map[place][2]clock.Instant),
	}
}

// Posted folds a post.
func (e *hearing) Posted(p interact.Post) {
	e.mu.Lock()
	defer e.mu.Unlock()
	one := heardPost{at: e.clock.At(time.Now()), Post: p}
	if p.Reach == interact.ReachNodes {
		e.recordLocked(p)
	} else {
		m, err := wire.DecodeServer(p.Data)
		if err != nil {
			e.wrong = append(e.wrong, err.Error())
			return
		}
		one.m = m
		e.messageLocked(p.Reach, m)
	}
	e.posts = append(e.posts, one)
}

// Whispered is not listened to.
func (e *hearing) Whispered(interact.Whisper) {}

func (e *hearing) recordLocked(p interact.Post) {
	rec, ok, err := engine.DecodeRecord("show", p.Data)
	if err != nil || !ok {
		e.wrong = append(e.wrong, "a post for nodes cannot be read")
		return
	}
	if rec.Kind == interact.RecordCue {
		e.revs[rec.Cue] = max(e.revs[rec.Cue], engine.RevOf(rec.Data))
	}
}

func (e *hearing) messageLocked(reach interact.Reach, m wire.Message) {
	switch m := m.(type) {
	case *wire.CueChanged:
		if e.revs[m.Cue.ID] < m.Cue.Rev {
			e.wrong = append(e.wrong, "HE2 revision told before its record")
		}
		e.placeLocked(m.Cue)
		old, there := e.cues[reach][m.Cue.ID]
		if !there || m.Cue.Rev > old.Rev || m.Cue.Rev == old.Rev && rank(m.Cue.State) >= rank(old.State) {
			e.cues[reach][m.Cue.ID] = m.Cue
		}
	case *wire.Removed:
		delete(e.cues[reach], m.Cue)
	case *wire.Key:
		e.keys[m.Cue] = m.Key
	case *wire.Tally:
		if old := e.tallies[reach][m.Cue]; m.Version >= old.Version {
			if old.Final && !slices.Equal(old.Counts, m.Counts) {
				e.wrong = append(e.wrong, "a final tally has changed")
			}
			e.tallies[reach][m.Cue] = *m
		}
	}
}

// placeLocked checks that a revision has one place in time, and a cue one O.
func (e *hearing) placeLocked(c wire.Cue) {
	if c.Open == 0 {
		return
	}
	at := place{c.ID, c.Rev}
	if old, there := e.places[at]; there && old != [2]clock.Instant{c.Open, c.Close} {
		e.wrong = append(e.wrong, "a revision has two places in time")
	}
	e.places[at] = [2]clock.Instant{c.Open, c.Close}
}

// place is a revision of a cue.
type place struct {
	id  string
	rev int
}

func rank(s wire.State) int {
	for st := cue.Draft; st <= cue.Void; st++ {
		if st.String() == string(s) {
			return st.Rank()
		}
	}
	return 0
}

// heard runs f on what was heard so far.
func (e *hearing) heard(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

// viewer is what viewers hold of a cue, with the key if it is out.
func (e *hearing) viewer(id string) wire.Cue {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.cues[interact.ReachViewers][id]
	if c.Key == "" {
		c.Key = e.keys[id]
	}
	return c
}

func (e *hearing) tally(reach interact.Reach, id string) wire.Tally {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tallies[reach][id]
}

func (e *hearing) since(n int) []heardPost {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.posts[n:])
}

func (e *hearing) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.posts)
}

// check fails the test for all that must never be heard.
func (e *hearing) check(t *testing.T) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range slices.Compact(slices.Clone(e.wrong)) {
		t.Error(w)
	}
}
