package origin_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/cuelight/cuelight/packager/origin"
)

// Types of frames. Spec: RFC 9113 §6.
const (
	frameHeaders  = 1
	frameReset    = 3
	frameSettings = 4
)

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(b, stream), payload...)
}

func readFrame(r io.Reader) (kind byte, stream uint32, err error) {
	var head [9]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, 0, err
	}
	length := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
	_, err = io.CopyN(io.Discard, r, length)
	return head[3], binary.BigEndian.Uint32(head[5:]), err
}

// get is the header block of a request.
func get(t *testing.T, path string) []byte {
	t.Helper()
	var block bytes.Buffer
	encode := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "x"}, {":path", path}} {
		if err := encode.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			t.Fatal(err)
		}
	}
	return block.Bytes()
}

// TestSlowStreamIsGivenUp has a viewer on HTTP/2 that reads its connection but
// never makes room for the media of one request.
func TestSlowStreamIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := seven(t, origin.Config{WriteTimeout: 4 * time.Second})
		l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		var protocols http.Protocols
		protocols.SetUnencryptedHTTP2(true)
		server := &http.Server{Handler: s.o, Protocols: &protocols}
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(l) }()
		ours, theirs := net.Pipe()
		l.conns <- theirs

		reset := make(chan time.Duration, 1)
		read := make(chan error, 1)
		start := time.Now()
		go func() {
			for {
				kind, stream, err := readFrame(ours)
				if err != nil {
					read <- err
					return
				}
				if kind == frameReset && stream == 1 {
					reset <- time.Since(start)
				}
			}
		}()
		const noWindow = "\x00\x04\x00\x00\x00\x00" // SETTINGS_INITIAL_WINDOW_SIZE
		hello := append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(frameSettings, 0, 0, []byte(noWindow))...)
		const endStream, endHeaders = 1, 4
		hello = append(hello, frame(frameHeaders, endStream|endHeaders, 1, get(t, "/hls/show/video-103.mp4"))...)
		if _, err := ours.Write(hello); err != nil {
			t.Fatal(err)
		}
		if took := <-reset; took != 4*time.Second {
			t.Errorf("O3 given up after %v, want the write timeout", took)
		}
		synctest.Wait()
		if n := s.o.Stats().Slow; n != 1 {
			t.Errorf("O3 %d counted as slow, want 1", n)
		}
		ours.Close()
		<-read
		server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}
