package rtsp

import (
	"github.com/cuelight/cuelight/ingest"
)

const (
	// maxUnits and maxBytes bound one access unit.
	maxUnits = 512
	maxBytes = 8 << 20

	stapA = 24
	fuA   = 28
)

var (
	errTooBig = ingest.Errorf(ingest.CodeMalformed, "an H.264 frame of more than %d MiB or %d units", maxBytes>>20, maxUnits)
	errAAC    = ingest.Errorf(ingest.CodeMalformed, "the AAC packets make no sense: use mode AAC-hbr")
)

// pictures collects H.264 access units from RTP payloads. It belongs to one
// goroutine. Spec: RFC 6184 §5.
type pictures struct {
	units    [][]byte
	fragment []byte // of a unit in pieces
	bytes    int
	broken   bool // a piece is missing: the access unit is of no use
}

// push takes a payload of the access unit; lost says that one before it is
// missing.
func (p *pictures) push(payload []byte, lost bool) error {
	if lost {
		p.broken, p.fragment = true, nil
	}
	if p.bytes += len(payload); p.bytes > maxBytes || len(p.units) > maxUnits {
		return errTooBig
	}
	p.read(payload)
	return nil
}

// pending reports whether an access unit has begun.
func (p *pictures) pending() bool { return p.bytes > 0 }

// finish returns the access unit, or nil if a piece of it was lost.
func (p *pictures) finish() [][]byte {
	units := p.units
	if p.broken || p.fragment != nil {
		units = nil
	}
	*p = pictures{}
	return units
}

func (p *pictures) read(payload []byte) {
	if len(payload) == 0 {
		return
	}
	switch kind := payload[0] & 0x1f; {
	case kind == fuA:
		p.readFragment(payload)
	case kind == stapA:
		p.readAggregate(payload[1:])
	case kind > 0 && kind < stapA:
		p.units = append(p.units, payload)
	default:
		p.broken = true // interleaved modes, which nobody announced
	}
}

// readFragment takes a piece of a unit. Spec: RFC 6184 §5.8.
func (p *pictures) readFragment(payload []byte) {
	if len(payload) < 3 {
		p.broken = true
		return
	}
	start, end := payload[1]&0x80 != 0, payload[1]&0x40 != 0
	switch {
	case start:
		p.fragment = append([]byte{payload[0]&0xe0 | payload[1]&0x1f}, payload[2:]...)
	case p.fragment == nil:
		p.broken = true
	default:
		p.fragment = append(p.fragment, payload[2:]...)
	}
	if end && p.fragment != nil {
		p.units, p.fragment = append(p.units, p.fragment), nil
	}
}

// readAggregate takes several whole units. Spec: RFC 6184 §5.7.1.
func (p *pictures) readAggregate(b []byte) {
	for len(b) >= 2 && len(p.units) <= maxUnits {
		n := int(b[0])<<8 | int(b[1])
		if n == 0 || len(b)-2 < n {
			p.broken = true
			return
		}
		p.units = append(p.units, b[2:2+n])
		b = b[2+n:]
	}
}

// sounds collects AAC access units from RTP payloads. It belongs to one
// goroutine. Spec: RFC 3640 §3.2.
type sounds struct {
	format   aacFormat
	fragment []byte
	want     int // size of the access unit in pieces
}

// push takes a payload and returns the access units it completes.
func (s *sounds) push(payload []byte, lost bool) ([][]byte, error) {
	if lost {
		s.fragment = nil
	}
	sizes, data, err := s.sizes(payload)
	if err != nil {
		return nil, err
	}
	if len(sizes) == 1 && (s.fragment != nil || sizes[0] > len(data)) {
		return s.piece(sizes[0], data), nil
	}
	var units [][]byte
	for _, n := range sizes {
		if n > len(data) {
			return nil, errAAC
		}
		units = append(units, data[:n])
		data = data[n:]
	}
	return units, nil
}

// piece joins an access unit that has more than one packet.
func (s *sounds) piece(size int, data []byte) [][]byte {
	if s.fragment == nil || s.want != size {
		s.fragment, s.want = nil, size
	}
	s.fragment = append(s.fragment, data...)
	if len(s.fragment) < s.want {
		return nil
	}
	whole := s.fragment[:s.want]
	s.fragment = nil
	return [][]byte{whole}
}

// sizes reads the AU headers.
func (s *sounds) sizes(payload []byte) (sizes []int, data []byte, err error) {
	if len(payload) < 2 {
		return nil, nil, errAAC
	}
	bits := int(payload[0])<<8 | int(payload[1])
	head := payload[2:]
	if bits == 0 || (bits+7)/8 > len(head) {
		return nil, nil, errAAC
	}
	for pos := 0; pos < bits; {
		size := readBits(head, pos, s.format.size)
		pos += s.format.size + s.format.index
		if len(sizes) > 0 {
			pos += s.format.delta - s.format.index
		}
		if pos > bits || size == 0 {
			return nil, nil, errAAC
		}
		sizes = append(sizes, size)
	}
	return sizes, head[(bits+7)/8:], nil
}

// readBits reads n bits at bit pos; beyond the end they are zero.
func readBits(b []byte, pos, n int) int {
	v := 0
	for i := pos; i < pos+n; i++ {
		v <<= 1
		if i/8 < len(b) && b[i/8]&(0x80>>(i%8)) != 0 {
			v |= 1
		}
	}
	return v
}
