package main

import (
	"os"
	"runtime"
	"testing"
	"time"
)

const status = "Name:\tcuelight\nVmPeak:\t 1234568 kB\nVmRSS:\t   53224 kB\nRssAnon:\t   40000 kB\nThreads:\t9\n"

func TestStatusBytes(t *testing.T) {
	got, err := statusBytes(status, "VmRSS")
	if err != nil || got != 53224<<10 {
		t.Errorf("VmRSS = %d, %v; want %d", got, err, 53224<<10)
	}
	for _, field := range []string{"VmSwap", "Threads", "Vm"} {
		if got, err := statusBytes(status, field); err == nil {
			t.Errorf("%s = %d, want an error", field, got)
		}
	}
}

func TestResidentMemoryOfThisProcess(t *testing.T) {
	before, err := residentMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	held := make([]byte, 64<<20)
	for i := 0; i < len(held); i += 4096 {
		held[i] = 1
	}
	after, err := residentMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if grown := after - before; grown < 48<<20 {
		t.Errorf("64 MiB more in use, but resident memory grew by %d bytes", grown)
	}
	runtime.KeepAlive(held)
}

func TestCPUTimeCountsWork(t *testing.T) {
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(30 * time.Millisecond); time.Now().Before(until); {
	}
	after, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if used := after - before; used <= 0 {
		t.Errorf("CPU time went from %v to %v over 30 ms of work", before, after)
	}
	if _, err := cpuTime(1<<22 + 1); err == nil {
		t.Error("a process beyond the kernel's largest number has a CPU clock")
	}
}
