package ingest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// spsOf returns a sequence parameter set of baseline profile for pictures of
// that many macroblocks of 16×16.
func spsOf(t testing.TB, width, height uint) []byte {
	t.Helper()
	text := "01100111" + "01000010" + "00000000" + "00101000" + // SPS, baseline, level 4
		golomb(0) + golomb(0) + golomb(2) + golomb(1) + "0" + // id, frame_num, order type 2, one reference
		golomb(width-1) + golomb(height-1) + "1" + "1" + "0" + "0" + "1"
	sps := fromBits(text)
	var check h264.SPS
	if err := check.Unmarshal(h264.EmulationPreventionRemove(sps)); err != nil || check.Width() != int(16*width) || check.Height() != int(16*height) {
		t.Fatalf("the test's own parameter set is wrong: %v, %d×%d", err, check.Width(), check.Height())
	}
	return sps
}

func golomb(v uint) string {
	bits := fmt.Sprintf("%b", v+1)
	return strings.Repeat("0", len(bits)-1) + bits
}

func h264Of(t testing.TB, width, height uint) *media.H264 {
	return &media.H264{SPS: spsOf(t, width, height), PPS: pps}
}

func TestResolution(t *testing.T) {
	for _, tc := range []struct {
		name          string
		cfg           ingest.Config
		width, height uint // macroblocks
		code          ingest.Code
	}{
		{"IG44 UHD", ingest.Config{}, 3840 / 16, 2160 / 16, ""},
		{"IG44 at the ceiling", ingest.Config{}, 4096 / 16, 2304 / 16, ""},
		{"IG44 at the ceiling, upright", ingest.Config{}, 2304 / 16, 4096 / 16, ""},
		{"IG44 too wide", ingest.Config{}, 4112 / 16, 16, ingest.CodeResolution},
		{"IG44 too high", ingest.Config{}, 16, 4112 / 16, ingest.CodeResolution},
		{"IG44 too large both ways", ingest.Config{}, 2400 / 16, 2400 / 16, ingest.CodeResolution},
		{"IG44 a ceiling of one's own", ingest.Config{MaxWidth: 1280, MaxHeight: 720}, 1920 / 16, 1088 / 16, ingest.CodeResolution},
		{"IG44 below it", ingest.Config{MaxWidth: 1280, MaxHeight: 720}, 1280 / 16, 720 / 16, ""},
	} {
		t.Run(tc.name+" at Begin", func(t *testing.T) {
			s, out, _ := admitted(t, tc.cfg)
			err := s.Begin([]media.Track{{ID: video, Codec: h264Of(t, tc.width, tc.height)}})
			if got := ingest.CodeOf(err); got != tc.code {
				t.Errorf("code = %q, want %q (%v)", got, tc.code, err)
			}
			s.Close(err)
			if h := out.Heard(); tc.code != "" && len(h.Begins) != 0 {
				t.Error("the output was begun")
			}
		})
		t.Run(tc.name+" in band", func(t *testing.T) {
			s, out, _ := admitted(t, tc.cfg)
			if err := s.Begin([]media.Track{{ID: video, Codec: h264Of(t, 10, 10)}}); err != nil {
				t.Fatal(err)
			}
			write(t, s, picture(0, true))
			f := picture(3000, true)
			f.Units = append([][]byte{spsOf(t, tc.width, tc.height)}, f.Units...)
			err := s.Write(f)
			if got := ingest.CodeOf(err); got != tc.code {
				t.Errorf("code = %q, want %q (%v)", got, tc.code, err)
			}
			s.Close(err)
			if h := out.Heard(); tc.code != "" && (len(h.Frames) != 1 || ingest.CodeOf(h.Ends[0]) != tc.code) {
				t.Errorf("%d frames, ends %v", len(h.Frames), h.Ends)
			}
		})
		t.Run(tc.name+" at Change", func(t *testing.T) {
			s, out, _ := admitted(t, tc.cfg)
			if err := s.Begin([]media.Track{{ID: video, Codec: h264Of(t, 10, 10)}}); err != nil {
				t.Fatal(err)
			}
			err := s.Change([]media.Track{{ID: video, Codec: h264Of(t, tc.width, tc.height)}})
			if got := ingest.CodeOf(err); got != tc.code {
				t.Errorf("code = %q, want %q (%v)", got, tc.code, err)
			}
			s.Close(err)
			if h := out.Heard(); tc.code != "" && len(h.Changes) != 0 {
				t.Error("the output heard of it")
			}
		})
	}
}

