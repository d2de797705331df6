package packager

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cuelight/cuelight/packager/m3u8"
	"github.com/cuelight/cuelight/sync/clock"
)

// Config says how a channel is cut. PDT must be set, all else has a default.
type Config struct {
	// PartTarget is the longest part, PART-TARGET. Whole milliseconds, from
	// 100ms to half of SegmentTarget. Default 334ms: ten pictures of a third of
	// a second, however their timestamps are rounded.
	PartTarget time.Duration
	// SegmentTarget is TARGETDURATION: whole seconds, 1s to 10s. Default 2s.
	SegmentTarget time.Duration
	// Window is how much closed media a playlist lists at least, when there is
	// as much. At least 6 × SegmentTarget, at most 10m. Default 60s.
	Window time.Duration
	// PDT returns the instant on R of a channel media time. It is asked once
	// for every segment, by the writing goroutine, and the answer is kept.
	PDT func(clock.Ticks) clock.Instant
	// Log gets what people should know of a publisher's media. Default: nothing.
	Log *slog.Logger
}

// Limits of the configuration.
const (
	minPartTarget = 100 * time.Millisecond
	maxTarget     = 10 * time.Second
	maxWindow     = 10 * time.Minute
)

// Validate reports every setting that cannot be used, each beginning with the
// name of the setting. Settings left out count as their defaults.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if c.SegmentTarget < time.Second || c.SegmentTarget > maxTarget || c.SegmentTarget%time.Second != 0 {
		errs = append(errs, fmt.Errorf("segment_target: %v is not a whole number of seconds from 1s to %v", c.SegmentTarget, maxTarget))
	}
	if c.PartTarget < minPartTarget || c.PartTarget%time.Millisecond != 0 {
		errs = append(errs, fmt.Errorf("part_target: %v is not a whole number of milliseconds from %v", c.PartTarget, minPartTarget))
	}
	if c.PartTarget > c.SegmentTarget/2 {
		errs = append(errs, fmt.Errorf("part_target: %v is more than half of segment_target, %v", c.PartTarget, c.SegmentTarget))
	}
	if c.Window < skipTargets*c.SegmentTarget || c.Window > maxWindow {
		errs = append(errs, fmt.Errorf("window: %v is not between %v (%d × segment_target) and %v",
			c.Window, skipTargets*c.SegmentTarget, skipTargets, maxWindow))
	}
	if c.PDT == nil {
		errs = append(errs, errors.New("pdt: a function from media time to the room clock is needed"))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.PartTarget == 0 {
		c.PartTarget = 334 * time.Millisecond
	}
	if c.SegmentTarget == 0 {
		c.SegmentTarget = 2 * time.Second
	}
	if c.Window == 0 {
		c.Window = 60 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Distances in units of the part target or the target duration.
// Spec: rfc8216bis §4.4.3.8.
const (
	partHoldParts = 3 // PART-HOLD-BACK (S2)
	holdTargets   = 3 // HOLD-BACK, and how far back parts are listed (S3, P8)
	skipTargets   = 6 // CAN-SKIP-UNTIL (S3)
)

// Control returns what every media playlist of the channel says of its server.
// Settings left out count as their defaults.
func (c Config) Control() m3u8.Control {
	c = c.withDefaults()
	return m3u8.Control{
		TargetDuration: c.SegmentTarget,
		PartTarget:     c.PartTarget,
		PartHoldBack:   partHoldParts * c.PartTarget,
		HoldBack:       holdTargets * c.SegmentTarget,
		CanSkipUntil:   skipTargets * c.SegmentTarget,
	}
}
