package gateway_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/gateway/gatewaytest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// FuzzConnection: whatever bytes a client sends, before hello or after it, as
// messages or as frames of its own making, in either codec, end its own
// connection at most.
func FuzzConnection(f *testing.F) {
	for _, data := range [][]byte{
		[]byte(`{"t":"answer","id":"a1","cue":"c1","rev":1,"choice":[0]}`),
		[]byte(`{"t":"status","synced":true,"class":"in","visible":true}`),
		[]byte(`{"t":"opened","cue":"c1","at_us":1}`), []byte(`{"t":"pong","nonce":""}`), []byte(`{"t":`),
		{0x81, 0xa1, 't', 0xa6, 's', 't', 'a', 't', 'u', 's'}, {0xdf, 0xff, 0xff, 0xff, 0xff}, {0x85},
		wire.Ping{Seq: 1}.Append(nil), {1}, {2, 0, 0}, {},
		{0x89, 0x80, 0, 0, 0, 0}, {0x8a, 0x81, 0, 0, 0, 0, 9}, {0x88, 0x82, 0, 0, 0, 0, 3, 0xe8}, {0x0f, 0x00}, {0x81, 0xff, 0xff},
	} {
		for shape := range byte(8) {
			f.Add(shape, data)
		}
	}
	g, stop := fuzzGateway(f)
	defer stop()
	witness := fuzzJoin(f, g, wire.JSON, true)
	f.Fuzz(func(t *testing.T, shape byte, data []byte) {
		codec := wire.JSON
		if shape&1 != 0 {
			codec = wire.Msgpack
		}
		c := fuzzJoin(t, g, codec, shape&2 != 0)
		if shape&4 != 0 {
			data = gatewaytest.AppendFrame(nil, opcode(codec), 0xa5a5a5a5, data)
		}
		go func() { // the gateway may have closed already
			c.Write(data)
			c.CloseWrite()
		}()
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Fatal(err)
		}
		c.Close()
		if n := g.Stats().Panics; n != 0 {
			t.Fatalf("GW21 %d panics", n)
		}
		if _, err := witness.Write(gatewaytest.AppendFrame(nil, 9, 1, nil)); err != nil {
			t.Fatalf("GW21 another connection has ended: %v", err)
		}
	})
}

func fuzzGateway(f *testing.F) (*gateway.Gateway, func()) {
	keys, err := token.Open(f.TempDir())
	check(f, err)
	g, err := gateway.New(gateway.Config{
		Rooms: func(channel string) (gateway.Room, bool) { return &room{}, channel == "show" },
		Clock: clock.NewRoom(time.Now(), base, 7), Tokens: keys,
		Limits: gateway.Limits{Handshakes: 1 << 20, MessageRate: 1 << 20, MessageBurst: 1 << 20},
	})
	check(f, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	return g, func() { cancel(); <-done }
}

// fuzzJoin connects, and says hello if it is to join.
func fuzzJoin(tb testing.TB, g *gateway.Gateway, codec wire.Codec, hello bool) *gatewaytest.Conn {
	tb.Helper()
	c, err := gatewaytest.Dial(context.Background(), g, codec.Subprotocol())
	check(tb, err)
	if !hello {
		return c
	}
	data, err := codec.Encode(&wire.Hello{Version: wire.Version, Channel: "show"})
	check(tb, err)
	_, err = c.Write(gatewaytest.AppendFrame(nil, opcode(codec), 0, data))
	check(tb, err)
	return c
}

func opcode(codec wire.Codec) byte {
	if codec.Binary() {
		return opBinary
	}
	return opText
}
