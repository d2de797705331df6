package wire

import "github.com/cuelight/cuelight/sync/clock"

// Roles that hello asks for.
const (
	RoleViewer   = "viewer"
	RoleProducer = "producer"
)

// Hello is the first message on a socket. The server answers with Welcome or
// closes with a code of close.go.
type Hello struct {
	Version int    `json:"v"`
	Channel string `json:"channel"`
	// Role is RoleViewer (default) or RoleProducer.
	Role string `json:"role,omitempty"`
	// Token is the participant's or producer's token. A viewer without one is
	// given an anonymous identity and its token in Welcome. A producer may
	// instead have signed in with a cookie.
	Token string `json:"token,omitempty"`
	// Grace is the last token of a Grace message: what the server has measured
	// of this viewer's line on another connection.
	Grace string `json:"grace,omitempty"`
	// Resume is how far this viewer has read the channel's log; nil if it knows
	// nothing of it.
	Resume *Resume `json:"resume,omitempty"`
	// PIN is what the viewer typed, at most [MaxPIN] bytes.
	PIN string `json:"pin,omitempty"`
	// Link is a one-time code, at most [MaxLink] bytes.
	Link string `json:"link,omitempty"`
}

// Limits of what hello carries. Units: bytes.
const (
	MaxPIN   = 32
	MaxLink  = 64
	MaxEpoch = 16
)

// Resume is a place in a channel's log of broadcasts to viewers.
type Resume struct {
	// Epoch names the log, at most [MaxEpoch] bytes. A log that began anew has
	// another one.
	Epoch string `json:"epoch"`
	// Offset is the last message that was applied, or what a welcome held.
	Offset uint64 `json:"offset"`
}

// Type returns "hello".
func (*Hello) Type() string { return "hello" }

// Answer is a viewer's choice. It is answered by Receipt or Refused with the
// same ID; a viewer that hears nothing sends it again unchanged.
type Answer struct {
	ID     string `json:"id"` // at most 32 bytes
	Cue    string `json:"cue"`
	Rev    int    `json:"rev"`
	Choice []int  `json:"choice"`
	// At is the tap on R by the viewer's clock; zero if it has none.
	At clock.Instant `json:"at_us,omitempty"`
	// Dispersion bounds the error of the viewer's clock. Units: µs.
	Dispersion int64 `json:"disp_us,omitempty"`
}

// Type returns "answer".
func (*Answer) Type() string { return "answer" }

// Classes of players by how well they hold the channel's target latency.
const (
	ClassIn   = "in"   // within 100 ms
	ClassNear = "near" // within 1 s
	ClassFar  = "far"  // further away
	ClassNone = "none" // no video
)

// Why an opening is not in time, or what explains it.
const (
	WhyHidden = "hidden" // the page was not visible
	WhyPaused = "paused" // the viewer has paused the picture
	WhyBehind = "behind" // the picture is more than 1 s behind
	WhyClock  = "clock"  // no synced clock
	WhyLate   = "late"   // joined inside the window
	WhyKey    = "key"    // the key came after O
	// WhySlow is the server's word for an opening that is more than 100 ms off
	// and says nothing of why.
	WhySlow = "slow"
)

// Opened reports when a viewer's window opened.
type Opened struct {
	Cue string `json:"cue"`
	Rev int    `json:"rev"`
	// At is when the overlay became visible, on R.
	At clock.Instant `json:"at_us"`
	// Frame is the channel instant of the picture on screen at that moment.
	Frame      clock.Instant `json:"frame_us,omitempty"`
	Dispersion int64         `json:"disp_us"`
	Class      string        `json:"class"`
	// Late marks a viewer who joined inside the window.
	Late bool `json:"late,omitempty"`
	// Why is absent, or why this opening is not to be counted as in time, or
	// what explains it.
	Why string `json:"why,omitempty"`
}

// Type returns "opened".
func (*Opened) Type() string { return "opened" }

// Closed reports when a viewer's window closed: the buttons are gone. Once a
// cue, and again if it was extended afterwards.
type Closed struct {
	Cue string        `json:"cue"`
	Rev int           `json:"rev"`
	At  clock.Instant `json:"at_us"`
}

// Type returns "closed".
func (*Closed) Type() string { return "closed" }

// Status is a viewer's heartbeat: at once after its clock is synced, then
// every 10 s and when its class or visibility changes, at most once a second.
type Status struct {
	Synced     bool  `json:"synced"`
	Dispersion int64 `json:"disp_us"`
	RTT        int64 `json:"rtt_us"`
	// Error is how late the displayed frame is against the target, negative if
	// early. Units: µs.
	Error   int64  `json:"err_us,omitempty"`
	Class   string `json:"class"`
	Visible bool   `json:"visible"`
	// Stuck says that the viewer, visible and playing for 30 s, could not hold
	// the target latency.
	Stuck bool `json:"stuck,omitempty"`
}

// Type returns "status".
func (*Status) Type() string { return "status" }

// Alive answers the ping of a stream that is no WebSocket, where frames of the
// protocol below do this.
type Alive struct {
	Nonce string `json:"nonce"` // of the ping
}

// Type returns "pong".
func (*Alive) Type() string { return "pong" }
