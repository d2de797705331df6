package node

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is where the clocks of the machine are read.
type Machine struct {
	// Now is time.Now: the wall clock and the monotonic clock.
	Now func() time.Time
	// SinceBoot is how long the machine is up, time asleep included.
	SinceBoot func() (time.Duration, error)
	// BootID names this boot; no other ever has the same.
	BootID func() (string, error)
}

// ThisMachine reads the clocks of the machine it runs on.
func ThisMachine() Machine {
	return Machine{Now: time.Now, SinceBoot: sinceBoot, BootID: bootID}
}

func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("learn which boot this is: %w", err)
	}
	return strings.TrimSpace(string(id)), nil
}

func sinceBoot() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("read the boot clock: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}

// reading is both clocks of the machine at one moment.
type reading struct {
	now  time.Time
	boot time.Duration
}

// Reading the two clocks takes time. It is tried until the process was not
// interrupted in between, and the best of the tries is taken.
const (
	readTries = 8
	readQuick = 20 * time.Microsecond
)

func (m Machine) read() (reading, error) {
	var best reading
	took := time.Duration(-1)
	for range readTries {
		before := m.Now()
		boot, err := m.SinceBoot()
		if err != nil {
			return reading{}, err
		}
		between := m.Now().Sub(before)
		if took < 0 || between < took {
			took, best = between, reading{now: before.Add(between / 2), boot: boot}
		}
		if took <= readQuick {
			break
		}
	}
	return best, nil
}
