package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/gorilla/websocket"
)

// longest is the longest line that is carried: all that a page saw in a while.
const longest = 64 << 20

// carry joins standard input and output with a WebSocket, a message a line, so
// that a browser can be driven from outside of its network. It ends when
// either side does.
func carry(ctx context.Context, url string, in io.Reader, out io.Writer) error {
	conn, _, err := websocket.DefaultDialer.DialContext(ctx, url, nil)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var reading sync.WaitGroup
	defer reading.Wait()
	defer conn.Close()
	reading.Go(func() { hear(conn, out) })
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longest)
	for lines.Scan() {
		if err := conn.WriteMessage(websocket.TextMessage, lines.Bytes()); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return lines.Err()
}

func hear(conn *websocket.Conn, out io.Writer) {
	for {
		_, data, err := conn.ReadMessage()
		if err == nil {
			_, err = out.Write(append(data, '\n'))
		}
		if err != nil {
			return // the browser or the rig has ended; both know it from elsewhere
		}
	}
}

var errArguments = errors.New("give no arguments, or -socket URL")
