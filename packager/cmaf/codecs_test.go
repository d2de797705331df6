package cmaf_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/bluenviron/gohlslib/v2/pkg/codecparams"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	mp4codecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager/cmaf"
)

// Parameter sets of 160x96, 30 pictures a second, made by x265 and SVT-AV1.
var (
	vps      = unhex("40010c01ffff01600000030090000003000003001e959409")
	sps      = unhex("42010101600000030090000003000003001ea01420616595952930bffc0040003da020000003002000000303c1")
	pps      = unhex("4401c073c189")
	sequence = unhex("0800000003b4fdf3efe401")
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// spsOf is the SPS with another profile, tier and level.
func spsOf(general string) []byte {
	return append(unhex("420101"+general), sps[17:]...)
}

func TestCodecs(t *testing.T) {
	he := mpeg4audio.AudioSpecificConfig{
		Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 24_000, ChannelConfig: 2,
		ExtensionType: mpeg4audio.ObjectTypeSBR, ExtensionSampleRate: 48_000,
	}
	for _, tc := range []struct {
		name  string
		codec media.Codec
		want  string
	}{
		{"H.264", &media.H264{SPS: []byte{0x67, 0x4D, 0x40, 0x1E, 0}}, "avc1.4d401e"},
		{"HEVC Main", &media.HEVC{SPS: sps}, "hvc1.1.6.L30.90"},
		{"HEVC Main 10, high tier, level 4.1", &media.HEVC{SPS: spsOf("22" + "20000000" + "900000000000" + "7b")}, "hvc1.2.4.H123.90"},
		{"HEVC with more constraints", &media.HEVC{SPS: spsOf("01" + "08000001" + "b38800000001" + "5d")}, "hvc1.1.80000010.L93.b3.88.0.0.0.1"},
		{"HEVC of another profile space", &media.HEVC{SPS: spsOf("41" + "60000001" + "000001000001" + "1e")}, "hvc1.A1.80000006.L30.0.0.1.0.0.1"},
		{"AV1", &media.AV1{SequenceHeader: sequence}, "av01.0.00M.08.0.110.01.01.01.0"},
		{"AAC-LC", &media.AAC{Config: mpeg4audio.AudioSpecificConfig{Type: 2}}, "mp4a.40.2"},
		{"HE-AAC", &media.AAC{Config: he}, "mp4a.40.5"},
		{"Opus", &media.Opus{Channels: 2}, "opus"},
	} {
		t.Run("R6 "+tc.name, func(t *testing.T) {
			got, err := cmaf.Codecs(tc.codec)
			if err != nil || got != tc.want {
				t.Errorf("%s %v, want %s", got, err, tc.want)
			}
		})
	}
	for _, broken := range []media.Codec{nil, &media.H264{}, &media.HEVC{SPS: sps[:9]}, &media.HEVC{}, &media.AV1{}} {
		if got, err := cmaf.Codecs(broken); err == nil {
			t.Errorf("%+v is %s", broken, got)
		}
	}
	if got, want := "hvc1.1.6.L30.90", codecparams.Marshal(&codecs.H265{SPS: sps}); got != want {
		t.Errorf("R6 gohlslib says %s", want)
	}
}

// TestHEVCConfiguration holds hvcC against ISO/IEC 14496-15 §8.3.2.1 byte by
// byte.
func TestHEVCConfiguration(t *testing.T) {
	data, err := cmaf.Init(&media.HEVC{VPS: vps, SPS: sps, PPS: pps}, 90_000)
	if err != nil {
		t.Fatal(err)
	}
	_, config, found := bytes.Cut(data, []byte("hvcC"))
	if !found || !bytes.Contains(data, []byte("hvc1")) {
		t.Fatal("M6 no hvcC in hvc1")
	}
	// Version; profile, compatibility, constraints, level without the escapes of
	// the SPS; reserved bits around nothing; 4:2:0, 8 bits; one layer, nested,
	// lengths of four bytes; three arrays, each complete.
	want := unhex("01" + "0160000000" + "900000000000" + "1e" + "f000fc" + "fdf8f8" + "0000" + "0f" + "03" + "a0" + "0001" + "0018")
	if got := config[:len(want)]; !bytes.Equal(got, want) {
		t.Errorf("M6 hvcC begins with %x, want %x", got, want)
	}
	var back fmp4.Init
	if err := back.Unmarshal(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if c, ok := back.Tracks[0].Codec.(*mp4codecs.H265); !ok || !bytes.Equal(c.VPS, vps) || !bytes.Equal(c.SPS, sps) || !bytes.Equal(c.PPS, pps) {
		t.Errorf("M6 read back %+v", back.Tracks[0].Codec)
	}
}

func TestOpusConfiguration(t *testing.T) {
	for _, tc := range []struct {
		channels, skip int
		want           string
	}{
		{1, 0, "00" + "01" + "0000" + "0000bb80" + "0000" + "00"},
		{2, 312, "00" + "02" + "0138" + "0000bb80" + "0000" + "00"},
		{6, 312, "00" + "06" + "0138" + "0000bb80" + "0000" + "01" + "0402" + "000401020305"},
	} {
		data, err := cmaf.Init(&media.Opus{Channels: tc.channels, PreSkip: tc.skip}, 48_000)
		if err != nil {
			t.Fatal(err)
		}
		_, config, _ := bytes.Cut(data, []byte("dOps"))
		if want := unhex(tc.want); !bytes.HasPrefix(config, want) || string(config[len(want)+4:len(want)+8]) != "btrt" {
			t.Errorf("M6 dOps of %d channels: %x, want %x", tc.channels, config[:len(want)+8], want)
		}
		var back fmp4.Init
		if err := back.Unmarshal(bytes.NewReader(data)); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []*media.Opus{{}, {Channels: 9}, {Channels: 2, PreSkip: 70_000}} {
		if _, err := cmaf.Init(bad, 48_000); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

func TestOBUs(t *testing.T) {
	long := append([]byte{0x32}, make([]byte, 200)...)
	long[0] = 6 << 3
	for _, tc := range []struct {
		name  string
		units [][]byte
		want  string
	}{
		{"sizes are put in", [][]byte{unhex("0a0b"), {4 << 3}}, "0a0b" + "2200"},
		{"the extension stays before the size", [][]byte{unhex("34200102")}, "362002" + "0102"},
		{"a size of two bytes", [][]byte{long}, "32c801" + hex.EncodeToString(long[1:])},
	} {
		got, err := cmaf.OBUs(tc.units)
		if err != nil || !bytes.Equal(got, unhex(tc.want)) {
			t.Errorf("%s: %x %v, want %s", tc.name, got, err, tc.want)
		}
	}
	for _, bad := range [][]byte{{}, {0x80}, {0x34}} {
		if got, err := cmaf.OBUs([][]byte{bad}); err == nil {
			t.Errorf("%x became %x", bad, got)
		}
	}
}

// FuzzInit gives parameter sets from outside to everything that reads them.
func FuzzInit(f *testing.F) {
	f.Add(vps, sps, pps)
	f.Add([]byte{}, []byte("\x67\x4d\x40\x1e\xec\xa0\x50\x17\xfc\xb8\x08\x80\x00\x00\x03\x00\x80\x00\x00\x1e\x07\x8b\x16\xcb"), []byte("\x68\xeb\xe3\xcb\x20"))
	f.Add([]byte{}, sequence, []byte{})
	f.Add([]byte{0x40}, []byte{0x42, 1, 1}, []byte{0})
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		for _, codec := range []media.Codec{
			&media.HEVC{VPS: a, SPS: b, PPS: c}, &media.H264{SPS: b, PPS: c}, &media.AV1{SequenceHeader: b},
		} {
			data, err := cmaf.Init(codec, 90_000)
			if err != nil {
				continue
			}
			if _, err := cmaf.Codecs(codec); err != nil {
				t.Errorf("%s has an init section and no CODECS value: %v", codec.Name(), err)
			}
			if !bytes.HasPrefix(data[4:], []byte("ftypiso6")) {
				t.Errorf("init section %x", data)
			}
		}
	})
}
