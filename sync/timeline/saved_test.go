package timeline_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
	"github.com/cuelight/cuelight/sync/timeline/timelinetest"
)

// through saves c as JSON and restores it later, as another process does.
func through(t testing.TB, c *timeline.Channel, saved, restored clock.Instant, cfg timeline.Config) *timeline.Channel {
	t.Helper()
	text, err := json.Marshal(c.Save(saved))
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 25_000 {
		t.Errorf("TL23 %d bytes", len(text))
	}
	var v timeline.Saved
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	next, err := timeline.Restore(restored, v, cfg)
	if err != nil {
		t.Fatalf("TL23 %v\n%s", err, text)
	}
	return next
}

// wallClock is an encoder's own clock that is right.
func wallClock(captured clock.Instant, _ int) clock.Instant { return captured }

// alike is what a channel that never stopped says as well: all but the
// numbers that are left out and the jitter, which is measured anew.
func alike(m timeline.Map) timeline.Map {
	m.Rev, m.Epoch, m.Jitter = 0, 0, 0
	return m
}

// TestRestoreGoesOn stops a channel again and again in the middle of sessions,
// of every kind, and holds it against one that goes on.
func TestRestoreGoesOn(t *testing.T) {
	for _, tc := range []struct {
		name   string
		cfg    timeline.Config
		sender timelinetest.Sender
	}{
		{"steady", timeline.Config{}, timelinetest.Sender{PPM: 40, Jitter: 2 * time.Millisecond}},
		{"jitter, stalls, aliens", timeline.Config{}, timelinetest.Sender{
			PPM: -200, Jitter: 30 * time.Millisecond, Burst: 2 * time.Second,
			Stalls: time.Minute, Aliens: 7 * time.Second, Spikes: 11 * time.Second,
		}},
		{"queues", timeline.Config{}, timelinetest.Sender{Jitter: 5 * time.Millisecond, Queues: time.Minute}},
		{"trusted clock", timeline.Config{TrustEncoder: true}, timelinetest.Sender{PPM: 100, Jitter: 20 * time.Millisecond, Clock: wallClock}},
	} {
		t.Run("TL23 "+tc.name, func(t *testing.T) {
			s := tc.sender
			s.Length, s.Thin = 6*time.Minute, 3
			whole, cut := timeline.New(t0, tc.cfg), timeline.New(t0, tc.cfg)
			random := rand.New(rand.NewPCG(23, uint64(len(tc.name))))
			begun, restored, stop := false, 0, t0
			for f := range s.Frames() {
				sample := timeline.Sample{DTS: f.DTS, Arrival: f.Arrives, Capture: f.Capture}
				if f.Arrives > stop {
					cut = through(t, cut, f.Arrives, f.Arrives, tc.cfg)
					restored++
					stop = f.Arrives.Add(time.Duration(random.ExpFloat64() * float64(2*time.Second)))
				}
				for _, c := range []*timeline.Channel{whole, cut} {
					if !begun {
						c.Begin(sample, false)
					}
					c.Observe(sample)
				}
				begun = true
				if a, b := whole.Media(f.PTS), cut.Media(f.PTS); a != b {
					t.Fatalf("TL23 %v: media %d and %d", f.Arrives.Sub(t0), a, b)
				}
				if a, b := alike(whole.Map()), alike(cut.Map()); !reflect.DeepEqual(a, b) {
					t.Fatalf("TL23 %v, restored %d times:\n%+v\n%+v", f.Arrives.Sub(t0), restored, a, b)
				}
			}
			if got := cut.Map(); restored < 100 || got.Rev <= whole.Map().Rev {
				t.Errorf("TL24 restored %d times, revision %d, that of the other %d", restored, got.Rev, whole.Map().Rev)
			}
			text, _ := json.Marshal(cut.Save(stop))
			t.Logf("restored %d times, %d bytes", restored, len(text))
		})
	}
}

