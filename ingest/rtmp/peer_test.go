package rtmp_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/rtmp"
)

// peer is an encoder of which every message is written by hand.
type peer struct {
	t    *testing.T
	conn net.Conn
	in   *message.Reader
	out  *rawmessage.Writer
	sent bytes.Buffer // what has to be sent
}

func dialPeer(t *testing.T, addr string) *peer {
	t.Helper()
	p := &peer{t: t, conn: dialRaw(t, addr)}
	if _, _, err := handshake.DoClient(p.conn, false, false); err != nil {
		t.Fatal(err)
	}
	counter := bytecounter.NewReader(p.conn)
	p.in = message.NewReader(counter, counter, func(uint32) error { return nil })
	p.out = rawmessage.NewWriter(&p.sent, bytecounter.NewWriter(&p.sent), false)
	return p
}

// say sends a message; data messages and media are on stream 1.
func (p *peer) say(m rtmp.Message) {
	p.t.Helper()
	id := map[uint8]byte{8: 4, 9: 6, 18: 4, 15: 4}[m.Kind]
	if id == 0 {
		id = 3
	}
	raw := &rawmessage.Message{ChunkStreamID: id, Type: m.Kind, MessageStreamID: m.Stream << 24,
		Timestamp: time.Duration(m.Time) * ms, Body: m.Body}
	if err := p.out.Write(raw); err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.conn.Write(p.sent.Next(p.sent.Len())); err != nil {
		p.t.Fatal(err)
	}
}

func command(kind uint8, stream uint32, name string, transaction float64, arguments ...any) rtmp.Message {
	m := data(0, append([]any{name, transaction}, arguments...)...)
	if kind == 17 {
		m.Body = append([]byte{0}, m.Body...)
	}
	return rtmp.Message{Kind: kind, Stream: stream, Body: m.Body}
}

// await reads until a command of this name comes.
func (p *peer) await(name string) *message.CommandAMF0 {
	p.t.Helper()
	for {
		m, err := p.in.Read()
		if err != nil {
			p.t.Fatalf("no %s before %v", name, err)
		}
		if c, ok := m.(*message.CommandAMF0); ok && c.Name == name {
			return c
		}
	}
}

func (p *peer) awaitStatus(code string) {
	p.t.Helper()
	for {
		if got, _ := p.await("onStatus").Arguments[1].(amf0.Object).GetString("code"); got == code {
			return
		}
	}
}

func connectTo(kind uint8, app string) rtmp.Message {
	return command(kind, 0, "connect", 1, amf0.Object{{Key: "app", Value: app}, {Key: "tcUrl", Value: "rtmp://localhost/" + app},
		{Key: "type", Value: "nonprivate"}, {Key: "flashVer", Value: "Wirecast/FM 1.0 (compatible; FMSc/1.0)"}})
}

const streamKey = "show:secret-1"

// orders are what encoders say until they may publish, and for what they wait.
var orders = map[string]func(p *peer, kind uint8){
	"OBS": func(p *peer, kind uint8) {
		p.say(rtmp.Message{Kind: 1, Body: []byte{0, 0, 0, 128}})
		p.say(connectTo(kind, "live"))
		p.await("_result")
		p.say(command(kind, 0, "releaseStream", 2, nil, streamKey))
		p.say(command(kind, 0, "FCPublish", 3, nil, streamKey))
		p.say(command(kind, 0, "createStream", 4, nil))
		p.awaitResult(4)
		p.say(command(kind, 1, "publish", 5, nil, streamKey, "live"))
	},
	"ffmpeg": func(p *peer, kind uint8) {
		p.say(connectTo(kind, "live"))
		p.await("_result")
		p.say(command(kind, 0, "releaseStream", 2, nil, streamKey))
		p.say(command(kind, 0, "FCPublish", 3, nil, streamKey))
		p.say(command(kind, 0, "createStream", 4, nil))
		p.say(command(kind, 0, "_checkbw", 5, nil))
		p.awaitResult(4)
		p.say(command(kind, 1, "publish", 6, nil, streamKey, "live"))
	},
	"FMLE and Wirecast": func(p *peer, kind uint8) {
		p.say(connectTo(kind, "live"))
		p.await("_result")
		p.say(command(kind, 0, "releaseStream", 2, nil, streamKey))
		p.await("_result")
		p.say(command(kind, 0, "FCPublish", 3, nil, streamKey))
		p.await("onFCPublish")
		p.say(command(kind, 0, "createStream", 4, nil))
		p.await("_result")
		p.say(plainMetadata)
		p.say(command(kind, 1, "publish", 0, nil, streamKey, "live"))
	},
	"vMix, without waiting": func(p *peer, kind uint8) {
		p.say(connectTo(kind, "live?key=secret-1"))
		p.say(command(kind, 0, "createStream", 2, nil))
		p.say(command(kind, 1, "publish", 3, nil, "show", "live"))
	},
}

