package srt_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datarhei/gosrt/circular"
	"github.com/datarhei/gosrt/packet"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/srt"
)

// running is a server with a channel show that is open and a channel vault
// that asks for a passphrase.
type running struct {
	addr        string
	registry    *ingest.Registry
	show, vault *ingesttest.Recorder
	log         *lines
}

// lines is a log that tests read while it is written.
type lines struct {
	mu  sync.Mutex // protects buf
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

const (
	vaultKey   = "tumbleweed-38"
	passphrase = "correct-horse-battery"
)

func start(t *testing.T, latency time.Duration, show ingest.Output) *running {
	t.Helper()
	r := &running{show: ingesttest.NewRecorder(), vault: ingesttest.NewRecorder(), log: new(lines)}
	if show == nil {
		show = r.show
	}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	r.registry, err = ingest.NewRegistry([]ingest.Channel{
		{Name: "show", Open: true, Output: show},
		{Name: "vault", Key: vaultKey, Passphrase: passphrase, Output: r.vault},
	}, ingest.Config{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := srt.Listen("127.0.0.1:0", latency)
	if err != nil {
		t.Fatal(err)
	}
	r.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- (&srt.Server{Listener: ln, Registry: r.registry, Log: log}).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		for _, secret := range []string{vaultKey, passphrase} {
			if strings.Contains(r.log.String(), secret) {
				t.Errorf("IG17 the log holds %q:\n%s", secret, r.log.String())
			}
		}
		if t.Failed() {
			t.Logf("log:\n%s", r.log.String())
		}
	})
	return r
}

// wire is a caller by hand.
type wire struct {
	t testing.TB
	net.Conn
}

func (r *running) dial(t testing.TB) wire {
	t.Helper()
	c, err := net.Dial("udp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return wire{t, c}
}

const socketID = 0x1234567

// hello is a handshake as libraries send it.
func hello(kind packet.HandshakeType, cookie uint32, change func(*packet.CIFHandshake)) []byte {
	h := &packet.CIFHandshake{
		IsRequest: true, Version: 4, ExtensionField: 2,
		InitialPacketSequenceNumber: circular.New(77, maxSeq),
		MaxTransmissionUnitSize:     1500, MaxFlowWindowSize: 8192,
		HandshakeType: kind, SRTSocketId: socketID, SynCookie: cookie,
	}
	if kind == packet.HSTYPE_CONCLUSION {
		h.Version, h.HasHS, h.HasSID, h.StreamId = 5, true, true, "publish:show"
		h.SRTHS = &packet.CIFHandshakeExtension{SRTVersion: 0x010500, SendTSBPDDelay: 300, SRTFlags: packet.CIFHandshakeExtensionFlags{
			TSBPDSND: true, TSBPDRCV: true, CRYPT: true, TLPKTDROP: true, PERIODICNAK: true, REXMITFLG: true}}
	}
	if change != nil {
		change(h)
	}
	var body bytes.Buffer
	_ = h.Marshal(&body)
	datagram := make([]byte, 16, 16+body.Len())
	datagram[0] = 0x80
	return append(datagram, body.Bytes()...)
}

// ask sends a datagram and returns the handshake that answers, and its length.
func (w wire) ask(datagram []byte) (*packet.CIFHandshake, int) {
	w.t.Helper()
	if _, err := w.Write(datagram); err != nil {
		w.t.Fatal(err)
	}
	return w.answer()
}

func (w wire) answer() (*packet.CIFHandshake, int) {
	w.t.Helper()
	_ = w.SetReadDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 2048)
	for {
		n, err := w.Read(buf)
		if err != nil {
			w.t.Fatal(err)
		}
		if binary.BigEndian.Uint32(buf) != 1<<31 || binary.BigEndian.Uint32(buf[12:]) != socketID {
			continue // not a handshake
		}
		var h packet.CIFHandshake
		if err := h.Unmarshal(buf[16:n]); err != nil {
			w.t.Fatal(err)
		}
		return &h, n
	}
}

// cookie goes through the first half of a handshake.
func (w wire) cookie() uint32 {
	w.t.Helper()
	request := hello(packet.HSTYPE_INDUCTION, 0, nil)
	h, n := w.ask(request)
	if n > len(request) {
		w.t.Errorf("IG21 %d bytes were answered with %d", len(request), n)
	}
	if h.Version != 5 || h.SynCookie == 0 {
		w.t.Fatalf("induction answered with %+v", h)
	}
	return h.SynCookie
}

func TestHandshake(t *testing.T) {
	r := start(t, 0, nil)
	w := r.dial(t)
	conclusion := hello(packet.HSTYPE_CONCLUSION, w.cookie(), nil)
	first, _ := w.ask(conclusion)
	if first.HandshakeType != packet.HSTYPE_CONCLUSION || first.SRTHS.RecvTSBPDDelay != 300 {
		t.Fatalf("IG52 answered with %+v, want the caller's 300 ms", first)
	}
	again, _ := w.ask(conclusion) // the answer was lost
	if again.SRTSocketId != first.SRTSocketId || again.SRTSocketId == 0 {
		t.Errorf("asked twice, answered with sockets %d and %d", first.SRTSocketId, again.SRTSocketId)
	}
	if n := r.registry.Counters().Live; n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
}

func TestLatencyHasBounds(t *testing.T) {
	for _, tc := range []struct {
		name         string
		ours         time.Duration
		theirs, want uint16 // ms
	}{
		{"IG52 too large", 0, 30_000, 8_000},
		{"IG52 ours too small", time.Millisecond, 0, 20},
		{"IG52 ours too large", time.Minute, 0, 8_000},
		{"IG52 none given", 0, 0, 120},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := start(t, tc.ours, nil).dial(t)
			h, _ := w.ask(hello(packet.HSTYPE_CONCLUSION, w.cookie(), func(h *packet.CIFHandshake) { h.SRTHS.SendTSBPDDelay = tc.theirs }))
			if h.SRTHS == nil || h.SRTHS.RecvTSBPDDelay != tc.want {
				t.Errorf("answered with %+v, want %d ms", h.SRTHS, tc.want)
			}
		})
	}
}

