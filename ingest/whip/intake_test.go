package whip_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/whip"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// Parameter sets of a baseline stream.
var (
	sps = []byte{0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20}
	pps = []byte{0x68, 0x01, 0x02, 0x03}
)

// offerOf is an offer of H.264, in layers if any are given, and Opus.
func offerOf(rids ...string) string {
	const ice = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\na=sendonly\r\n"
	var b strings.Builder
	b.WriteString("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n")
	b.WriteString("m=audio 9 UDP/TLS/RTP/SAVPF 97\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtpmap:97 opus/48000/2\r\n" + ice)
	b.WriteString("m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtpmap:96 H264/90000\r\n" +
		"a=fmtp:96 packetization-mode=1;profile-level-id=42e01f\r\na=rtcp-fb:96 nack\r\n" + ice)
	for _, rid := range rids {
		b.WriteString("a=rid:" + rid + " send\r\n")
	}
	return b.String()
}

// sender makes the packets of streams 0 (sound) and 1, 2, … (pictures) on one
// made-up clock.
type sender struct {
	t      *testing.T
	in     *whip.Intake
	heard  *ingesttest.Recorder
	seq    [4]uint16
	offset [4]uint32 // of RTP timestamps
	ntp    time.Time // of the sender's clock at epoch
	drift  int64     // of the sound card's clock, ppm
}

