package packager_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// epoch is where media time 0 lies on R in tests.
const epoch = clock.Instant(1_800_000_000_000_000)

// onR is a timeline that runs 20 ppm fast, with a fraction that milliseconds
// do not hold.
func onR(t clock.Ticks) clock.Instant {
	return epoch + clock.Instant(t.Micros()+t.Micros()/50_000+333)
}

const first = clock.Ticks(10 * clock.TicksPerSecond)

// stage is a channel with a judge in front of every rendition.
type stage struct {
	t            testing.TB
	c            *packager.Channel
	video, audio *packagertest.Judge
	more         [7]*packagertest.Judge // of video2 to video8
	reads        int
}

func newStage(t testing.TB, cfg packager.Config) *stage {
	t.Helper()
	cfg.PDT = onR
	c, err := packager.New(cfg, packager.Start{MSN: 1000, Discontinuity: 7})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, c: c}
	s.video = packagertest.NewJudge(t, s.fetch)
	s.audio = packagertest.NewJudge(t, s.fetch)
	for i := range s.more {
		s.more[i] = packagertest.NewJudge(t, s.fetch)
	}
	return s
}

// fetch loads a file as the origin would.
func (s *stage) fetch(file string) []byte {
	name, ok := packager.ParseName(file)
	if !ok {
		return nil
	}
	if name.Kind == packager.NameIndex {
		return s.c.View().Multivariant.Plain.Bytes
	}
	w := s.c.View().Window(name.Rendition)
	if w == nil {
		return nil
	}
	snap := w.Load()
	switch name.Kind {
	case packager.NamePlaylist:
		return snap.Full.Plain.Bytes
	case packager.NameInit:
		if b := snap.Init(name.Hash); b != nil {
			return b.Bytes
		}
	case packager.NameSegment:
		if seg := snap.Segment(name.MSN); seg != nil && seg.Length != nil {
			var all []byte
			for _, p := range seg.Parts {
				all = append(all, p.Bytes...)
			}
			return all
		}
	case packager.NamePart:
		if p := snap.Part(packager.Position{MSN: name.MSN, Part: name.Part}); p != nil {
			return p.Bytes
		}
	}
	return nil
}

// read lets the judges read whatever is offered.
func (s *stage) read() {
	s.t.Helper()
	index := s.fetch(packager.Index)
	if len(index) == 0 {
		return
	}
	m, err := packagertest.ParseIndex(string(index))
	if err != nil {
		s.t.Fatalf("%v\n%s", err, index)
	}
	for _, uri := range m.Playlists() {
		name := strings.TrimSuffix(uri, ".m3u8")
		w := s.c.View().Window(name).Load()
		s.judge(name).Read(string(w.Full.Plain.Bytes), string(w.Delta.Plain.Bytes))
		s.judge(name).ReadV2(string(w.DeltaV2.Plain.Bytes))
		if s.reads++; s.reads%16 == 1 {
			for _, text := range []packager.Text{w.Full, w.Delta, w.DeltaV2} {
				s.unzip(text)
			}
		}
	}
}

// unzip holds what is compressed against what is not (N2).
func (s *stage) unzip(text packager.Text) {
	s.t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(text.Gzip.Bytes))
	if err != nil {
		s.t.Fatalf("N2 %v", err)
	}
	if plain, err := io.ReadAll(r); err != nil || !bytes.Equal(plain, text.Plain.Bytes) {
		s.t.Errorf("N2 the compressed playlist differs, %v", err)
	}
}

// judge returns the one of a rendition.
func (s *stage) judge(name string) *packagertest.Judge {
	switch name {
	case packager.Video:
		return s.video
	case packager.Audio:
		return s.audio
	}
	return s.more[name[len(packager.Video)]-'2']
}

func (s *stage) begin(tracks []media.Track) {
	s.t.Helper()
	if err := s.c.Begin(tracks); err != nil {
		s.t.Fatal(err)
	}
}

// write feeds frames, reading every reload as a viewer does.
func (s *stage) write(frames []media.Frame) {
	s.t.Helper()
	edge := packager.Position{}
	for _, f := range frames {
		if err := s.c.Write(f); err != nil {
			s.t.Fatal(err)
		}
		if now := s.c.Stats(); now.Edge != edge {
			edge = now.Edge
			s.read()
		}
		if s.t.Failed() {
			s.t.FailNow()
		}
	}
	s.read()
}