var plainMetadata = data(0, "@setDataFrame", "onMetaData", amf0.ECMAArray{{Key: "videocodecid", Value: 7.0}, {Key: "audiocodecid", Value: 10.0}})

// awaitResult reads until this command is answered.
func (p *peer) awaitResult(transaction int) {
	p.t.Helper()
	for p.await("_result").CommandID != transaction {
	}
}

func TestOrdersOfEncoders(t *testing.T) {
	for name, greet := range orders {
		for _, kind := range []uint8{20, 17} {
			t.Run(name, func(t *testing.T) {
				addr, out, _ := start(t, ingest.Config{})
				p := dialPeer(t, addr)
				greet(p, kind)
				p.awaitStatus("NetStream.Publish.Start")
				for _, m := range []rtmp.Message{plainMetadata, avcStart(), aacStart(aac48), avcKey(0), aacFrame(0)} {
					p.say(m)
				}
				h := out.Await(t, "media", func(h ingesttest.Heard) bool { return len(h.Frames) == 2 })
				if got := h.Begins[0].Stats().Link.Encoder; got != "Wirecast/FM 1.0 (compatible; FMSc/1.0)" {
					t.Errorf("IG63 encoder %q", got)
				}
				p.say(command(kind, 0, "FCUnpublish", 7, nil, streamKey))
				p.say(command(kind, 0, "deleteStream", 8, nil, 1.0))
				p.awaitStatus("NetStream.Unpublish.Success")
				h = out.Await(t, "end", func(h ingesttest.Heard) bool { return len(h.Ends) == 1 })
				if h.Ends[0] != nil {
					t.Errorf("IG68 ended with %v", h.Ends[0])
				}
			})
		}
	}
}

func TestMetadataBeforePublishIsKept(t *testing.T) {
	addr, out, _ := start(t, ingest.Config{})
	p := dialPeer(t, addr)
	p.say(connectTo(20, "live"))
	p.say(data(0, "@setDataFrame", "onMetaData", amf0.ECMAArray{{Key: "encoder", Value: "early bird"}}))
	p.say(command(20, 0, "createStream", 2, nil))
	p.say(command(20, 1, "publish", 3, nil, "show:secret-1"))
	p.awaitStatus("NetStream.Publish.Start")
	for _, m := range []rtmp.Message{avcStart(), aacStart(aac48), avcKey(0), aacFrame(0)} {
		p.say(m)
	}
	h := out.Await(t, "media", func(h ingesttest.Heard) bool { return len(h.Frames) == 2 })
	if got := h.Begins[0].Stats().Link.Encoder; got != "early bird" {
		t.Errorf("IG63 encoder %q", got)
	}
}

// published is a peer that may send media.
func published(t *testing.T, addr string) *peer {
	t.Helper()
	p := dialPeer(t, addr)
	p.say(connectTo(20, "live"))
	p.say(command(20, 0, "createStream", 2, nil))
	p.say(command(20, 1, "publish", 3, nil, "show:secret-1"))
	p.awaitStatus("NetStream.Publish.Start")
	return p
}

// An encoder that sends no more than its window without being told that it came
// must get through.
func TestSmallWindow(t *testing.T) {
	const window = 2000
	addr, out, _ := start(t, ingest.Config{})
	p := published(t, addr)
	p.say(rtmp.Message{Kind: 5, Body: []byte{0, 0, window >> 8, window & 0xff}})
	big := append([]byte("\x17\x01\x00\x00\x00\x00\x00\x9c\x42\x65"), make([]byte, 40_001)...)
	for _, m := range []rtmp.Message{avcStart(), aacStart(aac48), videoAt(0, string(big)), aacFrame(0)} {
		raw := &rawmessage.Message{ChunkStreamID: 6, Type: m.Kind, MessageStreamID: 1 << 24, Timestamp: time.Duration(m.Time) * ms, Body: m.Body}
		if err := p.out.Write(raw); err != nil {
			t.Fatal(err)
		}
	}
	for p.sent.Len() > 0 {
		n, err := p.conn.Write(p.sent.Next(window))
		if err != nil {
			t.Fatal(err)
		}
		for n == window { // the window is used up
			m, err := p.in.Read()
			if err != nil {
				t.Fatalf("IG65 no acknowledgement: %v", err)
			}
			if _, ok := m.(*message.Acknowledge); ok {
				break
			}
		}
	}
	out.Await(t, "the large frame", func(h ingesttest.Heard) bool { return len(h.Frames) == 2 })
}

