// Package freeport finds ports for programs that tests start, and start again at
// the same address.
//
// A port that the system picks for a listener which is closed again may be given
// to the next who asks, or to an outgoing connection, before the program has it.
// These are below the range from which the system picks, and each is given out
// once by a process.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are first to last-1: above those of well-known services, below those that
// systems pick for outgoing connections.
const (
	first, last = 10_000, 32_000
	// attempts to find one: if so many are taken, something else is wrong.
	attempts = 1000
)

var (
	mu    sync.Mutex // protects given
	given = make(map[int]bool)
)

// Take returns the number of a port on which nobody listens on host, neither TCP
// nor UDP, and which it has not returned before. Safe for concurrent use.
//
// Errors: of listening on host, if no port was found.
func Take(host string) (int, error) {
	mu.Lock()
	defer mu.Unlock()
	var err error
	for range attempts {
		port := first + rand.IntN(last-first)
		if given[port] {
			continue
		}
		if err = try(net.JoinHostPort(host, strconv.Itoa(port))); err == nil {
			given[port] = true
			return port, nil
		}
	}
	return 0, fmt.Errorf("find a free port of %s: %w", host, err)
}

// Addr returns host with such a port.
//
// Errors: as Take.
func Addr(host string) (string, error) {
	port, err := Take(host)
	return net.JoinHostPort(host, strconv.Itoa(port)), err
}

func try(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	defer l.Close()
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	return u.Close()
}
