package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// cores says how many cores were in use on the mean.
type cores struct {
	redis, nodes, own float64
	all               float64 // of everything on this machine
}

// ticks of CPU time in a second, on every Linux there is.
// Spec: proc_pid_stat(5), sysconf(3).
const ticks = 100

// measure waits and says what was used meanwhile, own being this process.
func measure(ctx context.Context, d time.Duration, s *stand) (c cores, err error) {
	before := s.used()
	if !pause(ctx, d) {
		return c, context.Cause(ctx)
	}
	after := s.used()
	in := ticks * d.Seconds()
	return cores{
		redis: float64(after.redis-before.redis) / in, nodes: float64(after.nodes-before.nodes) / in,
		own: float64(after.own-before.own) / in, all: float64(after.all-before.all) / in,
	}, nil
}

// String says it in a sentence.
func (c cores) String() string {
	return fmt.Sprintf("%.1f of %d cores busy: nodes %.1f, Redis %.1f, the flood's people %.1f", c.all, runtime.NumCPU(), c.nodes, c.redis, c.own)
}

// used is CPU time since the start. Units: ticks.
type used struct{ redis, nodes, own, all int64 }

func (s *stand) used() (u used) {
	u.redis, u.own = ticksOf(s.redis.PID()), ticksOf(os.Getpid())
	for _, n := range s.nodes() {
		u.nodes += ticksOf(n.PID())
	}
	u.all = ticksOfAll()
	return u
}

// ticksOf is what a process has used, 0 if it is gone.
func ticksOf(pid int) int64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	const user, system = 11, 12 // after the name
	return sum(strings.Fields(rest), user, system)
}

// ticksOfAll is what everything on this machine has used.
// Spec: proc_stat(5): user, nice, system, idle, iowait, irq, softirq.
func ticksOfAll() int64 {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	return sum(strings.Fields(line), 1, 2, 3, 6, 7)
}

func sum(fields []string, which ...int) (all int64) {
	for _, i := range which {
		if i < len(fields) {
			n, _ := strconv.ParseInt(fields[i], 10, 64) // the kernel writes numbers
			all += n
		}
	}
	return all
}
