package edge

import "sync/atomic"

// Stats are counts since the edge was made, except Held, Flights, Objects and
// Bytes.
type Stats struct {
	Hits     uint64 // requests answered from memory
	Joined   uint64 // requests that waited for what another had asked for
	Asked    uint64 // requests that asked an origin
	Passed   uint64 // requests passed through: too large, or a viewer's own
	Retried  uint64 // requests to an origin after one that broke off or failed
	Failed   uint64 // requests to an origin that gave no answer, or not all of it
	Moved    uint64 // requests taken back from an origin that had changed
	Stale    uint64 // answers older than they should be, the origin being away
	Away     uint64 // requests that found no origin (503)
	Absent   uint64 // requests for channels that nobody has (404)
	Refused  uint64 // requests that found too many waiting or on their way (503)
	Crowded  uint64 // requests that found too many of their address waiting (429)
	Slow     uint64 // answers given up because the viewer did not read
	Denied   uint64 // requests that Admit did not let in
	Looped   uint64 // requests that came through too many edges (503)
	Upstream uint64 // bytes of bodies from origins
	Sent     uint64 // bytes of bodies to viewers
	Held     int64  // requests that wait now
	Flights  int64  // objects on their way now
	Objects  int    // that are kept
	Bytes    int64  // that are kept
}

// counts are what Stats are made of.
type counts struct {
	hits, joined, asked, passed, retried, failed, moved, stale, away, absent, refused, crowded, slow, denied, looped, upstream, sent atomic.Uint64

	held atomic.Int64
}

// Stats returns the counts. Safe for concurrent use.
func (e *Edge) Stats() Stats {
	c := &e.count
	s := Stats{
		Hits: c.hits.Load(), Joined: c.joined.Load(), Asked: c.asked.Load(), Passed: c.passed.Load(),
		Retried: c.retried.Load(), Failed: c.failed.Load(), Moved: c.moved.Load(), Stale: c.stale.Load(), Away: c.away.Load(),
		Absent: c.absent.Load(), Refused: c.refused.Load(), Crowded: c.crowded.Load(), Slow: c.slow.Load(),
		Denied: c.denied.Load(), Looped: c.looped.Load(), Upstream: c.upstream.Load(), Sent: c.sent.Load(),
		Held: c.held.Load(),
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	kept, errs := &e.store.objects, &e.store.errors
	s.Flights, s.Objects, s.Bytes = int64(len(e.flights)), kept.order.Len()+errs.order.Len(), kept.bytes+errs.bytes
	return s
}
