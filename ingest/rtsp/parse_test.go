package rtsp_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/rtsp"
	"github.com/cuelight/cuelight/sync/clock"
)

const announced = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
	"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n" +
	"a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LAC9oKN+TARAAAAwAEAAADAMo8UKqA,aM4PyA==; profile-level-id=640028\r\n" +
	"a=control:streamid=0\r\n" +
	"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/48000/2\r\n" +
	"a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config=1190\r\na=control:streamid=1\r\n"

func TestReadMessages(t *testing.T) {
	in := "ANNOUNCE rtsp://h/show RTSP/1.0\r\ncseq: 1\r\nContent-Length: 3\r\n\r\nabc" +
		"$\x01\x00\x02hi" + "OPTIONS * RTSP/1.0\r\n\r\n"
	got, err := rtsp.ReadMessages(strings.NewReader(in))
	if !errors.Is(err, io.EOF) || len(got) != 3 {
		t.Fatalf("%d messages, %v", len(got), err)
	}
	if m := got[0]; m.Method != "ANNOUNCE" || m.URL != "rtsp://h/show" || string(m.Body) != "abc" || m.Header["Cseq"] != "1" {
		t.Errorf("request = %+v", m)
	}
	if m := got[1]; m.Track != 0 || !m.Control || string(m.Data) != "hi" {
		t.Errorf("packet = %+v", m)
	}
}

func TestRequestsHaveLimits(t *testing.T) {
	for name, in := range map[string]string{
		"IG7 another protocol":        "GET / HTTP/1.1\r\n\r\n",
		"IG25 a line too long":        "OPTIONS " + strings.Repeat("a", 5000) + " RTSP/1.0\r\n\r\n",
		"IG25 too many headers":       "OPTIONS * RTSP/1.0\r\n" + strings.Repeat("a: b\r\n", 65) + "\r\n",
		"IG25 a body too long":        "ANNOUNCE * RTSP/1.0\r\nContent-Length: 16385\r\n\r\n",
		"IG7 a body of negative size": "ANNOUNCE * RTSP/1.0\r\nContent-Length: -1\r\n\r\n",
		"IG7 a header without colon":  "OPTIONS * RTSP/1.0\r\nabc\r\n\r\n",
	} {
		if _, err := rtsp.ReadMessages(strings.NewReader(in)); !errors.Is(err, rtsp.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseSDP(t *testing.T) {
	tracks, err := rtsp.ParseSDP([]byte(announced))
	want := []rtsp.TrackInfo{{"H.264", "streamid=0", 90000}, {"AAC", "streamid=1", 48000}}
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
		{"IG7 no AAC configuration", "config=1190", "config=zz", ingest.CodeMalformed},
		{"IG7 no clock rate", "H264/90000", "H264", ingest.CodeMalformed},
		{"IG7 not a description", "v=0", "x", ingest.CodeMalformed},
		{"IG25 AU headers too wide", "sizelength=13", "sizelength=1300", ingest.CodeMalformed},
	} {
		_, err := rtsp.ParseSDP([]byte(strings.Replace(announced, tc.from, tc.to, 1)))
		if got := ingest.CodeOf(err); got != tc.code {
			t.Errorf("%s: code = %q (%v), want %q", tc.name, got, err, tc.code)
		}
	}
}

func TestReorder(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []uint16
		want []uint16
	}{
		{"IG34 in order", []uint16{65534, 65535, 0, 1}, []uint16{65534, 65535, 0, 1}},
		{"IG34 swapped", []uint16{10, 12, 11, 13}, []uint16{10, 11, 12, 13}},
		{"IG34 doubled and late", []uint16{10, 11, 11, 10, 12}, []uint16{10, 11, 12}},
	} {
		var r rtsp.Reorder
		var got []uint16
		for _, seq := range tc.in {
			got = append(got, r.Push(seq)...)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	var r rtsp.Reorder
	r.Push(65530)
	var got []uint16
	for i := range uint16(17) { // 65531 never comes
		got = append(got, r.Push(65532+i)...)
	}
	if len(got) != 17 || got[0] != 65532 {
		t.Errorf("IG34 after a lost packet: %v", got)
	}
}

func TestTicksOfNTP(t *testing.T) {
	if got := rtsp.TicksOfNTP(3<<32 | 1<<31); got != 3*clock.TicksPerSecond+clock.TicksPerSecond/2 {
		t.Errorf("3.5 s of NTP = %d ticks", got)
	}
}

func FuzzReadMessages(f *testing.F) {
	f.Add([]byte("ANNOUNCE rtsp://h/show RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 3\r\n\r\nabc$\x00\x00\x01x"))
	f.Add([]byte("$\x00\xff\xff"))
	f.Add([]byte("\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := rtsp.ReadMessages(strings.NewReader(string(data))); err == nil {
			t.Error("no end")
		}
	})
}

func FuzzParseSDP(f *testing.F) {
	f.Add([]byte(announced))
	f.Add([]byte("v=0\r\nm=video 0 RTP/AVP\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tracks, err := rtsp.ParseSDP(data)
		if err == nil && len(tracks) == 0 {
			t.Error("no tracks and no error")
		}
		if err != nil && ingest.CodeOf(err) == ingest.CodeInternal {
			t.Errorf("an error that says nothing: %v", err)
		}
	})
}
