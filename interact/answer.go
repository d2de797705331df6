package interact

import (
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// Answer is a participant's choice for a cue, as the gateway received it.
type Answer struct {
	// ID is the client's name for this attempt, echoed in its receipt. It does
	// not make an answer unique: (Cue, Participant) does (IN1). Where answers may
	// be changed it tells a retry from a change (IN9).
	ID          string
	Cue         string
	Participant string
	// Choice holds option indices, ascending, without repeats.
	Choice []int
	// Stamp is when the viewer says it tapped, on R. Zero if it did not say.
	Stamp clock.Instant
	// Received is when the gateway read it, on R.
	Received clock.Instant
	Line     Line
}

// Line is what is known of the connection an answer came over.
type Line struct {
	// RTTMin and Jitter (p95) are measured by the server over the last minute.
	// Zero if not measured yet.
	RTTMin, Jitter time.Duration
	// Dispersion bounds the error of the viewer's clock, as the viewer reports it.
	Dispersion time.Duration
}

// Level is what a receipt promises.
type Level string

// The levels, weakest first.
const (
	LevelMemory     Level = "memory"     // counted in this process
	LevelLog        Level = "log"        // synced to the log on disk
	LevelReplicated Level = "replicated" // on more than one machine
)

// Receipt is the durable acknowledgement of an answer. A retry of the same
// answer, at any time, gets the same receipt (IN3).
type Receipt struct {
	// ID is that of the answer it replies to, empty in reply to none.
	ID          string
	Cue         string
	Participant string
	// Choice is shared: nobody changes it.
	Choice []int
	// Seq counts the participants of the cue, from 1.
	Seq uint64
	// Credited is the instant the answer counts as given at, on R.
	Credited clock.Instant
	Level    Level
	// Changes is how many times the participant had changed its answer by this
	// one.
	Changes int
}

// Settler is told what became of an answer: with the receipt, or with an error
// and a receipt that holds nothing but the answer's ID, Cue and Participant.
// Settle does not block.
type Settler interface {
	Settle(r Receipt, err error)
}

// Tally is the count of a cue's answers: a fold over the log (IN2).
type Tally struct {
	Cue string
	// Version grows with every change, so that a late lower count never
	// replaces a higher one (IN4).
	Version uint64
	Counts  []uint64 // per option
	Total   uint64   // participants counted
	// Final says that nothing more can be counted.
	Final bool
}

// Ban keeps a participant out of a channel.
type Ban struct {
	Participant string
	// At is when it was made, Until when it ends: zero for good. Both on R.
	At, Until clock.Instant
	// Reason is for producers.
	Reason string
}

// Holds says whether the ban is in force at now.
func (b Ban) Holds(now clock.Instant) bool { return b.Until == 0 || now < b.Until }

// Opening is one viewer's report of when its answer window opened.
type Opening struct {
	Cue         string
	Rev         int
	Participant string
	// At is the instant the overlay became visible; Frame is the channel
	// instant P of the picture on screen at that moment, zero if unknown. Both on R.
	At, Frame  clock.Instant
	Dispersion time.Duration
	// Late marks a viewer who joined inside the window and opened at once.
	Late bool
	// Class is how well its picture is held, Why what kept it from opening in
	// time: words of the wire, empty if there are none.
	Class, Why string
}

// Closing is one viewer's report that its answer window closed.
type Closing struct {
	Cue         string
	Rev         int
	Participant string
	At          clock.Instant // on R
}