func TestHandshakesThatCannotBe(t *testing.T) {
	r := start(t, 0, nil)
	for _, tc := range []struct {
		name   string
		change func(*packet.CIFHandshake)
		reason uint32
		code   ingest.Code
	}{
		{"IG26 asks to play", func(h *packet.CIFHandshake) { h.StreamId = "request:show" }, 1405, ingest.CodeMode},
		{"IG51 no stream id", func(h *packet.CIFHandshake) { h.StreamId = "" }, 1400, ingest.CodeMalformed},
		{"IG51 stream id in braces", func(h *packet.CIFHandshake) { h.StreamId = "#!:{r=show}" }, 1400, ingest.CodeMalformed},
		{"IG3 unknown channel", func(h *packet.CIFHandshake) { h.StreamId = "publish:shoe:x" }, 1404, ingest.CodeUnknownChannel},
		{"IG50 no passphrase", func(h *packet.CIFHandshake) { h.StreamId = "publish:vault:" + vaultKey }, 11, ingest.CodeWrongPassphrase},
		{"IG50 no passphrase and no key either", func(h *packet.CIFHandshake) { h.StreamId = "publish:vault:x" }, 11, ingest.CodeWrongPassphrase},
		{"IG7 files", func(h *packet.CIFHandshake) { h.SRTHS.SRTFlags.STREAM = true }, 12, ingest.CodeMalformed},
		{"IG7 no extensions", func(h *packet.CIFHandshake) { h.HasHS = false }, 8, ingest.CodeMalformed},
		{"IG7 datagrams that are too large", func(h *packet.CIFHandshake) { h.MaxTransmissionUnitSize = 9000 }, 4, ingest.CodeMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := r.dial(t)
			before := r.registry.Counters().Refused[tc.code]
			h, _ := w.ask(hello(packet.HSTYPE_CONCLUSION, w.cookie(), tc.change))
			if got := h.HandshakeType.Val(); got != 1000+tc.reason {
				t.Errorf("refused with %d, want %d", got, 1000+tc.reason)
			}
			if got := r.registry.Counters().Refused[tc.code]; got != before+1 {
				t.Errorf("not counted as %s: %+v", tc.code, r.registry.Counters())
			}
		})
	}
}

