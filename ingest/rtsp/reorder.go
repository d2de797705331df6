package rtsp

import "github.com/pion/rtp"

// maxReorder is how many packets a missing one is waited for: some 20 ms of a
// 5 Mbit/s stream, a frame or so.
const maxReorder = 16

// reorder puts datagrams back into order. It belongs to one goroutine.
type reorder struct {
	next    uint16
	started bool
	held    map[uint16]*rtp.Packet
}

// push takes one packet and returns those that may now be read, in order.
func (r *reorder) push(p *rtp.Packet) []*rtp.Packet {
	if !r.started {
		r.started, r.next, r.held = true, p.SequenceNumber, make(map[uint16]*rtp.Packet)
	}
	if int16(p.SequenceNumber-r.next) < 0 {
		return nil // late or double
	}
	r.held[p.SequenceNumber] = p
	if len(r.held) > maxReorder {
		r.next = r.oldest()
	}
	var out []*rtp.Packet
	for {
		p, ok := r.held[r.next]
		if !ok {
			return out
		}
		delete(r.held, r.next)
		r.next++
		out = append(out, p)
	}
}

// oldest is the number after the gap that has been waited for long enough.
func (r *reorder) oldest() uint16 {
	nearest := uint16(1 << 15)
	for seq := range r.held {
		nearest = min(nearest, seq-r.next)
	}
	return r.next + nearest
}
