// Command bench measures Cuelight against named peers, on the same machine, in
// the same run and with the same clients, and prints the figures as ratios.
// What is measured and how is in docs/performance.md. It needs Linux.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings are what a run measures.
type settings struct {
	role        string
	only        string
	program     string
	viewers     int
	cues        int
	listeners   int
	broadcasts  int
	waiters     int
	reloadTime  time.Duration
	getTime     time.Duration
	publishTime time.Duration

	steps    viewerSteps
	stepTime time.Duration
	profile  string

	// For roles.
	clip   string
	target string
	part   time.Duration
}

// The parts of a run.
const (
	partAnswers = "answers"
	partSay     = "broadcast"
	partInside  = "inside"
	partReload  = "reload"
	partViewers = "viewers"
	partGet     = "get"
	partPublish = "publish"
	partWindow  = "window"
	partFirst   = "first"
	partRedis   = "redis"
)

// parts are measured in this order.
var parts = []struct {
	name    string
	measure func(context.Context, settings, io.Writer) error
}{
	{partAnswers, compareAnswers}, {partSay, compareBroadcasts}, {partInside, measureInside}, {partReload, compareReload}, {partViewers, compareViewers}, {partGet, compareGets},
	{partPublish, comparePublishers}, {partWindow, measureWindows}, {partFirst, compareFirst}, {partRedis, measureRedis},
}

func partNames() string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

// maxSockets leaves room for other files in a process that may open 20,000.
const maxSockets = 19_000

func main() {
	var s settings
	flag.StringVar(&s.only, "only", "", "what to measure, of "+partNames()+", separated by commas (default all)")
	flag.StringVar(&s.program, "program", "", "the cuelight program to measure (default: build it)")
	flag.IntVar(&s.viewers, "viewers", 4000, "sockets that answer")
	flag.IntVar(&s.cues, "cues", 3, "cues that every viewer answers")
	flag.IntVar(&s.listeners, "listeners", maxSockets, "sockets that hear a broadcast")
	flag.IntVar(&s.broadcasts, "broadcasts", 5, "broadcasts that every one of them hears")
	flag.IntVar(&s.waiters, "waiters", 1000, "viewers that wait for every part")
	flag.DurationVar(&s.reloadTime, "reload-time", 10*time.Second, "how long they follow each server")
	flag.DurationVar(&s.getTime, "get-time", 4*time.Second, "how long each file is asked for")
	flag.DurationVar(&s.publishTime, "publish-time", 8*time.Second, "how long publishers are measured")
	s.steps = viewerSteps{100, 200, 400, 700, 1000, 1400, 2000, 2800}
	flag.Var(&s.steps, "steps", "viewers at the live edge, more and more, separated by commas")
	flag.DurationVar(&s.stepTime, "step-time", 6*time.Second, "how long each number of them is measured")
	flag.StringVar(&s.profile, "profile", "", "file for a CPU profile of Cuelight at the last of these steps")
	flag.StringVar(&s.clip, "clip", "", "used by the program itself: what an encoder publishes")
	flag.StringVar(&s.target, "target", "", "used by the program itself: where to")
	flag.DurationVar(&s.part, "part", 333*time.Millisecond, "used by the program itself: least length of the baseline's parts")
	flag.StringVar(&s.role, "role", "", "used by the program itself: be a server to measure")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, s, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings, w io.Writer) error {
	if s.role != "" {
		return runRole(s)
	}
	if err := s.validate(); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s, %s, %d cores, which servers and clients share\n",
		time.Now().Format(time.DateOnly), runtime.Version(), runtime.NumCPU())
	for _, part := range parts {
		if !s.wants(part.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s …\n", part.name)
		if err := part.measure(ctx, s, w); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

func (s settings) wants(part string) bool {
	return s.only == "" || slices.Contains(strings.Split(s.only, ","), part)
}

func (s settings) validate() error {
	for _, part := range strings.Split(s.only, ",") {
		if s.only != "" && !slices.Contains(strings.Split(partNames(), ", "), part) {
			return fmt.Errorf("-only: %q is none of %s", part, partNames())
		}
	}
	for name, n := range map[string]int{"-viewers": s.viewers, "-listeners": s.listeners, "-waiters": s.waiters} {
		if n < 1 || n > maxSockets {
			return fmt.Errorf("%s: %d is not between 1 and %d", name, n, maxSockets)
		}
	}
	if s.cues < 1 || s.broadcasts < 1 || s.reloadTime <= 0 || s.getTime <= 0 || s.publishTime <= 0 || s.stepTime <= 0 {
		return fmt.Errorf("-cues, -broadcasts, -reload-time, -get-time, -publish-time, -step-time: each is more than nothing")
	}
	return nil
}
