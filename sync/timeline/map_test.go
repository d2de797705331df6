package timeline_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
)

func TestMapAt(t *testing.T) {
	m := timeline.Map{Points: []timeline.Point{{Media: 90_000, P: 1_000_000}, {Media: 180_000, P: 2_002_000}}}
	for _, tc := range []struct {
		name  string
		media clock.Ticks
		want  clock.Instant
	}{
		{"TL5 before the first point at the nominal rate", 0, 0},
		{"TL5 rounded down before it, too", 89_999, 999_988},
		{"TL5 on a point", 90_000, 1_000_000},
		{"TL5 a straight line between two", 135_000, 1_501_000},
		{"TL5 after the last point at the nominal rate", 270_000, 3_002_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := m.At(tc.media); got != tc.want {
				t.Errorf("At(%d) = %d, want %d", tc.media, got, tc.want)
			}
		})
	}
	if got := (timeline.Map{}).At(-90_000); got != -1_000_000 {
		t.Errorf("an empty map gives %d", got)
	}
}

// drawMap draws any map that a channel may publish, with gaps between epochs.
func drawMap(t *rapid.T) timeline.Map {
	p := timeline.Point{
		Media: clock.Ticks(rapid.Int64Range(0, 1e12).Draw(t, "media")),
		P:     t0 + clock.Instant(rapid.Int64Range(0, 1e12).Draw(t, "p")),
	}
	m := timeline.Map{Points: []timeline.Point{p}}
	for range rapid.IntRange(0, 8).Draw(t, "points") {
		p.Media += clock.Ticks(rapid.Int64Range(1, 1e10).Draw(t, "dx"))
		least := (p.Media - m.Points[len(m.Points)-1].Media).Micros() + 1
		p.P += clock.Instant(least + rapid.Int64Range(0, least/500+1).Draw(t, "dp"))
		m.Points = append(m.Points, p)
	}
	return m
}

func TestMapInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMap(t)
		first, last := m.Points[0], m.Points[len(m.Points)-1]
		media := clock.Ticks(rapid.Int64Range(int64(first.Media)-1e6, int64(last.Media)+1e6).Draw(t, "at"))
		if got := m.MediaAt(m.At(media)); got != media {
			t.Fatalf("TL5 MediaAt(At(%d)) = %d", media, got)
		}
		i := clock.Instant(rapid.Int64Range(int64(first.P)-1e6, int64(last.P)+1e6).Draw(t, "i"))
		if got := m.MediaAt(i); m.At(got) > i || m.At(got+1) <= i {
			t.Fatalf("TL5 MediaAt(%d) = %d, at %d, next at %d", i, got, m.At(got), m.At(got+1))
		}
	})
}

// broken drives a channel with whatever a broken sender may do, and remembers
// what was promised.
type broken struct {
	*rapid.T
	c        *timeline.Channel
	now      clock.Instant
	dts      clock.Ticks
	edge     clock.Ticks
	promises map[clock.Ticks]clock.Instant

	undecided int // frames in a row
}

func (b *broken) draw(name string, low, high int64) int64 {
	return rapid.Int64Range(low, high).Draw(b.T, name)
}

// stream sends frames whose timestamps and arrivals have rates of their own.
func (b *broken) stream() {
	frames := 20 * b.draw("frames", 1, 40)
	step := rapid.SampledFrom([]int64{3000, 3003, 9000, 27_000, 0, -900}).Draw(b.T, "step")
	pace := rapid.SampledFrom([]int64{33_333, 33_367, 100_000, 100_100, 300_000, 0}).Draw(b.T, "pace")
	wobble := b.draw("wobble", 1, 100_000)
	says := b.draw("clock", 0, 3) // nothing, the truth, a lie, another one each time
	lie := b.draw("lie", -2e6, 2e6)
	for i := range frames {
		b.now += clock.Instant(pace + i*7919%wobble)
		b.dts += clock.Ticks(step)
		capture := [...]clock.Instant{0, b.now, b.now + clock.Instant(lie), b.now + clock.Instant(lie*(i%7))}[says]
		b.c.Observe(timeline.Sample{DTS: b.dts, Arrival: b.now, Capture: capture})
		if b.c.Ready() {
			b.promise(b.c.Media(b.dts))
		}
	}
}

// promise remembers where media was that may have been emitted. Aliens are not
// decided about, but three in a row ask for a new epoch.
func (b *broken) promise(media clock.Ticks) {
	m := b.c.Map()
	if b.undecided++; media <= m.Points[len(m.Points)-1].Media {
		b.undecided = 0
	}
	switch _, known := b.promises[media]; {
	case b.undecided >= 3 && !m.NeedsEpoch:
		b.Fatalf("TL4 nothing is decided about media %d", media)
	case b.undecided == 0 && !known:
		b.edge = max(b.edge, media)
		b.promises[media] = m.At(media)
	}
}

func (b *broken) begin() {
	b.dts, b.undecided = clock.Ticks(b.draw("first", -1e9, 1e9)), 0
	b.c.Begin(timeline.Sample{DTS: b.dts, Arrival: b.now}, rapid.Bool().Draw(b.T, "returned"))
	if m := b.c.Media(b.dts); m <= b.edge {
		b.Fatalf("TL1 epoch begins at %d, %d was handed out", m, b.edge)
	}
	b.edge = b.c.Media(b.dts)
}

func (b *broken) check() {
	m := b.c.Map()
	checkPoints(b.T, m)
	for media, p := range b.promises {
		if media >= m.Points[0].Media && m.At(media) != p {
			b.Fatalf("TL4 media %d was at %d, is at %d", media, p, m.At(media))
		}
	}
}

func TestAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &broken{T: t, c: timeline.New(t0, timeline.Config{TrustEncoder: rapid.Bool().Draw(t, "trust")}), now: t0, promises: make(map[clock.Ticks]clock.Instant)}
		b.begin()
		for range b.draw("phases", 1, 12) {
			switch b.draw("phase", 0, 6) {
			case 0:
				b.now += clock.Instant(b.draw("quiet", 0, 40e6))
				b.c.Tick(b.now)
			case 1:
				b.begin()
			case 2:
				b.c.Observe(timeline.Sample{DTS: clock.Ticks(b.draw("alien", -1e12, 1e12)), Arrival: b.now})
			default:
				b.stream()
			}
			b.check()
		}
	})
}

func checkPoints(t interface{ Fatalf(string, ...any) }, m timeline.Map) {
	if len(m.Points) == 0 || len(m.Points) > timeline.MaxPoints {
		t.Fatalf("TL9 %d points", len(m.Points))
	}
	for i, b := range m.Points[1:] {
		if a := m.Points[i]; b.Media <= a.Media || b.P <= a.P {
			t.Fatalf("TL3 %+v follows %+v", b, a)
		}
	}
}
