package rtsp_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/rtsp"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// sender makes the packets of one track.
type sender struct {
	track   int
	payload uint8
	seq     uint16
}

func (s *sender) rtp(ts uint32, marker bool, payload ...byte) *rtp.Packet {
	s.seq++
	return &rtp.Packet{Payload: payload, Header: rtp.Header{Version: 2, Marker: marker, PayloadType: s.payload, SequenceNumber: s.seq, Timestamp: ts}}
}

func (s *sender) packet(ts uint32, after time.Duration, marker bool, payload ...byte) rtsp.Packet {
	return rtsp.Packet{Track: s.track, RTP: s.rtp(ts, marker, payload...), After: after}
}

func report(track int, ntp uint64, ts uint32) rtsp.Packet {
	return rtsp.Packet{Track: track, Report: &rtcp.SenderReport{NTPTime: ntp, RTPTime: ts}}
}

// aacPayload is access units with their AU headers.
func aacPayload(units ...[]byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(16*len(units)))
	for _, u := range units {
		b = binary.BigEndian.AppendUint16(b, uint16(len(u)<<3))
	}
	return append(b, bytes.Join(units, nil)...)
}

func receive(t testing.TB, packets ...rtsp.Packet) (ingesttest.Heard, error) {
	t.Helper()
	return receiveAs(t, announced, packets...)
}

// receiveAs is receive of other tracks.
func receiveAs(t testing.TB, description string, packets ...rtsp.Packet) (ingesttest.Heard, error) {
	t.Helper()
	out := ingesttest.NewRecorder()
	registry, err := ingest.NewRegistry([]ingest.Channel{{Name: "show", Open: true, Output: out}}, ingest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	session, err := registry.Admit(ingest.Request{Channel: "show", Protocol: "rtsp", Remote: "192.0.2.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	err = rtsp.Receive(session, []byte(description), packets)
	session.Close(err)
	for _, b := range out.Heard().Broken {
		t.Errorf("IG10 out of order: %s", b)
	}
	return out.Heard(), err
}

func TestSenderReportsTieTheTracks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		video, audio := &sender{track: 0, payload: 96}, &sender{track: 1, payload: 97}
		const ntp = 4_000_000_000 << 32
		h, err := receive(t,
			report(0, ntp, 1000), report(1, ntp, 0xffff_ff00),
			audio.packet(0xffff_ff00, 0, true, aacPayload([]byte{1}, []byte{2})...),
			video.packet(1000, time.Second, true, 0x65, 0x88), // arrives late
			video.packet(4600, 0, true, 0x41, 0x9a),
		)
		if err != nil {
			t.Fatal(err)
		}
		v, a := h.Of(media.Video), h.Of(media.Audio)
		if len(v) == 0 || len(a) != 2 {
			t.Fatalf("%d pictures, %d sounds", len(v), len(a))
		}
		if v[0].PTS != a[0].PTS || a[1].PTS-a[0].PTS != 1920 {
			t.Errorf("IG31 video at %d, audio at %d and %d", v[0].PTS, a[0].PTS, a[1].PTS)
		}
	})
}

func TestWithoutReportsArrivalTiesTheTracks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		video, audio := &sender{track: 0, payload: 96}, &sender{track: 1, payload: 97}
		h, err := receive(t,
			video.packet(777, 0, true, 0x65, 0x88),
			audio.packet(5_000_000, 100*time.Millisecond, true, aacPayload([]byte{1})...),
			video.packet(777+99_000, time.Second, true, 0x65, 0x88),
		)
		if err != nil {
			t.Fatal(err)
		}
		v, a := h.Of(media.Video), h.Of(media.Audio)
		if len(v) != 2 || len(a) != 1 || a[0].PTS-v[0].PTS != 9000 || v[1].PTS-v[0].PTS != 99_000 {
			t.Errorf("IG31 video %+v, audio %+v", v, a)
		}
		if first := h.Observations[0]; !first.Arrival.Equal(begin) {
			t.Errorf("IG16 the first frame arrived at %v, want %v", first.Arrival, begin)
		}
	})
}

