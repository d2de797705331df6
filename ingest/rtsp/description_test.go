package rtsp_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/rtsp"
)

const announced = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
	"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n" +
	"a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LAC9oKN+TARAAAAwAEAAADAMo8UKqA,aM4PyA==; profile-level-id=640028\r\n" +
	"a=control:streamid=0\r\n" +
	"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/48000/2\r\n" +
	"a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config=1190\r\na=control:streamid=1\r\n"

func TestTracks(t *testing.T) {
	tracks, err := rtsp.Tracks([]byte(announced))
	want := []rtsp.TrackInfo{{"H.264", 90000}, {"AAC", 48000}}
	if err != nil || !slices.Equal(tracks, want) {
		t.Errorf("tracks = %v, %v; want %v", tracks, err, want)
	}
	for _, tc := range []struct {
		name, from, to string
		code           ingest.Code
	}{
		{"IG5 VP8", "H264/90000", "VP8/90000", ingest.CodeUnsupportedCodec},
		{"IG5 VP9", "H264/90000", "VP9/90000", ingest.CodeUnsupportedCodec},
		{"IG5 MJPEG", "RTP/AVP 96\r\na=rtpmap:96 H264/90000", "RTP/AVP 26", ingest.CodeUnsupportedCodec},
		{"IG5 G.711", "RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/48000/2", "RTP/AVP 0", ingest.CodeUnsupportedCodec},
		{"IG5 AC-3", "MPEG4-GENERIC/48000/2", "AC3/48000/2", ingest.CodeUnsupportedCodec},
		{"IG5 FLAC", "MPEG4-GENERIC/48000/2", "FLAC/48000/2", ingest.CodeUnsupportedCodec},
		{"IG35 HEVC out of decoding order", "H264/90000\r\na=fmtp:96 packetization-mode=1", "H265/90000\r\na=fmtp:96 sprop-max-don-diff=2", ingest.CodeMalformed},
		{"IG35 LATM with its configuration in the stream", "97 MPEG4-GENERIC/48000/2\r\na=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config=1190", "97 MP4A-LATM/90000/1\r\na=fmtp:97 cpresent=1", ingest.CodeMalformed},
		{"IG5 a static payload type", "RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/48000/2", "RTP/AVP 14", ingest.CodeUnsupportedCodec},
		{"IG5 two formats in one track", "RTP/AVP 96", "RTP/AVP 96 33", ingest.CodeUnsupportedCodec},
		{"IG25 AU headers too wide", "sizelength=13", "sizelength=17", ingest.CodeMalformed},
		{"IG25 too many tracks", "m=audio", strings.Repeat("m=audio 0 RTP/AVP 14\r\n", 8) + "m=audio", ingest.CodeUnsupportedCodec},
	} {
		_, err := rtsp.Tracks([]byte(strings.Replace(announced, tc.from, tc.to, 1)))
		if got := ingest.CodeOf(err); got != tc.code {
			t.Errorf("%s: code = %q (%v), want %q", tc.name, got, err, tc.code)
		}
	}
}

func TestTracksOfOtherCodecs(t *testing.T) {
	for _, tc := range []struct {
		name, from, to string
		want           rtsp.TrackInfo
	}{
		{"IG5 HEVC", "H264/90000\r\na=fmtp:96 packetization-mode=1", "H265/90000\r\na=fmtp:96 x=1", rtsp.TrackInfo{"HEVC", 90000}},
		{"IG5 AV1", "H264/90000", "AV1/90000", rtsp.TrackInfo{"AV1", 90000}},
		{"IG5 Opus", "MPEG4-GENERIC/48000/2", "opus/48000/2", rtsp.TrackInfo{"Opus", 48000}},
		{"IG5 LATM", "97 MPEG4-GENERIC/48000/2\r\na=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config=1190",
			"97 MP4A-LATM/44100/2\r\na=fmtp:97 cpresent=0;config=400024203fc0", rtsp.TrackInfo{"AAC", 44100}},
	} {
		tracks, err := rtsp.Tracks([]byte(strings.Replace(announced, tc.from, tc.to, 1)))
		if err != nil || !slices.Contains(tracks, tc.want) {
			t.Errorf("%s: tracks = %v, %v; want %v", tc.name, tracks, err, tc.want)
		}
	}
}

func TestEncoderOf(t *testing.T) {
	for _, tc := range []struct {
		name, body, agent, want string
	}{
		{"IG46 the description's tool", "v=0\r\na=tool:libavformat 59.27.100\r\nm=video", "Lavf", "libavformat 59.27.100"},
		{"IG46 the header", "v=0\r\n", "GStreamer/1.22", "GStreamer/1.22"},
		{"IG46 nothing that is not printable", "a=tool:a\x1b[31m\u2028b\r\n", "", "a[31mb"},
		{"IG46 at most 64 characters", "a=tool:" + strings.Repeat("x", 100), "", strings.Repeat("x", 64)},
	} {
		if got := rtsp.EncoderOf([]byte(tc.body), tc.agent); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestHEAACCountsWhatIsHeard(t *testing.T) {
	// 24 kHz, doubled by SBR.
	tracks, err := rtsp.Tracks([]byte(strings.Replace(announced, "config=1190", "config=2b118800", 1)))
	if err != nil || tracks[1].Rate != 48000 {
		t.Errorf("tracks = %v, %v; want a rate of 48000", tracks, err)
	}
}

func FuzzTracks(f *testing.F) {
	f.Add([]byte(announced))
	f.Add([]byte("v=0\r\nm=video 0 RTP/AVP\r\n"))
	f.Add([]byte("v=0\r\na=key-mgmt:mikey AAAA\r\nm=audio 0 RTP/AVP smart/1/90000\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !rtsp.Readable(data) {
			return // a panic that the server survives
		}
		if tracks, err := rtsp.Tracks(data); err == nil && len(tracks) == 0 {
			t.Error("no tracks and no error")
		}
	})
}
