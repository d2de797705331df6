package fallback

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
)

const (
	// handshakeWait is for two goroutines of this process: long enough for one
	// that is short of CPU.
	handshakeWait = 10 * time.Second
	readBuffer    = 1024
	writeBuffer   = 512
)

// dial opens a WebSocket of the gateway in the name of whoever sent asked, for
// the channel that its hello names: with it a refusal is for its tenant alone.
//
// Errors: *gatewayRefusal with the gateway's answer; whatever broke.
func (s *Streams) dial(asked *http.Request, channel string) (*websocket.Conn, error) {
	near, far := net.Pipe()
	var accepting sync.WaitGroup
	defer accepting.Wait()
	dialer := websocket.Dialer{
		NetDialContext:   func(context.Context, string, string) (net.Conn, error) { return near, nil },
		Subprotocols:     []string{wire.Subprotocol},
		HandshakeTimeout: handshakeWait,
		ReadBufferSize:   readBuffer, WriteBufferSize: writeBuffer, WriteBufferPool: &s.buffers,
	}
	accepting.Go(func() { s.accept(far, asked) })
	ws, answer, err := dialer.DialContext(asked.Context(), "ws://gateway/ws/v1?channel="+url.QueryEscape(channel), nil)
	switch {
	case errors.Is(err, websocket.ErrBadHandshake):
		return nil, &gatewayRefusal{answer}
	case err != nil:
		near.Close() // frees accept
		return nil, fmt.Errorf("open a socket of the gateway: %w", err)
	}
	return ws, nil
}

// gatewayRefusal means that the gateway does not take the connection.
type gatewayRefusal struct{ answer *http.Response }

// Error returns the status.
func (r *gatewayRefusal) Error() string { return "gateway answered " + r.answer.Status }

// passedOn are the headers that the gateway judges by.
var passedOn = []string{"Origin", "Cookie", "User-Agent"}

// accept hands the handshake on far to the gateway.
func (s *Streams) accept(far net.Conn, asked *http.Request) {
	defer s.recovered(func() { far.Close() })
	buf := bufio.NewReadWriter(bufio.NewReader(far), bufio.NewWriter(far))
	far.SetDeadline(time.Now().Add(handshakeWait))
	r, err := http.ReadRequest(buf.Reader)
	if err != nil { // the near end has given up
		far.Close()
		return
	}
	r = r.WithContext(asked.Context())
	r.RemoteAddr, r.Host, r.TLS, r.URL.Scheme = asked.RemoteAddr, asked.Host, asked.TLS, asked.URL.Scheme
	for _, name := range passedOn {
		if values := asked.Header[name]; values != nil {
			r.Header[name] = values
		}
	}
	h := &handshake{conn: far, buf: buf, header: make(http.Header)}
	s.cfg.Gateway.ServeHTTP(h, r)
	if !h.taken {
		h.refuse()
	}
}

// handshake is the gateway's answer to a handshake. It belongs to one goroutine.
type handshake struct {
	conn   net.Conn
	buf    *bufio.ReadWriter
	header http.Header
	status int // 0 until it is said
	body   bytes.Buffer
	taken  bool // the gateway has the connection
}

// Header returns the header of a refusal.
func (h *handshake) Header() http.Header { return h.header }

// WriteHeader notes the status of a refusal.
func (h *handshake) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

// Write adds to the body of a refusal.
func (h *handshake) Write(b []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(b)
}

// Hijack hands the connection to the gateway.
func (h *handshake) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	h.taken = true
	return h.conn, h.buf, nil
}

// refuse writes what the gateway said. Whether it arrives shows at the near end.
func (h *handshake) refuse() {
	h.WriteHeader(http.StatusInternalServerError)
	answer := http.Response{
		StatusCode: h.status, ProtoMajor: 1, ProtoMinor: 1, Header: h.header,
		Body: io.NopCloser(&h.body), ContentLength: int64(h.body.Len()), Close: true,
	}
	_ = answer.Write(h.conn)
	h.conn.Close()
}

// recovered, deferred, turns a panic into the end of one stream.
func (s *Streams) recovered(end func()) {
	if p := recover(); p != nil {
		s.counted.panics.Add(1)
		s.cfg.Log.Error("stream panicked", "err", p, "stack", string(debug.Stack()))
		end()
	}
}