func newSender(t *testing.T, rids ...string) *sender {
	t.Helper()
	s := &sender{t: t, heard: ingesttest.NewRecorder(), ntp: epoch}
	registry, err := ingest.NewRegistry([]ingest.Channel{{Name: "show", Open: true, Output: s.heard}}, ingest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	session, err := registry.Admit(ingest.Request{Channel: "show", Protocol: "whip", Remote: "192.0.2.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close(nil) })
	if s.in, err = whip.NewIntake(session, offerOf(rids...)); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *sender) rtp(stream int, ms int) uint32 {
	if stream == 0 {
		return s.offset[0] + uint32(int64(ms)*48+int64(ms)*48*s.drift/1_000_000)
	}
	return s.offset[stream] + uint32(ms*90)
}

func (s *sender) packet(stream, ms int, payload []byte) *rtp.Packet {
	p := &rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: s.seq[stream], Timestamp: s.rtp(stream, ms)}, Payload: payload}
	s.seq[stream]++
	return p
}

func (s *sender) send(stream, ms, late int, payload []byte) {
	s.t.Helper()
	if err := s.in.Packet(stream, s.packet(stream, ms, payload), at(ms+late)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sender) sound(ms, late int) { s.t.Helper(); s.send(0, ms, late, []byte{0x78, 1, 2, 3}) }

func (s *sender) picture(stream, ms, late int, key bool) {
	s.t.Helper()
	s.send(stream, ms, late, pictureOf(key))
}

func pictureOf(key bool) []byte {
	if !key {
		return []byte{0x41, 0x9a, 1, 2}
	}
	stap := []byte{0x78}
	for _, unit := range [][]byte{sps, pps, {0x65, 0x88, 1, 2}} {
		stap = append(append(stap, byte(len(unit)>>8), byte(len(unit))), unit...)
	}
	return stap
}

func (s *sender) report(stream, ms int) {
	s.t.Helper()
	sr := &rtcp.SenderReport{PacketCount: 1, NTPTime: ntpOf(s.ntp.Add(time.Duration(ms) * time.Millisecond)), RTPTime: s.rtp(stream, ms)}
	if err := s.in.Report(stream, sr, at(ms)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sender) tick(ms int) {
	s.t.Helper()
	if err := s.in.Tick(at(ms)); err != nil {
		s.t.Fatal(err)
	}
}

func ntpOf(t time.Time) uint64 {
	seconds := uint64(t.Unix() + 2_208_988_800)
	return seconds<<32 | uint64(t.Nanosecond())<<32/1_000_000_000
}

// run sends pictures at 25 fps and sound of 20 ms from one millisecond to
// another; sound is reported from soundFrom on, pictures from the start.
func (s *sender) run(from, to, soundFrom int) {
	s.t.Helper()
	for ms := from; ms < to; ms += 20 {
		if ms%1000 == 100 {
			s.report(1, ms)
			if ms >= soundFrom {
				s.report(0, ms)
			}
		}
		s.sound(ms, 5)
		if ms%40 == 0 {
			s.picture(1, ms, 30, ms%1000 == 0)
		}
		s.tick(ms + 30)
	}
}

// skew is by how much each sound is off the picture that belongs with it, given
// that both begin at 0 ms.
func skew(h ingesttest.Heard) (offs []time.Duration) {
	video, audio := h.Of(media.Video), h.Of(media.Audio)
	start := video[0].DTS
	for i, f := range audio {
		offs = append(offs, (f.DTS - start - clock.Ticks(i)*1800).Duration())
	}
	return offs
}

func TestReportsTie(t *testing.T) {
	s := newSender(t)
	s.offset = [4]uint32{1 << 31, 77}
	s.run(0, 3000, 0)
	h := s.heard.Heard()
	for i, off := range skew(h) {
		if off < -50*time.Microsecond || off > 50*time.Microsecond {
			t.Fatalf("IG83 sound %d is %v off", i, off)
		}
	}
	for _, o := range h.Observations {
		if want := o.Arrival.Sub(epoch); o.Capture.Sub(epoch) > want || want-o.Capture.Sub(epoch) > 31*time.Millisecond {
			t.Fatalf("IG83 captured %v, arrived %v", o.Capture.Sub(epoch), want)
		}
	}
}

func TestArrivalTies(t *testing.T) {
	s := newSender(t)
	for ms := 0; ms < 3000; ms += 20 {
		s.sound(ms, 5)
		if ms%40 == 0 {
			s.picture(1, ms, 30, ms%1000 == 0)
		}
		s.tick(ms + 30)
	}
	for _, off := range skew(s.heard.Heard()) {
		if off < -30*time.Millisecond || off > 30*time.Millisecond {
			t.Fatalf("IG31 sound is %v off", off)
		}
	}
	for _, o := range s.heard.Heard().Observations {
		if !o.Capture.IsZero() {
			t.Fatal("IG83 captured although nobody said when")
		}
	}
}

func TestLateReportsMoveSoundSlowly(t *testing.T) {
	s := newSender(t)
	s.run(0, 40_000, 5000)
	offs := skew(s.heard.Heard())
	if first := offs[0]; first > -20*time.Millisecond || first < -30*time.Millisecond {
		t.Fatalf("IG83 tied by arrival sound is %v off", first)
	}
	for i := 1; i < len(offs); i++ {
		if step := offs[i] - offs[i-1]; step > 60*time.Microsecond || step < 0 {
			t.Fatalf("IG83 sound %d moved by %v", i, step)
		}
	}
	if last := offs[len(offs)-1]; last < -2*time.Millisecond || last > 2*time.Millisecond {
		t.Errorf("IG83 sound is still %v off", last)
	}
}

func TestSoundCardDrifts(t *testing.T) {
	s := newSender(t)
	s.drift = 200
	s.run(0, 120_000, 0)
	h := s.heard.Heard()
	audio := h.Of(media.Audio)
	last := len(audio) - 1
	at := (audio[last].DTS - h.Of(media.Video)[0].DTS).Duration()
	if off := at - time.Duration(last)*20*time.Millisecond; off < -3*time.Millisecond || off > 3*time.Millisecond {
		t.Errorf("IG83 after 2 min with a sound card 200 ppm fast, sound is %v off", off)
	}
}

func TestSteppingReport(t *testing.T) {
	s := newSender(t)
	s.run(0, 2000, 0)
	s.ntp = epoch.Add(time.Hour)
	s.run(2000, 4000, 0)
	for i, off := range skew(s.heard.Heard()) {
		if off < -time.Millisecond || off > time.Millisecond {
			t.Fatalf("IG83 sound %d is %v off after the sender's clock stepped", i, off)
		}
	}
	video := s.heard.Heard().Of(media.Video)
	for i := 1; i < len(video); i++ {
		if step := video[i].DTS - video[i-1].DTS; step != 3600 {
			t.Fatalf("IG83 a step of %d ticks", step)
		}
	}
}

// TestAlienReport begins with reports of streams that have sent nothing, which
// know nothing, and with one that is hours off.
func TestAlienReport(t *testing.T) {
	s := newSender(t)
	for stream := range 2 {
		sr := &rtcp.SenderReport{NTPTime: ntpOf(epoch), RTPTime: 1 << 30}
		if err := s.in.Report(stream, sr, at(0)); err != nil {
			t.Fatal(err)
		}
	}
	s.sound(0, 5)
	s.picture(1, 0, 30, true)
	s.report(0, 20)
	s.ntp = epoch.Add(3 * time.Hour)
	s.report(1, 20)
	for ms := 40; ms < 3000; ms += 40 {
		s.picture(1, ms, 30, false)
		s.sound(ms, 5)
		s.tick(ms + 30)
	}
	h := s.heard.Heard()
	if apart := (h.Of(media.Video)[0].DTS - h.Of(media.Audio)[0].DTS).Duration(); apart < -30*time.Millisecond || apart > 30*time.Millisecond {
		t.Errorf("IG83 picture and sound begin %v apart", apart)
	}
}

func TestTimestampsWrap(t *testing.T) {
	s := newSender(t)
	s.offset = [4]uint32{1<<32 - 48*1500, 1<<32 - 90*1500}
	s.run(0, 3000, 0)
	for i, off := range skew(s.heard.Heard()) {
		if off < -50*time.Microsecond || off > 50*time.Microsecond {
			t.Fatalf("IG30 sound %d is %v off", i, off)
		}
	}
}

func TestLayersShareTimes(t *testing.T) {
	s := newSender(t, "h", "l")
	s.offset = [4]uint32{5, 1 << 30, 3 << 30}
	for ms := 0; ms < 3000; ms += 40 {
		if ms == 120 {
			s.report(1, ms)
			s.ntp = s.ntp.Add(1400 * time.Microsecond) // the other layer's is rounded
			s.report(2, ms)
		}
		s.sound(ms, 5)
		s.picture(1, ms, 30, ms%1000 == 0)
		if ms > 400 {
			s.picture(2, ms, 33, ms%1000 == 0)
		}
		s.tick(ms + 35)
	}
	h := s.heard.Heard()
	shown := make(map[clock.Ticks]bool)
	for _, f := range of(h, 2) {
		shown[f.PTS] = true
	}
	if n := len(of(h, 3)); n < 40 {
		t.Fatalf("IG45 %d pictures of the second layer", n)
	}
	for _, f := range of(h, 3) {
		if !shown[f.PTS] {
			t.Fatalf("IG45 the second layer's picture at %d is none of the first's", f.PTS)
		}
	}
}

func TestPausedLayer(t *testing.T) {
	s := newSender(t, "h", "l")
	for ms := 0; ms < 6000; ms += 40 {
		s.sound(ms, 5)
		s.picture(2, ms, 30, ms%1000 == 0)
		if ms < 2000 || ms >= 5000 {
			s.picture(1, ms, 30, ms%1000 == 0)
		}
		s.tick(ms + 35)
	}
	h := s.heard.Heard()
	if low, high := len(of(h, 3)), len(of(h, 2)); low != 150 || high != 75 || len(h.Changes) != 0 {
		t.Errorf("IG86 %d and %d pictures, %d changes", low, high, len(h.Changes))
	}
}

func TestCaptureTime(t *testing.T) {
	s := newSender(t)
	offset := int64(-3) << 32 // the camera's clock is 3 s behind the sender's
	for ms := 0; ms < 2000; ms += 40 {
		p := s.packet(1, ms, pictureOf(ms%1000 == 0))
		if ms%1000 == 0 {
			e := rtp.AbsCaptureTimeExtension{
				Timestamp:                   ntpOf(epoch.Add(time.Duration(ms)*time.Millisecond - 3*time.Second)),
				EstimatedCaptureClockOffset: &offset,
			}
			data, err := e.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if err := p.SetExtension(1, data); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.in.Packet(1, p, at(ms+30)); err != nil {
			t.Fatal(err)
		}
		s.sound(ms, 5)
		s.tick(ms + 30)
	}
	h := s.heard.Heard()
	seen := 0
	for _, o := range h.Observations {
		if o.Capture.IsZero() {
			continue
		}
		seen++
		if late := o.Arrival.Sub(o.Capture); late < 29*time.Millisecond || late > 31*time.Millisecond {
			t.Fatalf("IG83 captured %v before it arrived, want 30 ms", late)
		}
	}
	if seen != len(h.Of(media.Video)) || seen < 40 {
		t.Errorf("IG83 %d of %d pictures have a capture time", seen, len(h.Of(media.Video)))
	}
}

// TestLoss loses a packet for good in the middle of a GOP.
func TestLoss(t *testing.T) {
	s := newSender(t)
	s.run(0, 1500, 0)
	before := len(s.heard.Heard().Of(media.Video))
	if s.in.KeysDue(at(1500)) {
		t.Error("IG82 a key frame is asked for although nothing is missing")
	}
	s.seq[1]++
	for ms := 1520; ms < 2600; ms += 40 {
		s.picture(1, ms, 30, ms == 2480)
		s.tick(ms + 30)
	}
	video := s.heard.Heard().Of(media.Video)
	if !video[before].Key || video[before].DTS-video[before-1].DTS < 90*900 {
		t.Errorf("IG82 after a loss pictures go on without a key frame")
	}
	if link := s.in.Link(at(2600)); link.Lost != 1 || link.Dropped != 1 || link.Retransmitted != 0 || link.Loss <= 0 || link.Loss > 0.1 {
		t.Errorf("IG46 link = %+v", link)
	}
	s.seq[1]++
	s.picture(1, 2600, 30, false)
	s.tick(2630)
	s.tick(2630 + int(whip.HoleWait.Milliseconds()))
	if !s.in.KeysDue(at(3100)) {
		t.Error("IG82 no key frame is asked for after a loss")
	}
}
