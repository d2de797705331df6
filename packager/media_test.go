package packager_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// playClip packages a clip as one session.
func (s *stage) playClip(c packagertest.Clip) {
	s.t.Helper()
	s.begin(c.Tracks)
	s.write(c.Frames)
	if err := s.c.End(); err != nil {
		s.t.Fatal(err)
	}
	s.read()
}

// file joins the init section and the segments of the last domain, as a player
// does.
func (s *stage) file(rendition string) []byte {
	s.t.Helper()
	list := s.judge(rendition).Last().Segments
	var data []byte
	for _, seg := range list {
		if seg.Domain != list[len(list)-1].Domain || seg.Gap {
			continue
		}
		if data == nil {
			data = append(data, s.fetch(seg.Map)...)
		}
		data = append(data, s.fetch(seg.URI)...)
	}
	return data
}

func (s *stage) index() *packagertest.Index {
	s.t.Helper()
	m, err := packagertest.ParseIndex(string(s.fetch(packager.Index)))
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// TestPictures packages what real encoders make and lets a decoder judge it.
func TestPictures(t *testing.T) {
	for _, tc := range []struct {
		name    string
		encoder []string
		codecs  string
	}{
		{"M7 H.264", packagertest.X264, "avc1.4d40"},
		{"M7 HEVC, closed GOPs", packagertest.X265, "hvc1.1.6.L"},
		{"M7 HEVC, open GOPs", packagertest.X265Open, "hvc1.1.6.L"},
		{"M7 AV1 by SVT", packagertest.SVTAV1, "av01.0.0"},
		{"M7 AV1 by libaom", packagertest.AOMAV1, "av01.0.0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			clip := packagertest.Recipe{
				Duration: 3500 * time.Millisecond, Pictures: [][]string{packagertest.Sized(tc.encoder, "160x96")},
			}.Encode(t, first)
			s := newStage(t, packager.Config{})
			s.playClip(clip)
			d := packagertest.Decode(t, s.file(packager.Video))
			if want := len(clip.Frames); d.Frames != want || want < 100 {
				t.Errorf("M7 %d pictures decoded, %d were packaged", d.Frames, want)
			}
			m := s.index()
			if v := m.Variants[0]; !strings.HasPrefix(v.Codecs, tc.codecs) || v.Resolution != "160x96" || v.FrameRate != "30.000" {
				t.Errorf("R6 %+v", v)
			}
			if st := s.c.Stats(); st.Dropped != 0 || st.Holes != 0 || st.ForcedCuts != 0 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// TestSound does the same for sound.
func TestSound(t *testing.T) {
	mono24 := []string{"-c:a", "aac", "-b:a", "48k", "-ac", "1", "-ar", "24000"}
	for _, tc := range []struct {
		name     string
		encoder  []string
		change   func(*mpeg4audio.AudioSpecificConfig)
		codecs   string
		rate     int // of the rendition
		channels int
		decoded  int // channels; ffmpeg always makes two of HE-AAC that is signalled
	}{
		{"M7 AAC-LC", packagertest.AACLC, nil, "mp4a.40.2", 48_000, 2, 2},
		{"M7 Opus", packagertest.Opus, nil, "opus", 48_000, 2, 2},
		{"M7 HE-AAC, signalled", mono24, func(c *mpeg4audio.AudioSpecificConfig) {
			c.ExtensionType, c.ExtensionSampleRate = mpeg4audio.ObjectTypeSBR, 48_000
		}, "mp4a.40.5", 48_000, 1, 2},
		{"M7 HE-AAC v2, signalled", mono24, func(c *mpeg4audio.AudioSpecificConfig) {
			c.ExtensionType, c.ExtensionSampleRate = mpeg4audio.ObjectTypePS, 48_000
		}, "mp4a.40.29", 48_000, 2, 2},
		{"M7 HE-AAC, not signalled", mono24, nil, "mp4a.40.2", 24_000, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			clip := packagertest.Recipe{Duration: 5 * time.Second, Sound: tc.encoder}.Encode(t, first)
			if tc.change != nil {
				tc.change(&clip.Tracks[0].Codec.(*media.AAC).Config)
			}
			s := newStage(t, packager.Config{})
			s.playClip(clip)
			d := packagertest.Decode(t, s.file(packager.Audio))
			if d.Frames != len(clip.Frames) || d.Rate != tc.rate || d.Channels != tc.decoded {
				t.Errorf("M7 decoded %d frames, %d Hz, %d channels; sent %d", d.Frames, d.Rate, d.Channels, len(clip.Frames))
			}
			st := s.c.Stats()
			if st.AudioCodec != tc.codecs || st.SampleRate != tc.rate || st.Channels != tc.channels || st.SilentFrames > 1 || st.Dropped != 0 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// TestBeginsWithAnOpenGOP lets a session begin in the middle of open GOPs: the
// pictures before its first key frame, which come behind it, lean on others
// that were never sent.
func TestBeginsWithAnOpenGOP(t *testing.T) {
	clip := packagertest.Recipe{
		Duration: 3500 * time.Millisecond, Pictures: [][]string{packagertest.Sized(packagertest.X265Open, "160x96")},
	}.Encode(t, first)
	for i, f := range clip.Frames {
		if i > 0 && f.Key {
			clip.Frames = clip.Frames[i:]
			break
		}
	}
	clip.Tracks[0].Codec = &media.HEVC{} // it comes with the key frame
	s := newStage(t, packager.Config{})
	s.playClip(clip)
	const lean = 4 // B-frames
	d := packagertest.Decode(t, s.file(packager.Video))
	if d.Frames != len(clip.Frames)-lean {
		t.Errorf("M8 %d pictures decoded of %d", d.Frames, len(clip.Frames))
	}
	if st := s.c.Stats(); st.Dropped != lean || st.Holes != 0 || st.FrameRate != 30 {
		t.Errorf("M8 stats %+v", st)
	}
	if s.index().Independent {
		t.Error("R6 independent segments claimed of open GOPs")
	}
}

// TestParameterSetsInBand packages tracks whose parameter sets come with the
// first key frame only, and change with another.
func TestParameterSetsInBand(t *testing.T) {
	for _, tc := range []struct {
		name    string
		encoder []string
		bare    media.Codec
	}{
		{"CH7 H.264", packagertest.X264, &media.H264{}},
		{"CH7 HEVC", packagertest.X265, &media.HEVC{}},
		{"CH7 AV1", packagertest.AOMAV1, &media.AV1{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			encode := func(size string, start int) packagertest.Clip {
				return packagertest.Recipe{
					Duration: 2 * time.Second, Pictures: [][]string{packagertest.Sized(tc.encoder, size)},
				}.Encode(t, first+clock.Ticks(start)*clock.TicksPerSecond)
			}
			one, two := encode("160x96", 0), encode("128x80", 2)
			one.Tracks[0].Codec = tc.bare
			one.Frames = append(one.Frames, two.Frames...)
			s := newStage(t, packager.Config{})
			s.playClip(one)
			list := s.video.Last().Segments
			last := list[len(list)-1]
			if last.Domain != 8 || last.Map == list[0].Map {
				t.Errorf("CH7 C10 domain %d, map %s after %s", last.Domain, last.Map, list[0].Map)
			}
			if d := packagertest.Decode(t, s.file(packager.Video)); d.Frames != len(two.Frames) {
				t.Errorf("M7 %d pictures decoded of the second format, %d were sent", d.Frames, len(two.Frames))
			}
			if v := s.index().Variants[0]; v.Resolution != "128x80" {
				t.Errorf("R6 %+v", v)
			}
		})
	}
}

// TestLadder packages two renditions and sound that ffmpeg encoded.
func TestLadder(t *testing.T) {
	clip := packagertest.Recipe{
		Duration: 4 * time.Second, Sound: packagertest.Opus,
		Pictures: [][]string{packagertest.Sized(packagertest.X265, "192x108"), packagertest.Sized(packagertest.X264, "128x72")},
	}.Encode(t, first)
	s := newStage(t, packager.Config{})
	s.playClip(clip)
	packagertest.Together(t, s.video, s.audio, s.more[0])
	for name, frames := range map[string]int{packager.Video: 120, two: 120, packager.Audio: 200} {
		if d := packagertest.Decode(t, s.file(name)); d.Frames != frames {
			t.Errorf("M7 %d frames decoded of %s, want %d", d.Frames, name, frames)
		}
	}
	var list []string
	for _, v := range s.index().Variants {
		list = append(list, v.URI+" "+v.Resolution+" "+v.Codecs[:4]+v.Codecs[strings.Index(v.Codecs, ","):]+" "+v.Audio)
	}
	if got, want := strings.Join(list, "; "), "video.m3u8 192x108 hvc1,opus sound; video2.m3u8 128x72 avc1,opus sound"; got != want {
		t.Errorf("R6 variants %s, want %s", got, want)
	}
	for _, r := range s.c.Stats().Renditions {
		if r.Codec == "" || r.Bitrate < 20_000 || r.Name != packager.Audio && r.FrameRate != 30 {
			t.Errorf("stats %+v", r)
		}
	}
}
