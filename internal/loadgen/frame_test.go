package loadgen_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/internal/loadgen"
)

// TestFramesAreReadByOthers: what we send, another implementation reads, and
// what it sends back, whole and in pieces, we read.
func TestFramesAreReadByOthers(t *testing.T) {
	sizes := []int{0, 1, 125, 126, 127, 4096, 65535, 65536, 200_000}
	done := make(chan error, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		done <- func() error {
			up := websocket.Upgrader{WriteBufferSize: 1024}
			ws, err := up.Upgrade(w, r, nil)
			if err != nil {
				return err
			}
			defer ws.Close()
			for {
				kind, data, err := ws.ReadMessage()
				if err != nil {
					return nil // the client has seen enough
				}
				if err := ws.WriteMessage(kind, data); err != nil { // one frame
					return err
				}
				pieces, err := ws.NextWriter(kind) // frames of 1 KiB
				if err != nil {
					return err
				}
				for i := 0; i < len(data); i += 700 {
					if _, err := pieces.Write(data[i:min(i+700, len(data))]); err != nil {
						return err
					}
				}
				if err := pieces.Close(); err != nil {
					return err
				}
				if err := ws.WriteControl(websocket.PingMessage, []byte("there?"), time.Now().Add(time.Second)); err != nil {
					return err
				}
			}
		}()
	}))
	defer srv.Close()
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(srv.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	conn := ws.NetConn()
	defer conn.Close()

	var sent []byte
	enough := errors.New("all was heard")
	next := func() error {
		if len(sizes) == 0 {
			return enough
		}
		// Messages to a server are short; longer ones come back in pieces.
		n := sizes[0]
		sizes = sizes[1:]
		sent = bytes.Repeat([]byte("0123456789"), n/10+1)[:n]
		var frame []byte
		if n <= 65535 {
			frame = loadgen.AppendFrame(nil, loadgen.OpText, rand.Uint32(), sent)
		} else if err := ws.WriteMessage(websocket.TextMessage, sent); err != nil {
			t.Error(err)
		}
		_, err := conn.Write(frame)
		return err
	}
	if err := next(); err != nil {
		t.Fatal(err)
	}
	heard := 0
	err = loadgen.Listen(conn, func(op byte, payload []byte, at time.Time) error {
		switch {
		case op == loadgen.OpPing:
			return next()
		case op != loadgen.OpText || !bytes.Equal(payload, sent):
			t.Errorf("LG3 heard %d bytes with opcode %d, want %d bytes", len(payload), op, len(sent))
		case at.IsZero():
			t.Error("LG3 a message was read at no time")
		}
		heard++
		return nil
	})
	if heard != 18 || !errors.Is(err, enough) {
		t.Errorf("LG3 heard %d messages and then %v, want each of 9 twice", heard, err)
	}
	conn.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestListenInsideTLS: a connection that is no plain socket is read as well,
// whatever the pieces.
func TestListenInsideTLS(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	long := strings.Repeat("0123456789", 2000)
	go func() {
		defer theirs.Close()
		data := append([]byte("\x81\x05hello\x82\x7e\x4e\x20"), long...)
		for len(data) > 0 {
			n := min(len(data), 1500)
			if _, err := theirs.Write(data[:n]); err != nil {
				return // the test is over
			}
			data = data[n:]
		}
	}()
	var heard []string
	err := loadgen.Listen(ours, func(_ byte, payload []byte, _ time.Time) error {
		heard = append(heard, string(payload))
		return nil
	})
	if !errors.Is(err, io.EOF) || len(heard) != 2 || heard[0] != "hello" || heard[1] != long {
		t.Errorf("LG3 heard %d messages, then %v", len(heard), err)
	}
}

func TestListenTellsWhenTheServerIsGone(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	other, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	if err := loadgen.Listen(conn, nil); !errors.Is(err, loadgen.ErrEnded) {
		t.Errorf("LG3 the end is %v", err)
	}
}

func TestFramesThatNoServerSends(t *testing.T) {
	for name, in := range map[string]string{
		"masked":                        "\x81\x81abcd!",
		"an extension's":                "\xc1\x01!",
		"a continuation of nothing":     "\x80\x01!",
		"a message inside another":      "\x01\x01!\x81\x01!",
		"a ping in pieces":              "\x09\x01!",
		"a long ping":                   "\x89\x7e\x00\x80",
		"longer than any message":       "\x81\x7f\x00\x00\x00\x00\x10\x00\x00\x00",
		"longer than there are numbers": "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		var m loadgen.Messages
		err := m.Take([]byte(in), func(byte, []byte) error { return nil })
		if !errors.Is(err, loadgen.ErrFrame) {
			t.Errorf("LG3 a frame that is %s: %v", name, err)
		}
	}
}

// FuzzMessages: bytes come in whatever pieces; the messages are the same, and
// no more is held than has come.
func FuzzMessages(f *testing.F) {
	f.Add([]byte("\x81\x05hello\x89\x02hi\x01\x01a\x80\x01b"), uint8(3))
	f.Add([]byte("\x82\x7e\x00\x80"+strings.Repeat("x", 128)), uint8(1))
	f.Add([]byte("\x81\x7f\x00\x00\x00\x00\x00\x0f\xff\xff"), uint8(7))
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		read := func(size int) (heard []string, failed bool) {
			var m loadgen.Messages
			var rest []byte
			for i := 0; i < len(data); i += size {
				rest = append(rest, data[i:min(i+size, len(data))]...)
				piece := rest
				rest = nil
				if err := m.Take(piece, func(op byte, p []byte) error {
					heard = append(heard, string(op)+string(p))
					return nil
				}); err != nil {
					return heard, true
				}
				if m.Held() > 4*len(data)+64 {
					t.Fatalf("LG3 %d bytes are held of %d", m.Held(), len(data))
				}
				rest = append(rest, m.Left()...)
			}
			return heard, false
		}
		whole, bad := read(max(len(data), 1))
		pieces, badPieces := read(int(step) + 1)
		if bad != badPieces || !bad && strings.Join(whole, "|") != strings.Join(pieces, "|") {
			t.Errorf("LG3 %q is %q, %v in one piece and %q, %v in pieces", data, whole, bad, pieces, badPieces)
		}
	})
}