func TestPingIsAnswered(t *testing.T) {
	addr, _, _ := start(t, ingest.Config{})
	p := dialPeer(t, addr)
	p.say(connectTo(20, "live"))
	p.say(rtmp.Message{Kind: 4, Body: []byte{0, 6, 1, 2, 3, 4}})
	p.say(rtmp.Message{Kind: 4, Body: []byte{0, 99}})
	for {
		m, err := p.in.Read()
		if err != nil {
			t.Fatal(err)
		}
		if pong, ok := m.(*message.UserControlPingResponse); ok {
			if pong.ServerTime != 0x01020304 {
				t.Errorf("pong %x", pong.ServerTime)
			}
			return
		}
	}
}

func TestDataOfOtherKindsEndsNothing(t *testing.T) {
	var server *rtmp.Server
	addr, out, _ := startWith(t, ingest.Config{}, func(t *testing.T, registry *ingest.Registry, log *slog.Logger) (string, ingesttest.Service) {
		addr, service := serve(t, registry, log)
		server = service.(*rtmp.Server)
		return addr, service
	})
	p := published(t, addr)
	for _, m := range []rtmp.Message{avcStart(), aacStart(aac48), avcKey(0), aacFrame(0),
		{Kind: 15, Stream: 1, Body: []byte{3, 1, 2}}, {Kind: 17, Stream: 1, Body: []byte{3, 1, 2}}, {Kind: 16, Body: []byte{1}}, {Kind: 19},
		{Kind: 18, Stream: 1, Body: []byte{0xff}}, {Kind: 20, Body: []byte{0xff}}, {Kind: 22, Stream: 1}, {Kind: 3, Body: []byte{0, 0, 0, 1}}, {Kind: 7, Body: []byte{1}}, avcNext(40)} {
		p.say(m)
	}
	out.Await(t, "the last frame", func(h ingesttest.Heard) bool { return len(h.Frames) == 3 })
	if n := server.Ignored(); n != 2 {
		t.Errorf("IG63 %d counted as ignored, want 2", n)
	}
}

// bomb is a connection of which one read panics once it is armed.
type bomb struct {
	net.Conn
	armed *atomic.Bool
}

func (b bomb) Read(p []byte) (int, error) {
	if b.armed.CompareAndSwap(true, false) {
		panic("boom")
	}
	return b.Conn.Read(p)
}

// mined is a listener whose connections are bombs.
type mined struct {
	net.Listener
	armed atomic.Bool
}

func (m *mined) Accept() (net.Conn, error) {
	c, err := m.Listener.Accept()
	return bomb{c, &m.armed}, err
}

func TestPanicEndsOneConnection(t *testing.T) {
	var log lockedBuffer
	ln := &mined{Listener: listen(t)}
	addr, out, _ := startWith(t, ingest.Config{}, func(_ *testing.T, registry *ingest.Registry, _ *slog.Logger) (string, ingesttest.Service) {
		return ln.Addr().String(), &rtmp.Server{Listener: ln, Registry: registry, Log: slog.New(slog.NewTextHandler(&log, nil))}
	})
	ln.armed.Store(true)
	if _, err := io.ReadAll(dialRaw(t, addr)); isTimeout(err) {
		t.Error("IG19 still open")
	}
	if text := log.String(); !strings.Contains(text, "connection panicked") || !strings.Contains(text, "peer_test.go") {
		t.Errorf("IG19 no stack in the log: %s", text)
	}
	p := published(t, addr)
	for _, m := range []rtmp.Message{avcStart(), aacStart(aac48), avcKey(0), aacFrame(0)} {
		p.say(m)
	}
	out.Await(t, "media", func(h ingesttest.Heard) bool { return len(h.Frames) == 2 })
	ln.armed.Store(true)
	p.say(avcNext(40)) // the read that waits returns, the one after it panics
	p.awaitStatus("NetStream.Publish.Rejected")
	h := out.Await(t, "end", func(h ingesttest.Heard) bool { return len(h.Ends) == 1 })
	if ingest.CodeOf(h.Ends[0]) != ingest.CodeMalformed {
		t.Errorf("IG19 ended with %v", h.Ends[0])
	}
}

