package loadgen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
)

const (
	dialWait    = 15 * time.Second
	welcomeWait = 20 * time.Second
)

// refusedError is a server's no to a connection. Unless it is final the viewer
// comes back, not before after.
type refusedError struct {
	why   string // "429", "4104", or what the network says
	after time.Duration
	final bool
}

func (e *refusedError) Error() string { return "connection refused: " + e.why }

// dialer makes the connections of a worker. The handshake is gorilla's; after
// it only the connection is kept, without gorilla's buffers.
func dialer(a Assignment) *websocket.Dialer {
	var from net.Dialer
	from.Timeout = dialWait
	from.KeepAlive = -1 // the server's pings tell more
	if ip := net.ParseIP(a.Source); ip != nil {
		from.LocalAddr = &net.TCPAddr{IP: ip}
	}
	return &websocket.Dialer{
		NetDialContext:   from.DialContext,
		HandshakeTimeout: dialWait,
		ReadBufferSize:   1024,
		WriteBufferSize:  1024,
		WriteBufferPool:  new(sync.Pool),
		Subprotocols:     []string{a.Codec},
	}
}

func (c *crowd) dial(ctx context.Context) (net.Conn, error) {
	ws, resp, err := c.dialer.DialContext(ctx, c.assigned.URL, http.Header{"User-Agent": {"cuelight-bench"}})
	switch {
	case err != nil && resp != nil:
		return nil, refusedByStatus(resp)
	case err != nil:
		return nil, &refusedError{why: reasonOf(err)}
	case ws.Subprotocol() != c.assigned.Codec:
		ws.Close()
		return nil, &refusedError{why: "it does not speak " + c.assigned.Codec, final: true}
	}
	return ws.NetConn(), nil
}

func refusedByStatus(resp *http.Response) *refusedError {
	after, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16)
	if err != nil {
		after = 0
	}
	again := resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout
	return &refusedError{why: strconv.Itoa(resp.StatusCode), after: time.Duration(after) * time.Second, final: !again}
}

// refusedByClose is a close code that came where a welcome should have.
func refusedByClose(code wire.CloseCode) *refusedError {
	// What is said to one who sends too fast is over after a while.
	return &refusedError{why: strconv.Itoa(int(code)), final: !code.Reconnect() && code != wire.CloseTooMany}
}

// reasonOf is short enough to count by.
func reasonOf(err error) string {
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.As(err, &op):
		return fmt.Sprint(op.Op, ": ", op.Err)
	default:
		return err.Error()
	}
}
