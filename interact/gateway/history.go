package gateway

import (
	"crypto/rand"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// Limits of a channel's log. What lies beyond one of them is let go; a viewer
// that was away for longer is told everything by Welcome.
const (
	maxHistory      = 1024    // messages
	maxHistoryBytes = 1 << 20 // as text
	maxHistoryAge   = 5 * time.Minute
)

// epochLength is what of a random text names a log: 65 bits.
const epochLength = 13

// history is a channel's log: what its viewers were sent last, in order. Its
// owner locks.
type history struct {
	epoch string // empty while nothing is known of a shared log
	last  uint64 // offset of the newest message there ever was
	ahead uint64 // how much further somebody may have read elsewhere
	bytes int    // of kept
	// kept ends with last. Readers hold parts of its array, so what stands in
	// there is never changed: it only grows at the end and is cut at the start.
	kept []kept
}

type kept struct {
	b    *broadcast
	size int
	at   time.Time
}

func newHistory() history { return history{epoch: rand.Text()[:epochLength]} }

// sharedHistory is the log of a channel that other nodes have too: somebody who
// comes from one may know more of it than this node does yet.
func sharedHistory() history { return history{ahead: maxHistory} }

// restart begins the log anew, so that the next offset follows last. What
// readers hold of it stays as it is.
func (l *history) restart(epoch string, last uint64) {
	l.epoch, l.last, l.bytes, l.kept = epoch, last, 0, nil
}

// add appends b, whose offset follows the last one.
func (l *history) add(b *broadcast, now time.Time) {
	k := kept{b: b, size: len(b.forms[0].data), at: now}
	l.last = b.offset
	l.kept = append(l.kept, k)
	l.bytes += k.size
	l.trim(now)
}

func (l *history) trim(now time.Time) {
	for len(l.kept) > 0 {
		first := l.kept[0]
		if len(l.kept) <= maxHistory && l.bytes <= maxHistoryBytes && now.Sub(first.at) <= maxHistoryAge {
			return
		}
		l.bytes -= first.size
		l.kept = l.kept[1:]
	}
}

// since returns what came after r. It reports false if that cannot be told: r
// is of another log, or of the future, or so old that some of it is gone. The
// caller may keep what is returned, but does not change it.
func (l *history) since(r *wire.Resume, now time.Time) ([]kept, bool) {
	switch {
	case r == nil || l.epoch == "" || r.Epoch != l.epoch:
		return nil, false
	case r.Offset > l.last:
		return nil, r.Offset-l.last <= l.ahead
	}
	l.trim(now)
	missed := l.last - r.Offset
	if missed > uint64(len(l.kept)) {
		return nil, false
	}
	n := len(l.kept)
	return l.kept[n-int(missed) : n : n], true
}
