package redis_test

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// proxy stands before a server. It can make subscriptions dumb: their
// connections stay, and nothing comes over them any more.
type proxy struct {
	addr string

	mu         sync.Mutex // protects what follows
	lines      []*line
	subscribed chan int // how many subscriptions there have been
	count      int
}

// line is one connection.
type line struct {
	client, server net.Conn
	subscribes     bool
	dumb           bool
}

func startProxy(t *testing.T, server string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), subscribed: make(chan int, 100)}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.join(client, server) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, one := range p.lines {
			one.client.Close()
			one.server.Close()
		}
		p.mu.Unlock()
		wg.Wait()
	})
	return p
}

func (p *proxy) join(client net.Conn, addr string) {
	server, err := net.Dial("tcp", addr)
	if err != nil {
		client.Close()
		return
	}
	one := &line{client: client, server: server}
	p.mu.Lock()
	p.lines = append(p.lines, one)
	p.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { p.pass(client, server, func(b []byte) bool { p.notice(one, b); return true }) })
	wg.Go(func() { p.pass(server, client, func([]byte) bool { return p.speaks(one) }) })
	wg.Wait()
}

// pass copies what may pass until one side ends.
func (p *proxy) pass(from, to net.Conn, may func([]byte) bool) {
	defer from.Close()
	defer to.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 && may(b[:n]) {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *proxy) notice(one *line, b []byte) {
	if bytes.Contains(bytes.ToLower(b), []byte("ssubscribe")) {
		p.mu.Lock()
		one.subscribes = true
		p.count++
		p.subscribed <- p.count
		p.mu.Unlock()
	}
}

func (p *proxy) speaks(one *line) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !one.dumb
}

// silence makes the subscriptions there are dumb.
func (p *proxy) silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.lines {
		one.dumb = one.subscribes
	}
}

func TestDumbSubscription(t *testing.T) {
	for name, posting := range map[string]bool{"while posts come": true, "while nothing comes": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProxy(t, serve(t, redisproc.Options{}).Addr)
			c := open(t, redisstore.Config{Addresses: []string{p.addr}, Level: interact.LevelMemory})
			heard := hark(t, c.Bus(), interact.Place{})
			if err := insist(t.Context(), c.Bus(), 0); err != nil {
				t.Fatal(err)
			}
			heard.wantNumbers(t, 0, 1)
			<-p.subscribed
			p.silence()
			at := 1
			for posting && len(p.subscribed) == 0 {
				began := time.Now()
				if err := insist(t.Context(), c.Bus(), at); err != nil {
					t.Fatal(err)
				}
				heard.wantNumbers(t, at, at+1)
				if took := time.Since(began); took > 3*time.Second {
					t.Errorf("BU15 heard after %v", took)
				}
				at++
			}
			select {
			case <-p.subscribed:
			case <-time.After(patience):
				t.Fatal("BU15 no new subscription")
			}
			if err := insist(t.Context(), c.Bus(), at); err != nil {
				t.Fatal(err)
			}
			heard.wantNumbers(t, at, at+1)
		})
	}
}
