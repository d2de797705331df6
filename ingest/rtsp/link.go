package rtsp

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

const (
	// lossWindow is what Link.Loss looks back on, in steps of lossStep.
	lossWindow = 10 * time.Second
	lossStep   = 500 * time.Millisecond
)

// way knows how packets get here from one publisher. It is safe for concurrent
// use.
type way struct {
	conn    net.Conn // RTSP's
	encoder string

	udp      atomic.Bool
	received atomic.Uint64 // packets
	lost     atomic.Uint64 // never came
	dropped  atomic.Uint64 // came, and found no room

	mu      sync.Mutex // protects what follows
	rtt     time.Duration
	tallies []tally // within the window, oldest first
}

// tally is what had been received at some time.
type tally struct {
	at             time.Time
	received, lost uint64
}

// link is what Stats shows. The round trip is that of the RTSP connection,
// which goes the same way as the datagrams: reports from a publisher tell
// nothing about it. Nothing is sent again, so what is lost stays away.
func (w *way) link() ingest.Link {
	w.mu.Lock()
	defer w.mu.Unlock()
	if rtt, ok := roundTrip(w.conn); ok {
		w.rtt = rtt
	}
	l := ingest.Link{RTT: w.rtt, Loss: -1, Encoder: w.encoder, Dropped: w.dropped.Load()}
	if w.udp.Load() {
		l.Lost = w.lost.Load()
		l.Dropped += l.Lost
		l.Loss = w.lossSince(tally{time.Now(), w.received.Load(), l.Lost})
	}
	return l
}

// lossSince returns the share lost since the oldest tally of the window, or
// since the beginning when nobody has asked in that time.
func (w *way) lossSince(now tally) float64 {
	w.tallies = slices.DeleteFunc(w.tallies, func(t tally) bool { return now.at.Sub(t.at) > lossWindow })
	var since tally
	if n := len(w.tallies); n > 0 {
		since = w.tallies[0]
	}
	if n := len(w.tallies); n == 0 || now.at.Sub(w.tallies[n-1].at) >= lossStep {
		w.tallies = append(w.tallies, now)
	}
	received, lost := now.received-since.received, now.lost-since.lost
	if received+lost == 0 {
		return 0
	}
	return float64(lost) / float64(received+lost)
}
