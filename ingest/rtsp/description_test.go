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
		{"IG5 H.265", "H264/90000", "H265/90000", ingest.CodeUnsupportedCodec},
		{"IG5 Opus", "MPEG4-GENERIC/48000/2", "opus/48000/2", ingest.CodeUnsupportedCodec},
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
