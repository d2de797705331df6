package fallback_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/fallback"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/httpserve"
)

// listening returns a gateway that says nothing and hands on what it reads.
func listening(t testing.TB, took func(data []byte)) http.Handler {
	up := websocket.Upgrader{Subprotocols: []string{wire.Subprotocol}, CheckOrigin: func(*http.Request) bool { return true }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		go func() { // ends with the stream
			defer ws.Close()
			for {
				_, data, err := ws.ReadMessage()
				if err != nil {
					return
				}
				took(data)
			}
		}()
	})
}

// TestStreamOutlivesTimeouts has a listener whose answers may take a fraction
// of the time that a stream lasts.
func TestStreamOutlivesTimeouts(t *testing.T) {
	const short = 60 * ms
	streams := alone(t, listening(t, func([]byte) {}), fallback.Limits{Beat: 500 * ms, WriteWait: 400 * ms})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	srv := httpserve.New(ln, streams, httpserve.Config{WriteTimeout: short, BodyTimeout: short, Drain: 5 * time.Second})
	go func() { ran <- srv.Run(ctx) }()
	for _, http2 := range []bool{false, true} {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetHTTP1(!http2)
		transport.Protocols.SetUnencryptedHTTP2(http2)
		client := http.Client{Transport: transport}
		resp, err := client.Post("http://"+ln.Addr().String()+fallback.PathStream, "application/json", strings.NewReader(`{"t":"hello","v":1,"channel":"show"}`))
		if err != nil {
			t.Fatal(err)
		}
		if http2 != (resp.ProtoMajor == 2) || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s over %s", resp.Status, resp.Proto)
		}
		beats := 0
		for lines := bufio.NewScanner(resp.Body); beats < 3 && lines.Scan(); {
			if strings.HasPrefix(lines.Text(), ":") {
				beats++
			}
		}
		if beats < 3 {
			t.Errorf("FB6 over %s the stream ended after %d comments", resp.Proto, beats)
		}
		resp.Body.Close()
		transport.CloseIdleConnections()
	}
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if open := streams.Stats().Open; open != 0 {
		t.Errorf("FB7 %d streams after the listener has stopped", open)
	}
}
