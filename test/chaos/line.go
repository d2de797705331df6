package main

import (
	"net"
	"sync/atomic"
	"time"
)

// line is a connection to Redis that can be made slow.
type line struct {
	addr     string
	listener net.Listener
	delay    atomic.Int64 // of what comes back
}

func newLine(host, to string) (*line, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	n := &line{addr: l.Addr().String(), listener: l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go n.pass(c, to)
		}
	}()
	return n, nil
}

func (n *line) slow(by time.Duration) { n.delay.Store(int64(by)) }

func (n *line) close() { n.listener.Close() }

func (n *line) pass(c net.Conn, to string) {
	server, err := net.DialTimeout("tcp", to, dialWait)
	if err != nil {
		c.Close()
		return
	}
	go n.copy(server, c, false)
	n.copy(c, server, true)
}

// packet is bytes that are due.
type packet struct {
	due  time.Time
	data []byte
}

// copy sends on what it reads, in order, each read after the delay that held
// when it came.
func (n *line) copy(to, from net.Conn, late bool) {
	defer to.Close()
	defer from.Close()
	packets := make(chan packet, 4096)
	go func() {
		defer close(packets)
		for {
			data := make([]byte, 32<<10)
			size, err := from.Read(data)
			if size > 0 {
				due := time.Now()
				if late {
					due = due.Add(time.Duration(n.delay.Load()))
				}
				packets <- packet{due, data[:size]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range packets {
		if wait := time.Until(p.due); wait > 0 {
			time.Sleep(wait)
		}
		if _, err := to.Write(p.data); err != nil {
			from.Close()
			for range packets { // until the reader has noticed
				continue
			}
			return
		}
	}
}
