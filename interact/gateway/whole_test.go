package gateway_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/embedded"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/gateway/gatewaytest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// BenchmarkWholePath takes answers from frames on viewers' sockets through
// gateway, engine and the log on disk to the frames of their receipts. The
// sockets are in memory: what the kernel's TCP costs is not in it. The viewers,
// who send frames made beforehand and look at every receipt, are. Run it with
// -benchtime=400000x; memory is what the same costs without a log.
func BenchmarkWholePath(b *testing.B) {
	for _, codec := range []wire.Codec{wire.JSON, wire.Msgpack} {
		b.Run(codec.Subprotocol(), func(b *testing.B) { benchmarkWholePath(b, codec, 5000) })
	}
}

func benchmarkWholePath(b *testing.B, codec wire.Codec, viewers int) {
	h := openHouse(b, codec, viewers, openLog(b))
	defer h.close()
	var cpuTime time.Duration
	answers, wall := 0, time.Duration(0)
	b.ReportAllocs()
	b.ResetTimer()
	b.StopTimer()
	for answers < b.N {
		n := min(b.N-answers, viewers*slots)
		cues := h.take(b)
		h.load(b, cues, n)
		before, start := cpu(), time.Now()
		b.StartTimer()
		h.fire(b, n)
		b.StopTimer()
		cpuTime, wall = cpuTime+cpu()-before, wall+time.Since(start)
		h.settle(b, cues, n)
		answers += n
	}
	b.ReportMetric(float64(answers)/wall.Seconds(), "answers/s")
	b.ReportMetric(float64(cpuTime.Nanoseconds())/float64(answers)/1e3, "cpu-µs/answer")
	counts, err := h.room.Counts(b.Context())
	if err != nil || counts.Counted != uint64(answers) || counts.Busy != 0 {
		b.Fatalf("counts = %+v (%v), want %d", counts, err, answers)
	}
	b.ReportMetric(float64(answers)/float64(counts.Commits), "answers/commit")
}

// TestWholePath is the benchmark's own path once, with every receipt held
// against the tally.
func TestWholePath(t *testing.T) {
	h := openHouse(t, wire.Msgpack, 50, openLog(t))
	defer h.close()
	cues := h.take(t)
	h.load(t, cues, 50*slots)
	h.fire(t, 50*slots)
	h.settle(t, cues, 50*slots)
}

// slots is how many cues are on air at once, so that a viewer has that many
// answers to give in one burst.
const slots = 8

// house is the whole server but for the kernel's sockets, and its viewers.
type house struct {
	codec    wire.Codec
	gateway  *gateway.Gateway
	room     *engine.Room
	clock    *clock.Room
	viewers  []*seated
	received atomic.Int64 // receipts
	target   atomic.Int64 // of them; reached says that there are so many
	reached  chan struct{}
	odd      atomic.Pointer[string]
	narrow   *narrow                         // nil: the room is as wide as it is
	refused  func(v *seated, message []byte) // nil: nobody may be
	joined   sync.WaitGroup                  // welcomes that have not come
	close    func()
}

// seated is one viewer.
type seated struct {
	conn     *gatewaytest.Conn
	h        *house
	frames   [][]byte // to send, one for each cue
	part     []byte   // of a frame whose end has not come
	receipts int      // belongs to the goroutine that writes to it
}

// door is the room as the gateway knows it.
func (h *house) door() gateway.Room {
	if h.narrow != nil {
		return h.narrow
	}
	return h.room
}

// openLog opens the log on disk.
func openLog(tb testing.TB) interact.Store {
	tb.Helper()
	store, err := embedded.Open(tb.Context(), filepath.Join(tb.TempDir(), "interact.db"), nil)
	check(tb, err)
	tb.Cleanup(func() { check(tb, store.Close()) })
	return store
}

func openHouse(tb testing.TB, codec wire.Codec, viewers int, store interact.Store) *house {
	return openNarrowHouse(tb, codec, viewers, store, 0)
}