// TestHandover lets the encoder connect to another node, with timestamps that
// start again, after a last save that is up to Unsaved old.
func TestHandover(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	for i := range 60 {
		s := timelinetest.Sender{
			PPM: random.Float64()*400 - 200, Jitter: 10 * time.Millisecond, Length: 40 * time.Second, Seed: uint64(i),
			Burst: time.Duration(i%3) * time.Second, First: clock.Ticks(random.Int64N(1 << 40)), Thin: 2,
		}
		if i%5 == 4 {
			s.Length = 10 * time.Minute
		}
		c := timeline.New(t0, timeline.Config{})
		var before []timelinetest.Emitted
		var kept timeline.Saved
		stale := time.Duration(random.Int64N(int64(timeline.Unsaved - time.Second)))
		end := t0.Add(s.Length)
		timelinetest.Play(c, s.Frames(), false, func(e timelinetest.Emitted) {
			if e.Arrives.Add(stale) <= end || kept.Version == 0 {
				kept = c.Save(e.Arrives)
			}
			before = append(before, e)
		})
		last := before[len(before)-1]
		back := last.Arrives.Add(time.Second + time.Duration(random.Int64N(int64(time.Minute))))
		next, err := timeline.Restore(back, kept, timeline.Config{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range before[max(0, len(before)-20*30):] {
			decided := e.Arrives <= kept.At
			if off := next.Map().At(e.Media).Sub(e.P).Abs(); decided && off != 0 || off > 15*time.Millisecond {
				t.Fatalf("TL24 P of media %d was %d and is %v off", e.Media, e.P, off)
			}
		}
		s2 := s
		s2.First, s2.Connect, s2.Burst, s2.Seed, s2.Length = 0, back.Sub(t0), 0, uint64(1000+i), time.Minute
		after := play(next, s2, true)
		if got := after[0].Map; got.Epoch <= last.Map.Epoch || got.Rev <= last.Map.Rev || got.From <= last.Media {
			t.Errorf("TL24 epoch %d from %d in revision %d after %d, %d, %d", got.Epoch, got.From, got.Rev, last.Map.Epoch, last.Media, last.Map.Rev)
		}
		for _, e := range after {
			if e.Media <= last.Media || e.P <= last.P {
				t.Fatalf("TL24 media %d at %d after %d at %d, saved %v before", e.Media, e.P, last.Media, last.P, last.Arrives.Sub(kept.At))
			}
		}
		if late := after[0].P.Sub(after[0].Truth); late > 60*time.Millisecond || late < -10*time.Millisecond {
			t.Errorf("TL24 begins %v late, %v after the last frame, saved %v before it", late, back.Sub(last.Arrives), last.Arrives.Sub(kept.At))
		}
		if s.Length > time.Minute && i%5 == 4 {
			if off := after[len(after)/8].Map.PPM - s.PPM; off > 30 || off < -30 {
				t.Errorf("TL12 %+.0f ppm off after a handover, though the encoder is known", off)
			}
		}
		checkPoints(t, next.Map())
	}
}

func TestSavedThatCannotBe(t *testing.T) {
	c := timeline.New(t0, timeline.Config{})
	play(c, timelinetest.Sender{Length: 20 * time.Second, Clock: wallClock}, false)
	good := func() timeline.Saved { return c.Save(t0.Add(20 * time.Second)) }
	for name, spoil := range map[string]func(*timeline.Saved){
		"another form":        func(v *timeline.Saved) { v.Version++ },
		"no points":           func(v *timeline.Saved) { v.Map.Points = nil },
		"points that go back": func(v *timeline.Saved) { v.Map.Points = append(v.Map.Points, v.Map.Points[0]) },
		"a cliff":             func(v *timeline.Saved) { v.Map.Points[0][0] -= 1 << 50 },
		"a state":             func(v *timeline.Saved) { v.Map.State = "fine" },
		"an epoch":            func(v *timeline.Saved) { v.Map.Epoch = -1 },
		"far media":           func(v *timeline.Saved) { v.Handed = 1 << 60 },
		"a rate":              func(v *timeline.Saved) { v.Rate = 5000 },
		"bins":                func(v *timeline.Saved) { v.Session.Arrivals.List[1][0] = 0 },
		"no bins":             func(v *timeline.Saved) { v.Session.Arrivals.List = nil },
		"readings":            func(v *timeline.Saved) { v.Session.Captures.List[0][0] = 0.5 },
		"a line":              func(v *timeline.Saved) { v.Session.Long.Bins = 1 << 20 },
		"quality":             func(v *timeline.Saved) { v.Map.Error = 1 << 60 },
		"session":             func(v *timeline.Saved) { v.Session.Aliens.N = -1 },
		"estimate":            func(v *timeline.Saved) { v.Session.Prior = 1e6 },
		"unready":             func(v *timeline.Saved) { v.Session.Ready = false },
	} {
		v := good()
		spoil(&v)
		if _, err := timeline.Restore(t0, v, timeline.Config{}); err == nil {
			t.Errorf("TL23 %s: restored", name)
		}
	}
	v := good()
	if _, err := timeline.Restore(t0, v, timeline.Config{}); err != nil {
		t.Errorf("TL23 a clock behind: %v", err)
	}
}

// FuzzRestore goes on with whatever Validate lets pass.
func FuzzRestore(f *testing.F) {
	c := timeline.New(t0, timeline.Config{})
	add := func(at clock.Instant) {
		text, err := json.Marshal(c.Save(at))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, uint32(40_000))
	}
	add(t0)
	play(c, timelinetest.Sender{Length: 3 * time.Second, Clock: wallClock}, false)
	add(t0.Add(3 * time.Second))
	c.Begin(timeline.Sample{DTS: 0, Arrival: t0.Add(5 * time.Second)}, true)
	add(t0.Add(5 * time.Second))
	f.Fuzz(func(t *testing.T, text []byte, step uint32) {
		var v timeline.Saved
		if json.Unmarshal(text, &v) != nil {
			return
		}
		c, err := timeline.Restore(v.At, v, timeline.Config{TrustEncoder: true})
		if err != nil {
			return
		}
		checkPoints(t, c.Map())
		now, dts := v.At, v.Session.DTS
		for i := range 40 {
			now, dts = now+clock.Instant(step), dts+3000
			if i == 20 {
				c.Begin(timeline.Sample{DTS: dts, Arrival: now, Capture: now}, true)
			}
			c.Observe(timeline.Sample{DTS: dts, Arrival: now, Capture: now})
			c.Map().At(c.Media(dts))
		}
		if _, err := json.Marshal(c.Save(now)); err != nil {
			t.Fatal(err)
		}
	})
}
