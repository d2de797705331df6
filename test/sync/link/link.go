package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	// packet is what one read takes: pieces as they would travel.
	packet = 1448
	// inFlight bounds what one connection may have under way, about 12 MB.
	inFlight = 1 << 13
)

// Link relays connections from a listener to a server. Create it with New,
// then Run it once. Pause may be called from anywhere.
type Link struct {
	target   string
	up, down direction

	mu     sync.Mutex // protects paused
	paused time.Time
}

// New makes a link to target (host:port); up leads to it.
func New(target string, up, down Way) *Link {
	now := time.Now()
	return &Link{target: target, up: direction{way: up, start: now}, down: direction{way: down, start: now}}
}

// Pause lets nothing arrive, either way, for d. Nothing is lost.
func (l *Link) Pause(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = time.Now().Add(d)
}

func (l *Link) pausedUntil() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.paused
}

// Run relays what ln accepts until ctx ends, closes everything and waits for
// it. Errors: those of accepting, other than the end.
func (l *Link) Run(ctx context.Context, ln net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	closing := context.AfterFunc(ctx, func() { ln.Close() })
	defer closing()
	for {
		conn, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("accept: %w", err)
		}
		running.Go(func() { l.relay(ctx, conn) })
	}
}

// relay joins one connection with a new one to the target until either ends.
func (l *Link) relay(ctx context.Context, viewer net.Conn) {
	defer viewer.Close()
	server, err := new(net.Dialer).DialContext(ctx, "tcp", l.target)
	if err != nil {
		return // the viewer sees a connection that was closed, and comes back
	}
	defer server.Close()
	ctx, stop := context.WithCancel(ctx)
	unhook := context.AfterFunc(ctx, func() { viewer.Close(); server.Close() })
	defer unhook()
	var both sync.WaitGroup
	both.Go(func() { defer stop(); l.carry(ctx, &l.up, server, viewer) })
	both.Go(func() { defer stop(); l.carry(ctx, &l.down, viewer, server) })
	both.Wait()
	stop()
}

type piece struct {
	data []byte
	due  time.Time
}

// carry copies from to to, each piece when it is due. What was read before the
// end still arrives.
func (l *Link) carry(ctx context.Context, d *direction, to, from net.Conn) {
	pieces := make(chan piece, inFlight)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(pieces)
		var last time.Time
		for {
			data := make([]byte, packet)
			n, err := from.Read(data)
			if n > 0 {
				if at := d.due(time.Now(), n); at.After(last) {
					last = at
				}
				pieces <- piece{data[:n], last}
			}
			if err != nil {
				return
			}
		}
	})
	defer reading.Wait()
	for p := range pieces {
		if !l.wait(ctx, p.due) {
			break
		}
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	from.Close()
	for range pieces { // the reader must not be left waiting
	}
}

// wait blocks until at and until the link is not paused; false once ctx ended.
func (l *Link) wait(ctx context.Context, at time.Time) bool {
	for {
		if until := l.pausedUntil(); until.After(at) {
			at = until
		}
		left := time.Until(at)
		if left <= 0 {
			return ctx.Err() == nil
		}
		t := time.NewTimer(left)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return false
		}
	}
}
