package wire

import "github.com/cuelight/cuelight/sync/clock"

// Audience says who a broadcast is for.
type Audience uint8

// The audiences of a channel.
const (
	Viewers   Audience = 1 << iota // everybody but producers
	Producers                      // signed-in producers
)

// Welcome answers hello with all that a joiner must know, so that nobody
// depends on a message sent before it came (W4).
type Welcome struct {
	Version     int    `json:"v"`
	Channel     string `json:"channel"`
	Title       string `json:"title"`
	Role        string `json:"role"`
	Participant string `json:"participant"`
	// Token is the viewer's identity: keep it, send it in the next hello.
	Token      string        `json:"token,omitempty"`
	ClockEpoch uint32        `json:"clock_epoch"`
	Now        clock.Instant `json:"now_us"`
	Timeline   *Timeline     `json:"timeline,omitempty"`
	Cues       []Cue         `json:"cues"`
	Tallies    []Tally       `json:"tallies"`
	// Receipts are those of this participant.
	Receipts []Receipt `json:"receipts"`
}

// Type returns "welcome".
func (*Welcome) Type() string { return "welcome" }

// Timeline maps channel media time to R. Between two points it is a straight
// line; before the first and after the last it runs at the nominal rate.
type Timeline struct {
	// Epoch counts publisher sessions of the channel.
	Epoch int `json:"epoch"`
	// Rev grows with every change.
	Rev   int    `json:"rev"`
	State string `json:"state"` // acquiring, locked, holdover, lost
	// Scale is the number of media ticks in a second.
	Scale int64 `json:"scale"`
	// Points are [ticks, µs on R], ascending in both.
	Points [][2]int64 `json:"points"`
	// Latency is the channel's target latency L in ms: media stamped P is due
	// on every screen at P + L.
	Latency int64 `json:"latency_ms"`
	Live    bool  `json:"live"`
}

// Type returns "timeline".
func (*Timeline) Type() string { return "timeline" }

// State of a cue. Within one revision a cue only moves forward in this order.
type State string

// The states of a cue, in their order.
const (
	StateDraft     State = "draft"     // prepared, not taken
	StateScheduled State = "scheduled" // O is known and may still move
	StateArmed     State = "armed"     // everybody knows O; the text is withheld
	StateKeyed     State = "keyed"     // the text is out, the window not open yet
	StateOpen      State = "open"      // answers count
	StateClosing   State = "closing"   // C has passed, grace runs
	StateClosed    State = "closed"    // the tally is final
	StateRevealed  State = "revealed"  // result, and right answer if any, are public
	StateCancelled State = "cancelled" // withdrawn before anybody saw it
	StateVoid      State = "void"      // withdrawn after it may have been seen
)

// Text is what is asked. Viewers are not sent it before O − κ.
type Text struct {
	Title   string   `json:"title"`
	Options []string `json:"options"`
}

// Cue is one interaction with its place on the timeline. A receiver applies
// it if its revision is higher than the one it has, or the same with a state
// not earlier (W5).
type Cue struct {
	ID     string `json:"id"`
	Rev    int    `json:"rev"`
	Kind   string `json:"kind"`   // poll, trivia
	Policy string `json:"policy"` // wall
	State  State  `json:"state"`
	// Open and Close are [O, C) on R. Zero while a draft.
	Open  clock.Instant `json:"o_us,omitempty"`
	Close clock.Instant `json:"c_us,omitempty"`
	// Window is the planned length, in ms.
	Window  int64  `json:"window_ms"`
	Choices int    `json:"choices"` // number of options
	Results string `json:"results"` // live, reveal
	Text    *Text  `json:"text,omitempty"`
	// Correct is the index of the right option: for viewers only once revealed.
	Correct *int `json:"correct,omitempty"`
	// Note says to producers why a cue is as it is, in plain words.
	Note string `json:"note,omitempty"`
}

// CueChanged brings a new or changed cue. Viewers get their view of it,
// producers theirs.
type CueChanged struct {
	Cue Cue `json:"cue"`
}

// Type returns "cue".
func (*CueChanged) Type() string { return "cue" }

// Removed tells producers that a draft was deleted.
type Removed struct {
	Cue string `json:"cue"`
}

// Type returns "removed".
func (*Removed) Type() string { return "removed" }

// Tally is the count so far. Receivers keep the highest version of each cue.
type Tally struct {
	Cue     string   `json:"cue"`
	Version uint64   `json:"ver"`
	Counts  []uint64 `json:"counts"`
	Total   uint64   `json:"total"`
	Final   bool     `json:"final,omitempty"`
}

// Type returns "tally".
func (*Tally) Type() string { return "tally" }

// Receipt says that the answer is durable and counted.
type Receipt struct {
	ID     string `json:"id,omitempty"` // of the answer it replies to
	Cue    string `json:"cue"`
	Choice []int  `json:"choice"`
	Seq    uint64 `json:"seq"`
	// At is the instant the answer is credited with.
	At    clock.Instant `json:"at_us"`
	Level string        `json:"level"`
}

