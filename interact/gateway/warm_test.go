package gateway_test

import (
	"bytes"
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/gateway/gatewaytest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// pile is a room that acknowledges answers when all have come.
type pile struct {
	room
	mu  sync.Mutex
	all []verdict
	// spare is the array of the burst before.
	spare []verdict
	n     int
}

func (p *pile) AnswerTo(a interact.Answer, to interact.Settler) {
	p.mu.Lock()
	p.all = append(p.all, verdict{a, to})
	var full []verdict
	if len(p.all) == p.n {
		full, p.all = p.all, p.spare[:0] // the next burst may begin before this one is settled
	}
	p.mu.Unlock()
	for _, v := range full {
		v.to.Settle(receiptFor(v.answer), nil)
	}
	if full != nil {
		p.mu.Lock()
		p.spare = full
		p.mu.Unlock()
	}
}

func (p *pile) Closed(interact.Closing) {}
func (p *pile) Left(string)             {}

// burst is a gateway with viewers in memory that all answer at once.
type burst struct {
	g     *gateway.Gateway
	conns []*gatewaytest.Conn
	frame []byte
	left  atomic.Int64 // receipts to come
	done  chan struct{}
	stop  func()
}

var receiptStart = []byte(`{"t":"receipt"`)

func openBurst(tb testing.TB, viewers int) *burst {
	tb.Helper()
	keys, err := token.Open(tb.TempDir())
	check(tb, err)
	p := &pile{n: viewers}
	u := &burst{done: make(chan struct{}, 1)}
	u.g, err = gateway.New(gateway.Config{
		Rooms: func(string) (gateway.Room, bool) { return p, true }, Clock: clock.NewRoom(time.Now(), base, 7), Tokens: keys,
		Limits: gateway.Limits{Handshakes: 1 << 20, Joining: 1 << 20, AnswerRate: 1 << 20, AnswerBurst: 1 << 20, MessageRate: 1 << 20, MessageBurst: 1 << 20},
	})
	check(tb, err)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- u.g.Run(ctx) }()
	u.stop = func() {
		cancel()
		for _, c := range u.conns {
			c.Close()
		}
		check(tb, <-ran)
	}
	hello, err := wire.Encode(&wire.Hello{Version: 1, Channel: "show"})
	check(tb, err)
	text, err := wire.Encode(answer("a", 1))
	check(tb, err)
	u.frame = clientFrame(text)
	var welcomed sync.WaitGroup
	welcomed.Add(viewers)
	for range viewers {
		c, err := gatewaytest.Dial(context.Background(), u.g, wire.Subprotocol)
		check(tb, err)
		first := true
		c.Tap(func(b []byte) {
			if first {
				first = false
				welcomed.Done()
			}
			if n := int64(bytes.Count(b, receiptStart)); n > 0 && u.left.Add(-n) == 0 {
				u.done <- struct{}{}
			}
		})
		_, err = c.Write(clientFrame(hello))
		check(tb, err)
		u.conns = append(u.conns, c)
	}
	welcomed.Wait()
	return u
}

// clientFrame masks with zeros.
func clientFrame(text []byte) []byte {
	head := []byte{0x81, 0x80 | byte(len(text))}
	if len(text) >= 126 {
		head = []byte{0x81, 0x80 | 126, byte(len(text) >> 8), byte(len(text))}
	}
	return append(append(head, 0, 0, 0, 0), text...)
}

// fire lets everybody answer and waits for the last receipt.
func (u *burst) fire(tb testing.TB) {
	u.left.Store(int64(len(u.conns)))
	for _, c := range u.conns {
		if _, err := c.Write(u.frame); err != nil {
			tb.Fatal(err)
		}
	}
	<-u.done
}

// BenchmarkFirstBurst: the first answers after a long quiet time, when the
// collector has taken what lay ready. Run it with -benchtime=20x.
func BenchmarkFirstBurst(b *testing.B) {
	const viewers = 5000
	for name, ready := range map[string]func(*gateway.Gateway){
		"cold": func(*gateway.Gateway) {},
		"warm": func(g *gateway.Gateway) { g.Warm("show", viewers) },
	} {
		b.Run(name, func(b *testing.B) {
			u := openBurst(b, viewers)
			defer u.stop()
			var warming, used time.Duration
			var allocs uint64
			var before, after runtime.MemStats
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				for range 3 {
					runtime.GC()
				}
				debug.FreeOSMemory()
				start := time.Now()
				gateway.Cool(u.g)
				ready(u.g)
				warming += time.Since(start)
				runtime.ReadMemStats(&before)
				b.StartTimer()
				start = time.Now()
				u.fire(b)
				used += time.Since(start)
				b.StopTimer()
				runtime.ReadMemStats(&after)
				allocs += after.Mallocs - before.Mallocs
				b.StartTimer()
			}
			b.ReportMetric(float64(used.Microseconds())/float64(b.N)/1e3, "ms/burst")
			b.ReportMetric(float64(allocs)/float64(b.N*viewers), "allocs/answer")
			b.ReportMetric(float64(warming.Microseconds())/float64(b.N)/1e3, "ms/warming")
		})
	}
}

// TestWarmIsIdempotent: what lies ready is not made again.
func TestWarmIsIdempotent(t *testing.T) {
	const viewers = 500
	u := openBurst(t, viewers)
	defer u.stop()
	count := func(expected int) float64 {
		return testing.AllocsPerRun(1, func() { u.g.Warm("show", expected) }) // calls it twice
	}
	gateway.Cool(u.g)
	u.g.Warm("show", 100)
	if n := count(100); n > 10 {
		t.Errorf("GW45 %v allocations the second time", n)
	}
	gateway.Cool(u.g)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	u.g.Warm("show", 0) // everybody
	runtime.ReadMemStats(&after)
	if made := after.Mallocs - before.Mallocs; made < 3*viewers {
		t.Errorf("GW45 %d allocations for %d viewers", made, viewers)
	}
	u.g.Warm("nowhere", 1<<30)
	u.fire(t)
	u.fire(t)
}
