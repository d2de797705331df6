package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// The benchmarks measure the server alone: its clients run in a child process,
// which is this test binary again.

// TestMain turns into the child if it is asked to.
func TestMain(m *testing.M) {
	if job := os.Getenv("GATEWAY_BENCH_CROWD"); job != "" {
		if err := runCrowd(job, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "crowd:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// batchRoom acknowledges answers in batches, as a log with group commit does.
type batchRoom struct {
	room
	in chan verdict
}

type verdict struct {
	answer interact.Answer
	to     interact.Settler
}

func (r *batchRoom) Closed(interact.Closing) {}
func (r *batchRoom) Left(string)             {}

func (r *batchRoom) AnswerTo(a interact.Answer, to interact.Settler) {
	r.in <- verdict{a, to}
}

func (r *batchRoom) commit(ctx context.Context) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for n := len(r.in); n > 0; n-- {
			v := <-r.in
			v.to.Settle(receiptFor(v.answer), nil)
		}
	}
}

func startBench(b *testing.B) (addr string, g *gateway.Gateway) {
	keys, err := token.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	r := &batchRoom{in: make(chan verdict, 20_000)}
	g, err = gateway.New(gateway.Config{
		Rooms: func(string) (gateway.Room, bool) { return r, true },
		Clock: clock.NewRoom(time.Now(), base, 7), Tokens: keys,
		Limits: gateway.Limits{AnswerRate: 1 << 20, AnswerBurst: 1 << 20, MessageRate: 1 << 20, MessageBurst: 1 << 20},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { r.commit(ctx); done <- nil }()
	go func() { done <- g.Run(ctx) }()
	b.Cleanup(func() { cancel(); <-done; <-done })
	srv := httptest.NewServer(g)
	b.Cleanup(srv.Close)
	return srv.Listener.Addr().String(), g
}

// startEcho is the yardstick: gorilla/websocket with nothing around it.
func startEcho(b *testing.B) string {
	up := websocket.Upgrader{ReadBufferSize: 512, WriteBufferSize: 1024}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		for {
			kind, data, err := ws.ReadMessage()
			if err != nil || ws.WriteMessage(kind, data) != nil {
				return
			}
		}
	}))
	b.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

type crowdJob struct {
	Addr  string
	Conns int
	Echo  bool
}

// startCrowd returns once all clients have joined. run makes them send n
// answers in all and waits for every reply.
func startCrowd(b *testing.B, job crowdJob) (run func(n int, cue string)) {
	text, _ := json.Marshal(job)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GATEWAY_BENCH_CROWD="+string(text), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	lines := bufio.NewScanner(out)
	await := func() {
		if !lines.Scan() {
			b.Fatal("the crowd is gone")
		}
	}
	await()
	return func(n int, cue string) { fmt.Fprintln(in, n, cue); await() }
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAnswer: server CPU for one answer and its receipt, 500 sockets. Run
// it with -benchtime=50000x.
func BenchmarkAnswer(b *testing.B) {
	for _, echo := range []bool{false, true} {
		name := "gateway"
		if echo {
			name = "bare-echo"
		}
		b.Run(name, func(b *testing.B) {
			var addr string
			if echo {
				addr = startEcho(b)
			} else {
				addr, _ = startBench(b)
			}
			run := startCrowd(b, crowdJob{Addr: addr, Conns: 500, Echo: echo})
			run(500, "c1") // warm up
			before := cpu()
			b.ResetTimer()
			run(b.N, "c1")
			b.StopTimer()
			b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(b.N)/1e3, "cpu-µs/answer")
		})
	}
}

// BenchmarkSockets is BenchmarkWholePath over the kernel's sockets: gateway,
// engine and log are in this process, its 4000 viewers in another. Run it with
// -benchtime=40000x.
func BenchmarkSockets(b *testing.B) {
	const viewers = 4000
	h := openHouse(b, wire.JSON, 0, openLog(b))
	defer h.close()
	srv := httptest.NewServer(h.gateway)
	defer srv.Close()
	run := startCrowd(b, crowdJob{Addr: srv.Listener.Addr().String(), Conns: viewers})
	var cues []wire.Cue
	var used time.Duration
	b.ResetTimer()
	for i, left := 0, b.N; left > 0; i, left = i+1, left-viewers {
		if i%slots == 0 { // what the cues' own messages cost is not measured
			b.StopTimer()
			h.clear(b, cues)
			cues = h.take(b)
			b.StartTimer()
		}
		before := cpu()
		run(min(left, viewers), cues[i%slots].ID)
		used += cpu() - before
	}
	b.StopTimer()
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N)/1e3, "cpu-µs/answer")
	counts, err := h.room.Counts(b.Context())
	if err != nil || counts.Counted != uint64(b.N) {
		b.Fatalf("counts = %+v (%v), want %d", counts, err, b.N)
	}
	b.ReportMetric(float64(b.N)/float64(counts.Commits), "answers/commit")
}

