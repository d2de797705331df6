package srt

import (
	"io"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/sync/clock"
)

// Parsers of outside bytes, for tests with crafted and random ones.
var (
	ParseStreamID = parseStreamID
	ReadMedia     = readMedia
	Reason        = reason
)

// NewPackets is the packet reader with a look that tells only the first byte's
// PID.
func NewPackets(src io.Reader, look func(packet []byte, arrival time.Time)) io.Reader {
	return &packets{src: src, received: func(int) {}, look: look}
}

// Arrivals feeds TS packets to the arrival finder.
func Arrivals(observe func(clock.Ticks, time.Time)) (look func(packet []byte, arrival time.Time)) {
	return newArrivals(ingest.NewUnwrapper(33), observe).look
}
