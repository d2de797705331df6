package whip

import "time"

const (
	// holeWait is how long a missing packet is waited for that can be sent again:
	// two requests over a round trip of 150 ms.
	holeWait = 400 * time.Millisecond
	// orderWait is the same for one that can only have been overtaken.
	orderWait = 60 * time.Millisecond
	// maxHeld bounds what waits behind a hole: holeWait of 15 Mbit/s.
	maxHeld = 1024
	// maxSkip is how far a sequence number may go at once without being alien.
	maxSkip = 2048
	// agreeing is how many alien packets in a row make a new sequence.
	agreeing = 3
	// slow is after what time a packet that fills a hole was sent again, and
	// not just overtaken.
	slow = 20 * time.Millisecond
)

// arrived is a packet in order.
type arrived struct {
	message
	lost bool // packets before it never came
}

// window puts one stream's packets in order and waits for missing ones. It is
// arithmetic; it belongs to one goroutine.
type window struct {
	wait    time.Duration // for what is missing
	started bool
	next    uint16               // the one to hand on
	top     uint16               // behind the newest one known
	held    map[uint16]message   // beyond next
	missing map[uint16]time.Time // known not to have come, since when
	since   time.Time            // when the oldest of held came
	alien   uint16               // behind the last one that did not fit
	aliens  int
}

// tally is what a window has seen.
type tally struct {
	expected, lost, resent, dropped int
}

func newWindow(wait time.Duration) *window {
	return &window{wait: wait, held: make(map[uint16]message), missing: make(map[uint16]time.Time)}
}

// push takes a packet and returns those that are now in order.
func (w *window) push(m message) (out []arrived, t tally) {
	seq := m.packet.SequenceNumber
	if !w.started {
		w.started, w.next, w.top = true, seq, seq
	}
	ahead := int16(seq - w.next)
	if ahead > maxSkip || ahead < -maxSkip {
		return w.strange(m)
	}
	w.aliens = 0
	if _, twice := w.held[seq]; twice || ahead < 0 {
		return nil, t
	}
	t = w.notice(seq, m)
	if ahead == 0 && len(w.held) == 0 {
		w.next++
		return []arrived{{message: m}}, t
	}
	if len(w.held) == 0 {
		w.since = m.arrival
	}
	w.held[seq] = m
	if len(w.held) == maxHeld {
		return w.skip(t)
	}
	return w.drain(nil), t
}

// notice keeps the books on what is missing.
func (w *window) notice(seq uint16, m message) (t tally) {
	if since, was := w.missing[seq]; was {
		delete(w.missing, seq)
		if m.resent || m.arrival.Sub(since) >= slow {
			t.lost, t.resent = 1, 1
		}
		return t
	}
	for ; w.top != seq && int16(seq-w.top) > 0; w.top++ {
		w.missing[w.top] = m.arrival
		t.expected++
	}
	if w.top == seq {
		w.top++
		t.expected++
	}
	return t
}

// strange handles a packet that is far from the others: the sender began
// again, if some follow each other there.
func (w *window) strange(m message) (out []arrived, t tally) {
	seq := m.packet.SequenceNumber
	if w.aliens == 0 || int16(seq-w.alien) < 0 || int16(seq-w.alien) > maxSkip {
		w.aliens = 0
	}
	w.aliens++
	w.alien = seq + 1
	if w.aliens < agreeing {
		return nil, t
	}
	t.lost, t.dropped = len(w.missing), len(w.missing)+len(w.held)
	*w = *newWindow(w.wait)
	out, more := w.push(m)
	out[0].lost = true
	t.expected = more.expected
	return out, t
}

// expire gives up what has been missing for too long at now.
func (w *window) expire(now time.Time) (out []arrived, t tally) {
	for len(w.held) > 0 && now.Sub(w.since) >= w.wait {
		more, u := w.skip(t)
		out, t = append(out, more...), u
	}
	return out, t
}

// skip gives up everything before the first packet that is there.
func (w *window) skip(t tally) ([]arrived, tally) {
	for {
		if _, there := w.held[w.next]; there {
			break
		}
		delete(w.missing, w.next)
		w.next++
		t.lost++
		t.dropped++
	}
	m := w.held[w.next]
	delete(w.held, w.next)
	w.next++
	return w.drain([]arrived{{message: m, lost: true}}), t
}

// drain appends what follows without a hole.
func (w *window) drain(out []arrived) []arrived {
	for {
		m, there := w.held[w.next]
		if !there {
			break
		}
		delete(w.held, w.next)
		w.next++
		out = append(out, arrived{message: m})
	}
	if len(out) > 0 && len(w.held) > 0 {
		w.since = w.oldest()
	}
	return out
}

func (w *window) oldest() (first time.Time) {
	for _, m := range w.held {
		if first.IsZero() || m.arrival.Before(first) {
			first = m.arrival
		}
	}
	return first
}
