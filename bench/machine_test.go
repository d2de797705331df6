package main

import (
	"testing"
	"time"
)

func TestMachineOf(t *testing.T) {
	got, err := machineOf("cpu  100 20 30 400 5 6 7 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n")
	want := machine{tasks: 1580 * time.Millisecond, all: 5760 * time.Millisecond}
	if err != nil || got != want {
		t.Errorf("machine = %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", "cpu 1 2 3\n", "cpu0 1 2 3 4 5 6 7 8 9 0\n", "cpu a 2 3 4 5 6 7 8 9 0\n"} {
		if got, err := machineOf(bad); err == nil {
			t.Errorf("machineOf(%q) = %+v, want an error", bad, got)
		}
	}
}
