package rtmp_test

import (
	"slices"
	"testing"

	"github.com/cuelight/cuelight/ingest/rtmp"
)

// run counts in steps of 20 ms from just before a wrap of a counter of so many
// bits to just after it.
func countdown(bits uint, steps int) (raw []uint32, want []int64) {
	const step, before = 20, 30
	start := int64(1)<<bits - before*step
	for i := range int64(steps) {
		raw = append(raw, uint32((start+i*step)&(1<<bits-1)))
		want = append(want, start+i*step)
	}
	return raw, want
}

func TestTimestampsCountOn(t *testing.T) {
	for name, bits := range map[string]uint{"IG64 2^24": 24, "IG64 2^31": 31, "IG64 2^32": 32} {
		raw, want := countdown(bits, 100)
		first := int64(0)
		if bits == 32 { // the highest bit is not believed
			first = 1 << 31
		}
		for i, got := range rtmp.Extend(raw...) {
			if got+first != want[i] {
				t.Fatalf("%s: %d is extended to %d, want %d", name, raw[i], got+first, want[i])
			}
		}
	}
}

func TestNarrowTimestampsWrapAgain(t *testing.T) {
	var raw []uint32
	var want []int64
	for at := int64(1<<24 - 20_000); at < 3<<24; at += 1000 {
		raw, want = append(raw, uint32(at&(1<<24-1))), append(want, at)
	}
	if got := rtmp.Extend(raw...); !slices.Equal(got, want) {
		t.Errorf("IG64 ends at %d, want %d", got[len(got)-1], want[len(want)-1])
	}
}

// Sound and pictures are a little out of order around the wrap.
func TestNarrowTimestampsOutOfOrder(t *testing.T) {
	raw, want := countdown(24, 100)
	for i := 10; i+1 < len(raw); i += 3 {
		raw[i], raw[i+1] = raw[i+1], raw[i]
		want[i], want[i+1] = want[i+1], want[i]
	}
	if got := rtmp.Extend(raw...); !slices.Equal(got, want) {
		t.Errorf("IG64 got %v, want %v", got, want)
	}
}

func TestWideTimestampsGoOnAt24Bits(t *testing.T) {
	raw, want := countdown(24, 30)
	for at := uint32(1 << 24); at < 1<<24+1000; at += 20 {
		raw, want = append(raw, at), append(want, int64(at))
	}
	if got := rtmp.Extend(raw...); !slices.Equal(got, want) {
		t.Errorf("IG64 got %v, want %v", got, want)
	}
}

func TestAlienTimestamps(t *testing.T) {
	for name, alien := range map[string]uint32{
		"zero": 0, "just below 2^24": 1<<24 - 5, "2^31": 1 << 31, "2^32-1": 1<<32 - 1, "hours on": 7_200_000, "2^30": 1 << 30,
	} {
		for _, base := range []uint32{0, 5_000, 1 << 20, 1<<24 - 3_000, 1 << 24, 1<<31 - 100} {
			var raw []uint32
			var want []int64
			for i := range uint32(60) {
				if i%20 == 10 {
					raw, want = append(raw, alien), append(want, -1)
				}
				raw, want = append(raw, base+i*20), append(want, int64(base+i*20))
			}
			for i, got := range rtmp.Extend(raw...) {
				if want[i] >= 0 && got != want[i] {
					t.Fatalf("IG32 alien %s in a stream at %d: %d is extended to %d", name, base, raw[i], got)
				}
			}
		}
	}
}
