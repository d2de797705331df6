// Command virtual is an audience without screens beside the rig's browsers: it
// opens windows by clocks of its own, answers all of them within a second, and
// tells when each window opened on the machine's monotonic clock.
//
// It prints one JSON object when everybody is there and, once its standard
// input ends, one for each cue.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/audience"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "virtual:", err)
		os.Exit(1)
	}
}

// How the audience answers: all of it, evenly over a second.
const (
	soonest = 300 * time.Millisecond
	answers = time.Second
	bin     = 100 * time.Millisecond
)

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	var url, channel string
	var size, ramp int
	flags := flag.NewFlagSet("virtual", flag.ContinueOnError)
	flags.StringVar(&url, "url", "", "the room's socket, ws://HOST/ws/v1")
	flags.StringVar(&channel, "channel", "show", "channel")
	flags.IntVar(&size, "size", 1000, "viewers")
	flags.IntVar(&ramp, "ramp", 1000, "viewers that come per second")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	h := &house{cues: make(map[string]*view), size: int64(size), full: make(chan struct{})}
	var running sync.WaitGroup
	running.Go(func() { h.open(ctx, url, channel, size, ramp) })
	defer running.Wait()
	defer cancel()
	lines := json.NewEncoder(out)
	select {
	case <-h.full:
	case <-ctx.Done():
		return nil
	}
	if err := lines.Encode(map[string]int{"gathered": size}); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { // ends with the process: a read of standard input cannot be interrupted
		defer close(ended)
		_, _ = io.Copy(io.Discard, in)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	return h.tell(lines)
}

// view is what the audience saw of one cue.
type view struct {
	Cue string `json:"cue"`
	// Base is the first opening, Opens how much later each was: µs, monotonic.
	Base  int64   `json:"base"`
	Opens []int64 `json:"opens"`
	// Receipts are all, Peak those of the busiest second.
	Receipts int `json:"receipts"`
	Peak     int `json:"peak"`

	bins map[int64]int // receipts by tenth of a second
}

// house is the audience. Its viewers' goroutines write to it.
type house struct {
	size  int64
	there atomic.Int64
	full  chan struct{}

	mu   sync.Mutex // protects cues
	cues map[string]*view
}

// open lets the viewers come one after another, until ctx ends.
func (h *house) open(ctx context.Context, url, channel string, size, ramp int) {
	var viewers sync.WaitGroup
	defer viewers.Wait()
	door := time.NewTicker(time.Second / time.Duration(max(1, ramp)))
	defer door.Stop()
	for i := range size {
		select {
		case <-door.C:
		case <-ctx.Done():
			return
		}
		var once sync.Once
		v := &audience.Viewer{URL: url, Channel: channel, Seed: uint64(i), Behaviour: prompt, Hooks: audience.Hooks{
			Connected: func(string) { once.Do(h.come) },
			Opened:    func(o wire.Opened, _ time.Duration) { h.opened(o.Cue, micros()) },
			Receipt:   func(_ string, r wire.Receipt) { h.receipt(r.Cue, micros()) },
		}}
		viewers.Go(func() {
			if err := v.Run(ctx); err != nil {
				fmt.Fprintln(os.Stderr, "virtual: viewer:", err)
			}
		})
	}
}

// prompt answers any cue within the second.
func prompt(r *rand.Rand, cue wire.Cue) (audience.Reaction, bool) {
	after := soonest + time.Duration(r.Int64N(int64(answers)))
	return audience.Reaction{After: after, Choice: []int{r.IntN(max(1, cue.Choices))}}, true
}

func (h *house) come() {
	if h.there.Add(1) == h.size {
		close(h.full)
	}
}

func (h *house) seen(cue string) *view {
	v, ok := h.cues[cue]
	if !ok {
		v = &view{Cue: cue, bins: make(map[int64]int)}
		h.cues[cue] = v
	}
	return v
}

func (h *house) opened(cue string, at int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.seen(cue)
	v.Opens = append(v.Opens, at)
}

func (h *house) receipt(cue string, at int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.seen(cue)
	v.Receipts++
	v.bins[at/bin.Microseconds()]++
}

// tell writes a line for every cue, in the order of their openings.
func (h *house) tell(lines *json.Encoder) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*view, 0, len(h.cues))
	for _, v := range h.cues {
		v.settle()
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b *view) int { return int(a.Base - b.Base) })
	for _, v := range all {
		if err := lines.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

func (v *view) settle() {
	slices.Sort(v.Opens)
	if len(v.Opens) > 0 {
		v.Base = v.Opens[0]
	}
	for i := range v.Opens {
		v.Opens[i] -= v.Base
	}
	for at := range v.bins {
		sum := 0
		for i := range int64(time.Second / bin) {
			sum += v.bins[at+i]
		}
		v.Peak = max(v.Peak, sum)
	}
}

// micros is now on the machine's monotonic clock.
func micros() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // there is no Linux without it
	}
	return t.Nano() / 1000
}
