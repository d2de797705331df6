package ingest

import (
	"time"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// Info describes an admitted session.
type Info struct {
	Session  string // random, names the session in logs
	Channel  string
	Protocol string // "rtmp", "srt" or "rtsp"
	Remote   string // the publisher's host:port
	Started  time.Time
}

// Output is where a channel's media goes. One session at a time calls it, from
// one goroutine at a time, in the order that the package comment gives.
//
// A slow Output holds up its own publisher and nobody else.
type Output interface {
	// Begin says that a publisher's tracks are known. An error ends the
	// session, and there is no End.
	Begin(info Info, tracks []media.Track) error

	// Observe says that media with the sender's timestamp dts had arrived
	// whole at the given time.Now reading. It is called for every packet or
	// frame, also for those that are never written; dts may jump.
	Observe(dts clock.Ticks, arrival time.Time)

	// Write takes one frame. A video track starts with a key frame. DTS never
	// decreases within a track. An error ends the session.
	Write(f media.Frame) error

	// End follows each Begin that returned nil, once. The reason is nil when
	// the publisher simply left.
	End(reason error)
}