// Type returns "receipt".
func (*Receipt) Type() string { return "receipt" }

// Refused says that the answer was not counted, and why, in words for the
// viewer's screen.
type Refused struct {
	ID      string `json:"id"`
	Cue     string `json:"cue"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Type returns "refused".
func (*Refused) Type() string { return "refused" }

// Presence counts the viewers of a channel, for producers.
type Presence struct {
	Viewers int `json:"viewers"`
	Synced  int `json:"synced"`
	In      int `json:"in"`
	Near    int `json:"near"`
	Far     int `json:"far"`
}

// Type returns "presence".
func (*Presence) Type() string { return "presence" }

// Openings is how far apart the windows of a cue opened, for producers.
// Viewers who joined late are counted but not in the spread.
type Openings struct {
	Cue      string `json:"cue"`
	Rev      int    `json:"rev"`
	Reported int    `json:"reported"`
	Late     int    `json:"late"`
	Expected int    `json:"expected"` // viewers connected at O
	// P50, P95 and Max are of |opening − O|. Units: µs.
	P50 int64 `json:"p50_us"`
	P95 int64 `json:"p95_us"`
	Max int64 `json:"max_us"`
	// Spread is the last opening minus the first. Units: µs.
	Spread int64 `json:"spread_us"`
}

// Type returns "openings".
func (*Openings) Type() string { return "openings" }

// Health is a channel at a glance, for producers, once a second.
type Health struct {
	Live bool `json:"live"`
	// Ended says that the event is over and the next one has not begun.
	Ended    bool    `json:"ended,omitempty"`
	Protocol string  `json:"protocol,omitempty"`
	Video    string  `json:"video,omitempty"` // "H.264 1280×720 30 fps"
	Audio    string  `json:"audio,omitempty"` // "AAC 48 kHz stereo"
	Bitrate  int64   `json:"bitrate"`         // bits/s over the last seconds
	GOP      float64 `json:"gop_s"`           // seconds between key frames
	State    string  `json:"timeline"`        // state of the timeline
	PPM      float64 `json:"ppm"`             // encoder clock against R
	Uptime   float64 `json:"uptime_s"`
	Latency  int64   `json:"latency_ms"`

	Encoder  string  `json:"encoder,omitempty"`  // what the encoder calls itself
	Bitrates []int64 `json:"bitrates,omitempty"` // of the last 10 s, oldest first
	// Residual is the p95 distance of clean arrivals from the timeline, Jitter
	// that of all arrivals. Milliseconds.
	Residual float64 `json:"residual_ms"`
	Jitter   float64 `json:"jitter_ms"`
	// AVOffset is how much later sound arrives than pictures of the same time.
	AVOffset *float64 `json:"av_offset_ms,omitempty"`
	Reorder  float64  `json:"reorder_ms,omitempty"` // what B-frames add
	// What the transport knows of the way; absent where it knows nothing.
	RTT         *float64 `json:"rtt_ms,omitempty"`
	Loss        *float64 `json:"loss,omitempty"` // share of packets, 0 to 1
	Retransmits *uint64  `json:"retransmits,omitempty"`
	Dropped     *uint64  `json:"lost_packets,omitempty"`    // never came in time
	LinkLatency int64    `json:"link_latency_ms,omitempty"` // receiver's buffer (SRT)
	Encryption  string   `json:"encryption,omitempty"`
	// Renditions are what viewers can choose from, best first.
	Renditions []HealthRendition `json:"renditions,omitempty"`
	Ladder     *HealthLadder     `json:"ladder,omitempty"` // nil unless the channel has one
	// Advice is what the broadcaster should change, in plain words.
	Advice []string `json:"advice"`
}

// HealthRendition is one quality of the picture, or the sound.
type HealthRendition struct {
	Name    string  `json:"name"` // of its playlist, such as "video2"
	Codec   string  `json:"codec"`
	Width   int     `json:"width,omitempty"`
	Height  int     `json:"height,omitempty"`
	FPS     float64 `json:"fps,omitempty"`
	Bitrate int64   `json:"bitrate"`
	// Derived says that this server made it of the encoder's picture.
	Derived bool `json:"derived,omitempty"`
}

// HealthLadder is how the transcoder does.
type HealthLadder struct {
	State    string  `json:"state"`           // "starting", "running", "waiting" or "missing"
	CPU      float64 `json:"cpu"`             // cores in use, over the last seconds
	Restarts int     `json:"restarts"`        // of this session
	Error    string  `json:"error,omitempty"` // why it does not run
}

// Type returns "health".
func (*Health) Type() string { return "health" }

// Bye is sent before the server closes a socket in an orderly way.
type Bye struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
	// Reconnect says whether coming back makes sense, after at least After ms
	// plus full jitter.
	Reconnect bool  `json:"reconnect"`
	After     int64 `json:"after_ms,omitempty"`
}

// Type returns "bye".
func (*Bye) Type() string { return "bye" }
