package packager_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

func TestOpusPackets(t *testing.T) {
	for _, length := range []float64{2.5, 5, 10, 40, 60} {
		ms := fmt.Sprint(length)
		t.Run("CH12 packets of "+ms+" ms", func(t *testing.T) {
			clip := packagertest.Recipe{
				Duration: 3 * time.Second, Sound: append(slices.Clone(packagertest.Opus), "-frame_duration", ms),
			}.Encode(t, first)
			s := newStage(t, packager.Config{})
			s.playClip(clip)
			skipped := int(312 / (48 * length)) // whole packets of the pre-skip, which a decoder leaves out
			if d := packagertest.Decode(t, s.file(packager.Audio)); d.Frames != len(clip.Frames)-skipped {
				t.Errorf("M7 %d frames decoded, %d were sent", d.Frames, len(clip.Frames))
			}
			if st := s.c.Stats(); st.SilentFrames != 0 || st.Dropped != 0 {
				t.Errorf("CH12 stats %+v", st)
			}
		})
	}
}

// TestOpusOf120Milliseconds joins six packets of 20 ms into one, as RFC 6716
// §3.2.5 says, and adds some that are no packets.
func TestOpusOf120Milliseconds(t *testing.T) {
	s := newStage(t, packager.Config{})
	s.audio.LooseParts = true // two of 120 ms are less than 85 % of a part, three are more than one
	s.begin([]media.Track{{ID: packagertest.AudioTrack, Codec: &media.Opus{Channels: 1}}})
	packet := []byte{0xf8 | 3, 6} // code 3: six frames of the same size
	for range 6 {
		packet = append(packet, 0xff, 0xfe)
	}
	var frames []media.Frame
	for i := range 50 {
		at := first + clock.Ticks(i)*10_800
		frames = append(frames, media.Frame{Track: packagertest.AudioTrack, PTS: at, DTS: at, Key: true, Units: [][]byte{packet}})
		if i%10 == 5 {
			frames = append(frames, media.Frame{Track: packagertest.AudioTrack, PTS: at, DTS: at, Key: true, Units: [][]byte{{0xf8 | 3, 0}}})
		}
	}
	s.write(frames)
	if err := s.c.End(); err != nil {
		t.Fatal(err)
	}
	s.read()
	if d := packagertest.Decode(t, s.file(packager.Audio)); d.Frames != 50 || d.Samples != 50*5760 {
		t.Errorf("CH12 %d frames and %d samples decoded", d.Frames, d.Samples)
	}
	if st := s.c.Stats(); st.Dropped != 5 {
		t.Errorf("CH12 stats %+v", st)
	}
}

// TestSilence leaves a second of sound out and lets a decoder judge what was
// put in its place.
func TestSilence(t *testing.T) {
	for _, tc := range []struct {
		name     string
		encoder  []string
		channels int
		samples  int // of an access unit
	}{
		{"AAC, stereo", packagertest.AACLC, 2, 1024},
		{"Opus, mono", []string{"-c:a", "libopus", "-ac", "1"}, 1, 960},
		{"Opus, stereo", packagertest.Opus, 2, 960},
		{"Opus, 5.1", []string{"-c:a", "libopus", "-ac", "6", "-mapping_family", "1"}, 6, 960},
		{"Opus, 7.1", []string{"-c:a", "libopus", "-ac", "8", "-mapping_family", "1"}, 8, 960},
	} {
		t.Run("P10 "+tc.name, func(t *testing.T) {
			clip := packagertest.Recipe{Duration: 4 * time.Second, Sound: tc.encoder}.Encode(t, first)
			if codec, ok := clip.Tracks[0].Codec.(*media.Opus); ok {
				codec.Channels = tc.channels
			}
			all := len(clip.Frames)
			clip.Frames = slices.DeleteFunc(clip.Frames, func(f media.Frame) bool {
				at := (f.PTS - first).Duration()
				return at > time.Second && at < 1900*time.Millisecond
			})
			s := newStage(t, packager.Config{})
			s.playClip(clip)
			d := packagertest.Decode(t, s.file(packager.Audio))
			if d.Frames < all-1 || d.Frames > all+1 || d.Channels != tc.channels || d.Samples < (all-2)*tc.samples {
				t.Errorf("M7 %d frames, %d samples, %d channels decoded; %d frames before some were left out", d.Frames, d.Samples, d.Channels, all)
			}
			if n := int(s.c.Stats().SilentFrames); n < all-len(clip.Frames)-1 || n > all-len(clip.Frames)+1 {
				t.Errorf("P10 %d frames of silence for %d", n, all-len(clip.Frames))
			}
		})
	}
}

// TestOpusWithPictures holds both kinds against each other.
func TestOpusWithPictures(t *testing.T) {
	clip := packagertest.Recipe{
		Duration: 5 * time.Second, Pictures: [][]string{packagertest.Sized(packagertest.X264, "160x96")}, Sound: packagertest.Opus,
	}.Encode(t, first)
	s := newStage(t, packager.Config{})
	s.playClip(clip)
	packagertest.Together(t, s.video, s.audio)
	if got := fmt.Sprint(s.index().Variants[0].Codecs); got != "avc1.4d400b,opus" {
		t.Errorf("R6 CODECS %s", got)
	}
}