// TestHandshakesThatAreCutShort sends what the library's parser trips over.
func TestHandshakesThatAreCutShort(t *testing.T) {
	r := start(t, 0, nil)
	w := r.dial(t)
	whole := hello(packet.HSTYPE_CONCLUSION, w.cookie(), nil)
	const fixed = 16 + 48 // header and handshake; extensions follow
	for n := range whole {
		if n > 44 {
			binary.BigEndian.PutUint32(whole[16+24:], uint32(n)) // another caller each time
		}
		if _, err := w.Write(whole[:n]); err != nil {
			t.Fatal(err)
		}
	}
	w.cookie() // everything before has been read
	// An extension's head, and the first half of its body: both end wrong.
	if n := r.registry.Counters().Refused[ingest.CodeMalformed]; n < uint64(len(whole)-fixed)/2 {
		t.Errorf("IG19 counted %d of %d", n, len(whole)-fixed)
	}
}

func TestWithoutACookieNothingIsAnswered(t *testing.T) {
	r := start(t, 0, nil)
	w := r.dial(t)
	cookie := w.cookie()
	for n := range uint32(50) {
		if _, err := w.Write(hello(packet.HSTYPE_CONCLUSION, cookie+1+n, nil)); err != nil {
			t.Fatal(err)
		}
	}
	h, _ := w.ask(hello(packet.HSTYPE_INDUCTION, 0, nil))
	if h.HandshakeType != packet.HSTYPE_INDUCTION { // the first answer is that to the last question
		t.Errorf("IG21 answered with %+v", h)
	}
	if c := r.registry.Counters(); c.Live != 0 || len(c.Refused) != 0 {
		t.Errorf("IG21 counters = %+v", c)
	}
}

// TestFloodFromOneAddress asks with many sockets at once.
func TestFloodFromOneAddress(t *testing.T) {
	stuck := &waits{Recorder: ingesttest.NewRecorder(), in: make(chan struct{}), out: make(chan struct{})}
	r := start(t, 0, stuck)
	defer close(stuck.out)
	w := r.dial(t)
	cookie := w.cookie()
	const sockets = 500
	for n := range uint32(sockets) {
		datagram := hello(packet.HSTYPE_CONCLUSION, cookie, func(h *packet.CIFHandshake) { h.SRTSocketId = socketID + 1 + n })
		if _, err := w.Write(datagram); err != nil {
			t.Fatal(err)
		}
	}
	late := time.After(10 * time.Second)
	for {
		c := r.registry.Counters()
		if c.Live == 1 && c.Refused[ingest.CodeBusy]+c.Refused[ingest.CodeFull] >= sockets/5 {
			return // the kernel drops many of a burst
		}
		select {
		case <-late:
			t.Fatalf("IG21 counters = %+v", c)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// FuzzHandshake sends a server anything in place of a handshake.
func FuzzHandshake(f *testing.F) {
	f.Add(hello(packet.HSTYPE_INDUCTION, 0, nil)[16:])
	f.Add(hello(packet.HSTYPE_CONCLUSION, 0, nil)[16:])
	f.Add(hello(packet.HSTYPE_CONCLUSION, 0, nil)[16:66])
	f.Add(hello(packet.HSTYPE_CONCLUSION, 0, func(h *packet.CIFHandshake) {
		h.HasKM, h.EncryptionField = true, 2
		h.SRTKM = &packet.CIFKeyMaterialExtension{KLen: 16, SLen: 16, Salt: make([]byte, 16), Wrap: make([]byte, 24)}
	})[16:])
	greet := srt.Greeter(f)
	f.Fuzz(func(t *testing.T, body []byte) { greet(body) })
}