func TestDepacketize(t *testing.T) {
	const idr, slice = 0x65, 0x41
	for _, tc := range []struct {
		name    string
		packets func(*sender) []rtsp.Packet
		want    [][][]byte // units of each frame
		at      []clock.Ticks
	}{
		{"IG35 fragments", func(s *sender) []rtsp.Packet {
			return []rtsp.Packet{s.packet(0, 0, false, 0x7c, 0x85, 1), s.packet(0, 0, false, 0x7c, 0x05, 2), s.packet(0, 0, true, 0x7c, 0x45, 3)}
		}, [][][]byte{{{idr, 1, 2, 3}}}, []clock.Ticks{0}},
		{"IG35 aggregates", func(s *sender) []rtsp.Packet {
			return []rtsp.Packet{s.packet(0, 0, true, 0x78, 0, 2, 0x06, 9, 0, 2, idr, 1)}
		}, [][][]byte{{{0x06, 9}, {idr, 1}}}, []clock.Ticks{0}},
		{"IG35 no marker", func(s *sender) []rtsp.Packet {
			return []rtsp.Packet{s.packet(0, 0, false, idr, 1), s.packet(3600, 0, false, idr, 2), s.packet(7200, 0, false, idr, 3)}
		}, [][][]byte{{{idr, 1}}, {{idr, 2}}}, []clock.Ticks{0, 3600}},
		{"IG35 a frame with a lost piece is dropped", func(s *sender) []rtsp.Packet {
			first := s.packet(0, 0, false, 0x7c, 0x85, 1)
			s.seq++
			return []rtsp.Packet{first, s.packet(0, 0, true, 0x7c, 0x45, 3), s.packet(3600, 0, true, idr, 2)}
		}, [][][]byte{{{idr, 2}}}, []clock.Ticks{3600}},
		{"IG35 so is one with a lost slice", func(s *sender) []rtsp.Packet {
			first := s.packet(0, 0, false, idr, 1)
			s.seq++
			return []rtsp.Packet{first, s.packet(0, 0, true, idr, 3), s.packet(3600, 0, true, idr, 2)}
		}, [][][]byte{{{idr, 2}}}, []clock.Ticks{3600}},
		{"IG35 modes that nobody announced are dropped", func(s *sender) []rtsp.Packet {
			return []rtsp.Packet{s.packet(0, 0, true, idr, 7), s.packet(1800, 0, true, 0x79, 1, 2), s.packet(3600, 0, true, idr, 2)}
		}, [][][]byte{{{idr, 7}}, {{idr, 2}}}, []clock.Ticks{0, 3600}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			packets := append([]rtsp.Packet{report(0, 0, 0), report(1, 0, 0)}, tc.packets(&sender{payload: 96})...)
			h, err := receive(t, packets...)
			if err != nil {
				t.Fatal(err)
			}
			got := h.Of(media.Video)
			if len(got) != len(tc.want) {
				t.Fatalf("%d frames, want %d", len(got), len(tc.want))
			}
			for i, f := range got {
				if !bytes.Equal(bytes.Join(f.Units, nil), bytes.Join(tc.want[i], nil)) || len(f.Units) != len(tc.want[i]) || f.PTS != tc.at[i] {
					t.Errorf("frame %d = %x at %d, want %x at %d", i, f.Units, f.PTS, tc.want[i], tc.at[i])
				}
			}
		})
	}
}

func TestRTPWrap(t *testing.T) {
	s := &sender{payload: 96}
	h, err := receive(t, report(0, 1<<32, 0xffff_f000), report(1, 1<<32, 0),
		s.packet(0xffff_f000, 0, true, 0x65, 1), s.packet(0xffff_f000+3600, 0, true, 0x65, 1), s.packet(3104, 0, true, 0x65, 1))
	if err != nil {
		t.Fatal(err)
	}
	got := h.Of(media.Video)
	if len(got) != 3 || got[2].PTS-got[0].PTS != clock.Ticks(2*3600) {
		t.Errorf("IG30 frames = %+v", got)
	}
}

func TestAnAlienTimestampMovesNothing(t *testing.T) {
	s := &sender{payload: 96}
	h, err := receive(t, report(0, 1<<32, 0), report(1, 1<<32, 0),
		s.packet(0, 0, true, 0x65, 1), s.packet(1<<30, 0, true, 0x65, 1), s.packet(3600, 0, true, 0x65, 1), s.packet(7200, 0, true, 0x65, 1))
	if err != nil {
		t.Fatal(err)
	}
	if got := h.Of(media.Video); len(got) != 2 || got[1].PTS-got[0].PTS != 7200 {
		t.Errorf("IG32 frames = %+v", got)
	}
}

func TestTicksOfNTP(t *testing.T) {
	if got := rtsp.TicksOfNTP(3<<32 | 1<<31); got != 3*clock.TicksPerSecond+clock.TicksPerSecond/2 {
		t.Errorf("3.5 s of NTP = %d ticks", got)
	}
}

// others announces the codecs that announced does not: pairs that replace its.
var others = []string{
	announced,
	announcing("H265/90000\r\na=fmtp:96 x=1", "opus/48000/2\r\na=fmtp:97 sprop-stereo=1"),
	announcing("AV1/90000\r\na=fmtp:96 profile=0", "MP4A-LATM/44100/2\r\na=fmtp:97 cpresent=0;config=400024203fc0"),
}

func announcing(video, audio string) string {
	return "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
		"m=video 0 RTP/AVP 96\r\na=rtpmap:96 " + video + "\r\na=control:streamid=0\r\n" +
		"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 " + audio + "\r\na=control:streamid=1\r\n"
}

func FuzzReceive(f *testing.F) {
	f.Add(uint8(0), []byte{0, 16, 0x80, 0xe0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x65, 0x88}, true)
	f.Add(uint8(0), []byte{1, 18, 0x80, 0xe1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 8, 1, 2}, false)
	f.Add(uint8(1), []byte{0, 16, 0x80, 0xe0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x26, 0x01, 0xaf, 0x08, 1, 14, 0x80, 0xe1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xfc, 1}, true)
	f.Add(uint8(2), []byte{0, 17, 0x80, 0xe0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x18, 2, 0x0a, 0x00, 0x30, 1, 16, 0x80, 0xe1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 3}, true)
	f.Fuzz(func(t *testing.T, codecs uint8, data []byte, reports bool) {
		var packets []rtsp.Packet
		if reports {
			packets = append(packets, report(0, 1<<32, 0), report(1, 1<<32, 0))
		}
		for len(data) >= 2 { // track, length, bytes
			n := min(int(data[1]), len(data)-2)
			var r rtp.Packet
			if r.Unmarshal(data[2:2+n]) == nil {
				packets = append(packets, rtsp.Packet{Track: int(data[0] & 1), RTP: &r})
			}
			data = data[2+n:]
		}
		h, err := receiveAs(t, others[int(codecs)%len(others)], packets...)
		if err != nil && ingest.CodeOf(err) == ingest.CodeInternal {
			t.Errorf("an error that says nothing: %v", err)
		}
		for _, f := range h.Frames {
			if f.Size() == 0 {
				t.Errorf("an empty frame: %+v", f)
			}
		}
	})
}
