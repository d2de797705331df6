package ingest_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// programme is a publisher in real time: pictures at 25 fps with a key frame
// each second, sound in frames of 20 ms.
type programme struct {
	bFrames bool
	late    time.Duration // the sound behind the pictures
	silent  bool
	video   int // bytes of a picture
}

// run sends for that long, beginning at DTS from.
func (p programme) run(t *testing.T, s *ingest.Session, from clock.Ticks, length time.Duration) (next clock.Ticks) {
	t.Helper()
	start := time.Now()
	until := from + clock.TicksOf(length)
	behind := clock.TicksOf(p.late)
	for at := from; at < until+behind; at += 1800 {
		time.Sleep(time.Until(start.Add((at - from).Duration())))
		if (at-from)%3600 == 0 && at < until {
			p.picture(t, s, at, int((at-from)/3600))
		}
		if at >= from+behind {
			p.sound(t, s, at-behind)
		}
	}
	return until
}

func (p programme) picture(t *testing.T, s *ingest.Session, dts clock.Ticks, n int) {
	f := media.Frame{Track: video, DTS: dts, PTS: dts, Key: n%25 == 0, Units: [][]byte{make([]byte, p.video)}}
	f.Units[0][0] = 0x65
	if p.bFrames { // key frames wait two pictures' time, the others three or none
		f.PTS += []clock.Ticks{3, 0}[n%2] * 3600
		if f.Key {
			f.PTS = dts + 2*3600
		}
	}
	s.Received(p.video + 20)
	s.Observe(ingest.Observation{DTS: dts, Arrival: time.Now()})
	write(t, s, f)
}

func (p programme) sound(t *testing.T, s *ingest.Session, dts clock.Ticks) {
	unit := []byte{0x21, 0x1a, 0x8f, 0xff, 0xff, 0xfb, 0x6b, 0x00} // of a tone
	if p.silent {
		unit = []byte{0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c} // of nothing
	}
	s.Received(len(unit) + 20)
	s.Observe(ingest.Observation{DTS: dts, Arrival: time.Now()})
	write(t, s, media.Frame{Track: audio, DTS: dts, PTS: dts, Key: true, Units: [][]byte{unit}})
}

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, r := admitted(t, ingest.Config{})
		if st := s.Stats(); st.Link.Loss >= 0 || st.HasAVOffset || len(st.Tracks) != 0 || len(st.Bitrates) != 0 {
			t.Errorf("IG46 before anything came: %+v", st)
		}
		begin(t, s)
		p := programme{bFrames: true, late: 80 * time.Millisecond, video: 5000}
		next := p.run(t, s, 1_000_000, 15*time.Second)
		info, _ := r.Live("show")
		st := info.Stats()
		const bits = 8 * (25*5020 + 50*28) // of a second
		if len(st.Bitrates) != 10 || st.Bitrates[0] != bits || st.Bitrate != bits || slices.Max(st.Bitrates) != bits {
			t.Errorf("IG46 bit rates = %d and %v, want ten of %d", st.Bitrate, st.Bitrates, bits)
		}
		if len(st.Tracks) != 2 {
			t.Fatalf("IG46 %d tracks", len(st.Tracks))
		}
		pictures, sound := st.Tracks[0], st.Tracks[1]
		want := ingest.TrackStats{ID: video, Codec: "H.264", Frames: 375, Bitrate: 8 * 25 * 5000, GOP: time.Second, Reorder: 80 * time.Millisecond}
		if pictures != want {
			t.Errorf("IG46 pictures = %+v, want %+v", pictures, want)
		}
		want = ingest.TrackStats{ID: audio, Codec: "AAC", Frames: 750, Bitrate: 8 * 50 * 8}
		if sound != want {
			t.Errorf("IG46 sound = %+v, want %+v", sound, want)
		}
		if !st.HasAVOffset || st.AVOffset != 80*time.Millisecond {
			t.Errorf("IG46 sound is %v behind (%v), want 80 ms", st.AVOffset, st.HasAVOffset)
		}
		if st.Silent != 0 {
			t.Errorf("IG46 silent for %v", st.Silent)
		}

		// The producer mutes the sound, and the way of the pictures gets longer.
		p = programme{late: -40 * time.Millisecond, silent: true, video: 100}
		p.early(t, s, next, 31*time.Second)
		st = s.Stats()
		if st.Silent < 30*time.Second || st.Silent > 31*time.Second {
			t.Errorf("IG46 silent for %v, want 31 s", st.Silent)
		}
		if off := st.AVOffset + 40*time.Millisecond; off < -time.Millisecond || off > time.Millisecond {
			t.Errorf("IG46 sound is %v behind, want -40 ms", st.AVOffset)
		}
		if st.Tracks[0].Reorder != 0 {
			t.Errorf("IG46 reordering of %v stays", st.Tracks[0].Reorder)
		}

		// Nothing comes any more.
		time.Sleep(5 * time.Second)
		st = s.Stats()
		if st.Bitrate != 0 || st.Bitrates[9] != 0 || st.Bitrates[0] == 0 || st.Idle < 5*time.Second {
			t.Errorf("IG46 after 5 s without media: %+v", st)
		}
		s.Close(nil)
		if st := info.Stats(); st.Tracks[0].Frames != 375+775 {
			t.Errorf("IG46 an ended session tells %+v", st)
		}
	})
}

