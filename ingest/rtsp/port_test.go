package rtsp_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/rtsp"
	"github.com/cuelight/cuelight/internal/media"
)

const patience = 10 * time.Second

// port is a running server.
type port struct {
	addr     string
	registry *ingest.Registry
	log      *lines
}

// lines is a log that tests read while it is written.
type lines struct {
	mu  sync.Mutex // protects buf
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// open runs a server with an open channel for each output.
func open(t testing.TB, cfg ingest.Config, outputs map[string]ingest.Output) *port {
	t.Helper()
	p := &port{log: new(lines)}
	cfg.Log = slog.New(slog.NewTextHandler(p.log, nil))
	var channels []ingest.Channel
	for name, out := range outputs {
		channels = append(channels, ingest.Channel{Name: name, Open: true, Output: out})
	}
	var err error
	if p.registry, err = ingest.NewRegistry(channels, cfg); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = ln.Addr().String()
	server := &rtsp.Server{Listener: ln, Registry: p.registry, Log: cfg.Log}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if live := p.registry.Counters().Live; live != 0 {
			t.Errorf("IG11 %d sessions left when the server had stopped", live)
		}
	})
	return p
}

// say sends text and returns what is answered until the server hangs up or, if
// lines is positive, that many lines.
func (p *port) say(t testing.TB, text string, lines int) string {
	t.Helper()
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(c, text) // the server may hang up before it is all sent
	r, got := bufio.NewReader(c), ""
	for n := 0; lines == 0 || n < lines; n++ {
		line, err := r.ReadString('\n')
		got += line
		if errors.Is(err, io.EOF) || err != nil && n > 0 {
			break
		}
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			t.Fatalf("no answer and no end within %v", patience)
		}
		if err != nil {
			break
		}
	}
	return got
}

func request(method, url, more, body string) string {
	if body != "" {
		more += fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n", len(body))
	}
	return fmt.Sprintf("%s %s RTSP/1.0\r\nCSeq: 1\r\n%s\r\n%s", method, url, more, body)
}

func TestRefusals(t *testing.T) {
	const url = "rtsp://localhost/show"
	for _, tc := range []struct {
		name, send, want string
		code             ingest.Code
	}{
		{"IG26 DESCRIBE", request("DESCRIBE", url, "", ""), "405 this port takes streams in", ingest.CodeMode},
		{"IG26 SETUP without ANNOUNCE", request("SETUP", url+"/trackID=0", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", ""),
			"405 this port takes streams in", ingest.CodeMode},
		{"IG26 PLAY", request("PLAY", url, "", ""), "405 this port takes streams in", ingest.CodeMode},
		{"IG7 no description", request("ANNOUNCE", url, "", "x"), "400 the session description cannot be used", ingest.CodeMalformed},
		{"IG7 packetization mode 0", request("ANNOUNCE", url, "", strings.Replace(announced, "packetization-mode=1", "packetization-mode=0", 1)),
			"400 the session description cannot be used", ingest.CodeMalformed},
		{"IG7 no AAC configuration", request("ANNOUNCE", url, "", strings.Replace(announced, "config=1190", "config=zz", 1)),
			"400 the session description cannot be used", ingest.CodeMalformed},
		{"IG5 a codec", request("ANNOUNCE", url, "", strings.Replace(announced, "H264", "VP8", 1)), "415 ", ingest.CodeUnsupportedCodec},
		{"IG7 no CSeq", "OPTIONS * RTSP/1.0\r\n\r\n", "400 ", ingest.CodeMalformed},
		{"IG7 HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "", ingest.CodeMalformed},
		{"IG7 RTSP in HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-rtsp-tunnelled\r\nX-Sessioncookie: a\r\n\r\n", "", ingest.CodeMalformed},
		{"IG25 a line too long", "OPTIONS rtsp://" + strings.Repeat("a", 3000) + " RTSP/1.0\r\n\r\n", "", ingest.CodeMalformed},
		{"IG25 too much before anybody is admitted", strings.Repeat("a", 65<<10), "", ingest.CodeMalformed},
		{"IG25 a body too long", "ANNOUNCE " + url + " RTSP/1.0\r\nContent-Length: 131073\r\n\r\n", "", ingest.CodeMalformed},
		{"IG7 a body of negative size", "ANNOUNCE " + url + " RTSP/1.0\r\nContent-Length: -1\r\n\r\n", "", ingest.CodeMalformed},
		{"IG7 a packet before any request", "$\x00\x00\x01x", "", ingest.CodeMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out := ingesttest.NewRecorder()
			p := open(t, ingest.Config{}, map[string]ingest.Output{"show": out})
			got := p.say(t, tc.send, 0)
			if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
				t.Errorf("answer = %q, want %q", got, tc.want)
			}
			await(t, "count", func() bool { return p.registry.Counters().Refused[tc.code] == 1 })
		})
	}
}

