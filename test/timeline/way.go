package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// srtLatency is what the sender asks for: time to send lost packets again.
const srtLatency = 400 * time.Millisecond

// way is a path with everything that goes wrong on one.
type way struct {
	delay  time.Duration // the shortest
	jitter time.Duration // mean of an exponential on top, 20 times that at most
	loss   float64       // share of packets, UDP only
	ppm    float64       // UDP only: of the sender's packet clock, which is not R's either
	stalls []time.Duration
	stall  time.Duration // how long each lasts

	start time.Time
}

// wayOf is the way a protocol's sender has: a quarter of a minute clean to
// lock, then stalls spread over the run.
func wayOf(protocol string, duration time.Duration, ppm float64) *way {
	w := &way{delay: 30 * time.Millisecond, jitter: 10 * time.Millisecond, stall: 2 * time.Second, ppm: ppm}
	if protocol == "srt" {
		w.jitter, w.loss, w.stall = 5*time.Millisecond, 0.01, 1500*time.Millisecond
	}
	for at := duration / 3; at < duration*9/10; at += max(duration/6, 5*time.Second) {
		w.stalls = append(w.stalls, at)
	}
	return w
}

// open starts the relay before addr and says where it is.
func (w *way) open(protocol, addr string) (at string, stop func(), err error) {
	w.start = time.Now()
	if protocol == "srt" {
		return w.openUDP(addr)
	}
	return w.openTCP(addr)
}

// due is when something that was sent now arrives.
func (w *way) due(now time.Time) time.Time {
	extra := min(rand.ExpFloat64(), 20) * float64(w.jitter)
	at := now.Add(w.delay + time.Duration(extra))
	for _, s := range w.stalls {
		if begin := w.start.Add(s); !at.Before(begin) && at.Before(begin.Add(w.stall)) {
			return begin.Add(w.stall)
		}
	}
	return at
}

// disturbed says whether a stall was within the last 10 s before t.
func (w *way) disturbed(t time.Time) bool {
	for _, s := range w.stalls {
		if since := t.Sub(w.start.Add(s)); since > -time.Second && since < w.stall+10*time.Second {
			return true
		}
	}
	return false
}

// openTCP relays connections: bytes stay in order, so what is late holds up
// what follows.
func (w *way) openTCP(addr string) (string, func(), error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	var running sync.WaitGroup
	var conns closers
	running.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", addr)
			if err != nil {
				in.Close()
				continue
			}
			conns.add(in)
			conns.add(out)
			running.Go(func() { io.Copy(in, out); in.Close() })
			running.Go(func() { w.forward(out, in); out.Close() })
		}
	})
	return ln.Addr().String(), func() { ln.Close(); conns.close(); running.Wait() }, nil
}

type chunk struct {
	data []byte
	due  time.Time
}

// forward copies in to out, each piece when it is due.
func (w *way) forward(out, in net.Conn) {
	pieces := make(chan chunk, 1<<14)
	var running sync.WaitGroup
	running.Go(func() {
		defer close(pieces)
		for {
			buffer := make([]byte, 16<<10)
			n, err := in.Read(buffer)
			if err != nil {
				return
			}
			pieces <- chunk{buffer[:n], w.due(time.Now())}
		}
	})
	for p := range pieces {
		<-time.After(time.Until(p.due))
		if _, err := out.Write(p.data); err != nil {
			in.Close()
		}
	}
	running.Wait()
}

// openUDP relays datagrams, which overtake each other and get lost. On the way
// to the server their SRT time stamps are those of a clock that is ppm wrong.
func (w *way) openUDP(addr string) (string, func(), error) {
	server, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return "", nil, err
	}
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return "", nil, err
	}
	back, err := net.DialUDP("udp", nil, server)
	if err != nil {
		front.Close()
		return "", nil, err
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	var sender *net.UDPAddr
	running.Go(func() {
		pump(front, &running, func(p []byte, from *net.UDPAddr) (time.Time, func()) {
			mu.Lock()
			sender = from
			mu.Unlock()
			if rand.Float64() < w.loss {
				return time.Time{}, nil
			}
			w.skew(p)
			return w.due(time.Now()), func() { back.Write(p) }
		})
	})
	running.Go(func() {
		pump(back, &running, func(p []byte, _ *net.UDPAddr) (time.Time, func()) {
			mu.Lock()
			to := sender
			mu.Unlock()
			return time.Now().Add(w.delay), func() { front.WriteToUDP(p, to) }
		})
	})
	return front.LocalAddr().String(), func() { front.Close(); back.Close(); running.Wait() }, nil
}

// skew rewrites the time stamp in an SRT header, µs since the sender's start.
func (w *way) skew(p []byte) {
	const at = 8
	if len(p) < 16 {
		return
	}
	stamp := binary.BigEndian.Uint32(p[at:])
	binary.BigEndian.PutUint32(p[at:], stamp+uint32(int64(float64(stamp)*w.ppm/1e6)))
}

// pump reads datagrams until conn is closed, and does with each what take says,
// when it says.
func pump(conn *net.UDPConn, running *sync.WaitGroup, take func([]byte, *net.UDPAddr) (time.Time, func())) {
	for {
		buffer := make([]byte, 2048)
		n, from, err := conn.ReadFromUDP(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		} else if err != nil {
			continue // the other side is not there yet, or no more
		}
		if due, send := take(buffer[:n], from); send != nil {
			running.Add(1)
			time.AfterFunc(time.Until(due), func() { defer running.Done(); send() })
		}
	}
}

// closers are connections to be closed together.
type closers struct {
	mu  sync.Mutex
	all []io.Closer
}

func (c *closers) add(one io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, one)
}

func (c *closers) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.all {
		one.Close()
	}
}

func (w *way) String() string {
	return fmt.Sprintf("%v + exp(%v), loss %.0f %%, %d stalls of %v", w.delay, w.jitter, 100*w.loss, len(w.stalls), w.stall)
}
