package timeline_test

import (
	"encoding/binary"
	"testing"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
)

// FuzzSamples runs any sequence of samples through a channel: nine bytes a
// step, what to do and three numbers whose size the first byte chooses.
func FuzzSamples(f *testing.F) {
	f.Add([]byte("\x01\x0b\xb8\x00\x00\x82\x35\x00\x00\x01\x0b\xb8\x00\x00\x82\x35\x00\x00"))
	f.Add([]byte("\xf0\xff\xff\xff\xff\xff\xff\xff\xff\x04\x00\x00\x00\x00\x00\x00\x00\x00\x0b\x01\x02\x03\x04\x05\x06\x07\x08"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		c := timeline.New(t0, timeline.Config{TrustEncoder: data[0]&1 != 0})
		now, dts := t0, clock.Ticks(0)
		edge, p := c.Media(0), clock.Instant(0)
		for len(data) >= 9 {
			do := data[0]
			wide := 8 * uint(do>>4&3)
			now += clock.Instant(binary.BigEndian.Uint32(data[3:])) << wide >> 8
			dts += clock.Ticks(int16(binary.BigEndian.Uint16(data[1:]))) << wide
			capture := now - clock.Instant(int16(binary.BigEndian.Uint16(data[7:])))<<wide
			data = data[9:]
			sample := timeline.Sample{DTS: dts, Arrival: now, Capture: capture}
			switch do & 7 {
			case 0:
				c.Tick(now)
			case 1:
				c.Begin(sample, do&8 != 0)
			default:
				c.Observe(sample)
			}
			checkPoints(t, c.Map())
			if media := c.Media(dts); c.Ready() && media > edge {
				if at := c.Map().At(media); at <= p {
					t.Fatalf("TL3 P of %d is %d, that of %d before it %d", media, at, edge, p)
				} else {
					edge, p = media, at
				}
			}
		}
	})
}
