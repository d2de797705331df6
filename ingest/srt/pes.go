package srt

import "time"

// pes puts the PES packets of one PID together. Spec: ISO/IEC 13818-1 §2.4.3.6.
type pes struct {
	open   bool // one has begun and is whole so far
	want   int  // its length with prefix, 0 when it ends where the next begins
	buf    []byte
	at     time.Time // arrival of its newest byte
	next   uint8     // continuity counter
	primed bool
}

// unit is one PES packet of video or audio.
type unit struct {
	id       uint8 // stream_id
	pts, dts uint64
	stamped  bool // has a PTS
	data     []byte
	at       time.Time // arrival of its last byte
}

const (
	// pesPrefix is the start code, stream id and length of a PES packet.
	pesPrefix = 6
	// maxPES is more than any picture here has.
	maxPES = 8 << 20
)

// take calls whole with each packet that p completes and when its last byte
// arrived. One of which a piece is missing is dropped. It reports false for one
// that does not end.
func (e *pes) take(p tsPacket, at time.Time, whole func([]byte, time.Time) error) (ends bool, err error) {
	if e.primed && !p.jumps && !e.follows(p) {
		return true, nil
	}
	e.next, e.primed = (p.continuity+1)&15, true
	if p.starts {
		if e.open && e.want == 0 {
			err = whole(e.buf, e.at)
		}
		e.begin(p.payload)
	} else if e.open {
		e.buf = append(e.buf, p.payload...)
	}
	e.at = at
	if err == nil && e.open && e.want > 0 && len(e.buf) >= e.want {
		e.open = false
		err = whole(e.buf[:e.want], at)
	}
	return len(e.buf) <= maxPES, err
}

// follows looks at the continuity counter. It reports false for a packet that
// was sent twice, and drops what is open when one is missing.
func (e *pes) follows(p tsPacket) bool {
	if p.continuity == (e.next+15)&15 && !p.starts {
		return false
	}
	if p.continuity != e.next {
		e.open = false
	}
	return true
}

// begin starts a packet.
func (e *pes) begin(payload []byte) {
	e.open = len(payload) >= pesPrefix && payload[0] == 0 && payload[1] == 0 && payload[2] == 1
	e.buf, e.want = nil, 0
	if !e.open {
		return
	}
	if n := int(payload[4])<<8 | int(payload[5]); n > 0 {
		e.want = n + pesPrefix
	}
	e.buf = append(make([]byte, 0, max(e.want, 4<<10)), payload...)
}

// end returns what is open when the stream ends there.
func (e *pes) end() []byte {
	if !e.open || e.want != 0 {
		return nil
	}
	e.open = false
	return e.buf
}

// parsePES reads a whole PES packet.
func parsePES(b []byte) (u unit, ok bool) {
	const fixed = 9
	if len(b) < fixed || b[0] != 0 || b[1] != 0 || b[2] != 1 {
		return unit{}, false
	}
	u.id = b[3]
	flags, head := b[7]>>6, fixed+int(b[8])
	if b[6]>>6 != 2 || head > len(b) {
		return unit{}, false
	}
	if flags >= 2 && head >= 14 {
		u.pts, u.stamped = parseTimestamp(b[9:14]), true
		u.dts = u.pts
	}
	if flags == 3 && head >= 19 {
		u.dts = parseTimestamp(b[14:19])
	}
	u.data = b[head:]
	return u, true
}

// parseTimestamp reads 33 bits spread over five bytes.
func parseTimestamp(b []byte) uint64 {
	return uint64(b[0]>>1&7)<<30 | uint64(b[1])<<22 | uint64(b[2]>>1)<<15 | uint64(b[3])<<7 | uint64(b[4]>>1)
}
