package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime returns the CPU time, user and system, that a process has used, with
// the scheduler's own precision and including threads that have ended.
// Spec: clock_getcpuclockid(3).
func cpuTime(pid int) (time.Duration, error) {
	const scheduled = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &ts); err != nil {
		return 0, fmt.Errorf("read CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// residentMemory returns how much memory a process holds. Units: bytes.
func residentMemory(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read memory of process %d: %w", pid, err)
	}
	return statusBytes(string(text), "VmRSS")
}

// statusBytes reads a size out of the text of /proc/PID/status.
// Spec: proc_pid_status(5); sizes are in kB there.
func statusBytes(text, field string) (int64, error) {
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name != field {
			continue
		}
		number, isSize := strings.CutSuffix(strings.TrimSpace(value), " kB")
		kb, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if !isSize || err != nil {
			return 0, fmt.Errorf("process status: %s is %q, not a size in kB", field, strings.TrimSpace(value))
		}
		return kb << 10, nil
	}
	return 0, fmt.Errorf("process status: no field %s", field)
}
