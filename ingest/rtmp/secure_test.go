package rtmp_test

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
)

// encoderLink is what a server knows of the way from ffmpeg.
func encoderLink(t *testing.T, scheme string, server serverFunc) (ingest.Info, ingest.Link) {
	t.Helper()
	addr, out, _ := startWith(t, ingest.Config{}, server)
	ingesttest.Start(t, append(ingesttest.Everything(), flv(scheme+"://"+addr+"/live/show:secret-1")...)...)
	h := out.Await(t, "media", func(h ingesttest.Heard) bool { return len(h.Frames) > 10 })
	return h.Begins[0], h.Begins[0].Stats().Link
}

func TestLink(t *testing.T) {
	for scheme, tc := range map[string]struct {
		server     serverFunc
		encryption string
	}{"rtmp": {serve, ""}, "rtmps": {serveTLS, "TLS"}} {
		info, link := encoderLink(t, scheme, tc.server)
		if info.Protocol != scheme || link.Encryption != tc.encryption {
			t.Errorf("IG60 %s: protocol %s, encryption %q", scheme, info.Protocol, link.Encryption)
		}
		if !strings.HasPrefix(link.Encoder, "Lavf") {
			t.Errorf("IG63 encoder %q", link.Encoder)
		}
		known := runtime.GOOS != "linux" || link.RTT > 0
		if !known || link.RTT > time.Second || link.Loss != -1 {
			t.Errorf("IG69 %s: round trip %v, loss %v", scheme, link.RTT, link.Loss)
		}
	}
}

// dialRaw connects without saying anything.
func dialRaw(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

func TestPlainRTMPOnTheSecurePort(t *testing.T) {
	addr, _, registry := startWith(t, ingest.Config{}, serveTLS)
	c := dialRaw(t, addr)
	_, _ = c.Write(append([]byte{3}, make([]byte, 1536)...))
	if _, err := io.ReadAll(c); isTimeout(err) {
		t.Error("IG60 still open")
	}
	if n := registry.Counters().Refused[ingest.CodeMalformed]; n != 1 {
		t.Errorf("IG60 %d refused", n)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	addr, _, _ := startWith(t, ingest.Config{}, serveTLS)
	c := tls.Client(dialRaw(t, addr), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err := c.Handshake(); err == nil || isTimeout(err) {
		t.Errorf("IG60 TLS 1.1: %v", err)
	}
}

func TestSlowTLSHandshake(t *testing.T) {
	addr, _, registry := startWith(t, ingest.Config{Handshake: 50 * ms}, serveTLS)
	c := dialRaw(t, addr)
	_, _ = c.Write([]byte{22, 3, 1}) // the beginning of a record
	if _, err := io.ReadAll(c); isTimeout(err) {
		t.Error("IG22 still open after 10s")
	}
	if n := registry.Counters().Refused[ingest.CodeTimeout]; n != 1 {
		t.Errorf("IG22 %d refused", n)
	}
}
