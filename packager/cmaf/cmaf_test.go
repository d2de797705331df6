package cmaf_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager/cmaf"
	"github.com/cuelight/cuelight/sync/clock"
)

type box struct {
	kind string
	body []byte
}

// boxes splits data into its top-level boxes.
func boxes(t *testing.T, data []byte) []box {
	t.Helper()
	var list []box
	for len(data) > 0 {
		size := int(binary.BigEndian.Uint32(data))
		if size < 8 || size > len(data) {
			t.Fatalf("a box of %d bytes in %d", size, len(data))
		}
		list = append(list, box{string(data[4:8]), data[8:size]})
		data = data[size:]
	}
	return list
}

func kinds(list []box) string {
	var s string
	for _, b := range list {
		s += b.kind + " "
	}
	return s
}

func TestInit(t *testing.T) {
	avcSPS := []byte("\x67\x4d\x40\x1e\xec\xa0\x50\x17\xfc\xb8\x08\x80\x00\x00\x03\x00\x80\x00\x00\x1e\x07\x8b\x16\xcb")
	for _, tc := range []struct {
		name  string
		codec media.Codec
		scale uint32
	}{
		{"M1 pictures", &media.H264{SPS: avcSPS, PPS: []byte("\x68\xeb\xe3\xcb\x20")}, 90_000},
		{"M1 pictures, HEVC", &media.HEVC{VPS: vps, SPS: sps, PPS: pps}, 90_000},
		{"M1 pictures, AV1", &media.AV1{SequenceHeader: sequence}, 90_000},
		{"M1 sound, Opus", &media.Opus{Channels: 8}, 48_000},
		{"M1 sound, HE-AAC", &media.AAC{Config: mpeg4audio.AudioSpecificConfig{
			Type: 2, SampleRate: 22_050, ChannelConfig: 2, ExtensionType: 5, ExtensionSampleRate: 44_100,
		}}, 44_100},
		{"M1 sound", &media.AAC{Config: mpeg4audio.AudioSpecificConfig{Type: 2, SampleRate: 44_100, ChannelConfig: 2}}, 44_100},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data, err := cmaf.Init(tc.codec, tc.scale)
			if err != nil {
				t.Fatal(err)
			}
			list := boxes(t, data)
			if got := kinds(list); got != "ftyp moov " {
				t.Fatalf("boxes %s", got)
			}
			if b := list[0].body; string(b[:4]) != "iso6" || !bytes.Contains(b[8:], []byte("iso6")) || !bytes.Contains(b[8:], []byte("cmfc")) {
				t.Errorf("brands %q", b)
			}
			if !bytes.Contains(list[1].body, []byte("mvex")) {
				t.Error("no mvex")
			}
			var back fmp4.Init
			if err := back.Unmarshal(bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			if len(back.Tracks) != 1 || back.Tracks[0].ID != cmaf.TrackID || back.Tracks[0].TimeScale != tc.scale {
				t.Errorf("tracks %+v", back.Tracks)
			}
		})
	}
	if _, err := cmaf.Init(nil, 1); err == nil {
		t.Error("a track without a codec was accepted")
	}
}

func TestPart(t *testing.T) {
	at := clock.InstantOf(time.Date(2026, 1, 2, 3, 4, 5, 500_000_000, time.UTC))
	p := cmaf.Part{
		First: true, Sequence: 7, BaseTime: 900_000, At: at, MediaTime: 906_000,
		Samples: []*cmaf.Sample{
			{Duration: 3000, PTSOffset: 6000, Sync: true, Payload: []byte("key")},
			{Duration: 3000, PTSOffset: -3000, Payload: []byte("next")},
		},
	}
	data, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	list := boxes(t, data)
	if got := kinds(list); got != "styp prft moof mdat " {
		t.Fatalf("boxes %s", got)
	}
	if got := list[3].body; string(got) != "keynext" {
		t.Errorf("mdat %q", got)
	}
	prft := list[1].body
	if prft[0] != 1 || binary.BigEndian.Uint32(prft[4:]) != cmaf.TrackID ||
		binary.BigEndian.Uint64(prft[8:]) != cmaf.NTP(at) || binary.BigEndian.Uint64(prft[16:]) != 906_000 {
		t.Errorf("prft %x", prft)
	}
	var back fmp4.Parts
	if err := back.Unmarshal(data); err != nil {
		t.Fatal(err)
	}
	track := back[0].Tracks[0]
	if back[0].SequenceNumber != 7 || track.BaseTime != 900_000 || len(track.Samples) != 2 {
		t.Fatalf("M2 read back %+v", track)
	}
	for i, s := range track.Samples {
		want := p.Samples[i]
		if s.Duration != want.Duration || s.PTSOffset != want.PTSOffset || s.IsNonSyncSample == want.Sync || !bytes.Equal(s.Payload, want.Payload) {
			t.Errorf("sample %d read back as %+v", i, s)
		}
	}
	p.First = false
	if data, err = p.Marshal(); err != nil || kinds(boxes(t, data)) != "prft moof mdat " {
		t.Errorf("a later part: %s, %v", kinds(boxes(t, data)), err)
	}
}

func TestNTP(t *testing.T) {
	for _, tc := range []struct {
		at   time.Time
		want uint64
	}{
		{time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), 2_208_988_800 << 32},
		{time.Date(2026, 1, 1, 0, 0, 0, 500_000_000, time.UTC), 3_976_214_400<<32 | 1<<31},
		{time.Date(1969, 12, 31, 23, 59, 59, 750_000_000, time.UTC), 2_208_988_799<<32 | 3<<30},
		{time.Date(2036, 2, 7, 6, 28, 16, 0, time.UTC), 0}, // the format wraps
	} {
		if got := cmaf.NTP(clock.InstantOf(tc.at)); got != tc.want {
			t.Errorf("%v: %#x, want %#x", tc.at, got, tc.want)
		}
	}
}
