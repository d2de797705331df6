package engine

import (
	"maps"
	"slices"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// known is a cue in a book: a revision of it, which nobody changes, and where
// its answers go, which is the same for all revisions.
type known struct {
	*item
	booth *booth
}

// book is what the leader of a channel has decided, as far as it is known here.
// It does not change: another one takes its place.
type book struct {
	known map[string]known
	order []string         // ids as prepared
	keys  map[string]*item // by the names of their seals' keys
	// tallies are those that producers were told last.
	tallies map[string]wire.Tally
	bans    map[string]interact.Ban // by participant
}

func newBook() *book {
	return &book{known: make(map[string]known), keys: make(map[string]*item), tallies: make(map[string]wire.Tally), bans: make(map[string]interact.Ban)}
}

// clone returns a copy that may be changed.
func (b *book) clone() *book {
	return &book{
		known: maps.Clone(b.known), order: slices.Clone(b.order), keys: maps.Clone(b.keys),
		tallies: maps.Clone(b.tallies), bans: maps.Clone(b.bans),
	}
}

// put makes a revision the current one of its cue, unless a later one is known.
func (b *book) put(next item, make func() *booth) {
	old, there := b.known[next.id]
	if there && old.cue.Rev >= next.cue.Rev {
		return
	}
	if !there {
		b.order = append(b.order, next.id)
		old.booth = make()
	}
	b.unhang(old.item)
	it := &next
	b.known[it.id] = known{it, old.booth}
	if it.seal != nil {
		b.keys[it.seal.keyID()] = it
	}
	old.booth.follow(it)
}

// bar makes a ban, or lifts it.
func (b *book) bar(rec banRecord, now clock.Instant) {
	if rec.Lifted {
		delete(b.bans, rec.Participant)
		return
	}
	b.bans[rec.Participant] = rec.ban()
	if len(b.bans) > MaxBans {
		maps.DeleteFunc(b.bans, func(_ string, ban interact.Ban) bool { return !ban.Holds(now) })
	}
}

// bars says whether a participant is kept out at now.
func (b *book) bars(participant string, now clock.Instant) bool {
	if len(b.bans) == 0 {
		return false
	}
	ban, ok := b.bans[participant]
	return ok && ban.Holds(now)
}

// barred returns the bans in force, the newest first.
func (b *book) barred(now clock.Instant) []interact.Ban {
	d := door{bans: b.bans}
	return d.list(now)
}

// unhang takes the key of a revision down.
func (b *book) unhang(it *item) {
	if it != nil && it.seal != nil {
		delete(b.keys, it.seal.keyID())
	}
}

// drop lets go of a cue and what is remembered of its answers.
func (b *book) drop(id string) {
	k, ok := b.known[id]
	if !ok {
		return
	}
	b.unhang(k.item)
	delete(b.known, id)
	delete(b.tallies, id)
	b.order = slices.DeleteFunc(b.order, func(o string) bool { return o == id })
	k.booth.shut()
	k.booth.forget()
}

// prune lets go of the cues that finished longest ago while there are too many.
func (b *book) prune(now clock.Instant) {
	for len(b.known) > MaxCues {
		var oldest *item
		for _, k := range b.known {
			if k.cue.State(now).Over() && (oldest == nil || k.cue.Open < oldest.cue.Open) {
				oldest = k.item
			}
		}
		if oldest == nil {
			return
		}
		b.drop(oldest.id)
	}
}

// state is the state of a cue at now, as far as it may be shown: closed is only
// told with the final count, or when that is long overdue.
func (b *book) state(it *item, now clock.Instant) cue.State {
	s := it.cue.State(now)
	if s == cue.Closed && !b.tallies[it.id].Final && now < it.cue.Final().Add(complainEvery) {
		return cue.Closing
	}
	return s
}

// rundown is the producer's view of everything, as prepared.
func (b *book) rundown(now clock.Instant) ([]wire.Cue, []wire.Tally) {
	cues, tallies := make([]wire.Cue, 0, len(b.order)), make([]wire.Tally, 0, len(b.order))
	for _, id := range b.order {
		it := b.known[id].item
		cues = append(cues, it.view(b.state(it, now)))
		if it.cue.Taken {
			tallies = append(tallies, b.tally(it))
		}
	}
	return cues, tallies
}

// tally is what producers were told last.
func (b *book) tally(it *item) wire.Tally {
	if t, ok := b.tallies[it.id]; ok {
		return t
	}
	return wire.Tally{Cue: it.id, Counts: make([]uint64, len(it.question.Options))}
}

// poll names a cue's answers.
func (it *item) poll(channel string) interact.Poll {
	return interact.Poll{Channel: channel, Cue: it.id, Options: len(it.question.Options), Changes: it.question.Changes}
}
