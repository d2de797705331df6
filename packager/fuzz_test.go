package packager_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// FuzzUnits writes bytes from outside as key frames and as what follows them,
// of every codec, to a leading rendition and to one that follows. Whatever they
// are, the channel goes on, or says what is wrong.
func FuzzUnits(f *testing.F) {
	f.Add(packagertest.SPS360, packagertest.PPS, []byte("\x65\x88\x84"))
	f.Add([]byte("\x40\x01\x0c"), []byte("\x42\x01\x01\x01\x60"), []byte("\x28\x01\xaf"))
	f.Add([]byte("\x08\x00\x00\x00\x03\xb4\xfd\xf3\xef\xe4\x01"), []byte("\x30\x10"), []byte{})
	f.Add([]byte("\xfc\xff\xfe"), []byte("\xff\x00"), []byte("\xff"))
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		for _, codec := range []media.Codec{&media.H264{}, &media.HEVC{}, &media.AV1{}} {
			ch, err := packager.New(packager.Config{PDT: onR}, packager.Start{MSN: 1})
			if err != nil {
				t.Fatal(err)
			}
			if err := ch.Begin([]media.Track{
				{ID: 1, Codec: codec}, {ID: 2, Codec: codec}, {ID: 3, Codec: &media.Opus{Channels: 2}},
			}); err != nil {
				t.Fatal(err)
			}
			for i := range 30 {
				at := first + clock.Ticks(i)*3000
				for id := 1; id <= 3; id++ {
					frame := media.Frame{Track: id, PTS: at, DTS: at, Key: i%10 == 0 || id == 3, Units: [][]byte{a, b, c}}
					if err := ch.Write(frame); err != nil {
						return
					}
				}
			}
			if err := ch.Finish(); err != nil {
				t.Errorf("%s: %v", codec.Name(), err)
			}
		}
	})
}

// FuzzCue announces whatever comes in as a cue: it is refused, or what a player
// reads is what was announced.
func FuzzCue(f *testing.F) {
	f.Add("q1", []byte(`{"a": "\"%\u0000"}`), int64(900_000), int64(5))
	f.Add("a\"b", []byte("{}"), int64(-1), int64(0))
	f.Add("x", []byte("{\"\x7f\":\"\r\n\"}"), int64(1<<62), int64(1<<62))
	f.Fuzz(func(t *testing.T, id string, data []byte, at, length int64) {
		s := newStage(t, packager.Config{})
		s.play(packagertest.Show{Start: first, Duration: time.Second})
		q := packager.Cue{ID: id, Revision: 1, At: clock.Ticks(at), Duration: time.Duration(length), Data: data}
		if err := s.c.SetCue(q); err != nil {
			return
		}
		s.read()
		d := s.video.Last().DateRange("cue-" + id + "-r1")
		if d == nil {
			t.Fatalf("T8 no range for %+v", q)
		}
		text, err := url.PathUnescape(d.Attr("X-CUELIGHT-CUE"))
		var line bytes.Buffer
		if err != nil || json.Compact(&line, data) != nil || text != line.String() {
			t.Errorf("T9 %q came out as %q, %v", data, text, err)
		}
	})
}
