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
	// as much. At least 6 × SegmentTarget, at most 10m, or 12h with an Archive.
	// Default 60s.
	Window time.Duration
	// HoldBack is how far from the end of the playlist ordinary players stay,
	// HOLD-BACK. Whole milliseconds, at least 3 × SegmentTarget, at most Window.
	// Default 3 × SegmentTarget.
	HoldBack time.Duration
	// PartHoldBack is the same for low-latency players, PART-HOLD-BACK. Whole
	// milliseconds, at least 3 × PartTarget, at most HoldBack. Default
	// 3 × PartTarget.
	PartHoldBack time.Duration
	// Grace is how long media may stay away before gaps take its place, from
	// PartTarget to 10s. Default 1500ms. It is for channels that are ticked.
	Grace time.Duration
	// Archive keeps what leaves the memory. Default: nothing is kept.
	Archive Archive
	// Memory is how much whole media stays in memory when there is an Archive,
	// and MemoryBytes how many bytes of all renditions together. At least
	// 9 × SegmentTarget stay in any case. Defaults 2m and 64 MiB.
	Memory      time.Duration
	MemoryBytes int
	// Before is the event that was on this channel before, which is finished. Its
	// media can be loaded for as long as those that left the playlist (C13), and
	// the numbers go on behind its own, so that no name comes back: Start counts
	// only as far as it is later. It is let go of by Tick. Default: none.
	Before *Channel
	// PDT returns the instant on R of a channel media time. It is asked once
	// for every segment and for every cue, with the channel's lock held, so it
	// must not call the channel. The answer is kept.
	PDT func(clock.Ticks) clock.Instant
	// Log gets what people should know of a publisher's media. Default: nothing.
	Log *slog.Logger
}

// Limits of the configuration.
const (
	minPartTarget = 100 * time.Millisecond
	maxTarget     = 10 * time.Second
	maxGrace      = 10 * time.Second
	maxWindow     = 10 * time.Minute // in memory
	maxArchived   = 12 * time.Hour
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
	longest := maxWindow
	if c.Archive != nil {
		longest = maxArchived
	}
	if c.Window < skipTargets*c.SegmentTarget || c.Window > longest {
		errs = append(errs, fmt.Errorf("window: %v is not between %v (%d × segment_target) and %v",
			c.Window, skipTargets*c.SegmentTarget, skipTargets, longest))
	}
	errs = append(errs, c.validateHold()...)
	if c.Memory < 0 || c.MemoryBytes < 0 {
		errs = append(errs, fmt.Errorf("memory: %v and %d bytes: neither can be less than nothing", c.Memory, c.MemoryBytes))
	}
	if c.PDT == nil {
		errs = append(errs, errors.New("pdt: a function from media time to the room clock is needed"))
	}
	return errors.Join(errs...)
}

// validateHold reports distances from the end that players cannot keep.
func (c Config) validateHold() (errs []error) {
	if least := holdTargets * c.SegmentTarget; c.HoldBack < least || c.HoldBack > c.Window || c.HoldBack%time.Millisecond != 0 {
		errs = append(errs, fmt.Errorf("hold_back: %v is not a whole number of milliseconds from %v (%d × segment_target) to %v (window)",
			c.HoldBack, least, holdTargets, c.Window))
	}
	if least := partHoldParts * c.PartTarget; c.PartHoldBack < least || c.PartHoldBack > c.HoldBack || c.PartHoldBack%time.Millisecond != 0 {
		errs = append(errs, fmt.Errorf("part_hold_back: %v is not a whole number of milliseconds from %v (%d × part_target) to %v (hold_back)",
			c.PartHoldBack, least, partHoldParts, c.HoldBack))
	}
	if c.Grace < c.PartTarget || c.Grace > maxGrace {
		errs = append(errs, fmt.Errorf("grace: %v is not between %v (part_target) and %v", c.Grace, c.PartTarget, maxGrace))
	}
	return errs
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
	if c.HoldBack == 0 {
		c.HoldBack = holdTargets * c.SegmentTarget
	}
	if c.PartHoldBack == 0 {
		c.PartHoldBack = partHoldParts * c.PartTarget
	}
	if c.Grace == 0 {
		c.Grace = max(1500*time.Millisecond, c.PartTarget)
	}
	if c.Memory == 0 {
		c.Memory = 2 * time.Minute
	}
	if c.MemoryBytes == 0 {
		c.MemoryBytes = 64 << 20
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Distances in units of the part target or the target duration.
// Spec: rfc8216bis §4.4.3.8.
const (
	partHoldParts = 3 // least PART-HOLD-BACK (S2)
	holdTargets   = 3 // least HOLD-BACK, and how far back parts are listed (S3, P8)
	// afterTargets are added to the window for which files stay (C13).
	afterTargets = 3
	skipTargets  = 6 // CAN-SKIP-UNTIL (S3)
)

// Control returns what every media playlist of the channel says of its server.
// Settings left out count as their defaults.
func (c Config) Control() m3u8.Control {
	c = c.withDefaults()
	return m3u8.Control{
		TargetDuration: c.SegmentTarget,
		PartTarget:     c.PartTarget,
		PartHoldBack:   c.PartHoldBack,
		HoldBack:       c.HoldBack,
		CanSkipUntil:   skipTargets * c.SegmentTarget,
	}
}