// openNarrowHouse opens one with place for so many answers; 0: as many as the
// room takes in.
func openNarrowHouse(tb testing.TB, codec wire.Codec, viewers int, store interact.Store, places int64) *house {
	tb.Helper()
	h := &house{codec: codec, reached: make(chan struct{}, 1), clock: clock.NewRoom(time.Now(), clock.InstantOf(time.Now()), 1)}
	keys, err := token.Open(tb.TempDir())
	check(tb, err)
	h.gateway, err = gateway.New(gateway.Config{
		Rooms: func(string) (gateway.Room, bool) { return h.door(), true }, Clock: h.clock, Tokens: keys,
		Limits: gateway.Limits{
			Handshakes: 1 << 20, Joining: 1 << 20, MessageRate: 1 << 20, MessageBurst: 1 << 20,
			AnswerRate: 1 << 20, AnswerBurst: 1 << 20,
		},
	})
	check(tb, err)
	e, err := engine.New(tb.Context(), engine.Config{
		Store: store, Clock: h.clock, Broadcaster: h.gateway, Receipts: 1 << 30,
		Channels: []engine.Channel{{Name: "show", Latency: time.Second}},
	})
	check(tb, err)
	h.room, _ = e.Room("show")
	if places > 0 {
		h.narrow = &narrow{Room: h.room, places: places}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- h.gateway.Run(ctx) }()
	go func() { done <- e.Run(ctx) }()
	h.close = func() {
		cancel()
		for _, v := range h.viewers {
			v.conn.Close()
		}
		check(tb, <-done)
		check(tb, <-done)
	}
	h.joined.Add(viewers)
	for range viewers {
		h.viewers = append(h.viewers, h.seat(tb))
	}
	h.joined.Wait()
	return h
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// seat joins one viewer.
func (h *house) seat(tb testing.TB) *seated {
	tb.Helper()
	conn, err := gatewaytest.Dial(tb.Context(), h.gateway, h.codec.Subprotocol())
	check(tb, err)
	v := &seated{conn: conn, h: h}
	conn.Tap(v.hear)
	hello, err := h.codec.Encode(&wire.Hello{Version: wire.Version, Channel: "show"})
	check(tb, err)
	_, err = conn.Write(h.frame(hello))
	check(tb, err)
	return v
}

const (
	opText, opBinary, opPing, opPong = 1, 2, 9, 10
)

func (h *house) frame(message []byte) []byte {
	if h.codec.Binary() {
		return gatewaytest.AppendFrame(nil, opBinary, 0x9e3779b9, message)
	}
	return gatewaytest.AppendFrame(nil, opText, 0x9e3779b9, message)
}

// hear takes what the gateway writes: receipts are counted, pings answered.
func (v *seated) hear(b []byte) {
	if len(v.part) > 0 {
		v.part = append(v.part, b...)
		b = v.part
	}
	for {
		opcode, payload, rest, ok := gatewaytest.CutFrame(b)
		if !ok {
			break
		}
		v.take(opcode, payload)
		b = rest
	}
	v.part = append(v.part[:0], b...)
}

func (v *seated) take(opcode byte, payload []byte) {
	switch opcode {
	case opPing:
		v.conn.TryWrite(gatewaytest.AppendFrame(nil, opPong, 1, payload))
		return
	case opText, opBinary:
		switch v.h.kindOf(payload) {
		case "receipt":
			v.receipts++
			if v.h.received.Add(1) == v.h.target.Load() {
				v.h.wake()
			}
		case "welcome":
			v.h.joined.Done()
		case "refused":
			if v.h.refused != nil {
				v.h.refused(v, payload)
				return
			}
			fallthrough
		case "bye":
			text := string(payload)
			v.h.odd.CompareAndSwap(nil, &text)
			v.h.wake()
		}
	}
}

// kindOf returns the type of a message, which stands first in both codecs: as
// {"t":"…" or as a map that begins with the text t and a short text.
func (h *house) kindOf(payload []byte) string {
	start, length := len(`{"t":"`), 0
	if h.codec.Binary() {
		start = 4
		if payload[0] == 0xde { // a map of more than 15 members
			start = 6
		}
		length = int(payload[start-1] & 0x1f)
	} else {
		for payload[start+length] != '"' {
			length++
		}
	}
	return string(payload[start : start+length])
}

// take puts a poll on air in every slot and waits until a person could have
// answered.
func (h *house) take(tb testing.TB) []wire.Cue {
	tb.Helper()
	cues := make([]wire.Cue, slots)
	for i := range cues {
		c, err := h.room.Prepare(tb.Context(), interact.Question{
			Kind: interact.KindPoll, Title: "Tea or coffee?", Options: []string{"Tea", "Coffee"},
			Results: interact.ResultsReveal, Window: interact.MaxWindow, Slot: fmt.Sprint("s", i),
		})
		check(tb, err)
		cues[i], err = h.room.Take(tb.Context(), c.ID, "")
		check(tb, err)
	}
	last := cues[slots-1].Open.Add(500 * time.Millisecond)
	<-time.After(time.Until(h.clock.TimeAt(last))) // it is the clock that is waited for
	return cues
}

// load frames n answers: the first of every viewer, then the second of each.
func (h *house) load(tb testing.TB, cues []wire.Cue, n int) {
	tb.Helper()
	h.received.Store(0)
	for i, v := range h.viewers {
		v.frames, v.receipts = v.frames[:0], 0
		for k := range min(slots, (n-i+len(h.viewers)-1)/len(h.viewers)) {
			message, err := h.codec.Encode(&wire.Answer{
				ID: fmt.Sprintf("a%06d%d", i, k), Cue: cues[k].ID, Rev: cues[k].Rev, Choice: []int{i & 1},
				At: h.clock.At(time.Now()), Dispersion: 1000,
			})
			check(tb, err)
			v.frames = append(v.frames, h.frame(message))
		}
	}
}

// ahead is how many answers may be without receipt: fewer than a room takes in.
const ahead = 16_000

// fire sends what was loaded as fast as it is taken, and waits for n receipts.
func (h *house) fire(tb testing.TB, n int) {
	tb.Helper()
	sent := 0
	for k := range slots {
		for _, v := range h.viewers {
			if k >= len(v.frames) {
				continue
			}
			if sent-int(h.received.Load()) >= ahead {
				h.await(tb, sent-ahead/2)
			}
			if _, err := v.conn.Write(v.frames[k]); err != nil {
				tb.Fatal(err)
			}
			sent++
		}
	}
	if sent != n {
		tb.Fatalf("sent %d of %d", sent, n)
	}
	h.await(tb, n)
}

// await waits for n receipts.
func (h *house) await(tb testing.TB, n int) {
	tb.Helper()
	h.target.Store(int64(n))
	for h.received.Load() < int64(n) {
		<-h.reached
		if odd := h.odd.Load(); odd != nil {
			tb.Fatalf("a viewer heard %q", *odd)
		}
	}
}

func (h *house) wake() {
	select {
	case h.reached <- struct{}{}:
	default:
	}
}

// clear takes cues off the air.
func (h *house) clear(tb testing.TB, cues []wire.Cue) {
	tb.Helper()
	for _, c := range cues {
		_, err := h.room.Cancel(tb.Context(), c.ID, "")
		check(tb, err)
	}
}

// settle holds what viewers were told against the tallies, and clears
// the cues.
func (h *house) settle(tb testing.TB, cues []wire.Cue, n int) {
	tb.Helper()
	total, told := uint64(0), 0
	for _, v := range h.viewers {
		if v.receipts != len(v.frames) {
			tb.Fatalf("a viewer has %d receipts for %d answers", v.receipts, len(v.frames))
		}
		told += v.receipts
	}
	for _, c := range cues {
		tally, err := h.room.Tally(tb.Context(), c.ID)
		check(tb, err)
		total += tally.Total
		if sum := tally.Counts[0] + tally.Counts[1]; sum != tally.Total {
			tb.Fatalf("tally %+v", tally)
		}
	}
	h.clear(tb, cues)
	if told != n || total != uint64(n) {
		tb.Fatalf("%d receipts, %d counted, %d answers", told, total, n)
	}
}
