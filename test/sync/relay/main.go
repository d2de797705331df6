// Command relay is the network of the synchronisation rig: links that delay
// and stop between viewers and the server, the clean line on which pages learn
// the rig's clock, and the server's room clock as read without any way between.
//
// It takes orders on standard input, one JSON object a line, answers each with
// a line that carries its number, and ends with its input. Instants are µs of
// the machine's monotonic clock. With -socket URL it carries lines over a
// WebSocket instead.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cuelight/cuelight/test/sync/link"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := do(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

func do(ctx context.Context, args []string) error {
	switch {
	case len(args) == 0:
		return run(ctx, os.Stdin, os.Stdout)
	case len(args) == 2 && args[0] == "-socket":
		return carry(ctx, args[1], os.Stdin, os.Stdout)
	default:
		return errArguments
	}
}

// micros is now on the machine's monotonic clock, which browsers and the rig
// count on, too.
func micros() float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // there is no Linux without it
	}
	return float64(t.Nano()) / 1000
}

// way is link.Way as it is written in an order: milliseconds and kbit/s.
type way struct {
	Delay, Jitter, SpikeMax, Recovery, Bloat, BloatPeriod float64
	Spike, Loss                                           float64
	Rate                                                  float64
}

func (w way) link() link.Way {
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	return link.Way{
		Delay: ms(w.Delay), Jitter: ms(w.Jitter), Spike: w.Spike, SpikeMax: ms(w.SpikeMax), Loss: w.Loss,
		Recovery: ms(w.Recovery), Rate: int(w.Rate * 1000 / 8), Bloat: ms(w.Bloat), BloatPeriod: ms(w.BloatPeriod),
	}
}

// order is what the rig wants; Do says which fields count.
type order struct {
	N  int
	Do string // open, pause, truth, room

	ID      string
	Listen  string
	Target  string
	Up      way
	Down    way
	For     float64 // ms
	URL     string
	Channel string
}

type answer struct {
	N     int      `json:"n"`
	Addr  string   `json:"addr,omitempty"`
	Room  *reading `json:"room,omitempty"`
	Error string   `json:"error,omitempty"`
}

// desk holds what was opened.
type desk struct {
	running sync.WaitGroup

	mu      sync.Mutex // protects links and answers
	links   map[string]*link.Link
	answers *json.Encoder
}

func run(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	d := &desk{links: make(map[string]*link.Link), answers: json.NewEncoder(out)}
	defer d.running.Wait()
	defer stop()
	lines := make(chan []byte)
	go func() { // ends with the process: a read of standard input cannot be interrupted
		defer close(lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			select {
			case lines <- append([]byte(nil), s.Bytes()...):
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case line, ok := <-lines:
			if !ok {
				return nil
			}
			d.running.Go(func() { d.do(ctx, line) })
		}
	}
}

func (d *desk) do(ctx context.Context, line []byte) {
	var o order
	var a answer
	err := json.Unmarshal(line, &o)
	if err == nil {
		a, err = d.carryOut(ctx, o)
	}
	a.N = o.N
	if err != nil {
		a.Error = fmt.Sprintf("%s: %v", o.Do, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.answers.Encode(a) // the rig has gone if this fails; the end of input says so, too
}

func (d *desk) carryOut(ctx context.Context, o order) (answer, error) {
	switch o.Do {
	case "open":
		return d.open(ctx, o)
	case "pause":
		d.mu.Lock()
		l, ok := d.links[o.ID]
		d.mu.Unlock()
		if !ok {
			return answer{}, fmt.Errorf("there is no link %q", o.ID)
		}
		l.Pause(time.Duration(o.For * float64(time.Millisecond)))
		return answer{}, nil
	case "truth":
		ln, err := net.Listen("tcp", o.Listen)
		if err != nil {
			return answer{}, err
		}
		d.running.Go(func() { serveTruth(ctx, ln) })
		return answer{Addr: ln.Addr().String()}, nil
	case "room":
		r, err := readRoom(ctx, o.URL, o.Channel)
		return answer{Room: r}, err
	default:
		return answer{}, fmt.Errorf("no such order")
	}
}

func (d *desk) open(ctx context.Context, o order) (answer, error) {
	ln, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return answer{}, err
	}
	l := link.New(o.Target, o.Up.link(), o.Down.link())
	d.mu.Lock()
	d.links[o.ID] = l
	d.mu.Unlock()
	d.running.Go(func() {
		if err := l.Run(ctx, ln); err != nil {
			fmt.Fprintln(os.Stderr, "relay: link", o.ID+":", err)
		}
	})
	return answer{Addr: ln.Addr().String()}, nil
}