// await looks until what the server does after it has hung up is done.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("no %s within %v", what, patience)
		}
	}
}

func TestSilentConnectionsEnd(t *testing.T) {
	p := open(t, ingest.Config{Handshake: 50 * time.Millisecond}, map[string]ingest.Output{"show": ingesttest.NewRecorder()})
	if got := p.say(t, "OPT", 0); got != "" {
		t.Errorf("IG22 answer = %q, want the end", got)
	}
}

func TestAdmittedPublishersWithoutMediaEnd(t *testing.T) {
	p := open(t, ingest.Config{Handshake: 50 * time.Millisecond}, map[string]ingest.Output{"show": ingesttest.NewRecorder()})
	if got := p.say(t, request("ANNOUNCE", "rtsp://localhost/show", "", announced), 0); !strings.Contains(got, "200 OK") {
		t.Errorf("answer = %q", got)
	}
	await(t, "count", func() bool { return p.registry.Counters().Refused[ingest.CodeTimeout] == 1 })
}

// publish is one H.264 track from the library's own client.
type publish struct {
	t      *testing.T
	client *gortsplib.Client
	medium *description.Media
	sender
}

func (p *port) publish(t *testing.T, channel string, transport gortsplib.Protocol) *publish {
	t.Helper()
	sps := []byte{0x67, 0x42, 0xc0, 0x0b, 0xda, 0x0a, 0x37, 0xe4, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xca, 0x3c, 0x50, 0xaa, 0x80}
	return p.publishFormat(t, channel, transport, &format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: sps, PPS: []byte{0x68, 0xce, 0x0f, 0xc8}})
}

func (p *publish) send(packets ...*rtp.Packet) {
	p.t.Helper()
	for _, r := range packets {
		if err := p.client.WritePacketRTP(p.medium, r); err != nil {
			p.t.Fatal(err)
		}
	}
}

// begin sends pictures until the session has begun: time must pass first.
func (p *publish) begin(out *ingesttest.Recorder) (ts uint32) {
	p.t.Helper()
	await(p.t, "begin", func() bool {
		_ = p.client.WritePacketRTP(p.medium, p.rtp(ts, true, 0x65, 0x88)) // fails once the server has ended it
		ts += 90
		return len(out.Heard().Begins) == 1
	})
	return ts
}

func TestDatagramsArePutInOrder(t *testing.T) {
	out := ingesttest.NewRecorder()
	p := open(t, ingest.Config{}, map[string]ingest.Output{"show": out}).publish(t, "show", gortsplib.ProtocolUDP)
	ts := p.begin(out) + 9000
	a, b, c := p.rtp(ts, true, 0x65, 1), p.rtp(ts+900, true, 0x41, 2), p.rtp(ts+1800, true, 0x41, 3)
	last := func(n int) func(ingesttest.Heard) bool {
		return func(h ingesttest.Heard) bool {
			f := h.Of(media.Video)
			return len(f) > 0 && f[len(f)-1].Units[0][1] == byte(n)
		}
	}
	p.send(a, c, b, b)
	h := out.Await(t, "all three", last(3))
	frames := h.Of(media.Video)
	if got := frames[len(frames)-2]; got.Units[0][1] != 2 {
		t.Errorf("IG34 before the last frame came %+v", got)
	}
	lost := p.rtp(ts+2700, true, 0x41, 4)
	for i := range 65 {
		p.send(p.rtp(ts+3600+uint32(i)*90, true, 0x65, 100+byte(i)))
	}
	h = out.Await(t, "what follows a lost packet", last(164))
	for _, f := range h.Of(media.Video) {
		if f.Units[0][1] == lost.Payload[1] {
			t.Errorf("IG34 a packet came that was never sent")
		}
	}
}

// holding is an output that does not return before it may.
type holding struct {
	*ingesttest.Recorder
	release chan struct{}
}

func (h *holding) Write(f media.Frame) error {
	<-h.release
	return h.Recorder.Write(f)
}

func TestASlowOutputHoldsNobodyElseUp(t *testing.T) {
	slow := &holding{ingesttest.NewRecorder(), make(chan struct{})}
	out := ingesttest.NewRecorder()
	p := open(t, ingest.Config{}, map[string]ingest.Output{"slow": slow, "show": out})
	defer close(slow.release)
	first := p.publish(t, "slow", gortsplib.ProtocolUDP)
	ts := first.begin(slow.Recorder)
	for i := range uint32(3000) { // more than is queued
		first.send(first.rtp(ts+i*90, true, 0x65, 0x88))
	}
	second := p.publish(t, "show", gortsplib.ProtocolUDP)
	second.begin(out)
}

