package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cuelight/cuelight/internal/nodeproc"
)

// process is one that is watched.
type process struct {
	Name string
	PID  int
}

// look is what the processes had used at a moment.
type look struct {
	at     time.Time
	used   []time.Duration // CPU time, of each process
	memory []int64         // resident bytes
}

// series are looks at processes, oldest first.
type series struct {
	processes []process
	looks     []look
}

const (
	lookEvery = 50 * time.Millisecond
	// ticks of CPU time in a second, on every Linux there is.
	// Spec: proc_pid_stat(5), sysconf(3).
	ticks = 100
)

func (c *crew) processes() []process {
	all := []process{{"redis", c.redis.PID()}, {c.leader.Name(), c.leader.PID()}}
	for _, g := range append([]*nodeproc.Node{}, c.gateways...) {
		all = append(all, process{g.Name(), g.PID()})
	}
	return all
}

// watch looks at the processes until the returned function is called, which
// returns what was seen.
func watch(all []process) func() series {
	s := series{processes: all}
	stop, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			s.looks = append(s.looks, s.look())
			select {
			case <-tick.C:
			case <-stop:
				s.looks = append(s.looks, s.look())
				return
			}
		}
	}()
	return func() series {
		close(stop)
		<-over
		return s
	}
}

func (s *series) look() look {
	l := look{at: time.Now()}
	for _, p := range s.processes {
		used, memory := usage(p.PID)
		l.used, l.memory = append(l.used, used), append(l.memory, memory)
	}
	return l
}

// usage is zero for a process that is gone.
func usage(pid int) (used time.Duration, memory int64) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const user, system, resident = 11, 12, 21 // after the name
	if len(fields) <= resident {
		return 0, 0
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(fields[i], 10, 64) // the kernel writes numbers
		return n
	}
	return time.Duration(number(user)+number(system)) * time.Second / ticks, number(resident) * int64(os.Getpagesize())
}

// between returns what each process used from one instant to another.
func (s series) between(from, to time.Time) []time.Duration {
	first, last := s.at(from), s.at(to)
	used := make([]time.Duration, len(s.processes))
	for i := range used {
		used[i] = last.used[i] - first.used[i]
	}
	return used
}

// at is the last look before an instant, the first one if there is none.
func (s series) at(t time.Time) look {
	found := s.looks[0]
	for _, l := range s.looks {
		if l.at.After(t) {
			break
		}
		found = l
	}
	return found
}
