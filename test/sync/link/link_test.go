package link_test

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/test/sync/link"
)

// echo is a server that sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() { defer conn.Close(); io.Copy(conn, conn) })
		}
	})
	t.Cleanup(func() { ln.Close(); running.Wait() })
	return ln.Addr().String()
}

// open starts l and returns a connection through it.
func open(t *testing.T, l *link.Link) net.Conn {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, ln) }()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	t.Cleanup(func() {
		conn.Close()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("link: %v", err)
		}
	})
	return conn
}

// trip sends a byte and waits for it.
func trip(t *testing.T, conn net.Conn) time.Duration {
	t.Helper()
	began := time.Now()
	if _, err := conn.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

func TestDelayIsThatOfBothWays(t *testing.T) {
	l := link.New(echo(t), link.Way{Delay: 60 * time.Millisecond}, link.Way{Delay: 20 * time.Millisecond})
	if took := trip(t, open(t, l)); took < 80*time.Millisecond {
		t.Errorf("a round trip over 60 ms up and 20 ms down took %v", took)
	}
}

func TestPauseHoldsUpEverything(t *testing.T) {
	l := link.New(echo(t), link.Way{}, link.Way{})
	conn := open(t, l)
	trip(t, conn) // the connection is there
	l.Pause(200 * time.Millisecond)
	if took := trip(t, conn); took < 190*time.Millisecond {
		t.Errorf("a round trip in a pause of 200 ms took %v", took)
	}
}

func TestRateIsShared(t *testing.T) {
	l := link.New(echo(t), link.Way{Rate: 100_000}, link.Way{})
	conn := open(t, l)
	const size = 20_000
	began := time.Now()
	go conn.Write(make([]byte, size))
	if _, err := io.ReadFull(conn, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 180*time.Millisecond {
		t.Errorf("20 kB at 100 kB/s took %v", took)
	}
}

func TestBytesStayInOrder(t *testing.T) {
	way := link.Way{Delay: 2 * time.Millisecond, Jitter: 2 * time.Millisecond, Spike: 0.2, SpikeMax: 5 * time.Millisecond, Loss: 0.05, Recovery: 5 * time.Millisecond}
	conn := open(t, link.New(echo(t), way, way))
	go func() {
		for i := range 100 {
			conn.Write([]byte{byte(i)})
		}
	}()
	got := make([]byte, 100)
	if _, err := io.ReadFull(conn, got); err != nil {
		t.Fatal(err)
	}
	for i, b := range got {
		if int(b) != i {
			t.Fatalf("byte %d is %d", i, b)
		}
	}
}
