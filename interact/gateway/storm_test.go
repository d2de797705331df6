package gateway_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/gateway/gatewaytest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// crowdSize is the largest audience of one process here.
const crowdSize = 19_000

// TestReconnectStorm: a crowd that was cut off comes back at once. The room is
// asked for a few at a time, and everybody gets what it has missed.
func TestReconnectStorm(t *testing.T) {
	const crowd, missed, joins = 120, 20, 4
	var asked, most atomic.Int64
	r := &room{join: func(context.Context, string, string) (wire.Welcome, error) {
		if n := asked.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(5 * time.Millisecond)
		asked.Add(-1)
		return wire.Welcome{}, nil
	}}
	inRig(t, r, func(c *gateway.Config) { c.Limits.Joins, c.Limits.PerAddress = joins, 2*crowd }, func(rig *rig) {
		first, w := rig.viewer("")
		first.ws.Close()
		for i := range missed {
			rig.g.Broadcast("show", wire.Viewers, &wire.Tally{Cue: fmt.Sprint("c", i), Version: 1})
		}
		synctest.Wait()
		start := time.Now()
		var all sync.WaitGroup
		for range crowd {
			c := rig.dial(nil)
			all.Go(func() {
				c.say(&wire.Hello{Version: 1, Channel: "show", Resume: &wire.Resume{Epoch: w.Epoch}})
				for want := range uint64(missed + 1) { // the first one is Welcome
					_, data, err := c.ws.ReadMessage()
					if err != nil {
						t.Error(err)
						return
					}
					if m, offset, err := wire.JSON.DecodeServer(data); err != nil || offset != want {
						t.Errorf("GW27 got %+v at %d (%v), want %d", m, offset, err, want)
					}
				}
			})
		}
		all.Wait()
		if took, least := time.Since(start), crowd/joins*5*time.Millisecond; took < least || took > 2*least {
			t.Errorf("GW17 took %v, want about %v", took, least)
		}
		if s := rig.g.Stats(); s.Resumed != crowd || most.Load() > joins {
			t.Errorf("GW27 %d resumed; the room was asked for %d at once", s.Resumed, most.Load())
		}
	})
}

// storm is a gateway whose viewers are in memory, and only listen.
type storm struct {
	b    *testing.B
	g    *gateway.Gateway
	got  atomic.Int64  // bytes that viewers were written
	want atomic.Int64  // how many are waited for
	full chan struct{} // holds one: they are there
}

