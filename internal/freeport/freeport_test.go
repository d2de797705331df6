package freeport_test

import (
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/cuelight/cuelight/internal/freeport"
)

func TestTake(t *testing.T) {
	const n = 200
	var wg sync.WaitGroup
	ports := make(chan int, n)
	for range n {
		wg.Go(func() {
			port, err := freeport.Take("127.0.0.1")
			if err != nil {
				t.Error(err)
			}
			ports <- port
		})
	}
	wg.Wait()
	close(ports)
	seen := make(map[int]bool)
	for port := range ports {
		if seen[port] || port < 10_000 || port >= 32_000 {
			t.Errorf("port %d", port)
		}
		seen[port] = true
	}
}

func TestTakePassesOverWhatIsTaken(t *testing.T) {
	addr, err := freeport.Addr("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("nobody listens on it, and yet: %v", err)
	}
	defer l.Close()
	_, text, _ := net.SplitHostPort(addr)
	taken, _ := strconv.Atoi(text)
	for range 2000 {
		if port, err := freeport.Take("127.0.0.1"); err != nil || port == taken {
			t.Fatalf("%d, %v", port, err)
		}
	}
}

func TestTakeOfNoHost(t *testing.T) {
	if port, err := freeport.Take("203.0.113.7"); err == nil {
		t.Errorf("port %d of a host that is not here", port)
	}
}