func TestParameterSetsThatMakeNoSenseInBand(t *testing.T) {
	s, out, r := admitted(t, ingest.Config{})
	begin(t, s)
	write(t, s, picture(0, true))
	broken := picture(3000, true)
	broken.Units = [][]byte{{0x67, 1}, {0x65}}
	write(t, s, broken, picture(6000, false), picture(9000, true))
	s.Close(nil)
	h := out.Heard()
	if len(h.Frames) != 2 || h.Frames[1].DTS != 9000 {
		t.Errorf("IG7 frames = %+v, want those around the broken ones", h.Frames)
	}
	if n := r.Counters().Dropped; n != 2 {
		t.Errorf("IG7 counted %d dropped, want 2", n)
	}
	if tracks[0].Codec.(*media.H264).SPS[0] != sps[0] || len(tracks[0].Codec.(*media.H264).SPS) != len(sps) {
		t.Error("IG33 the publisher's track was changed")
	}
}

func TestChange(t *testing.T) {
	s, out, _ := admitted(t, ingest.Config{})
	begin(t, s)
	write(t, s, picture(0, true), sound(0), picture(3000, false))
	hevc := &media.AAC{Config: mpeg4audio.AudioSpecificConfig{Type: 2, SampleRate: 44100, ChannelConfig: 1}}
	after := []media.Track{{ID: video, Codec: h264Of(t, 20, 10)}, {ID: audio, Codec: hevc}, {ID: 3, Codec: h264Of(t, 10, 10)}}
	if err := s.Change(after); err != nil {
		t.Fatal(err)
	}
	write(t, s, picture(6000, false)) // waits for a key frame
	write(t, s, sound(1920))
	write(t, s, picture(2000, true)) // would go back
	write(t, s, picture(9000, true), picture(12000, false))
	third := picture(7000, true)
	third.Track = 3
	write(t, s, third)
	s.Close(nil)
	h := out.Heard()
	if len(h.Changes) != 1 || len(h.Tracks) != 3 || h.ChangedAt[0] != 3 {
		t.Fatalf("IG33 changes %v after %v frames", h.Changes, h.ChangedAt)
	}
	var got []clock.Ticks
	for _, f := range h.Frames[3:] {
		got = append(got, f.DTS)
	}
	if fmt.Sprint(got) != "[1920 9000 12000 7000]" {
		t.Errorf("IG33 frames after the change at %v", got)
	}
	if st := s.Stats(); len(st.Tracks) != 3 || st.Tracks[0].Frames != 4 || st.Tracks[2].Frames != 1 {
		t.Errorf("IG46 tracks = %+v", st.Tracks)
	}
}

func TestChangeRefuses(t *testing.T) {
	t.Run("IG10 before Begin", func(t *testing.T) {
		s, out, _ := admitted(t, ingest.Config{})
		err := s.Change(tracks)
		if ingest.CodeOf(err) != ingest.CodeInternal {
			t.Errorf("err = %v", err)
		}
		s.Close(err)
		if h := out.Heard(); len(h.Changes)+len(h.Begins)+len(h.Ends) != 0 {
			t.Errorf("heard %+v", h)
		}
	})
	for _, tc := range []struct {
		name   string
		tracks []media.Track
		code   ingest.Code
	}{
		{"IG5 no track", nil, ingest.CodeUnsupportedCodec},
		{"IG5 another codec", []media.Track{{Codec: opus{}}}, ingest.CodeUnsupportedCodec},
		{"IG25 nine tracks", make([]media.Track, 9), ingest.CodeUnsupportedCodec},
		{"IG7 two tracks of one name", []media.Track{tracks[1], tracks[1]}, ingest.CodeMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, out, _ := admitted(t, ingest.Config{})
			begin(t, s)
			err := s.Change(tc.tracks)
			if got := ingest.CodeOf(err); got != tc.code {
				t.Errorf("code = %q, want %q (%v)", got, tc.code, err)
			}
			s.Close(err)
			if h := out.Heard(); len(h.Changes) != 0 || len(h.Ends) != 1 {
				t.Errorf("heard %+v", h)
			}
		})
	}
	t.Run("IG25 too often", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, _, _ := admitted(t, ingest.Config{Stall: time.Hour})
			begin(t, s)
			for i := range 100 {
				time.Sleep(2100 * time.Millisecond)
				if err := s.Change(tracks); err != nil {
					t.Fatalf("change %d, one each 2.1 s: %v", i, err)
				}
			}
			time.Sleep(time.Minute)
			n := 0
			var err error
			for ; err == nil && n < 100; n++ {
				err = s.Change(tracks)
			}
			if ingest.CodeOf(err) != ingest.CodeMalformed || n != 31 {
				t.Errorf("after %d at once: %v", n, err)
			}
			s.Close(err)
		})
	})
}

