package ingesttest

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

func (p Protocol) testGarbage(t *testing.T) {
	r := p.start(t)
	r.publish(t, "show:"+Key, p.everything()...)
	before := r.Await(t, "media", flowing(5, 5))
	noise := make([]byte, 1400)
	random := rand.NewChaCha8([32]byte{7})
	for range 100 {
		_, _ = random.Read(noise)
		dial(t, p.Network, r.addr, noise)
	}
	dial(t, p.Network, r.addr, bytes.Repeat([]byte{3}, 1400))
	dial(t, p.Network, r.addr, []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	dial(t, p.Network, r.addr, nil)
	if p.Huge != nil {
		p.Huge(t, r.addr)
	}
	r.Await(t, "media after the garbage", flowing(len(before.Of(media.Video))+10, 10))
}

// dial sends garbage and leaves.
func dial(t *testing.T, network, addr string, garbage []byte) {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = c.Write(garbage) // the server may hang up before it is all sent
}

// soon is the handshake's limit in the tests that wait for its end.
const soon = 1500 * time.Millisecond

func (p Protocol) testNoMedia(t *testing.T) {
	r := p.startWith(t, ingest.Config{Handshake: soon}, false)
	client := r.send(t, p.NoMedia)
	client.Wait(t)
	r.counted(t, "a timeout", func(s ingest.Snapshot) bool { return s.Refused[ingest.CodeTimeout] == 1 })
	if h := r.Heard(); len(h.Begins) != 0 {
		t.Error("the output was begun")
	}
	r.persist(t, flowing(1, 1)) // the limit may be short for it too
}

// testMute opens connections and says nothing on them.
func (p Protocol) testMute(t *testing.T) {
	r := p.startWith(t, ingest.Config{Handshake: soon}, false)
	for range 3 {
		p.hungUp(t, r, nil)
	}
}

func (p Protocol) testSlow(t *testing.T) {
	r := p.startWith(t, ingest.Config{Handshake: soon}, false)
	opening := p.Opening
	if opening == nil {
		opening = make([]byte, 2000)
		opening[0] = 3 // as RTMP begins
	}
	p.hungUp(t, r, opening)
	r.persist(t, flowing(1, 1))
}

// hungUp dials, sends a byte each 20 ms and waits until the server has ended
// the connection.
func (p Protocol) hungUp(t *testing.T, r *rig, bytes []byte) {
	t.Helper()
	c, err := net.Dial(p.Network, r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := time.Now()
	_ = c.SetDeadline(start.Add(patience))
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, c)
		close(ended)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			if took := time.Since(start); took > soon+patience/2 {
				t.Errorf("the server hung up after %v", took)
			}
			return
		case <-tick.C:
			if len(bytes) > 0 {
				_, _ = c.Write(bytes[:1])
				bytes = bytes[1:]
			}
		}
	}
}

// testFreeze publishes for two seconds with an encoder that then hangs.
func (p Protocol) testFreeze(t *testing.T) {
	const limit = 4 * time.Second
	r := p.startWith(t, ingest.Config{Stall: limit}, false)
	client := r.publish(t, "show:"+Key, p.freezing()...)
	h := r.Await(t, "end", ended(1))
	if ingest.CodeOf(h.Ends[0]) != ingest.CodeStalled {
		t.Errorf("ends = %v", h.Ends)
	}
	if n := r.registry.Counters().Stalled; n != 1 || !strings.Contains(r.log.String(), "publisher stalled") {
		t.Errorf("IG43 counted %d", n)
	}
	if idle := h.Begins[0].Stats().Idle; idle < limit {
		t.Errorf("IG43 idle for %v", idle)
	}
	client.Kill()
}
