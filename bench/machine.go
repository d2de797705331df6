package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine is the time that all cores together have spent since the start.
type machine struct {
	tasks time.Duration // on processes, or taken by the hypervisor
	all   time.Duration // idle time included
}

func readMachine() (machine, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return machine{}, fmt.Errorf("read CPU time of the machine: %w", err)
	}
	return machineOf(string(text))
}

// machineOf reads the text of /proc/stat. Interrupts are left out of tasks:
// those of our own traffic are nobody's.
// Spec: proc_stat(5); units are 1/100 s there.
func machineOf(text string) (machine, error) {
	const user, nice, system, steal, fields = 1, 2, 3, 8, 9
	line, _, _ := strings.Cut(text, "\n")
	columns := strings.Fields(line)
	if len(columns) < fields || columns[0] != "cpu" {
		return machine{}, fmt.Errorf("CPU time of the machine: %.80q is not its total", line)
	}
	var m machine
	for i, column := range columns[1:fields] {
		ticks, err := strconv.ParseInt(column, 10, 64)
		if err != nil {
			return machine{}, fmt.Errorf("CPU time of the machine: %w", err)
		}
		d := time.Duration(ticks) * 10 * time.Millisecond
		m.all += d
		switch i + 1 {
		case user, nice, system, steal:
			m.tasks += d
		}
	}
	return m, nil
}

// machineCores is how many cores there are.
func machineCores() int { return runtime.NumCPU() }

// watchOthers returns a function that tells which share of all cores has since
// been taken by processes that are neither p nor this one. Where it is not
// small, delays are not the server's.
func watchOthers(p *peer) (func() (float64, error), error) {
	read := func() (m machine, ours time.Duration, err error) {
		if m, err = readMachine(); err != nil {
			return m, 0, err
		}
		for _, pid := range []int{p.pid, os.Getpid()} {
			used, err := cpuTime(pid)
			if err != nil {
				return m, 0, err
			}
			ours += used
		}
		return m, ours, nil
	}
	before, oursBefore, err := read()
	if err != nil {
		return nil, err
	}
	return func() (float64, error) {
		after, ours, err := read()
		if err != nil || after.all == before.all {
			return 0, err
		}
		others := after.tasks - before.tasks - (ours - oursBefore)
		return max(0, float64(others)/float64(after.all-before.all)), nil
	}, nil
}
