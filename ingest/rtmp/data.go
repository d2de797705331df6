package rtmp

import (
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/sync/clock"
)

// data reads a data message: onMetaData and onFI, both with or without
// @setDataFrame before them. What makes no sense is passed over and counted.
func (in *intake) data(m message, arrival time.Time) {
	name, o, err := readData(m)
	if err != nil {
		in.ignored()
	}
	switch name {
	case "onMetaData":
		in.metadata(o)
	case "onFI":
		in.encoderTime(o, m.time, arrival)
	}
}

// readData returns the name of a data message and its first object, also when
// something after them makes no sense.
func readData(m message) (name string, o object, err error) {
	body := m.body
	if m.kind == kindData3 && len(body) > 0 && body[0] == 0 {
		body = body[1:] // then values of AMF 0 follow
	}
	values, err := readAMF(body)
	for _, v := range values {
		switch v := v.(type) {
		case string:
			if name == "" && v != "@setDataFrame" {
				name = v
			}
		case object:
			if o == nil {
				o = v
			}
		}
	}
	return name, o, err
}

func (in *intake) metadata(o object) {
	if o == nil {
		return
	}
	a := announce(o)
	if a.encoder != "" {
		in.named(a.encoder)
	}
	switch {
	case in.tracks.begun:
	case a.known:
		in.said = a
	default:
		in.said.hints = a.hints
	}
}

// encoderTime takes the encoder's clock. The message is stamped like the media
// that it goes with, or not at all, which is 0.
func (in *intake) encoderTime(o object, at uint32, arrival time.Time) {
	said, ok := clockTime(o, arrival)
	if !ok {
		return
	}
	dts := clock.Ticks(in.times.near(at)) * ingest.TicksPerMilli
	if in.coded && (at == 0 || dts-in.last > clockApart || dts-in.last < -clockApart) {
		dts = in.last
	}
	in.clock = encoderClock{dts: dts, time: said}
}
