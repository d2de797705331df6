package srt

// hold keeps received packets until it is their turn: in order, and late
// enough that what was lost could be sent again. Sequence numbers are
// unwrapped. It is pure and belongs to one goroutine.
type hold struct {
	slots []held // a ring: slot seq mod len; len is a power of two
	next  int64  // first not yet handed on
	solid int64  // everything before is here or handed on
	end   int64  // one past the newest seen
	// given is one past what the sender has given up sending again.
	given int64

	skipped uint64 // never came in time
}

// held is one packet. It is in its slot when payload is not nil.
type held struct {
	payload []byte
	sent    int64 // µs, the sender's clock, unwrapped
	at      int64 // µs, receipt
}

// maxHeld is how many packets may wait: 8 s at 30 Mbit/s. It is a power of two.
const maxHeld = 1 << 15

func newHold(first int64) *hold {
	return &hold{slots: make([]held, 256), next: first, solid: first, end: first}
}

// verdict says what became of a packet.
type verdict int

const (
	kept      verdict = iota
	duplicate         // here already, or handed on
	late              // its turn has passed
	tooFar            // more than maxHeld ahead
)

// take puts a packet in its place. Behind says that newer ones came before it,
// missing how many before it have not come and were not known to be missing.
func (h *hold) take(seq int64, p held) (v verdict, behind bool, missing int) {
	switch {
	case seq < h.next:
		return late, true, 0
	case seq >= h.next+maxHeld:
		return tooFar, false, 0
	}
	for seq-h.next >= int64(len(h.slots)) {
		h.grow()
	}
	slot := h.slot(seq)
	if slot.payload != nil {
		return duplicate, true, 0
	}
	*slot = p
	if behind = seq < h.end; !behind {
		missing = int(seq - h.end)
		h.end = seq + 1
	}
	for h.solid < h.end && h.slot(h.solid).payload != nil {
		h.solid++
	}
	return kept, behind, missing
}

func (h *hold) slot(seq int64) *held { return &h.slots[seq&int64(len(h.slots)-1)] }

func (h *hold) grow() {
	bigger := &hold{slots: make([]held, 2*len(h.slots))}
	for seq := h.next; seq < h.end; seq++ {
		*bigger.slot(seq) = *h.slot(seq)
	}
	h.slots = bigger.slots
}

// ripe hands on the next packet whose time has come. Those missing before it
// are skipped: they are too late.
func (h *hold) ripe(due func(held) bool) (held, bool) {
	at := h.next
	for at < h.end && h.slot(at).payload == nil {
		at++
	}
	if at == h.end || !due(*h.slot(at)) {
		return held{}, false
	}
	h.skipped += uint64(at - h.next)
	p := *h.slot(at)
	*h.slot(at) = held{}
	h.next = at + 1
	h.solid = max(h.solid, h.next)
	for h.solid < h.end && h.slot(h.solid).payload != nil {
		h.solid++
	}
	return p, true
}

// missing returns at most limit ranges, both ends included, that have not come
// and that the sender may still send.
func (h *hold) missing(limit int) (ranges [][2]int64) {
	from := int64(-1)
	for seq := max(h.solid, h.given); seq < h.end && len(ranges) < limit; seq++ {
		switch here := h.slot(seq).payload != nil; {
		case !here && from < 0:
			from = seq
		case here && from >= 0:
			ranges = append(ranges, [2]int64{from, seq - 1})
			from = -1
		}
	}
	return ranges
}

// giveUp notes that the sender will not send anything before seq again.
func (h *hold) giveUp(seq int64) { h.given = max(h.given, min(seq, h.end)) }

// room is how many packets more than those seen may come.
func (h *hold) room() int64 { return h.next + maxHeld - h.end }