// BenchmarkIdle: what a viewer costs that only listens. Run it with
// -benchtime=1x.
func BenchmarkIdle(b *testing.B) {
	const conns = 5000
	addr, g := startBench(b)
	settle := func() (heap, resident float64) {
		for range 6 { // stacks shrink by half at each collection
			runtime.GC()
		}
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		statm, _ := os.ReadFile("/proc/self/statm")
		var size, rss float64
		fmt.Sscan(string(statm), &size, &rss)
		return float64(m.HeapAlloc + m.StackInuse), rss * float64(os.Getpagesize())
	}
	heap0, rss0 := settle()
	run := startCrowd(b, crowdJob{Addr: addr, Conns: conns})
	if n := g.Viewers("show"); n != conns {
		b.Fatalf("%d viewers", n)
	}
	heap1, rss1 := settle()
	b.ReportMetric((heap1-heap0)/conns, "B/viewer")
	b.ReportMetric((rss1-rss0)/conns, "rss-B/viewer")
	b.ReportMetric(float64(runtime.NumGoroutine())/conns, "goroutines/viewer")
	before := cpu()
	start := time.Now()
	for i := range 20 {
		g.Broadcast("show", 1, cueChanged(fmt.Sprint("c", i), "armed"))
	}
	run(0, "c1") // everything has been read
	b.ReportMetric(float64((cpu()-before).Nanoseconds())/20/conns/1e3, "cpu-µs/delivery")
	b.ReportMetric(float64(time.Since(start).Milliseconds())/20, "ms/broadcast")
}

// runCrowd is the child: it joins, says so, and for every number read from in
// sends that many answers and prints a line.
func runCrowd(text string, in io.Reader, out io.Writer) error {
	var job crowdJob
	if err := json.Unmarshal([]byte(text), &job); err != nil {
		return err
	}
	members := make([]*member, job.Conns)
	for i := range members {
		m, err := join(job)
		if err != nil {
			return err
		}
		members[i] = m
	}
	fmt.Fprintln(out, "joined")
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var n int
		var cue string
		if _, err := fmt.Sscan(lines.Text(), &n, &cue); err != nil {
			return err
		}
		if err := send(members, n, cue); err != nil {
			return err
		}
		fmt.Fprintln(out, "done")
	}
	return nil
}

// member is one client, as cheap as can be: it masks with zeros.
type member struct {
	conn net.Conn
	in   *bufio.Reader
	want string // what a reply starts with
}

func join(job crowdJob) (*member, error) {
	conn, err := net.Dial("tcp", job.Addr)
	if err != nil {
		return nil, err
	}
	m := &member{conn: conn, in: bufio.NewReaderSize(conn, 1024), want: `{"t":"receipt"`}
	fmt.Fprintf(conn, "GET /ws/v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: cuelight.v1.json\r\n\r\n")
	for line := ""; line != "\r\n"; {
		if line, err = m.in.ReadString('\n'); err != nil {
			return nil, err
		}
	}
	if job.Echo {
		m.want = `{"t":"answer"`
		return m, nil
	}
	m.write(1, []byte(`{"t":"hello","v":1,"channel":"show"}`))
	if err := m.await(`{"t":"welcome"`); err != nil {
		return nil, err
	}
	for range 3 { // liveness pings come in threes
		if err := m.await("ping"); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *member) write(opcode byte, data []byte) {
	frame := []byte{0x80 | opcode}
	if len(data) < 126 {
		frame = append(frame, 0x80|byte(len(data)))
	} else {
		frame = append(frame, 0x80|126, byte(len(data)>>8), byte(len(data)))
	}
	frame = append(frame, 0, 0, 0, 0)
	m.conn.Write(append(frame, data...)) // an error shows at the next read
}

// await reads up to the frame that starts so, answering pings.
func (m *member) await(start string) error {
	for {
		var head [2]byte
		if _, err := io.ReadFull(m.in, head[:]); err != nil {
			return err
		}
		n := int(head[1] & 0x7f)
		if n == 126 {
			var long [2]byte
			if _, err := io.ReadFull(m.in, long[:]); err != nil {
				return err
			}
			n = int(long[0])<<8 | int(long[1])
		}
		data, err := m.in.Peek(n)
		if err != nil {
			return err
		}
		found := strings.HasPrefix(string(data), start)
		if head[0]&0xf == 9 {
			m.write(10, data)
			found = start == "ping"
		}
		m.in.Discard(n)
		if found {
			return nil
		}
	}
}

// send lets every member have one answer under way at a time.
func send(members []*member, n int, cue string) error {
	if n == 0 {
		for _, m := range members {
			if err := m.await(`{"t":"cue","cue":{"id":"c19"`); err != nil {
				return err
			}
		}
	}
	text := fmt.Appendf(nil, `{"t":"answer","id":"a7f3","cue":%q,"rev":2,"choice":[1],"at_us":1795410003250000,"disp_us":1800}`, cue)
	for n > 0 {
		round := members[:min(n, len(members))]
		for _, m := range round {
			m.write(1, text)
		}
		for _, m := range round {
			if err := m.await(m.want); err != nil {
				return err
			}
		}
		n -= len(round)
	}
	return nil
}
