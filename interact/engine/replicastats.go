package engine

import (
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// castSizes are the upper bounds of the sizes of casts that are told apart.
var castSizes = [...]int{1, 4, 16, 64, 256, 1024, interact.MaxCast}

// refusedCodes are those told apart in ReplicaStats.Refused, CodeInternal for
// all others.
var refusedCodes = [...]interact.Code{
	interact.CodeInternal, interact.CodeInvalid, interact.CodeUnknownCue, interact.CodeUnknownOption, interact.CodeEarly, interact.CodeTooFast,
	interact.CodeLate, interact.CodeClosed, interact.CodeVoid, interact.CodePaused, interact.CodeNotAdmitted,
	interact.CodeTooMany, interact.CodeBusy, interact.CodeUnavailable,
}

// replicaCounts are counted by many goroutines.
type replicaCounts struct {
	counted, retried, joined           atomic.Uint64
	refused                            [len(refusedCodes)]atomic.Uint64
	codes                              map[interact.Code]int // places in refused; not changed
	casts, votes, castNanos            atomic.Uint64
	sizes                              [len(castSizes)]atomic.Uint64
	posts, unread, resyncs             atomic.Uint64
	lookups, lookupsRefused, lessons   atomic.Uint64
	keysPosted                         atomic.Uint64
	keysServed, keysEarly, keysUnknown atomic.Uint64
	reportsLost                        atomic.Uint64
	lag                                atomic.Int64
}

func (c *replicaCounts) init() {
	c.codes = make(map[interact.Code]int)
	for i, code := range refusedCodes {
		c.codes[code] = i
	}
}

func (c *replicaCounts) refuse(code interact.Code) { c.refused[c.codes[code]].Add(1) }

func (c *replicaCounts) cast(votes int, took time.Duration) {
	c.casts.Add(1)
	c.votes.Add(uint64(votes))
	c.castNanos.Add(uint64(took))
	for i, most := range castSizes {
		if votes <= most {
			c.sizes[i].Add(1)
			return
		}
	}
}

// ReplicaStats is what a replica has done since it started, for metrics.
type ReplicaStats struct {
	// Counted answers were receipted for the first time, Retried had a receipt.
	Counted, Retried uint64
	// Joined answers came again while they waited: they are not cast again.
	Joined  uint64
	Refused map[interact.Code]uint64
	// Waiting answers were taken in and are not told yet.
	Waiting int
	// Casts were made, of Votes in all, in CastTime in all. Sizes counts them by
	// size, up to the keys.
	Casts, Votes uint64
	CastTime     time.Duration
	Sizes        map[int]uint64
	// Posts were heard; Unread ones, and records of the log, were not understood. Resyncs counts how often
	// the channel had to be learnt anew, Synced says that it is known.
	Posts, Unread, Resyncs uint64
	Synced                 bool
	// Lag is how late the last change of state was heard that came by the clock
	// alone.
	Lag time.Duration
	// Lookups of receipts were made, LookupsRefused of them not answered. Lessons
	// are cues of which all receipts were learnt.
	Lookups, LookupsRefused, Lessons uint64
	// KeysPosted counts keys that were told because nobody else had.
	KeysPosted uint64
	// KeysServed, KeysEarly and KeysUnknown are fetches of keys: of one that was
	// out, of one that was not yet, and of none there is.
	KeysServed, KeysEarly, KeysUnknown uint64
	// ReportsLost of viewers did not reach the leader.
	ReportsLost uint64
	// Receipts are held in memory now.
	Receipts int
}

// Stats returns the replica's counters. The caller owns the maps.
func (r *Replica) Stats() ReplicaStats {
	c := &r.counts
	_, full := r.reports.counts()
	s := ReplicaStats{
		Counted: c.counted.Load(), Retried: c.retried.Load(), Joined: c.joined.Load(), Refused: make(map[interact.Code]uint64),
		Waiting: int(r.waiting.Load()), Casts: c.casts.Load(), Votes: c.votes.Load(),
		CastTime: time.Duration(c.castNanos.Load()), Sizes: make(map[int]uint64),
		Posts: c.posts.Load(), Unread: c.unread.Load(), Resyncs: c.resyncs.Load(), Synced: r.synced.Load(),
		Lag: time.Duration(c.lag.Load()), Lookups: c.lookups.Load(), LookupsRefused: c.lookupsRefused.Load(), Lessons: c.lessons.Load(),
		KeysPosted: c.keysPosted.Load(), KeysServed: c.keysServed.Load(), KeysEarly: c.keysEarly.Load(),
		KeysUnknown: c.keysUnknown.Load(), ReportsLost: c.reportsLost.Load() + full, Receipts: int(r.held.Load()),
	}
	for i, code := range refusedCodes {
		if n := c.refused[i].Load(); n > 0 {
			s.Refused[code] = n
		}
	}
	for i, most := range castSizes {
		s.Sizes[most] = c.sizes[i].Load()
	}
	return s
}

// complain logs what fails for many at most every complainEvery.
func (r *Replica) complain(err error) {
	r.failMu.Lock()
	defer r.failMu.Unlock()
	r.failures.report(r.log, r.now(), "answers cannot be kept", err)
}
