package interact

import (
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// Answer is a participant's choice for a cue, as the gateway received it.
type Answer struct {
	// ID is the client's name for this attempt, echoed in its receipt. It does
	// not make an answer unique: (Cue, Participant) does (IN1).
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
	Cue         string
	Participant string
	Choice      []int
	// Seq counts the counted answers of the cue, from 1.
	Seq uint64
	// Credited is the instant the answer counts as given at, on R.
	Credited clock.Instant
	Level    Level
}

// Tally is the count of a cue's answers: a fold over first writes (IN2).
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
