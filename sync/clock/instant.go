package clock

import "time"

// Instant is a point on the room clock R.
//
// Units: microseconds since the Unix epoch, on R's uniform scale. R starts from
// the wall clock and is never stepped, so an Instant may differ from UTC by
// R's error, which is the same for everybody in the room (CL1).
type Instant int64

// Add returns i moved by d, which is cut to whole microseconds.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d/time.Microsecond) }

// Sub returns how long after j the instant i is.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i-j) * time.Microsecond }

// Time returns i as UTC wall time, for playlists and people.
func (i Instant) Time() time.Time { return time.UnixMicro(int64(i)).UTC() }

// InstantOf returns t's wall reading as an Instant. It is for data that carry a
// wall time, such as files; "now" on the room clock is [Room.At].
func InstantOf(t time.Time) Instant { return Instant(t.UnixMicro()) }
