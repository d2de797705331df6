package main

import (
	"io"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
)

const echoPath = "/ws"

// echo is the baseline of the answers: what a WebSocket server costs that does
// nothing. It has the gateway's buffer sizes, one goroutine a connection, and
// sends every message back as it came.
type echo struct{ up websocket.Upgrader }

func newEcho() *echo {
	return &echo{websocket.Upgrader{
		ReadBufferSize:  512,
		WriteBufferSize: 1024,
		WriteBufferPool: new(sync.Pool),
		Subprotocols:    []string{wire.Subprotocol},
	}}
}

// ServeHTTP accepts a socket. The goroutine and the buffers of the handshake
// are given back.
func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ws, err := e.up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	go func() {
		defer ws.Close()
		for echoOne(ws) == nil {
		}
	}()
}

var echoBuffers = sync.Pool{New: func() any { return new([wire.MaxClientMessage]byte) }}

func echoOne(ws *websocket.Conn) error {
	kind, r, err := ws.NextReader()
	if err != nil {
		return err
	}
	buf := echoBuffers.Get().(*[wire.MaxClientMessage]byte)
	defer echoBuffers.Put(buf)
	n, err := io.ReadFull(r, buf[:])
	if err != io.ErrUnexpectedEOF {
		return err // too long, or broken
	}
	return ws.WriteMessage(kind, buf[:n])
}
