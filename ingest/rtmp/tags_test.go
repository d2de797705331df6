package rtmp_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/rtmp"
	"github.com/cuelight/cuelight/internal/media"
)

func TestTags(t *testing.T) {
	const nano = "\x02\x00\x00\x07" // three bytes, of which the last is 7
	for _, tc := range []struct {
		name string
		kind media.Kind
		body string
		want []rtmp.Packet
	}{
		{"IG8 H.264 with a negative composition time", media.Video, "\x27\x01\xff\xff\xd8abc", []rtmp.Packet{{0, 7.0, 1, -40, "abc"}}},
		{"AAC", media.Audio, "\xaf\x01abc", []rtmp.Packet{{0, 10.0, 1, 0, "abc"}}},
		{"MP3", media.Audio, "\x2fabc", []rtmp.Packet{{0, 2.0, 1, 0, "abc"}}},
		{"IG61 coded frames of HEVC", media.Video, "\xa1hvc1\x00\x00\x50abc", []rtmp.Packet{{0, "hvc1", 1, 80, "abc"}}},
		{"IG61 coded frames of AV1 have no composition time", media.Video, "\x91av01abc", []rtmp.Packet{{0, "av01", 1, 0, "abc"}}},
		{"IG61 coded frames without composition time", media.Video, "\xa3avc1abc", []rtmp.Packet{{0, "avc1", 1, 0, "abc"}}},
		{"IG61 sequence start", media.Video, "\x90hvc1abc", []rtmp.Packet{{0, "hvc1", 0, 0, "abc"}}},
		{"IG61 sequence end", media.Video, "\x92hvc1", []rtmp.Packet{{0, "hvc1", 2, 0, ""}}},
		{"IG61 metadata", media.Video, "\x94hvc1\x02\x00\x00", []rtmp.Packet{{0, "hvc1", 4, 0, "\x02\x00\x00"}}},
		{"IG61 MPEG-2 TS sequence start", media.Video, "\x95av01abc", []rtmp.Packet{{0, "av01", 5, 0, "abc"}}},
		{"IG61 ModEx", media.Video, "\x97" + nano + "\x01hvc1\x00\x00\x50abc", []rtmp.Packet{{0, "hvc1", 1, 80, "abc"}}},
		{"IG61 two ModEx", media.Video, "\x97" + nano + "\x07" + nano + "\x03hvc1abc", []rtmp.Packet{{0, "hvc1", 1, 0, "abc"}}},
		{"IG61 a long ModEx", media.Audio, "\x97\xff\x01\x2b" + strings.Repeat("x", 300) + "\x01Opusabc", []rtmp.Packet{{0, "Opus", 1, 0, "abc"}}},
		{"IG61 a command", media.Video, "\xd1\x00", nil},
		{"an old command", media.Video, "\x57\x00", nil},
		{"nothing", media.Video, "", nil},
		{"Opus", media.Audio, "\x91Opusabc", []rtmp.Packet{{0, "Opus", 1, 0, "abc"}}},
		{"order of channels", media.Audio, "\x94Opus\x01\x02", []rtmp.Packet{{0, "Opus", 4, 0, "\x01\x02"}}},
		{"IG62 one track", media.Video, "\x96\x01avc1\x02\x00\x00\x28abc", []rtmp.Packet{{2, "avc1", 1, 40, "abc"}}},
		{"IG62 many tracks", media.Video, "\x96\x13avc1\x01\x00\x00\x02ab\x02\x00\x00\x01c", []rtmp.Packet{{1, "avc1", 1, 0, "ab"}, {2, "avc1", 1, 0, "c"}}},
		{"IG62 many tracks, many codecs", media.Video, "\x96\x21avc1\x00\x00\x00\x05\x00\x00\x28abav01\x01\x00\x00\x01c",
			[]rtmp.Packet{{0, "avc1", 1, 40, "ab"}, {1, "av01", 1, 0, "c"}}},
		{"IG62 many tracks of sound", media.Audio, "\x95\x11Opus\x00\x00\x00\x01a\x01\x00\x00\x00", []rtmp.Packet{{0, "Opus", 1, 0, "a"}, {1, "Opus", 1, 0, ""}}},
		{"IG62 ModEx before many tracks", media.Audio, "\x97" + nano + "\x05\x01mp4a\x03abc", []rtmp.Packet{{3, "mp4a", 1, 0, "abc"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := rtmp.ReadTag(tc.kind, []byte(tc.body))
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %v, %v; want %v", got, err, tc.want)
			}
		})
	}
}

