package srt

import (
	"io"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

const (
	packetSize = 188
	syncByte   = 0x47
	// maxPayload is the most that one SRT packet carries.
	maxPayload = 1456
	// maxNoise is how many bytes without a TS packet are borne: a second of
	// 4 Mbit/s.
	maxNoise = 512 << 10
)

// packets reads whole MPEG-TS packets from SRT and looks at each one as it
// arrives. It belongs to one goroutine.
type packets struct {
	src      io.Reader
	received func(n int)
	look     func(packet []byte, arrival time.Time)

	buf     [maxPayload + packetSize]byte
	data    []byte // part of buf not yet returned
	arrival time.Time
	noise   int // bytes skipped since the last packet
}

// Read returns one packet.
func (p *packets) Read(out []byte) (int, error) {
	if len(out) < packetSize {
		return 0, io.ErrShortBuffer
	}
	for {
		if err := p.skipNoise(); err != nil {
			return 0, err
		}
		if len(p.data) >= packetSize {
			break
		}
		if err := p.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(out, p.data[:packetSize])
	p.data = p.data[packetSize:]
	p.noise = 0
	p.look(out[:n], p.arrival)
	return n, nil
}

func (p *packets) skipNoise() error {
	for len(p.data) > 0 && p.data[0] != syncByte {
		p.data = p.data[1:]
		p.noise++
	}
	if p.noise > maxNoise {
		return ingest.Errorf(ingest.CodeMalformed, "this is not MPEG-TS: set the encoder's container to mpegts")
	}
	return nil
}

func (p *packets) fill() error {
	kept := copy(p.buf[:], p.data)
	n, err := p.src.Read(p.buf[kept : kept+maxPayload])
	p.arrival = time.Now()
	p.received(n)
	p.data = p.buf[:kept+n]
	return err
}
