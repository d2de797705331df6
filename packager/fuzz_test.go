package packager_test

import (
	"testing"

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
