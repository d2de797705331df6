package follow_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/follow"
)

// TestFramesAreThoseOfTheSocket holds the datagrams against a viewer's frames.
func TestFramesAreThoseOfTheSocket(t *testing.T) {
	ping := follow.Ping{Seq: 0x1234, Nonce: math.Float64bits(17.25)}
	theirs := wire.Ping{Seq: 0x1234, Sent: 17.25}
	b := ping.Append(nil)
	if frame := theirs.Append(nil); !bytes.Equal(b[:len(frame)], frame) || len(bytes.Trim(b[len(frame):], "\x00")) > 0 {
		t.Errorf("CL19 ping %x, on the socket %x", b, frame)
	}
	if got, err := follow.ParsePing(b); err != nil || got != ping {
		t.Errorf("CL19 %+v became %+v: %v", ping, got, err)
	}
	pong := follow.Pong{Ping: ping, Received: -5, Replied: 1_795_410_000_000_000, Epoch: 0xfeedf00d}
	frame := wire.Pong{Ping: theirs, Received: pong.Received, Replied: pong.Replied, ClockEpoch: pong.Epoch}.Append(nil)
	if p := pong.Append(nil); !bytes.Equal(p, frame) || len(p) != len(b) {
		t.Errorf("CL19 pong %x of a ping of %d bytes, on the socket %x", p, len(b), frame)
	}
	if got, err := follow.ParsePong(frame); err != nil || got != pong {
		t.Errorf("CL19 %+v became %+v: %v", pong, got, err)
	}
	for _, bad := range [][]byte{nil, b[:11], b[:30], append(bytes.Clone(b), 0), frame} {
		if _, err := follow.ParsePing(bad); err == nil {
			t.Errorf("CL19 a ping of %x", bad)
		}
	}
	for _, bad := range [][]byte{nil, b, frame[:30], append(bytes.Clone(frame), 0)} {
		if _, err := follow.ParsePong(bad); err == nil {
			t.Errorf("CL19 a pong of %x", bad)
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(follow.Ping{Seq: 1, Nonce: 2}.Append(nil))
	f.Add(follow.Pong{Received: 3, Replied: 4, Epoch: 5}.Append(nil))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := follow.ParsePong(b); err == nil && !bytes.Equal(p.Append(nil), b) {
			t.Errorf("CL19 pong %x read as %+v", b, p)
		}
		if p, err := follow.ParsePing(b); err == nil && !bytes.Equal(p.Append(nil)[:11], b[:11]) {
			t.Errorf("CL19 ping %x read as %+v", b, p)
		}
	})
}
