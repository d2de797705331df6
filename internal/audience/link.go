package audience

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	dialTimeout  = 10 * time.Second
	writeTimeout = 5 * time.Second
	// silence is longer than the time between two of our clock pings, each of
	// which is answered.
	silence        = 75 * time.Second
	maxServerBytes = 1 << 20
)

// TurnedAwayError says that the server does not want the viewer back.
type TurnedAwayError struct {
	// Code is the close code, or the HTTP status of a refused handshake.
	Code   int
	Reason string
}

// Error returns reason and code.
func (e *TurnedAwayError) Error() string {
	return fmt.Sprintf("server turned the viewer away: %s (%d)", e.Reason, e.Code)
}

// event is what the link tells the seat.
type event struct {
	conn *websocket.Conn // a new connection
	gone bool            // it was lost
	msg  wire.Message
	pong *wire.Pong
	at   clock.Local // when the pong was read
}

// link owns the connection: it dials, says hello, reads and comes back.
type link struct {
	viewer *Viewer
	local  func() clock.Local
	events chan<- event
	rand   *rand.Rand

	token   string
	grace   string        // what the server last said of the line
	vain    int           // attempts since the last welcome
	notYet  time.Duration // asked for by Bye
	goodbye *wire.Bye
}

// run connects again and again. It returns a *TurnedAwayError, or nil when
// ctx ends.
func (l *link) run(ctx context.Context) error {
	for {
		err := l.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if away, ok := errors.AsType[*TurnedAwayError](err); ok {
			return away
		}
		l.viewer.Log.Debug("viewer disconnected", "channel", l.viewer.Channel, "err", err)
		if !pause(ctx, l.backoff()) {
			return nil
		}
	}
}

// backoff is full jitter: everybody who lost the same server comes back at
// another time.
func (l *link) backoff() time.Duration {
	limit := l.viewer.BackoffMin
	for range min(l.vain, 16) {
		limit = min(2*limit, l.viewer.BackoffMax)
	}
	l.vain++
	wait := l.notYet + time.Duration(l.rand.Int64N(int64(limit)+1))
	l.notYet = 0
	return wait
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// connect holds one connection until it is lost, and returns why.
func (l *link) connect(ctx context.Context) error {
	conn, err := l.dial(ctx)
	if err != nil {
		return err
	}
	closed := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(closed)
		farewell := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		_ = conn.WriteControl(websocket.CloseMessage, farewell, time.Now().Add(time.Second)) // a courtesy
		conn.Close()
	})
	defer func() {
		if !unhook() {
			<-closed
		}
		conn.Close()
	}()
	if err := l.hello(conn); err != nil {
		return err
	}
	l.goodbye = nil
	if !l.tell(ctx, event{conn: conn}) {
		return ctx.Err()
	}
	err = l.read(ctx, conn)
	l.tell(ctx, event{gone: true})
	return l.verdict(err)
}

func (l *link) dial(ctx context.Context) (*websocket.Conn, error) {
	d := websocket.Dialer{
		NetDialContext:   l.viewer.Dial,
		HandshakeTimeout: dialTimeout,
		ReadBufferSize:   1024,
		WriteBufferSize:  512,
		Subprotocols:     []string{wire.Subprotocol},
	}
	conn, resp, err := d.DialContext(ctx, l.viewer.URL, nil)
	if err != nil {
		if resp != nil && final(resp.StatusCode) {
			return nil, &TurnedAwayError{Code: resp.StatusCode, Reason: "handshake refused: " + http.StatusText(resp.StatusCode)}
		}
		return nil, fmt.Errorf("dial: %w", err)
	}
	if conn.Subprotocol() != wire.Subprotocol {
		conn.Close()
		return nil, &TurnedAwayError{Code: resp.StatusCode, Reason: "it does not speak " + wire.Subprotocol}
	}
	conn.SetReadLimit(maxServerBytes)
	return conn, nil
}

// final says whether a handshake's status would be the same next time.
func final(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	default:
		return status >= 400 && status < 500
	}
}

// hello is written here, before the seat knows of the connection: a connection
// has one writer at a time.
func (l *link) hello(conn *websocket.Conn) error {
	return write(conn, &wire.Hello{Version: wire.Version, Channel: l.viewer.Channel, Role: wire.RoleViewer, Token: l.token, Grace: l.grace})
}

func write(conn *websocket.Conn, m wire.Message) error {
	data, err := wire.Encode(m)
	if err != nil {
		return err
	}
	return writeFrame(conn, websocket.TextMessage, data)
}

func writeFrame(conn *websocket.Conn, kind int, data []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := conn.WriteMessage(kind, data); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// ignored are messages for eyes only. They are most of the traffic, so they
// are not even decoded.
var ignored = [...][]byte{[]byte(`{"t":"tally"`), []byte(`{"t":"timeline"`)}

func (l *link) read(ctx context.Context, conn *websocket.Conn) error {
	for {
		if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		kind, data, err := conn.ReadMessage()
		at := l.local()
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		e, ok, err := l.decode(kind, data)
		if err != nil {
			return err
		}
		e.at = at
		if ok && !l.tell(ctx, e) {
			return ctx.Err()
		}
	}
}

// decode returns false for what a viewer without a screen does not need.
func (l *link) decode(kind int, data []byte) (event, bool, error) {
	if kind == websocket.BinaryMessage {
		pong, err := wire.ParsePong(data)
		return event{pong: &pong}, err == nil, err
	}
	for _, prefix := range ignored {
		if bytes.HasPrefix(data, prefix) {
			return event{}, false, nil
		}
	}
	msg, err := wire.DecodeServer(data)
	if errors.Is(err, wire.ErrUnknownType) {
		return event{}, false, nil
	}
	switch m := msg.(type) {
	case *wire.Welcome:
		l.vain = 0
		if m.Token != "" {
			l.token = m.Token
		}
	case *wire.Grace:
		l.grace = m.Token
		return event{}, false, nil
	case *wire.Bye:
		l.goodbye = m
		l.notYet = time.Duration(min(max(m.After, 0), time.Hour.Milliseconds())) * time.Millisecond
		return event{}, false, nil
	}
	return event{msg: msg}, err == nil, err
}

func (l *link) tell(ctx context.Context, e event) bool {
	select {
	case l.events <- e:
		return true
	case <-ctx.Done():
		return false
	}
}

// verdict turns the end of a connection into a *TurnedAwayError if the server
// said that coming back makes no sense.
func (l *link) verdict(err error) error {
	if l.goodbye != nil && !l.goodbye.Reconnect {
		return &TurnedAwayError{Code: l.goodbye.Code, Reason: l.goodbye.Reason}
	}
	if ce, ok := errors.AsType[*websocket.CloseError](err); ok && !wire.CloseCode(ce.Code).Reconnect() {
		return &TurnedAwayError{Code: ce.Code, Reason: wire.CloseCode(ce.Code).String()}
	}
	return err
}
