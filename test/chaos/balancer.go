package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// balancer passes connections on to whichever of several nodes takes them, as
// the load balancer in front of a show does.
type balancer struct {
	url      string
	listener net.Listener
	open     atomic.Int64 // connections that a node has taken

	mu      sync.Mutex // protects targets
	targets []string   // host:port
	work    sync.WaitGroup
}

// dialWait is how long a node has to take a connection.
const dialWait = 500 * time.Millisecond

func newBalancer(host string, nodes ...string) (*balancer, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	b := &balancer{url: "http://" + l.Addr().String(), listener: l}
	b.use(nodes...)
	b.work.Go(b.accept)
	return b, nil
}

// use replaces the nodes, given by their addresses with scheme.
func (b *balancer) use(nodes ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.targets = nil
	for _, n := range nodes {
		b.targets = append(b.targets, strings.TrimPrefix(n, "http://"))
	}
}

func (b *balancer) accept() {
	for {
		c, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.work.Go(func() { b.pass(c) })
	}
}

func (b *balancer) pass(c net.Conn) {
	defer c.Close()
	node, err := b.dial()
	if err != nil {
		return
	}
	defer node.Close()
	b.open.Add(1)
	defer b.open.Add(-1)
	join(c, node)
}

// dial connects to a node, one after another from any of them on.
func (b *balancer) dial() (net.Conn, error) {
	b.mu.Lock()
	targets := append([]string(nil), b.targets...)
	b.mu.Unlock()
	rand.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	var errs []error
	for _, t := range targets {
		c, err := net.DialTimeout("tcp", t, dialWait)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// join copies both ways until one end is gone.
func join(a, b net.Conn) {
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		go func() {
			_, _ = io.Copy(way[0], way[1]) // either end may go at any time
			done <- struct{}{}
		}()
	}
	<-done
	a.Close()
	b.Close()
	<-done
}

func (b *balancer) close() { b.listener.Close() }

// awaitBack waits until fewer than n connections are open, and then until n are
// again. It says how long that took.
func (b *balancer) awaitBack(ctx context.Context, n int) (time.Duration, error) {
	began := time.Now()
	gone, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for b.open.Load() >= int64(n) && pause(gone, time.Millisecond) {
		continue
	}
	_, err := b.awaitOpen(ctx, n)
	return time.Since(began), err
}

// awaitOpen waits until n connections are open, and says how long that took.
func (b *balancer) awaitOpen(ctx context.Context, n int) (time.Duration, error) {
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for b.open.Load() < int64(n) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return time.Since(began), context.Cause(ctx)
		}
	}
	return time.Since(began), nil
}
