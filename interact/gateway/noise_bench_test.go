package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/gateway/gatewaytest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// kernelWrite is about what a write to a socket of the kernel takes.
const kernelWrite = 10 * time.Microsecond

// BenchmarkNoisyTenant: how long a viewer of a quiet tenant waits for its receipt,
// alone and beside 5,000 viewers of one who is told something all the time. Run
// it with -benchtime=500x.
func BenchmarkNoisyTenant(b *testing.B) {
	turns := map[string]gateway.TenantLimits{"quiet": {}, "noisy": {}}
	for _, bc := range []struct {
		name    string
		viewers int
		tenants map[string]gateway.TenantLimits
	}{{"alone", 0, turns}, {"turns", 5000, turns}, {"no-turns", 5000, nil}} {
		b.Run(bc.name, func(b *testing.B) { benchmarkNoise(b, bc.viewers, bc.tenants) })
	}
}

func benchmarkNoise(b *testing.B, viewers int, tenants map[string]gateway.TenantLimits) {
	keys, err := token.Open(b.TempDir())
	check(b, err)
	g, err := gateway.New(gateway.Config{
		Rooms: func(string) (gateway.Room, bool) { return new(room), true }, Clock: clock.NewRoom(time.Now(), base, 7), Tokens: keys,
		Tenant: func(channel string) string { return channel }, Tenants: tenants,
		Limits: gateway.Limits{Handshakes: 1 << 20, Joining: 1 << 20, AnswerRate: 1 << 20, AnswerBurst: 1 << 20, MessageRate: 1 << 20, MessageBurst: 1 << 20},
	})
	check(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 2)
	go func() { ran <- g.Run(ctx) }()
	got := make(chan struct{}, 4)
	conns := []*gatewaytest.Conn{seatAt(b, g, "quiet", got)}
	for range viewers {
		conns = append(conns, seatAt(b, g, "noisy", nil))
	}
	go func() { ran <- makeNoise(ctx, g) }()
	text, err := wire.Encode(answer("a", 1))
	check(b, err)
	took := make([]time.Duration, b.N)
	next := time.NewTicker(3 * time.Millisecond)
	defer next.Stop()
	b.ResetTimer()
	for i := range took {
		<-next.C
		start := time.Now()
		_, err := conns[0].Write(clientFrame(text))
		check(b, err)
		<-got
		took[i] = time.Since(start)
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[b.N/2].Microseconds())/1e3, "p50-ms")
	b.ReportMetric(float64(took[(b.N*99+99)/100-1].Microseconds())/1e3, "p99-ms")
	cancel()
	for _, c := range conns {
		c.Close()
	}
	check(b, <-ran)
	check(b, <-ran)
}

// seatAt joins a channel; got hears of receipts.
func seatAt(b *testing.B, g *gateway.Gateway, channel string, got chan struct{}) *gatewaytest.Conn {
	hello, err := wire.Encode(&wire.Hello{Version: 1, Channel: channel})
	check(b, err)
	c, err := gatewaytest.Dial(b.Context(), g, wire.Subprotocol)
	check(b, err)
	welcomed := make(chan struct{})
	first := true
	c.Tap(func(frames []byte) {
		if first {
			first = false
			close(welcomed)
		}
		for start := time.Now(); time.Since(start) < kernelWrite; { // the same core works
		}
		if got != nil && bytes.Contains(frames, receiptStart) {
			got <- struct{}{}
		}
	})
	_, err = c.Write(clientFrame(hello))
	check(b, err)
	<-welcomed
	return c
}

// makeNoise tells the noisy tenant's viewers ten things every 5 ms.
func makeNoise(ctx context.Context, g *gateway.Gateway) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for i := range 10 {
			g.Broadcast("noisy", wire.Viewers, &wire.Tally{Cue: fmt.Sprint("c", i), Version: uint64(n), Final: true})
		}
	}
}
