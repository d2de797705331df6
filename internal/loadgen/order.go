package loadgen

import "github.com/cuelight/cuelight/interact/wire"

// Assignment is what one worker is to be. It holds no secret.
type Assignment struct {
	URL     string `json:"url"` // ws://HOST/ws/v1
	Channel string `json:"channel"`
	Codec   string `json:"codec"` // a subprotocol
	// First is the number of the worker's first viewer, Viewers how many it has.
	First   int `json:"first"`
	Viewers int `json:"viewers"`
	// Ramp is how many come per second; zero: as fast as they can.
	Ramp float64 `json:"ramp,omitempty"`
	// Source is the local address to connect from; empty: any.
	Source string `json:"source,omitempty"`
	Seed   uint64 `json:"seed"`
}

// What a worker is asked to do.
const (
	doConnect  = "connect"  // open all sockets and hear welcome on each
	doAnswer   = "answer"   // answer a cue
	doArrivals = "arrivals" // say when a revision of a cue came
	doCut      = "cut"      // cut all connections, and come back
	doAudit    = "audit"    // hold what was heard against what was sent
)

// order is one line to a worker. Each is answered by one finding.
type order struct {
	Do         string      `json:"do"`
	Assignment *Assignment `json:"assignment,omitempty"` // connect
	Answer     *answering  `json:"answer,omitempty"`
	Arrivals   *arrivals   `json:"arrivals,omitempty"`
}

// answering is the order to answer a cue. Its cue comes to the viewers by
// their sockets; here is what to do about it.
type answering struct {
	Cue    wire.Cue `json:"cue"`
	Timing Timing   `json:"timing"`
	Share  float64  `json:"share"`
}

// arrivals asks when a revision of a cue reached each viewer.
type arrivals struct {
	Cue string `json:"cue"`
	Rev int    `json:"rev"`
}

// finding is one line from a worker.
type finding struct {
	// Err is why the order was not carried out.
	Err string `json:"err,omitempty"`
	// Differences are what was heard and should not have been, or the other way
	// round, in words; at most maxDifferences, Differing are all.
	Differences []string   `json:"differences,omitempty"`
	Differing   int        `json:"differing,omitempty"`
	Connected   *connected `json:"connected,omitempty"`
	Answered    *answered  `json:"answered,omitempty"`
	// Arrived are instants on the machine's wall clock. Units: ns since 1970.
	Arrived []int64  `json:"arrived,omitempty"`
	Resumed *resumed `json:"resumed,omitempty"`
	Skipped int      `json:"skipped,omitempty"` // audit: offsets that newer messages replaced
}

// maxDifferences is how many sentences are kept of those that all say the same.
const maxDifferences = 5

// connected is how the sockets were opened.
type connected struct {
	// Waits are from the attempt that succeeded to its welcome. Units: µs.
	Waits []int64 `json:"waits"`
	// Began and Ended are the first attempt and the last welcome. Units: ns.
	Began   int64          `json:"began"`
	Ended   int64          `json:"ended"`
	Refused map[string]int `json:"refused,omitempty"` // by status, close code or error
	// Ahead is how far R is ahead of this machine's wall clock. Units: µs.
	Ahead int64 `json:"ahead_us"`
}

// answered is what became of the answers.
type answered struct {
	Sent     int            `json:"sent"`
	Retries  int            `json:"retries"`
	Receipts int            `json:"receipts"`
	Refused  map[string]int `json:"refused,omitempty"` // by code
	Lost     int            `json:"lost"`              // neither receipt nor refusal
	Unserved int            `json:"unserved"`          // refused for now until it was too late
	Untold   int            `json:"untold"`            // viewers that never heard of the cue
	Left     int            `json:"left"`              // connections that ended meanwhile
	// Waits are from the first sending to the receipt, Behind from when an
	// answer was to be sent to when it was. Units: µs.
	Waits  []int64 `json:"waits"`
	Behind []int64 `json:"behind"`
	// Counts are the receipts by option, Seqs their numbers.
	Counts []uint64 `json:"counts"`
	Seqs   []uint64 `json:"seqs"`
	// First and LastSent are when the first and the last answer were sent, for
	// the first time, Last when the last reply came. Units: ns.
	First    int64 `json:"first"`
	LastSent int64 `json:"last_sent"`
	Last     int64 `json:"last"`
	// CPU is what the worker used from after the opening on. Units: µs.
	CPU int64 `json:"cpu_us"`
}

// resumed is how viewers came back.
type resumed struct {
	// Waits are from the cut to the welcome. Units: µs.
	Waits   []int64        `json:"waits"`
	Resumed int            `json:"resumed"`
	Reset   int            `json:"reset"` // given a snapshot instead
	Lost    int            `json:"lost"`  // not back in time
	Refused map[string]int `json:"refused,omitempty"`
}
