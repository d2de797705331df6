package whip_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/whip"
)

// fragmentSeed is a browser's.
const fragmentSeed = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" +
	"a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n" +
	"a=candidate:3471623853 1 udp 2122194687 1b2c.local 61765 typ host generation 0 ufrag EsAw network-id 2\r\na=end-of-candidates\r\n"

func FuzzFragment(f *testing.F) {
	f.Add(fragmentSeed)
	f.Add("a=end-of-candidates")
	f.Add("a=ice-ufrag:ab\na=ice-pwd:c\r\n\r\na=candidate:\r\nm=")
	f.Add("x\r\n=\r\na=candidate:1 1 tcp 1 ::1 9 typ host tcptype passive\r\n")
	offer := offerOf("h", "l")
	f.Fuzz(func(t *testing.T, text string) {
		ufrag, candidates, _, restart, err := whip.ParseFragment(text, offer)
		if err != nil {
			return
		}
		if candidates > 100 || len(ufrag) > 256 {
			t.Errorf("IG81 %d candidates, a ufrag of %d", candidates, len(ufrag))
		}
		if restart == "" {
			return
		}
		// What a fragment says must not become more than it is.
		var d sdp.SessionDescription
		if err := d.UnmarshalString(restart); err != nil {
			return // pion refuses it too
		}
		if len(d.MediaDescriptions) != 2 || strings.Count(restart, "a=ice-ufrag:") != 2 {
			t.Errorf("IG81 the offer became %s", restart)
		}
	})
}

func FuzzOffer(f *testing.F) {
	f.Add(offerOf())
	f.Add(offerOf("h", "m", "l"))
	f.Add(strings.ReplaceAll(offerOf(), "H264/90000", "AV1/90000"))
	f.Add(strings.ReplaceAll(offerOf(), "a=sendonly", "a=inactive"))
	f.Add("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 RTP/AVP 96 97\r\na=rtpmap:96 H265/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=ice-ufrag:a\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		codecs, layers, err := whip.ParseOffer(text)
		if err == nil && (len(codecs) < 1 || len(codecs) > 2 || layers > 2*ingest.MaxTracks) {
			t.Errorf("IG80 an offer of %v in %d layers was taken", codecs, layers)
		}
	})
}

// FuzzPackets reads the input as packets: stream, sequence number, timestamp in
// ms, flags, length, payload.
func FuzzPackets(f *testing.F) {
	var seed []byte
	add := func(stream, seq, ms byte, payload []byte) {
		seed = append(seed, stream, 0, seq, 0, ms, 1, byte(len(payload)))
		seed = append(seed, payload...)
	}
	for i := range byte(8) {
		add(0, i, 20*i, []byte{0x78, 1, 2, 3})
		add(1, i, 20*i, pictureOf(i == 0))
	}
	f.Add(0, seed)
	f.Add(0, []byte{1, 0, 0, 0, 0, 0, 3, 0x7c, 0x85, 1, 1, 0, 1, 0, 0, 1, 3, 0x7c, 0x45, 2})
	f.Add(1, []byte{1, 0, 0, 0, 0, 1, 8, 0x18, 0x0a, 0x0b, 0, 0, 0, 4, 0x3c, 1, 0, 1, 0, 40, 1, 4, 0x10, 0x32, 1, 0})
	f.Add(1, []byte{1, 0, 0, 0, 0, 1, 6, 0x00, 0x03, 0x0a, 0x01, 0xff, 0x80})
	f.Add(2, []byte{1, 0, 0, 0, 0, 1, 6, 0x62, 0x01, 0x93, 1, 2, 3, 1, 0, 1, 0, 0, 1, 5, 0x62, 0x01, 0x53, 4, 5})
	names := []string{"H264/90000", "AV1/90000", "H265/90000"}
	f.Fuzz(func(t *testing.T, codec int, data []byte) {
		offer := strings.ReplaceAll(offerOf(), names[0], names[uint(codec)%3])
		registry, err := ingest.NewRegistry([]ingest.Channel{{Name: "show", Open: true, Output: ingesttest.NewRecorder()}}, ingest.Config{})
		if err != nil {
			t.Fatal(err)
		}
		session, err := registry.Admit(ingest.Request{Channel: "show", Protocol: "whip", Remote: "192.0.2.1:1"})
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close(nil)
		in, err := whip.NewIntake(session, offer)
		if err != nil {
			t.Fatal(err)
		}
		play(in, data)
	})
}

// play feeds packets until there are none left or the session is to end.
func play(in *whip.Intake, data []byte) {
	const head = 7
	now := 0
	for len(data) >= head {
		h, rest := data[:head], data[head:]
		payload := rest[:min(int(h[6]), len(rest))]
		data = rest[len(payload):]
		p := &rtp.Packet{Header: rtp.Header{
			Version: 2, Marker: h[5]&1 != 0, SequenceNumber: binary.BigEndian.Uint16(h[1:]),
			Timestamp: uint32(binary.BigEndian.Uint16(h[3:])) * 90,
		}, Payload: payload}
		if h[5]&2 != 0 && p.SetExtension(1, payload[:min(len(payload), 16)]) != nil {
			return
		}
		now += int(h[5] & 0xf0)
		if in.Packet(int(h[0])%in.Streams(), p, at(now)) != nil || in.Tick(at(now+10)) != nil {
			return
		}
	}
	_ = in.Tick(at(now + 10_000)) // an error ends the session
}