// broken is an output in which the session's goroutine panics.
type broken struct{ *ingesttest.Recorder }

func (broken) Write(media.Frame) error { panic("a frame like no other") }

func TestAPanicEndsOneSession(t *testing.T) {
	bad := broken{ingesttest.NewRecorder()}
	out := ingesttest.NewRecorder()
	p := open(t, ingest.Config{}, map[string]ingest.Output{"bad": bad, "show": out})
	second := p.publish(t, "show", gortsplib.ProtocolTCP)
	ts := second.begin(out)
	first := p.publish(t, "bad", gortsplib.ProtocolTCP)
	first.begin(bad.Recorder)
	h := bad.Await(t, "end", func(h ingesttest.Heard) bool { return len(h.Ends) == 1 })
	if ingest.CodeOf(h.Ends[0]) != ingest.CodeMalformed || !strings.Contains(p.log.String(), "a frame like no other") {
		t.Errorf("IG19 end = %v, log:\n%s", h.Ends[0], p.log.String())
	}
	before := len(out.Heard().Frames)
	second.send(second.rtp(ts, true, 0x65, 1))
	h = out.Await(t, "frames of the other", func(h ingesttest.Heard) bool { return len(h.Frames) > before })
	if len(h.Ends) != 0 {
		t.Errorf("IG19 the other session ended: %v", h.Ends)
	}
}

func TestAUDPPublisherThatIsCutOffEndsAtOnce(t *testing.T) {
	out := ingesttest.NewRecorder()
	p := open(t, ingest.Config{Stall: time.Hour}, map[string]ingest.Output{"show": out})
	e := ingesttest.Start(t, append(ingesttest.Everything(), over("udp", "rtsp://"+p.addr+"/show")...)...)
	out.Await(t, "media", func(h ingesttest.Heard) bool { return len(h.Of(media.Audio)) > 5 })
	e.Kill()
	if h := out.Await(t, "end", func(h ingesttest.Heard) bool { return len(h.Ends) == 1 }); h.Ends[0] != nil {
		t.Errorf("IG6 end = %v", h.Ends[0])
	}
}

// FuzzPort sends bytes where media are due, after a real ANNOUNCE, SETUP and
// RECORD.
func FuzzPort(f *testing.F) {
	f.Add([]byte("$\x00\x00\x0c\x80\xe0\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("$\x01\x00\x04\x80\xc8\x00\x06$\x02\xff\xff"))
	f.Add([]byte("$\x00\x00\x0e\x9f\xe0\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff"))
	f.Add([]byte("$\x02\x00\x10\x80\xe1\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x10"))
	f.Add([]byte("TEARDOWN rtsp://h/show RTSP/1.0\r\nCSeq: 9\r\n\r\nANNOUNCE rtsp://h/show RTSP/1.0\r\nCSeq: 10\r\n\r\n"))
	f.Add([]byte("PAUSE rtsp://h/show RTSP/1.0\r\nCSeq: 9\r\n\r\nRECORD rtsp://h/show RTSP/1.0\r\nCSeq: 9\r\n\r\n"))
	f.Add([]byte("SETUP rtsp://h/show/streamid=0 RTSP/1.0\r\nCSeq: 9\r\nTransport: RTP/AVP;client_port=0-0\r\n\r\n"))
	f.Add([]byte("RTSP/1.0 200 OK\r\n\r\n"))
	p := open(f, ingest.Config{}, map[string]ingest.Output{"show": ingesttest.NewRecorder()})
	const url = "rtsp://localhost/show"
	var begin string
	begin += request("ANNOUNCE", url, "", announced)
	begin += request("SETUP", url+"/streamid=0", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n", "")
	begin += request("SETUP", url+"/streamid=1", "Transport: RTP/AVP/TCP;unicast;interleaved=2-3;mode=record\r\n", "")
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(c, begin)
		r := bufio.NewReader(c)
		var session string
		for ends := 0; ends < 3; { // answers
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if id, ok := strings.CutPrefix(line, "Session: "); ok {
				session, _, _ = strings.Cut(strings.TrimSpace(id), ";")
			}
			if line == "\r\n" {
				ends++
			}
		}
		_, _ = io.WriteString(c, request("RECORD", url, "Session: "+session+"\r\n", ""))
		_, _ = c.Write(data)
		c.Close()
		if got := p.say(t, request("OPTIONS", url, "", ""), 1); !strings.Contains(got, "200 OK") {
			t.Errorf("IG7 then OPTIONS is answered %q", got)
		}
		await(t, "end", func() bool { return p.registry.Counters().Live == 0 })
	})
}
