package main

import (
	"encoding/binary"
	"math"
	"testing"
	"time"
)

func TestNumber(t *testing.T) {
	for _, want := range []int64{0, 1, 0x0102030405, math.MaxInt64} {
		nal := numbered(want)
		for i := 2; i < len(nal); i++ {
			if nal[i-2] == 0 && nal[i-1] == 0 && nal[i] <= 3 {
				t.Fatalf("% x needs emulation prevention", nal)
			}
		}
		if got, ok := numberOf(nal); !ok || got != want {
			t.Errorf("number %d reads %d, %v", want, got, ok)
		}
	}
	for _, other := range [][]byte{nil, {6, 5, 32}, append([]byte{0x65}, numbered(1)[1:]...)} {
		if _, ok := numberOf(other); ok {
			t.Errorf("% x has a number", other)
		}
	}
}

func TestFigures(t *testing.T) {
	var points []point
	for i := range 600 {
		off := 40 + 0.01*float64(i)/10 // ms; 0.6 ms a minute
		if i == 300 {
			off += 20
		}
		points = append(points, point{at: float64(i) / 10, off: off, disturbed: i >= 295 && i < 305})
	}
	var r result
	r.figures(points)
	if math.Abs(r.Constant-40.3) > 0.01 || r.Max > 0.31 || math.Abs(r.Disturbed-20) > 0.02 {
		t.Errorf("constant %.2f, max %.2f, disturbed %.2f; want 40.30, 0.30, 20.00", r.Constant, r.Max, r.Disturbed)
	}
	if math.Abs(r.Drift-0.6) > 0.01 {
		t.Errorf("drift %.3f ms/min, want 0.600", r.Drift)
	}
}

func TestWay(t *testing.T) {
	w := &way{delay: 30 * time.Millisecond, stalls: []time.Duration{time.Second}, stall: 2 * time.Second, ppm: 200, start: time.Now()}
	for after, want := range map[time.Duration]time.Duration{
		0: 30 * time.Millisecond, 1500 * time.Millisecond: 3 * time.Second, 3100 * time.Millisecond: 3130 * time.Millisecond,
	} {
		if got := w.due(w.start.Add(after)).Sub(w.start); got != want {
			t.Errorf("sent after %v it is due after %v, want %v", after, got, want)
		}
	}
	packet := make([]byte, 16)
	binary.BigEndian.PutUint32(packet[8:], 10_000_000)
	w.skew(packet)
	if got := binary.BigEndian.Uint32(packet[8:]); got != 10_002_000 {
		t.Errorf("a stamp of 10 s at +200 ppm is %d µs, want 10002000", got)
	}
}