func (s *stage) play(show packagertest.Show) {
	s.t.Helper()
	s.begin(show.Tracks())
	s.write(show.Frames())
	if err := s.c.End(); err != nil {
		s.t.Fatal(err)
	}
	s.read()
}

// TestShows holds the playlists and the media of many kinds of input against
// all rules that the judge knows.
func TestShows(t *testing.T) {
	for _, tc := range []struct {
		name string
		show packagertest.Show
		cfg  packager.Config
	}{
		{"30 fps, GOP 2 s", packagertest.Show{}, packager.Config{}},
		{"30 fps, GOP 1 s, RTMP stamps", packagertest.Show{GOP: 30, Milliseconds: true}, packager.Config{}},
		{"30 fps, B-frames, RTMP stamps", packagertest.Show{Lead: 2, Milliseconds: true}, packager.Config{}},
		{"25 fps, 44.1 kHz mono", packagertest.Show{FPSNum: 25, GOP: 50, SampleRate: 44_100, Channels: 1}, packager.Config{}},
		{"29.97 fps", packagertest.Show{FPSNum: 30_000, FPSDen: 1001, Milliseconds: true}, packager.Config{}},
		{"60 fps, B-frames", packagertest.Show{FPSNum: 60, GOP: 120, Lead: 2}, packager.Config{}},
		{"24 fps, GOP 1.5 s", packagertest.Show{FPSNum: 24, GOP: 36}, packager.Config{}},
		{"50 fps, GOP 0.48 s", packagertest.Show{FPSNum: 50, GOP: 24}, packager.Config{}},
		{"30 fps, GOP 2.2 s", packagertest.Show{GOP: 66}, packager.Config{}},
		{"30 fps, GOP 10 s", packagertest.Show{GOP: 300, Duration: 25 * time.Second}, packager.Config{}},
		{"12 fps, 32 kHz", packagertest.Show{FPSNum: 12, GOP: 24, SampleRate: 32_000}, packager.Config{}},
		{"sound 400 ms late", packagertest.Show{SoundLag: 400 * time.Millisecond}, packager.Config{}},
		{"sound 100 ms early", packagertest.Show{SoundLag: -100 * time.Millisecond}, packager.Config{}},
		{"parts of 500 ms", packagertest.Show{}, packager.Config{PartTarget: 500 * time.Millisecond}},
		{"segments of 4 s", packagertest.Show{Duration: 40 * time.Second}, packager.Config{SegmentTarget: 4 * time.Second, PartTarget: time.Second}},
		{"a window that slides", packagertest.Show{Duration: 70 * time.Second}, packager.Config{Window: 20 * time.Second}},
		{"pictures only", packagertest.Show{NoAudio: true}, packager.Config{}},
		{"sound only", packagertest.Show{NoVideo: true, Duration: 70 * time.Second, Milliseconds: true}, packager.Config{Window: 20 * time.Second}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.show.Start = first
			s := newStage(t, tc.cfg)
			s.play(tc.show)
			if !tc.show.NoVideo && !tc.show.NoAudio {
				packagertest.Together(t, s.video, s.audio)
				if v, a := s.video.Segments(), s.audio.Segments(); v != a {
					t.Errorf("R5 %d segments of pictures, %d of sound", v, a)
				}
			}
			if n := s.c.Stats().SilentFrames; n > 1 {
				t.Errorf("%d frames of silence in a whole show", n)
			}
		})
	}
}

func TestCutsAtKeyFrames(t *testing.T) {
	for _, tc := range []struct {
		name   string
		gop    int
		length time.Duration // of a full segment
		forced bool
	}{
		{"P9 GOP of 1 s makes segments of 2 s", 30, 2 * time.Second, false},
		{"P9 GOP of 2 s makes segments of 2 s", 60, 2 * time.Second, false},
		{"P9 GOP of 1.5 s makes segments of 1.5 s", 45, 1500 * time.Millisecond, false},
		{"P9 GOP of 2.2 s makes segments of 2.2 s", 66, 2200 * time.Millisecond, false},
		{"P9 GOP of 4 s is cut at the target duration", 120, 2 * time.Second, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStage(t, packager.Config{Window: 12 * time.Second})
			s.play(packagertest.Show{Start: first, GOP: tc.gop, Duration: 24 * time.Second})
			lengths := map[time.Duration]int{}
			for _, seg := range s.video.Last().Segments {
				lengths[seg.Duration]++
			}
			if lengths[tc.length] < 4 {
				t.Errorf("segments are %v, want most of %v", lengths, tc.length)
			}
			if forced := s.c.Stats().ForcedCuts > 0; forced != tc.forced {
				t.Errorf("forced cuts: %d", s.c.Stats().ForcedCuts)
			}
			claimed := strings.Contains(string(s.c.View().Multivariant.Plain.Bytes), "#EXT-X-INDEPENDENT-SEGMENTS")
			if claimed == tc.forced {
				t.Errorf("R6 independent segments claimed: %v", claimed)
			}
		})
	}
}

