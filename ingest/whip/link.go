package whip

import (
	"sync"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

// lossWindow is over how many seconds loss is told.
const lossWindow = 5

// way counts what happens between the publisher and us. It is safe for
// concurrent use.
type way struct {
	encoder string

	mu      sync.Mutex // protects what follows
	total   tally
	seconds [lossWindow]tally
	newest  int64 // second that the newest of seconds stands for, since 1970
}

func (w *way) add(t tally, now time.Time) {
	if t == (tally{}) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.roll(now)
	w.total.add(t)
	w.seconds[w.newest%lossWindow].add(t)
}

// roll forgets seconds that have passed.
func (w *way) roll(now time.Time) {
	second := now.Unix()
	for n := max(w.newest+1, second-lossWindow+1); n <= second; n++ {
		w.seconds[n%lossWindow] = tally{}
	}
	w.newest = max(w.newest, second)
}

func (t *tally) add(u tally) {
	t.expected += u.expected
	t.lost += u.lost
	t.resent += u.resent
	t.dropped += u.dropped
}

// link is what is known at now but for the round trip.
func (w *way) link(now time.Time) ingest.Link {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.roll(now)
	l := ingest.Link{
		Loss: -1, Lost: uint64(w.total.lost), Retransmitted: uint64(w.total.resent), Dropped: uint64(w.total.dropped),
		Encryption: "DTLS-SRTP", Encoder: w.encoder,
	}
	var recent tally
	for _, t := range w.seconds {
		recent.add(t)
	}
	if recent.expected > 0 {
		l.Loss = min(float64(recent.lost)/float64(recent.expected), 1)
	}
	return l
}

// link is what Session.Stats asks for.
func (p *publisher) link() ingest.Link {
	l := p.intake.way.link(time.Now())
	if sctp := p.pc.SCTP(); sctp != nil && !p.isOver() {
		if pair, ok := sctp.Transport().ICETransport().GetSelectedCandidatePairStats(); ok {
			l.RTT = time.Duration(pair.CurrentRoundTripTime * float64(time.Second))
		}
	}
	return l
}
