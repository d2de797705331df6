package main

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
)

// exchanges are made for one reading; the quickest counts.
const exchanges = 50

// pinging is between two questions to the server, which takes no more of them
// from one connection.
const pinging = 60 * time.Millisecond

const patience = 15 * time.Second

// serveTruth answers every message with the instant at which it was read, until
// ctx ends.
func serveTruth(ctx context.Context, ln net.Listener) {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	srv := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			return // the upgrader has answered
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
			now := strconv.FormatFloat(micros(), 'f', 1, 64)
			if err := conn.WriteMessage(websocket.TextMessage, []byte(now)); err != nil {
				return
			}
		}
	})}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	_ = srv.Serve(ln) // it ends with ctx
}

// reading is one of the server's room clock.
type reading struct {
	Host  float64 `json:"host"` // µs, monotonic
	Room  float64 `json:"room"` // µs, R
	RTT   float64 `json:"rtt"`  // µs
	Epoch uint32  `json:"epoch"`
}

// readRoom asks the server for R over a socket of its own.
func readRoom(ctx context.Context, url, channel string) (*reading, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dialer := websocket.Dialer{Subprotocols: []string{wire.Subprotocol}}
	conn, _, err := dialer.DialContext(ctx, url, nil)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	hello, err := wire.Encode(&wire.Hello{Version: wire.Version, Channel: channel, Role: wire.RoleViewer})
	if err != nil {
		return nil, err
	}
	if err := conn.WriteMessage(websocket.TextMessage, hello); err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	if _, _, err := conn.ReadMessage(); err != nil {
		return nil, fmt.Errorf("welcome: %w", err)
	}
	best := &reading{RTT: math.Inf(1)}
	pace := time.NewTicker(pinging)
	defer pace.Stop()
	for seq := range uint16(exchanges) {
		<-pace.C
		if err := exchange(conn, seq, best); err != nil {
			return nil, fmt.Errorf("ping: %w", err)
		}
	}
	return best, nil
}

// exchange asks once and keeps the answer in best if it was quicker.
func exchange(conn *websocket.Conn, seq uint16, best *reading) error {
	t1 := micros()
	if err := conn.WriteMessage(websocket.BinaryMessage, wire.Ping{Seq: seq, Sent: t1 / 1000}.Append(nil)); err != nil {
		return err
	}
	for {
		kind, data, err := conn.ReadMessage()
		t4 := micros()
		if err != nil {
			return err
		}
		if kind != websocket.BinaryMessage {
			continue
		}
		pong, err := wire.ParsePong(data)
		if err != nil {
			return err
		}
		if rtt := t4 - t1 - float64(pong.Replied-pong.Received); pong.Seq == seq && rtt < best.RTT {
			*best = reading{Host: (t1 + t4) / 2, Room: float64(pong.Received+pong.Replied) / 2, RTT: rtt, Epoch: pong.ClockEpoch}
		}
		return nil
	}
}