// A part is published when its last picture's duration is known, not one
// picture later.
func TestPartIsCutWhenItsLastPictureEnds(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first, Milliseconds: true, NoAudio: true}
	s.begin(show.Tracks())
	var end time.Duration // of the parts so far
	parts := uint64(0)
	var worst time.Duration
	for _, f := range show.Frames() {
		if err := s.c.Write(f); err != nil {
			t.Fatal(err)
		}
		if n := s.c.Stats().Parts; n > parts {
			w := s.c.View().Window(packager.Video).Load()
			p, err := packagertest.Parse(string(w.Full.Plain.Bytes))
			if err != nil {
				t.Fatal(err)
			}
			end = 0
			for _, seg := range p.Segments {
				for _, part := range seg.Parts {
					end += part.Duration
				}
			}
			if parts < 15 { // as long as every part is listed
				worst = max(worst, (f.DTS-first).Duration()-end)
			}
			parts = n
		}
	}
	if worst > 2*time.Millisecond {
		t.Errorf("P6 a part came %v after the end of its last picture", worst)
	}
}

type mp3 struct{}

func (mp3) Kind() media.Kind { return media.Audio }
func (mp3) Name() string     { return "MP3" }

func TestBeginRefuses(t *testing.T) {
	aac := func(c mpeg4audio.AudioSpecificConfig) []media.Track {
		return []media.Track{{ID: 3, Codec: &media.AAC{Config: c}}}
	}
	for _, tc := range []struct {
		name   string
		tracks []media.Track
		says   string
	}{
		{"no tracks", nil, "send H.264"},
		{"another codec", []media.Track{{ID: 3, Codec: mp3{}}}, "track 3 (MP3): send H.264, HEVC or AV1"},
		{"a broken SPS", []media.Track{{ID: 3, Codec: &media.H264{SPS: []byte{0x67, 1}, PPS: packagertest.PPS}}}, "read SPS"},
		{"AAC without a layout", aac(mpeg4audio.AudioSpecificConfig{Type: 2, SampleRate: 48_000}), "channel layout 0"},
		{"AAC Main", aac(mpeg4audio.AudioSpecificConfig{Type: 1, SampleRate: 48_000, ChannelConfig: 2}), "AAC-LC"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStage(t, packager.Config{})
			err := s.c.Begin(tc.tracks)
			var refused *packager.UnsupportedError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("err = %v, want an UnsupportedError with %q", err, tc.says)
			}
			if err := s.c.Write(media.Frame{Track: 3}); !errors.Is(err, packager.ErrNoSession) {
				t.Errorf("write: %v, want ErrNoSession", err)
			}
		})
	}
}

func TestSlowPicturesAreRefused(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first, FPSNum: 2, GOP: 2, Duration: 30 * time.Second}
	s.begin(show.Tracks())
	for _, f := range show.Frames() {
		err := s.c.Write(f)
		if err == nil {
			continue
		}
		var refused *packager.UnsupportedError
		if !errors.As(err, &refused) {
			t.Errorf("err = %v, want an UnsupportedError", err)
		}
		return
	}
	t.Error("two pictures a second were accepted")
}

func TestBrokenTimestamps(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first, Duration: 6 * time.Second}
	s.begin(show.Tracks())
	frames := show.Frames()
	n := 0
	for i := range frames {
		f := &frames[i]
		if f.Key || f.Track != packagertest.VideoTrack {
			continue
		}
		switch n++; n {
		case 20:
			f.PTS += 3600 * clock.TicksPerSecond // an hour ahead
		case 40:
			f.DTS -= 50 * clock.TicksPerSecond // nearly a minute ago
			f.PTS = f.DTS
		case 60:
			f.DTS-- // the rounding of a container
		case 80:
			f.Units = [][]byte{{}} // nothing at all
		}
	}
	s.write(frames)
	packagertest.Together(t, s.video, s.audio)
	if st := s.c.Stats(); st.Dropped != 3 || st.Holes != 0 {
		t.Errorf("stats %+v, want three frames dropped", st)
	}
}

