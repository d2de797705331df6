package gatewaytest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// bufferSize is what a connection made by Dial holds each way.
const bufferSize = 64 << 10

// Dial asks h for a WebSocket with the subprotocol and returns the client's end
// once h has accepted. The frames are the caller's affair.
//
// Errors: one that has the status and text of a refusal.
func Dial(ctx context.Context, h http.Handler, subprotocol string) (*Conn, error) {
	near, far := Pipe(bufferSize)
	r := (&http.Request{
		Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Host: "memory", RemoteAddr: Remote, RequestURI: "/ws/v1", URL: &url.URL{Path: "/ws/v1"},
		Header: http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}, "Sec-Websocket-Protocol": {subprotocol},
		},
	}).WithContext(ctx)
	w := &Response{conn: far}
	h.ServeHTTP(w, r)
	if !w.hijacked {
		near.Close()
		return nil, fmt.Errorf("handshake: %d %s", w.status, strings.TrimSpace(w.body.String()))
	}
	if err := readHead(near); err != nil {
		near.Close()
		return nil, err
	}
	return near, nil
}

// readHead reads the server's side of the handshake and nothing behind it.
func readHead(c *Conn) error {
	var head []byte
	var b [1]byte
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if _, err := c.Read(b[:]); err != nil {
			return fmt.Errorf("handshake: %w", err)
		}
		head = append(head, b[0])
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		return fmt.Errorf("handshake: %s", bytes.TrimSpace(head))
	}
	return nil
}

// Response is an http.ResponseWriter whose connection can be taken over.
type Response struct {
	conn     net.Conn
	header   http.Header
	status   int
	body     bytes.Buffer
	hijacked bool
}

// NewResponse returns a response that is written to by whoever takes conn over.
func NewResponse(conn net.Conn) *Response { return &Response{conn: conn} }

// Header returns the header that would be sent.
func (w *Response) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}

// Write keeps b as the text of a refusal.
func (w *Response) Write(b []byte) (int, error) { return w.body.Write(b) }

// WriteHeader keeps the status of a refusal.
func (w *Response) WriteHeader(status int) { w.status = status }

// Status returns the status of a refusal, 0 if there was none.
func (w *Response) Status() int { return w.status }

// Hijack hands the connection over.
func (w *Response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.hijacked = true
	return w.conn, bufio.NewReadWriter(bufio.NewReaderSize(w.conn, 16), bufio.NewWriterSize(w.conn, 16)), nil
}
