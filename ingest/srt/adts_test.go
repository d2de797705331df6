package srt_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/cuelight/cuelight/ingest/srt"
	"github.com/cuelight/cuelight/internal/media"
)

// adts makes a frame of n bytes at 48 kHz, stereo.
func adts(n int, checksum bool) []byte {
	head := []byte{0xff, 0xf1, 0x4c, 0x80, 0, 0, 0xfc}
	if checksum {
		head = append(head, 0, 0)
		head[1] = 0xf0
	}
	length := len(head) + n
	head[3] |= byte(length >> 11)
	head[4] = byte(length >> 3)
	head[5] = byte(length<<5) | 0x1f
	return append(head, bytes.Repeat([]byte{7}, n)...)
}

// audioPES makes the packets of one PES packet of sound.
func audioPES(n int, pts uint64, data []byte) (packets []byte) {
	body := []byte{0, 0, 1, 0xc0, byte((len(data) + 8) >> 8), byte(len(data) + 8), 0x80, 0x80, 5,
		0x21 | byte(pts>>30<<1), byte(pts >> 22), byte(pts>>15<<1) | 1, byte(pts >> 7), byte(pts<<1) | 1}
	body = append(body, data...)
	for first := true; len(body) > 0; first = false {
		p := []byte{0x47, 1, 1, 0x10 | byte(n&15)}
		if first {
			p[1] |= 0x40
		}
		if short := 184 - len(body); short > 0 { // an adaptation field fills up
			p[3] |= 0x20
			p = append(p, byte(short-1))
			if short > 1 {
				p = append(p, 0)
				p = append(p, bytes.Repeat([]byte{0xff}, short-2)...)
			}
		}
		k := min(188-len(p), len(body))
		packets = append(packets, append(p, body[:k]...)...)
		body = body[k:]
		n++
	}
	return packets
}

func TestSoundOverPacketBounds(t *testing.T) {
	frames := slices.Concat(adts(100, false), adts(50, true), adts(70, false), adts(30, false))
	tables := slices.Concat(pat(pmtPID), pmt(pmtPID, nil, entry{kind: 0x0f, pid: 257}))
	for _, cut := range []int{107, 110, 150, 166, 170, 200} {
		h := readAll(t, slices.Concat(tables, audioPES(0, 90_000, frames[:cut]), audioPES(2, 90_000+1920*3, frames[cut:])))
		audio := h.Of(media.Audio)
		var sizes []int
		for _, f := range audio {
			sizes = append(sizes, len(f.Units[0]))
		}
		if !slices.Equal(sizes, []int{100, 50, 70, 30}) {
			t.Fatalf("IG1 cut at %d: sounds of %v bytes", cut, sizes)
		}
		for i := 1; i < len(audio); i++ {
			if audio[i].DTS < audio[i-1].DTS {
				t.Errorf("IG15 cut at %d: sounds at %d and %d", cut, audio[i-1].DTS, audio[i].DTS)
			}
		}
	}
}

func FuzzADTS(f *testing.F) {
	f.Add(adts(100, false))
	f.Add(adts(3, true)[:8])
	f.Add(append([]byte{1, 2, 0xff, 3}, adts(9, false)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		for len(data) > 0 {
			unit, n, ok := srt.ParseADTS(data)
			if n == 0 {
				if ok || len(data) > 8191 {
					t.Fatalf("nothing was read of %d bytes", len(data))
				}
				return
			}
			if n > len(data) || ok && (len(unit) == 0 || len(unit) >= n) {
				t.Fatalf("a unit of %d bytes in %d of %d", len(unit), n, len(data))
			}
			data = data[n:]
		}
	})
}
