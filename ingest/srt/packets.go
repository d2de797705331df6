package srt

import (
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

// source is where payloads come from, with the time at which each arrived.
type source interface {
	next() (payload []byte, at time.Time, err error)
}

// packets finds the MPEG-TS packets in a source's payloads. It belongs to one
// goroutine.
type packets struct {
	src      source
	received func(n int)

	data  []byte // not yet returned
	at    time.Time
	noise int // bytes skipped since the last packet
}

// next returns one packet, which stays as it is, and when its last byte
// arrived.
//
// Errors: the source's; *ingest.Error with CodeMalformed when there is only
// noise.
func (p *packets) next() ([]byte, time.Time, error) {
	for {
		if err := p.skipNoise(); err != nil {
			return nil, time.Time{}, err
		}
		if len(p.data) >= packetSize {
			break
		}
		payload, at, err := p.src.next()
		if err != nil {
			return nil, time.Time{}, err
		}
		p.received(len(payload))
		p.at = at
		if len(p.data) > 0 {
			payload = append(p.data[:len(p.data):len(p.data)], payload...)
		}
		p.data = payload
	}
	packet := p.data[:packetSize:packetSize]
	p.data = p.data[packetSize:]
	p.noise = 0
	return packet, p.at, nil
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