func TestFinish(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first, Duration: 5 * time.Second}
	s.begin(show.Tracks())
	s.write(show.Frames())
	if err := s.c.Finish(); err != nil {
		t.Fatal(err)
	}
	s.read()
	for _, p := range []*packagertest.Playlist{s.video.Last(), s.audio.Last()} {
		if last := p.Segments[len(p.Segments)-1]; !p.Ended || len(last.Parts) > 0 {
			t.Errorf("C12 ended %v, with the parts %v", p.Ended, last.Parts)
		}
	}
	if err := s.c.Begin(show.Tracks()); !errors.Is(err, packager.ErrEnded) {
		t.Errorf("begin: %v, want ErrEnded", err)
	}
	if err := s.c.Write(show.Frames()[0]); !errors.Is(err, packager.ErrEnded) {
		t.Errorf("write: %v, want ErrEnded", err)
	}
}

func TestNothingIsLostOfAShow(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first, Duration: 8 * time.Second, Lead: 2}
	s.play(show)
	if st := s.c.Stats(); st.Dropped != 0 || st.Holes != 0 || st.ForcedCuts != 0 {
		t.Errorf("stats %+v", st)
	}
	var total time.Duration
	for _, seg := range s.video.Last().Segments {
		total += seg.Duration
	}
	if (total - 8*time.Second).Abs() > time.Millisecond {
		t.Errorf("%v of pictures in the playlist, 8 s were sent", total)
	}
}

func TestStats(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first, Duration: 9 * time.Second, GOP: 30, Milliseconds: true, Lead: 2}
	s.begin(show.Tracks())
	s.write(show.Frames())
	st := s.c.Stats()
	if !st.Live || st.Width != 640 || st.Height != 360 || st.FrameRate != 30 || st.SampleRate != 48_000 || st.Channels != 2 {
		t.Errorf("stats %+v", st)
	}
	if st.GOP != time.Second || st.VideoCodec != "avc1.4d401e" || st.AudioCodec != "mp4a.40.2" {
		t.Errorf("stats %+v", st)
	}
	// 29 pictures of 400 to 700 bytes and a key frame of 6 kB a second.
	if st.Bitrate < 150_000 || st.Bitrate > 250_000 {
		t.Errorf("bit rate %d", st.Bitrate)
	}
}

func TestConfigValidate(t *testing.T) {
	err := packager.Config{PartTarget: 1500 * time.Microsecond, SegmentTarget: 2500 * time.Millisecond, Window: time.Second}.Validate()
	for _, name := range []string{"part_target: ", "segment_target: ", "window: ", "pdt: "} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: nothing about %q", err, name)
		}
	}
	for _, tc := range []struct {
		says string
		cfg  packager.Config
	}{
		{"S3 hold_back: ", packager.Config{HoldBack: 5 * time.Second}},
		{"S3 hold_back: ", packager.Config{HoldBack: 6*time.Second + time.Microsecond}},
		{"S3 hold_back: ", packager.Config{HoldBack: 61 * time.Second}},
		{"S2 part_hold_back: ", packager.Config{PartHoldBack: 1001 * time.Millisecond}},
		{"S2 part_hold_back: ", packager.Config{PartHoldBack: 7 * time.Second}},
		{"P1 part_target: ", packager.Config{PartTarget: 2 * time.Second}},
		{"C8 window: ", packager.Config{Window: 11 * time.Second}},
		{"C11 grace: ", packager.Config{Grace: 200 * time.Millisecond}},
		{"C11 grace: ", packager.Config{Grace: 11 * time.Second}},
	} {
		tc.cfg.PDT = onR
		_, name, _ := strings.Cut(tc.says, " ")
		if err := tc.cfg.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s%v", tc.says, err)
		}
	}
	held := packager.Config{PDT: onR, HoldBack: 8 * time.Second, PartHoldBack: 1500 * time.Millisecond}
	if c := held.Control(); held.Validate() != nil || c.HoldBack != 8*time.Second || c.PartHoldBack != 1500*time.Millisecond {
		t.Errorf("S2 S3 %+v, %v", c, held.Validate())
	}
	if err := (packager.Config{PDT: onR}).Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	if _, err := packager.New(packager.Config{PDT: onR}, packager.Start{}); err == nil {
		t.Error("C6 a first media sequence number of 0 was accepted")
	}
}
