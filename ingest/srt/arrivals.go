package srt

import (
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/sync/clock"
)

// arrivals finds out when each access unit had arrived whole, which the
// demultiplexer does not tell: it hands a unit on when the next one begins.
// It belongs to one goroutine.
type arrivals struct {
	clock   *ingest.Unwrapper
	observe func(dts clock.Ticks, arrival time.Time)
	open    map[uint16]*unit // by PID
}

// unit is a PES packet that is arriving.
type unit struct {
	dts  clock.Ticks
	left int       // bytes still to come, or <0 when the length is not known
	last time.Time // arrival of its newest packet
}

// maxPIDs bounds what a stream can make us remember.
const maxPIDs = 64

func newArrivals(c *ingest.Unwrapper, observe func(clock.Ticks, time.Time)) *arrivals {
	return &arrivals{clock: c, observe: observe, open: make(map[uint16]*unit)}
}

// look takes one TS packet. Spec: ISO/IEC 13818-1 §2.4.3.2.
func (a *arrivals) look(packet []byte, arrival time.Time) {
	pid := uint16(packet[1]&0x1f)<<8 | uint16(packet[2])
	starts := packet[1]&0x40 != 0
	body := payload(packet)
	if len(body) == 0 {
		return
	}
	u := a.open[pid]
	if starts {
		a.finish(pid, u)
		u = a.start(pid, body)
	}
	if u == nil {
		return
	}
	u.last = arrival
	if u.left >= 0 {
		if u.left -= len(body); u.left <= 0 {
			a.finish(pid, u)
		}
	}
}

// start remembers the PES packet whose header body begins with, if it is of
// video or audio and has a timestamp.
func (a *arrivals) start(pid uint16, body []byte) *unit {
	dts, length, ok := parsePES(body)
	if !ok || len(a.open) == maxPIDs {
		return nil
	}
	u := &unit{dts: clock.Ticks(a.clock.Unwrap(dts)), left: -1}
	if length > 0 {
		u.left = length + pesPrefix
	}
	a.open[pid] = u
	return u
}

func (a *arrivals) finish(pid uint16, u *unit) {
	if u == nil {
		return
	}
	delete(a.open, pid)
	a.observe(u.dts, u.last)
}

// payload returns what follows a TS packet's header and adaptation field.
func payload(packet []byte) []byte {
	if packet[3]&0x10 == 0 {
		return nil
	}
	at := 4
	if packet[3]&0x20 != 0 {
		at += 1 + int(packet[4])
	}
	if at >= len(packet) {
		return nil
	}
	return packet[at:]
}

// pesPrefix is the start code, stream id and length of a PES packet.
const pesPrefix = 6

// parsePES reads the DTS, or without one the PTS, of a PES header, and the
// length of what follows the prefix, 0 if not given. It refuses what is neither
// audio (0xC0–0xDF) nor video (0xE0–0xEF). Spec: ISO/IEC 13818-1 §2.4.3.6.
func parsePES(b []byte) (dts uint64, length int, ok bool) {
	if len(b) < 14 || b[0] != 0 || b[1] != 0 || b[2] != 1 || b[3] < 0xc0 || b[3] > 0xef {
		return 0, 0, false
	}
	length = int(b[4])<<8 | int(b[5])
	switch flags := b[7] >> 6; {
	case flags == 2:
		return parseTimestamp(b[9:14]), length, true
	case flags == 3 && len(b) >= 19:
		return parseTimestamp(b[14:19]), length, true
	}
	return 0, 0, false
}

// parseTimestamp reads 33 bits spread over five bytes.
func parseTimestamp(b []byte) uint64 {
	return uint64(b[0]>>1&7)<<30 | uint64(b[1])<<22 | uint64(b[2]>>1)<<15 | uint64(b[3])<<7 | uint64(b[4]>>1)
}
