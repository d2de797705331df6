package gateway

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact/gateway/gatewaytest"
	"github.com/cuelight/cuelight/interact/wire"
)

func TestFramesAreWhatPeersRead(t *testing.T) {
	for _, codec := range []wire.Codec{wire.JSON, wire.Msgpack} {
		for _, n := range []int{0, 60, 61, 62, 63, 125, 126, 127, 300, 65_400, 65_500, 65_536, 70_000} {
			t.Run(fmt.Sprint("GW14 ", codec.Subprotocol(), n), func(t *testing.T) {
				m := &wire.Removed{Cue: strings.Repeat("x", n)}
				want, err := codec.Encode(m)
				if err != nil {
					t.Fatal(err)
				}
				b, err := appendMessage([]byte("before"), codec, m)
				if err != nil {
					t.Fatal(err)
				}
				whole := appendFrame([]byte("before"), opcodeOf(codec), want)
				opcode, payload, rest, ok := gatewaytest.CutFrame(b[len("before"):])
				if !ok || int(opcode) != opcodeOf(codec) || !bytes.Equal(payload, want) || len(rest) != 0 {
					t.Errorf("opcode %d, %d of %d bytes, %d more", opcode, len(payload), len(want), len(rest))
				}
				if !bytes.Equal(b, whole) {
					t.Error("a message and its broadcast are framed differently")
				}
			})
		}
	}
}

// TestFramesAreThoseOfTheLibrary: what is shared among readers is byte for byte
// what websocket.PreparedMessage would send.
func TestFramesAreThoseOfTheLibrary(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65_535, 65_536} {
		payload := bytes.Repeat([]byte("x"), n)
		near, far := gatewaytest.Pipe(1 << 20)
		pm, err := websocket.NewPreparedMessage(websocket.TextMessage, payload)
		if err != nil {
			t.Fatal(err)
		}
		ws := serverConn(t, near, far)
		if err := ws.WritePreparedMessage(pm); err != nil {
			t.Fatal(err)
		}
		want := appendFrame(nil, websocket.TextMessage, payload)
		got := make([]byte, len(want))
		for read := 0; read < len(got); {
			k, err := near.Read(got[read:])
			if err != nil {
				t.Fatal(err)
			}
			read += k
		}
		if !bytes.Equal(got, want) {
			t.Errorf("GW14 %d bytes are framed differently", n)
		}
	}
}

// serverConn is the server's end of a handshake over a pipe.
func serverConn(t *testing.T, near, far *gatewaytest.Conn) *websocket.Conn {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://memory/ws/v1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}
	up := websocket.Upgrader{}
	ws, err := up.Upgrade(gatewaytest.NewResponse(far), r, nil)
	if err != nil {
		t.Fatal(err)
	}
	var head []byte
	for b := make([]byte, 1); len(head) < 4 || string(head[len(head)-4:]) != "\r\n\r\n"; head = append(head, b[0]) {
		if _, err := near.Read(b); err != nil {
			t.Fatal(err)
		}
	}
	return ws
}

func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue[int]
		var want []int
		for i := range rapid.IntRange(0, 200).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "push") {
				q.push(i)
				want = append(want, i)
				continue
			}
			got, ok := q.pop()
			if ok != (len(want) > 0) || ok && got != want[0] {
				t.Fatalf("GW3 popped %d, %v of %v", got, ok, want)
			}
			if ok {
				want = want[1:]
			}
		}
		if q.len() != len(want) || cap(q.items) > 512 {
			t.Fatalf("GW3 length %d, want %d; room for %d", q.len(), len(want), cap(q.items))
		}
	})
}