// lockedBuffer is written by a server while a test reads it.
type lockedBuffer struct {
	mu  sync.Mutex // protects buf
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestUnknownKindOfMessageIsMalformed(t *testing.T) {
	addr, out, _ := start(t, ingest.Config{})
	p := published(t, addr)
	for _, m := range []rtmp.Message{avcStart(), aacStart(aac48), avcKey(0), aacFrame(0), {Kind: 99}} {
		p.say(m)
	}
	p.awaitStatus("NetStream.Publish.Rejected")
	h := out.Await(t, "end", func(h ingesttest.Heard) bool { return len(h.Ends) == 1 })
	if ingest.CodeOf(h.Ends[0]) != ingest.CodeMalformed {
		t.Errorf("IG7 ended with %v", h.Ends[0])
	}
}

// Bytes that come one by one are a stream like any other.
func TestTrickledBytes(t *testing.T) {
	addr, out, _ := start(t, ingest.Config{})
	p := published(t, addr)
	for _, m := range []rtmp.Message{avcStart(), aacStart(aac48), avcKey(0), aacFrame(0)} {
		raw := &rawmessage.Message{ChunkStreamID: 6, Type: m.Kind, MessageStreamID: 1 << 24, Body: m.Body}
		if err := p.out.Write(raw); err != nil {
			t.Fatal(err)
		}
	}
	_ = p.conn.(*net.TCPConn).SetNoDelay(true)
	for _, b := range p.sent.Bytes() {
		if _, err := p.conn.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	out.Await(t, "media", func(h ingesttest.Heard) bool { return len(h.Frames) == 2 })
}

// A frame may be as large as a message can be.
func TestHugeMessage(t *testing.T) {
	addr, out, _ := start(t, ingest.Config{MaxBitrate: 400_000_000})
	p := published(t, addr)
	for _, m := range []rtmp.Message{avcStart(), aacStart(aac48), avcKey(0), aacFrame(0)} {
		p.say(m)
	}
	p.say(rtmp.Message{Kind: 1, Body: []byte{0x7f, 0xff, 0xff, 0xff}})
	p.out.SetChunkSize(1 << 24)
	huge := append([]byte("\x17\x01\x00\x00\x00\x00\xff\xff\xf6\x65"), make([]byte, 1<<24-1-10)...)
	p.say(videoAt(40, string(huge)))
	h := out.Await(t, "the huge frame", func(h ingesttest.Heard) bool { return len(h.Frames) == 3 })
	if n := h.Frames[2].Size(); n != 1<<24-10 {
		t.Errorf("IG67 %d bytes", n)
	}
}

func TestMessageThatNeverComes(t *testing.T) {
	addr, out, _ := start(t, ingest.Config{Stall: 200 * ms})
	p := published(t, addr)
	for _, m := range []rtmp.Message{avcStart(), aacStart(aac48), avcKey(0), aacFrame(0)} {
		p.say(m)
	}
	_, _ = p.conn.Write([]byte{0x06, 0, 0, 80, 0xff, 0xff, 0xff, 9, 1, 0, 0, 0, 0x17})
	h := out.Await(t, "end", func(h ingesttest.Heard) bool { return len(h.Ends) == 1 })
	if ingest.CodeOf(h.Ends[0]) != ingest.CodeStalled {
		t.Errorf("IG23 ended with %v", h.Ends[0])
	}
}

func TestRTMPEIsRefused(t *testing.T) {
	addr, _, registry := start(t, ingest.Config{Handshake: 5 * time.Second})
	c := dialRaw(t, addr)
	if _, _, err := handshake.DoClient(c, true, false); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); isTimeout(err) {
		t.Error("still open")
	}
	if n := registry.Counters().Refused[ingest.CodeMalformed]; n != 1 {
		t.Errorf("IG60 %d refused", n)
	}
}