func TestBestFirst(t *testing.T) {
	sound := media.Track{ID: 9, Codec: aacOf(2)}
	large, small := media.Track{ID: 1, Codec: h264Of(t, 80, 45)}, media.Track{ID: 2, Codec: h264Of(t, 20, 10)}
	thin := media.Track{ID: 3, Codec: h264Of(t, 20, 10), Bitrate: 500_000}
	told := media.Track{ID: 4, Codec: new(media.HEVC), Width: 640, Height: 360}
	upright := media.Track{ID: 5, Codec: h264Of(t, 45, 80)}
	lying := media.Track{ID: 6, Codec: h264Of(t, 20, 10), Width: 9999, Height: 9999}
	for _, tc := range []struct {
		name     string
		in, want []media.Track
	}{
		{"IG45 the best leads", []media.Track{small, large, sound}, []media.Track{large, small, sound}},
		{"IG45 sound comes after pictures", []media.Track{sound, small, large}, []media.Track{large, small, sound}},
		{"IG45 of one size the higher bit rate leads", []media.Track{small, thin}, []media.Track{thin, small}},
		{"IG45 equal ones stay as they came", []media.Track{upright, large, sound}, []media.Track{upright, large, sound}},
		{"IG45 what is announced counts without parameter sets", []media.Track{small, told, large}, []media.Track{large, told, small}},
		{"IG45 parameter sets count more", []media.Track{lying, large}, []media.Track{large, lying}},
		{"IG45 sound alone", []media.Track{sound}, []media.Track{sound}},
		{"IG45 nothing", nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := ids(tc.in)
			if got := ids(ingest.BestFirst(tc.in)); got != ids(tc.want) {
				t.Errorf("order = %s, want %s", got, ids(tc.want))
			}
			if ids(tc.in) != before {
				t.Error("the argument was changed")
			}
		})
	}
}

func ids(tracks []media.Track) string {
	var ids []int
	for _, t := range tracks {
		ids = append(ids, t.ID)
	}
	return fmt.Sprint(ids)
}

func TestPassphrase(t *testing.T) {
	r := registry(t, ingest.Config{},
		ingest.Channel{Name: "vault", Key: "key-1", Passphrase: "0123456789"},
		ingest.Channel{Name: "show", Key: "key-2"},
		ingest.Channel{Name: "lobby", Open: true, Passphrase: ingest.Secret(strings.Repeat("~ ", 39) + "!")})
	for _, tc := range []struct {
		name, channel, key string
		want               ingest.Secret
	}{
		{"IG50 of the channel", "vault", "key-1", "0123456789"},
		{"IG50 of a bare key's channel", "", "key-1", "0123456789"},
		{"IG50 whatever the key: that is judged after it", "vault", "guess", "0123456789"},
		{"IG50 none", "show", "key-2", ""},
		{"IG50 of an open channel by its name alone", "", "lobby", ingest.Secret(strings.Repeat("~ ", 39) + "!")},
		{"IG50 of no channel", "shoe", "key-1", ""},
		{"IG50 of nothing", "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := r.Passphrase(tc.channel, ingest.Secret(tc.key)); string(got) != string(tc.want) {
				t.Errorf("passphrase of %d characters, want %d", len(got), len(tc.want))
			}
		})
	}
	for _, bad := range []string{"short", strings.Repeat("x", 80), "new\nline in it", "höchst geheim"} {
		_, err := ingest.NewRegistry([]ingest.Channel{{Name: "show", Open: true, Passphrase: ingest.Secret(bad), Output: deaf{}}}, ingest.Config{})
		if err == nil || strings.Contains(err.Error(), bad) || !strings.Contains(err.Error(), "10 to 79 printable ASCII") {
			t.Errorf("IG50 passphrase of %d characters: %v", len(bad), err)
		}
	}
}

func TestWhatTheServerFetchesNeedsNoKey(t *testing.T) {
	r := registry(t, ingest.Config{}, ingest.Channel{Name: "show", Key: "k"})
	s, err := r.Admit(ingest.Request{Channel: "show", Protocol: "hls", Remote: "192.0.2.7:443", Own: true})
	if err != nil {
		t.Fatalf("IG90 %v", err)
	}
	s.Close(nil)
	for _, channel := range []string{"shoe", ""} {
		if _, err := r.Admit(ingest.Request{Channel: channel, Key: "k", Protocol: "hls", Own: true}); ingest.CodeOf(err) != ingest.CodeUnknownChannel {
			t.Errorf("IG3 channel %q: %v", channel, err)
		}
	}
}