func TestTagsThatAreCutOff(t *testing.T) {
	for _, body := range []string{
		"\x27\x01\xff\xff", "\xa1hv", "\xa1hvc1\x00\x00", "\x97", "\x97\x02\x00", "\x97\xff\x01", "\x96", "\x96\x01av", "\x96\x11avc1\x01\x00\x00\x05abc",
		"\x96\x21avc1\x00\x00\x00\x02ab", "\x96\x31avc1\x00",
		"\x96\x13avc1" + strings.Repeat("\x00\x00\x00\x00", 65),
	} {
		if got, err := rtmp.ReadTag(media.Video, []byte(body)); ingest.CodeOf(err) != ingest.CodeMalformed {
			t.Errorf("IG7 %q gives %v, %v", body, got, err)
		}
	}
}

func TestConfigurations(t *testing.T) {
	opusHead := "OpusHead\x01\x06\x38\x01\x80\xbb\x00\x00\x00\x00\x01"
	for _, tc := range []struct {
		name, codec, body string
		want              media.Codec
	}{
		{"H.264", "avc1", avcRecord(sps1, pps1), &media.H264{SPS: sps1, PPS: pps1}},
		{"HEVC", "hvc1", hevcRecord(vps265, sps265, pps265), &media.HEVC{VPS: vps265, SPS: sps265, PPS: pps265}},
		{"HEVC whose sets come later", "hvc1", hevcRecord(), &media.HEVC{}},
		{"AV1", "av01", "\x81\x00\x0c\x00\x0a\x02\x01\x02", &media.AV1{SequenceHeader: []byte("\x08\x01\x02")}},
		{"AV1 whose header comes later", "av01", "\x81\x00\x0c\x00", &media.AV1{}},
		{"Opus", "Opus", opusHead, &media.Opus{Channels: 6, PreSkip: 312}},
		{"Opus without its magic", "Opus", opusHead[8:], &media.Opus{Channels: 6, PreSkip: 312}},
		{"Opus with its bytes swapped", "Opus", "OpusHead\x01\x02\x01\x38\x00\x00\xbb\x80\x00\x00\x00", &media.Opus{Channels: 2, PreSkip: 312}},
		{"Opus that says nothing", "Opus", "", &media.Opus{Channels: 2}},
		{"AAC that says nothing", "mp4a", "", nil},
	} {
		got, err := rtmp.Configure(tc.codec, []byte(tc.body))
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("IG61 %s: %+v, %v; want %+v", tc.name, got, err, tc.want)
		}
	}
	for _, tc := range []struct{ codec, body string }{
		{"avc1", "\x01"}, {"avc1", "\x01\x64\x00\x28\xff\xe0\x00"}, {"hvc1", "\x01"}, {"av01", "\x01\x00\x00\x00"},
		{"av01", "\x81\x00\x00\x00\x0a\x09\x01"}, {"Opus", "OpusHead\x01"}, {"Opus", "OpusHead\x01\x09\x00\x00\x80\xbb\x00\x00"}, {"mp4a", "\x00"},
	} {
		if got, err := rtmp.Configure(tc.codec, []byte(tc.body)); ingest.CodeOf(err) != ingest.CodeMalformed {
			t.Errorf("IG7 %s %q gives %+v, %v", tc.codec, tc.body, got, err)
		}
	}
}