// early sends pictures behind the sound.
func (p programme) early(t *testing.T, s *ingest.Session, from clock.Ticks, length time.Duration) {
	t.Helper()
	behind := clock.TicksOf(-p.late)
	start := time.Now()
	until := from + clock.TicksOf(length)
	for at := from; at < until+behind; at += 1800 {
		time.Sleep(time.Until(start.Add((at - from).Duration())))
		if at < until {
			p.sound(t, s, at)
		}
		if dts := at - behind; dts >= from && (dts-from)%3600 == 0 {
			p.picture(t, s, dts, int((dts-from)/3600))
		}
	}
}

func TestOffsetAfterAJump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := admitted(t, ingest.Config{})
		begin(t, s)
		p := programme{late: 60 * time.Millisecond, video: 10}
		next := p.run(t, s, 0, 5*time.Second)
		p.late = 20 * time.Millisecond
		p.run(t, s, next+3600*clock.TicksPerSecond, 3*time.Second)
		if st := s.Stats(); !st.HasAVOffset || st.AVOffset != 20*time.Millisecond {
			t.Errorf("IG46 sound is %v behind (%v), want 20 ms", st.AVOffset, st.HasAVOffset)
		}
		s.Close(nil)
	})
}

func TestLinkOfASessionThatEnded(t *testing.T) {
	s, _, _ := admitted(t, ingest.Config{})
	closed := false
	rtt := 40 * time.Millisecond
	s.SetLink(func() ingest.Link {
		if closed {
			t.Error("IG46 the protocol is asked after Close")
		}
		return ingest.Link{RTT: rtt, Encoder: "obs"}
	})
	if got := s.Stats().Link; got.RTT != rtt || got.Encoder != "obs" {
		t.Errorf("IG46 link = %+v", got)
	}
	s.Close(nil)
	closed = true
	if got := s.Stats().Link; got.RTT != rtt {
		t.Errorf("IG46 link of an ended session = %+v", got)
	}
}

// TestStatsCostNothing counts what the way of a frame through a session
// allocates: nothing but what the Output does.
func TestStatsCostNothing(t *testing.T) {
	r := registry(t, ingest.Config{}, ingest.Channel{Name: "show", Open: true, Output: deaf{}})
	s, _ := r.Admit(from("show", ""))
	begin(t, s)
	defer s.Close(nil)
	dts := clock.Ticks(0)
	f := picture(0, true)
	quiet := sound(0)
	quiet.Units = [][]byte{{0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c}}
	got := testing.AllocsPerRun(1000, func() {
		dts += 1800
		f.DTS, f.PTS, quiet.DTS, quiet.PTS = dts, dts, dts, dts
		s.Received(1400)
		s.Observe(ingest.Observation{DTS: dts, Arrival: time.Now()})
		write(t, s, f, quiet)
	})
	if got != 0 {
		t.Errorf("IG46 a frame costs %v allocations", got)
	}
}

// deaf is an output that does nothing.
type deaf struct{}

func (deaf) Begin(ingest.Info, []media.Track) error { return nil }
func (deaf) Change([]media.Track) error             { return nil }
func (deaf) Observe(ingest.Observation)             {}
func (deaf) Write(media.Frame) error                { return nil }
func (deaf) End(error)                              {}

func BenchmarkWrite(b *testing.B) {
	r, err := ingest.NewRegistry([]ingest.Channel{{Name: "show", Open: true, Output: deaf{}}}, ingest.Config{})
	if err != nil {
		b.Fatal(err)
	}
	s, _ := r.Admit(from("show", ""))
	defer s.Close(nil)
	if err := s.Begin(tracks); err != nil {
		b.Fatal(err)
	}
	f := picture(0, true)
	b.ReportAllocs()
	for b.Loop() {
		f.DTS += 3600
		f.PTS = f.DTS
		s.Observe(ingest.Observation{DTS: f.DTS})
		if err := s.Write(f); err != nil {
			b.Fatal(err)
		}
	}
}
