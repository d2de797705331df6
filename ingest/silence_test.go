package ingest_test

import (
	"fmt"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

func aacOf(channels uint8) *media.AAC {
	return &media.AAC{Config: mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: channels}}
}

// TestSilence listens to a second of what ffmpeg makes of silence and of a
// tone that is barely there.
func TestSilence(t *testing.T) {
	for _, tc := range []struct {
		name  string
		codec media.Codec
		args  []string
	}{
		{"AAC mono", aacOf(1), []string{"-c:a", "aac", "-ac", "1"}},
		{"AAC stereo", aacOf(2), []string{"-c:a", "aac", "-ac", "2"}},
		{"AAC stereo without common windows", aacOf(2), []string{"-c:a", "aac", "-ac", "2", "-aac_ms", "0", "-aac_is", "0"}},
		{"AAC fast", aacOf(2), []string{"-c:a", "aac", "-ac", "2", "-aac_coder", "fast"}},
		{"AAC 5.1", aacOf(6), []string{"-c:a", "aac", "-ac", "6"}},
		{"Opus mono", &media.Opus{Channels: 1}, []string{"-c:a", "libopus", "-ac", "1"}},
		{"Opus stereo", &media.Opus{Channels: 2}, []string{"-c:a", "libopus", "-ac", "2"}},
		{"Opus of constant bit rate", &media.Opus{Channels: 2}, []string{"-c:a", "libopus", "-ac", "2", "-vbr", "off", "-b:a", "96k"}},
		{"Opus of 60 ms", &media.Opus{Channels: 2}, []string{"-c:a", "libopus", "-ac", "2", "-frame_duration", "60", "-b:a", "96k"}},
		{"Opus of low delay", &media.Opus{Channels: 2}, []string{"-c:a", "libopus", "-ac", "2", "-application", "lowdelay"}},
	} {
		t.Run("IG46 "+tc.name, func(t *testing.T) {
			t.Parallel()
			for _, source := range []struct {
				lavfi  string
				silent bool
			}{
				{"anullsrc=r=48000", true},
				{"sine=frequency=440:sample_rate=48000,volume=-60dB", false},
			} {
				args := append([]string{"-f", "lavfi", "-i", source.lavfi, "-t", "1"}, tc.args...)
				frames := accessUnits(t, args...)
				silent := 0
				for _, f := range frames {
					if ingest.IsSilent(tc.codec, f) {
						silent++
					}
				}
				// A coder begins and ends with what its windows reach beyond.
				const edges = 3
				if source.silent && silent < len(frames)-edges {
					t.Errorf("%s: only %d of %d frames are silent", source.lavfi, silent, len(frames))
				}
				if !source.silent && silent > edges {
					t.Errorf("%s: %d of %d frames are silent", source.lavfi, silent, len(frames))
				}
			}
		})
	}
}

func TestSilenceTakesWhatItDoesNotKnowForSound(t *testing.T) {
	stereo := &media.Opus{Channels: 2}
	for _, tc := range []struct {
		name   string
		codec  media.Codec
		unit   []byte
		silent bool
	}{
		{"IG46 no bytes of AAC", aacOf(2), nil, false},
		{"IG46 AAC that ends at once", aacOf(1), []byte{0x00}, false},
		{"IG46 AAC with no channel", aacOf(1), []byte{0xe0}, false},
		{"IG46 no bytes of Opus", stereo, nil, false},
		{"IG46 an Opus packet of DTX", stereo, []byte{0xfc}, true},
		{"IG46 CELT with the flag", stereo, []byte{0xfc, 0xff, 0xfe, 0, 0}, true},
		{"IG46 CELT without it", stereo, []byte{0xfc, 0xff, 0xfc, 0, 0}, false},
		{"IG46 SILK", stereo, []byte{0x0c, 0xff, 0xfe, 0, 0}, false},
		{"IG46 two frames of CELT, both silent", stereo, []byte{0xfd, 0xff, 0xfe, 0xff, 0xfe}, true},
		{"IG46 two frames of CELT, one silent", stereo, []byte{0xfd, 0xff, 0xfe, 0x10, 0xfe}, false},
		{"IG46 frames of different sizes, both silent", stereo, []byte{0xfe, 2, 0xff, 0xfe, 0xff, 0xff, 7}, true},
		{"IG46 frames of different sizes, one silent", stereo, []byte{0xfe, 2, 0xff, 0xfe, 0xf0, 0xff, 7}, false},
		{"IG46 padding is not looked at", stereo, []byte{0xff, 0x42, 3, 0xff, 0xfe, 0xff, 0xfe, 1, 2, 3}, true},
		{"IG46 many frames, the last with sound", stereo, []byte{0xff, 0x82, 2, 0xff, 0xfe, 0x11, 0x22}, false},
		{"IG46 more frames than a packet holds", stereo, []byte{0xff, 0x3f, 0xff, 0xfe}, false},
		{"IG46 a size beyond the packet", stereo, []byte{0xfe, 200, 0xff, 0xfe}, false},
		{"IG46 more than two channels", &media.Opus{Channels: 6}, []byte{0xfc, 0xff, 0xfe, 0, 0}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := ingest.IsSilent(tc.codec, [][]byte{tc.unit}); got != tc.silent {
				t.Errorf("silent = %v, want %v", got, tc.silent)
			}
		})
	}
}

// shortWindows is an access unit of one channel with eight short windows,
// written bit by bit: zero books only, or one band with a spectrum.
func shortWindows(book string) []byte {
	return fromBits("000" + "0000" + // SCE, tag
		"00000000" + "0" + "10" + "0" + "0011" + "1111110" + // gain, eight short, 3 bands, groups of 7 and 1
		book + "011" + "0000" + "011" + // sections of both groups
		"000" + "111") // no pulse, no noise shaping, no gain; end
}

func fromBits(text string) (out []byte) {
	for i := 0; i < len(text); i += 8 {
		var b byte
		for j := range 8 {
			b <<= 1
			if i+j < len(text) && text[i+j] == '1' {
				b |= 1
			}
		}
		out = append(out, b)
	}
	return out
}

func TestSilenceInShortWindows(t *testing.T) {
	if !ingest.IsSilent(aacOf(1), [][]byte{shortWindows("0000")}) {
		t.Error("IG46 eight short windows of zeros are not silent")
	}
	if ingest.IsSilent(aacOf(1), [][]byte{shortWindows("0101")}) {
		t.Error("IG46 eight short windows with a spectrum are silent")
	}
}

func FuzzSilence(f *testing.F) {
	f.Add(true, shortWindows("0000"))
	f.Add(true, []byte{0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c})
	f.Add(true, []byte{0xde, 0xff, 0xff})
	f.Add(false, []byte{0xff, 0xc2, 3, 0xff, 0xfe, 0xff, 0xfe, 1, 2, 3})
	f.Add(false, []byte{0xfe, 253})
	f.Add(false, []byte{0xff, 0x40, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, aac bool, unit []byte) {
		var codec media.Codec = &media.Opus{Channels: 2}
		if aac {
			codec = aacOf(2)
		}
		before := fmt.Sprintf("%x", unit)
		_ = ingest.IsSilent(codec, [][]byte{unit})
		if fmt.Sprintf("%x", unit) != before {
			t.Error("the frame was changed")
		}
	})
}
