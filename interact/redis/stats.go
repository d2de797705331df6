package redis

import (
	"sync"
	"sync/atomic"
	"time"
)

// counters are what Stats tells. All but down and busiest only grow.
type counters struct {
	calls, again, trips, loads, fewReplicas, refused atomic.Int64
	down                                             atomic.Int64

	casts, votes, fresh, lost atomic.Int64

	mu       sync.Mutex // protects what follows
	told     map[string]time.Time
	withheld map[string]int
}

// Stats say what was asked of Redis since Open.
type Stats struct {
	// Calls are function calls, Again those that were sent once more, Trips the
	// times that a server was waited for: one for many calls.
	Calls, Again, Trips int64
	// Casts are batches of votes, Votes those in them, Fresh those that changed
	// counts, Lost those of which nobody knows whether they count.
	Casts, Votes, Fresh, Lost int64
	// FewReplicas are the times that too few replicas had it in time, Refused all
	// that Redis or the network did not do, Loads how often functions were
	// missing.
	FewReplicas, Refused, Loads int64
	// Down is how many servers do not answer now, Connections how many are open.
	Down, Connections int64
}

// Stats returns the counts.
func (c *Client) Stats() Stats {
	s := &c.stats
	return Stats{
		Calls: s.calls.Load(), Again: s.again.Load(), Trips: s.trips.Load(),
		Casts: s.casts.Load(), Votes: s.votes.Load(), Fresh: s.fresh.Load(), Lost: s.lost.Load(),
		FewReplicas: s.fewReplicas.Load(), Refused: s.refused.Load(), Loads: s.loads.Load(),
		Down: s.down.Load(), Connections: int64(c.rdb.PoolStats().TotalConns),
	}
}

// complainEvery is how often the log is told of one thing that does not work.
const complainEvery = 5 * time.Second

// complain counts what did not work and tells the log about it, not too often.
func (c *Client) complain(doing string, err error) {
	s := &c.stats
	s.refused.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if last, ok := s.told[doing]; ok && now.Sub(last) < complainEvery {
		s.withheld[doing]++
		return
	}
	if s.told == nil {
		s.told, s.withheld = make(map[string]time.Time), make(map[string]int)
	}
	c.log.Warn("redis did not do it", "doing", doing, "err", explain(err), "more", s.withheld[doing])
	s.told[doing], s.withheld[doing] = now, 0
}
