package main

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// instant is a reading of the machine's monotonic clock, in nanoseconds. It is
// the same in every process, so that what a server wrote down and what a
// client saw can be compared.
type instant int64

// epoch ties the monotonic clock of package time, which is the machine's
// counted from the start of the process, to the machine's.
var epoch = func() (o struct {
	at    instant
	start time.Time
}) {
	var ts unix.Timespec
	o.start = time.Now()
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("no monotonic clock: " + err.Error())
	}
	o.at = instant(ts.Nano())
	return o
}()

func now() instant { return instantOf(time.Now()) }

func instantOf(t time.Time) instant { return epoch.at + instant(t.Sub(epoch.start)) }

func (i instant) time() time.Time { return epoch.start.Add(time.Duration(i - epoch.at)) }

func (i instant) sub(j instant) time.Duration { return time.Duration(i - j) }

// pause lets d pass, unless ctx ends first: then it returns why.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
