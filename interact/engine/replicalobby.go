package engine

import (
	"maps"
	"slices"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/cue"
)

// lobby is what every viewer who comes in is told. It does not change: another
// one takes its place.
type lobby struct {
	cues     []wire.Cue
	tallies  []wire.Tally
	timeline *wire.Timeline
	keyed    map[string]int // revisions whose keys viewers were told, by cue
}

// fold makes a lobby of what viewers are told, message by message, so that one
// who comes in at an offset is told the same as one who heard all up to it. It
// belongs to one goroutine.
type fold struct {
	recent, live []string // ids: the last finished ones in that order, and the others
	cues         map[string]wire.Cue
	tallies      map[string]wire.Tally
	timeline     *wire.Timeline
	keyed        map[string]int // revision whose key viewers were told
	place        interact.Place
	relayed      interact.Place // up to where the sockets were told
}

func newFold() fold {
	return fold{cues: make(map[string]wire.Cue), tallies: make(map[string]wire.Tally), keyed: make(map[string]int)}
}

// tell folds a message to viewers.
func (f *fold) tell(m wire.Message) {
	switch m := m.(type) {
	case *wire.CueChanged:
		f.cue(m.Cue)
	case *wire.Key:
		f.key(m)
	case *wire.Tally:
		if t, ok := f.tallies[m.Cue]; !ok || t.Version <= m.Version {
			f.tallies[m.Cue] = *m
		}
	case *wire.Timeline:
		f.timeline = m
	}
}

func (f *fold) cue(c wire.Cue) {
	s, _ := stateOf(c.State)
	old, there := f.cues[c.ID]
	was, _ := stateOf(old.State)
	if there && (c.Rev < old.Rev || c.Rev == old.Rev && s.Rank() < was.Rank()) {
		return // W5
	}
	f.cues[c.ID] = c
	if s >= cue.Keyed {
		f.keyed[c.ID] = max(f.keyed[c.ID], c.Rev)
	}
	switch {
	case s.Over() && (!there || !was.Over()):
		f.live = slices.DeleteFunc(f.live, func(id string) bool { return id == c.ID })
		f.recent = append(f.recent, c.ID)
		f.trim()
	case !there:
		f.live = append(f.live, c.ID)
	}
}

// trim lets go of the cues that finished longest ago.
func (f *fold) trim() {
	for len(f.recent) > recentCues || len(f.live) > 2*maxLive {
		from := &f.recent
		if len(f.recent) <= recentCues {
			from = &f.live
		}
		id := (*from)[0]
		*from = slices.Delete(*from, 0, 1)
		delete(f.cues, id)
		delete(f.tallies, id)
		delete(f.keyed, id)
	}
}

func (f *fold) key(k *wire.Key) {
	f.keyed[k.Cue] = max(f.keyed[k.Cue], k.Rev)
	c, ok := f.cues[k.Cue]
	if !ok {
		delete(f.keyed, k.Cue)
		return
	}
	if c.Rev != k.Rev || c.Seal == nil || c.Seal.KeyID != k.KeyID {
		return
	}
	c.Key = k.Key
	if s, _ := stateOf(c.State); s < cue.Keyed {
		c.State = wire.StateKeyed
	}
	f.cues[k.Cue] = c
}

// open folds that the window of a cue that viewers hold has opened, which they are
// not told. It reports whether that was news.
func (f *fold) open(c wire.Cue) bool {
	held, ok := f.cues[c.ID]
	if !ok || c.State != wire.StateOpen || held.State != wire.StateKeyed || held.Rev != c.Rev {
		return false
	}
	held.State = wire.StateOpen
	f.cues[c.ID] = held
	return true
}

// lobby returns what a viewer who comes in now is told.
func (f *fold) lobby() *lobby {
	l := &lobby{cues: []wire.Cue{}, tallies: []wire.Tally{}, timeline: f.timeline, keyed: maps.Clone(f.keyed)}
	for _, ids := range [...][]string{f.recent, f.live} {
		for _, id := range ids {
			c := f.cues[id]
			l.cues = append(l.cues, c)
			s, _ := stateOf(c.State)
			if t, ok := f.tallies[id]; ok && s.Sight(c.Results == string(interact.ResultsLive)).Tally {
				l.tallies = append(l.tallies, t)
			}
		}
	}
	return l
}

// states are the names of cue.State on the wire.
var states = func() map[wire.State]cue.State {
	all := make(map[wire.State]cue.State)
	for s := cue.Draft; s <= cue.Void; s++ {
		all[wire.State(s.String())] = s
	}
	return all
}()

// stateOf returns the state of a name on the wire, and whether there is one.
func stateOf(name wire.State) (cue.State, bool) {
	s, ok := states[name]
	return s, ok
}
