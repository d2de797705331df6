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
	Protocol string // "rtmp", "rtmps", "srt", "rtsp", "whip" or "hls"
	Remote   string // the publisher's host:port
	Started  time.Time
	// Returned says that the encoder of the session before is back: the same
	// protocol and host, within 10 s (IG42).
	Returned bool
	// Stats tells how the session does. It may be called from any goroutine, also
	// when the session has ended; never nil for a session that Admit made.
	Stats func() Stats
}

// Observation says when media had arrived.
type Observation struct {
	// DTS is the sender's timestamp, unwrapped, on the time base of the frames.
	DTS clock.Ticks
	// Arrival is when the last packet had arrived, a time.Now reading. A
	// protocol that knows at what pace its packets were sent says when this one
	// would have arrived without the jitter of the way.
	Arrival time.Time
	// Capture is what the encoder's own clock says of the moment that DTS stands
	// for: from a sender report, abs-capture-time or a programme date. Zero when
	// it does not say.
	Capture time.Time
}

// Output is where a channel's media goes. One session at a time calls it, from
// one goroutine at a time, in the order that the package comment gives.
//
// A slow Output holds up its own publisher and nobody else.
type Output interface {
	// Begin says that a publisher's tracks are known. An error ends the
	// session, and there is no End.
	Begin(info Info, tracks []media.Track) error

	// Change says that the frames after it belong to these tracks: the encoder
	// changed a codec or its format. Timestamps go on. An error ends the session.
	Change(tracks []media.Track) error

	// Observe is called for every packet or frame, also for those that are never
	// written; timestamps may jump.
	Observe(o Observation)

	// Write takes one frame. A video track starts with a key frame. DTS never
	// decreases within a track. An error ends the session.
	Write(f media.Frame) error

	// End follows each Begin that returned nil, once. The reason is nil when
	// the publisher simply left.
	End(reason error)
}
