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
	Token string `json:"token,omitempty"`
	// Grade is how sure it is that the participant is one person: one of
	// GradeDevice to GradeAccount, absent for producers.
	Grade string `json:"grade,omitempty"`
	// Epoch names the log of what the channel's viewers are sent, Offset is the
	// last message that this welcome holds. Absent for producers.
	Epoch  string `json:"epoch,omitempty"`
	Offset uint64 `json:"offset,omitempty"`
	// Resumed says that everything after hello's offset follows as messages:
	// Timeline is absent, Cues and Tallies are empty, and nothing held is stale.
	Resumed    bool          `json:"resumed,omitempty"`
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

// Grades of identity, weakest first.
const (
	GradeDevice  = "device"  // anonymous: a signed token in this device
	GradePIN     = "pin"     // knew the channel's PIN
	GradeLink    = "link"    // had a one-time link
	GradeAccount = "account" // signed in at the host's site
)

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
	// Next is a change of L that has been announced, nil if none is.
	Next *NextLatency `json:"next,omitempty"`
	Live bool         `json:"live"`
}

// NextLatency says what L will be from an instant on. Players glide there.
type NextLatency struct {
	Latency int64         `json:"latency_ms"`
	At      clock.Instant `json:"at_us"`
}

// Type returns "timeline".
func (*Timeline) Type() string { return "timeline" }

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
	// Changes is how many times this participant has changed its answer.
	Changes int `json:"changes,omitempty"`
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

// Grace tells a viewer what the server has measured of its line, signed, to
// be sent with hello on its next connection.
type Grace struct {
	Token string        `json:"token"`
	Until clock.Instant `json:"until_us"` // when the token expires
}

// Type returns "grace".
func (*Grace) Type() string { return "grace" }

// Presence counts the viewers of a channel, for producers: over all nodes where
// there are several. Each adds what the others said last to what it has itself.
type Presence struct {
	Viewers int `json:"viewers"`
	Synced  int `json:"synced"`
	In      int `json:"in"`
	Near    int `json:"near"`
	Far     int `json:"far"`
	// Stuck viewers have not been able to hold the target latency for 30 s.
	Stuck int `json:"stuck"`
	// Joins and Leaves are means over the last 10 s. Units: 1/s.
	Joins  float64 `json:"joins"`
	Leaves float64 `json:"leaves"`
	Grades Grades  `json:"grades"`
}

// Type returns "presence".
func (*Presence) Type() string { return "presence" }

// Grades counts viewers by how sure it is that each is one person.
type Grades struct {
	Device  int `json:"device"`
	PIN     int `json:"pin"`
	Link    int `json:"link"`
	Account int `json:"account"`
}

// MaxRoster is the largest number of viewers in a Roster.
const MaxRoster = 50

// Roster is a random sample of a channel's viewers, for producers: at most
// every 5 s. Where there are several nodes it is of those on the producer's own,
// and Total counts all.
type Roster struct {
	Total   int            `json:"total"`   // viewers there are
	Viewers []RosterViewer `json:"viewers"` // at most MaxRoster
}

// Type returns "roster".
func (*Roster) Type() string { return "roster" }

// RosterViewer is one viewer of a sample.
type RosterViewer struct {
	Participant string        `json:"participant"`
	Grade       string        `json:"grade"`
	Class       string        `json:"class"`
	Synced      bool          `json:"synced"`
	Since       clock.Instant `json:"since_us"` // of this connection
	RTT         int64         `json:"rtt_us"`
	// Strikes are what it has done against the limits, in the last minute.
	Strikes int `json:"strikes"`
}

// Bye is sent before the server closes a socket in an orderly way.
type Bye struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
	// Reconnect says whether coming back makes sense, after at least After ms
	// plus full jitter.
	Reconnect bool  `json:"reconnect"`
	After     int64 `json:"after_ms,omitempty"`
	// Try is another server that may have room, such as
	// "https://node2.example.com". A client goes there only if its page trusts it,
	// and comes back here if it is not let in.
	Try string `json:"try,omitempty"`
}

// Type returns "bye".
func (*Bye) Type() string { return "bye" }
