package gateway_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// TestDeafReadersOnRealSockets: some stop reading until the kernel takes no
// more. The goroutines that write for everybody do not wait for them.
func TestDeafReadersOnRealSockets(t *testing.T) {
	const deaf, brisk, messages = 8, 4, 50
	keys, err := token.Open(t.TempDir())
	check(t, err)
	left := make(chan string, deaf+brisk)
	r := &room{left: func(participant string) { left <- participant }}
	g, err := gateway.New(gateway.Config{
		Rooms: func(string) (gateway.Room, bool) { return r, true },
		Clock: clock.NewRoom(time.Now(), base, 7), Tokens: keys,
		Limits: gateway.Limits{WriteWait: 2 * time.Second},
	})
	check(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	srv := httptest.NewServer(g)
	defer srv.Close()

	var viewers []*websocket.Conn
	for range deaf + brisk {
		d := websocket.Dialer{Subprotocols: []string{wire.Subprotocol}}
		ws, _, err := d.Dial("ws"+strings.TrimPrefix(srv.URL, "http"), nil)
		check(t, err)
		defer ws.Close()
		check(t, ws.WriteMessage(websocket.TextMessage, []byte(`{"t":"hello","v":1,"channel":"show"}`)))
		_, data, err := ws.ReadMessage()
		check(t, err)
		if !strings.HasPrefix(string(data), `{"t":"welcome"`) {
			t.Fatalf("got %s", data)
		}
		viewers = append(viewers, ws)
	}
	var readers sync.WaitGroup
	for _, ws := range viewers[deaf:] {
		readers.Go(func() {
			for cues := 0; cues < messages; {
				_, data, err := ws.ReadMessage()
				if err != nil {
					t.Errorf("GW18 a brisk viewer has %d cues: %v", cues, err)
					return
				}
				if strings.HasPrefix(string(data), `{"t":"cue"`) {
					cues++
				}
			}
		})
	}
	note := strings.Repeat("x", 200_000) // 10 MB in all: more than the kernel keeps
	for i := range messages {
		m := cueChanged("c"+string(rune('A'+i)), wire.StateOpen)
		m.Cue.Note = note
		g.Broadcast("show", wire.Viewers, m)
	}
	readers.Wait()
	for range deaf {
		<-left
	}
	if s := g.Stats(); s.Closed[wire.CloseSlow] != deaf || s.Viewers != brisk {
		t.Errorf("GW18 stats = %+v, want %d closed as slow", s, deaf)
	}
	stop()
	for _, ws := range viewers[deaf:] {
		readers.Go(func() {
			for {
				if _, _, err := ws.ReadMessage(); err != nil {
					return
				}
			}
		})
	}
	readers.Wait()
	check(t, <-ran)
}