func startStorm(b *testing.B) *storm {
	b.Helper()
	keys, err := token.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	show := wire.Welcome{Title: "Tonight", Timeline: &wire.Timeline{Rev: 1, Scale: 90000, Points: make([][2]int64, 8)}}
	for i := range 10 { // what an engine keeps of finished cues
		id := fmt.Sprint("cue-", i)
		show.Cues = append(show.Cues, wire.Cue{
			ID: id, Rev: 3, Kind: "poll", Policy: "wall", State: wire.StateRevealed, Choices: 4,
			Seal: &wire.Seal{KeyID: "AAAAAAAAAAAAAAAAAAAAAA", IV: "AAAAAAAAAAAAAAAA", Text: fmt.Sprintf("%0300d", 0), Rev: 3},
		})
		show.Tallies = append(show.Tallies, wire.Tally{Cue: id, Version: 9, Counts: []uint64{4000, 5000, 3000, 1000}, Total: 13000, Final: true})
	}
	r := &room{join: func(context.Context, string, string) (wire.Welcome, error) { return show, nil }}
	g, err := gateway.New(gateway.Config{
		Rooms: func(string) (gateway.Room, bool) { return r, true },
		Clock: clock.NewRoom(time.Now(), base, 7), Tokens: keys,
		Limits: gateway.Limits{
			Connections: 2 * crowdSize, PerLoopback: 2 * crowdSize, Handshakes: 1 << 20, Joining: crowdSize, JoinLine: crowdSize,
			JoinWait: time.Minute,
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	b.Cleanup(func() { cancel(); <-ran })
	return &storm{b: b, g: g, full: make(chan struct{}, 1)}
}

// take is where everything that viewers are written goes.
func (s *storm) take(data []byte) {
	got := s.got.Add(int64(len(data)))
	if want := s.want.Load(); want > 0 && got >= want && s.want.CompareAndSwap(want, 0) {
		s.full <- struct{}{}
	}
}

// join lets n viewers in who come all at once and resume from a place, if they
// have one.
func (s *storm) join(n int, from *wire.Resume) []*gatewaytest.Conn {
	hello, err := wire.Encode(&wire.Hello{Version: 1, Channel: "show", Resume: from})
	if err != nil {
		s.b.Fatal(err)
	}
	frame := append([]byte{0x81, 0x80 | 126, byte(len(hello) >> 8), byte(len(hello)), 0, 0, 0, 0}, hello...) // masked with zeros
	all := make([]*gatewaytest.Conn, n)
	before := s.g.Stats().Joined
	for i := range all {
		c, err := gatewaytest.Dial(context.Background(), s.g, wire.Subprotocol)
		if err != nil {
			s.b.Fatal(err)
		}
		c.Tap(s.take)
		if _, err := c.Write(frame); err != nil {
			s.b.Fatal(err)
		}
		all[i] = c
	}
	for s.g.Stats().Joined < before+uint64(n) {
		runtime.Gosched()
	}
	return all
}

// place is the beginning of the channel's log.
func (s *storm) place() *wire.Resume {
	c, err := gatewaytest.Dial(context.Background(), s.g, wire.Subprotocol)
	if err != nil {
		s.b.Fatal(err)
	}
	defer c.Close()
	hello := []byte(`{"t":"hello","v":1,"channel":"show"}`)
	if _, err := c.Write(append([]byte{0x81, 0x80 | byte(len(hello)), 0, 0, 0, 0}, hello...)); err != nil {
		s.b.Fatal(err)
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(c, head); err != nil {
		s.b.Fatal(err)
	}
	text := make([]byte, int(head[2])<<8|int(head[3]))
	if _, err := io.ReadFull(c, text); err != nil {
		s.b.Fatal(err)
	}
	m, err := wire.DecodeServer(text)
	w, ok := m.(*wire.Welcome)
	if !ok {
		s.b.Fatalf("%q: %v", text, err)
	}
	return &wire.Resume{Epoch: w.Epoch, Offset: w.Offset}
}

// BenchmarkJoin: what it takes to let one viewer in, of a crowd of 1,000 that
// comes at once: handshake, hello, a new participant's token, Welcome with ten
// cues. Resumed ones have missed 20 messages. The clients' part is in it.
func BenchmarkJoin(b *testing.B) {
	for name, resumed := range map[string]bool{"snapshot": false, "resumed": true} {
		b.Run(name, func(b *testing.B) {
			s := startStorm(b)
			from := s.place()
			for i := range 20 {
				s.g.Broadcast("show", wire.Viewers, &wire.Tally{Cue: fmt.Sprint("c", i), Version: 1, Counts: []uint64{1, 2}})
			}
			if !resumed {
				from = nil
			}
			for s.g.Stats().Connections > 0 {
				runtime.Gosched()
			}
			b.ReportAllocs()
			b.ResetTimer()
			before := cpu()
			for left := b.N; left > 0; left -= 1000 {
				for _, c := range s.join(min(left, 1000), from) {
					c.Close()
				}
				for s.g.Stats().Connections > 0 {
					runtime.Gosched()
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "joins/s")
			b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/join")
		})
	}
}

// BenchmarkBroadcast: one message to 19,000 viewers, until the last has it.
func BenchmarkBroadcast(b *testing.B) {
	s := startStorm(b)
	for range 19 {
		s.join(crowdSize/19, nil)
	}
	s.calm()
	cue := wire.CueChanged{Cue: cueChanged("c1", wire.StateArmed).Cue}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	for i := range b.N {
		m := cue
		m.Cue.Rev = 1000 + i
		data, err := wire.JSON.EncodeAt(&m, uint64(i)+1)
		if err != nil {
			b.Fatal(err)
		}
		head := 2
		if len(data) > 125 {
			head = 4
		}
		s.want.Store(s.got.Load() + int64(head+len(data))*crowdSize)
		s.g.Broadcast("show", wire.Viewers, &m)
		<-s.full
	}
	b.StopTimer()
	deliveries := float64(b.N) * crowdSize
	b.ReportMetric(float64((cpu()-before).Nanoseconds())/deliveries, "cpu-ns/delivery")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/deliveries, "ns/delivery")
}

// calm returns once nothing more is written to anybody.
func (s *storm) calm() {
	for last := int64(-1); last != s.got.Load(); {
		last = s.got.Load()
		for range 1000 {
			runtime.Gosched()
		}
	}
}
