package wire

// Openings is how far apart the windows of a cue opened, for producers.
// Viewers who joined late are counted but not in the spread.
type Openings struct {
	Cue      string `json:"cue"`
	Rev      int    `json:"rev"`
	Reported int    `json:"reported"`
	Late     int    `json:"late"`
	Expected int    `json:"expected"` // viewers connected at O
	// InTime opened within 100 ms of O and were seen to.
	InTime int `json:"in_time"`
	// P50, P95 and Max are of |opening − O|. Units: µs.
	P50 int64 `json:"p50_us"`
	P95 int64 `json:"p95_us"`
	Max int64 `json:"max_us"`
	// Spread is the last opening minus the first. Units: µs.
	Spread int64 `json:"spread_us"`
	// DispersionP95 bounds the error of the viewers' own clocks. Units: µs.
	DispersionP95 int64 `json:"dispersion_p95_us"`
	// Histogram is of opening − O.
	Histogram Histogram `json:"histogram"`
	Classes   Classes   `json:"classes"`
	// Out counts those who were not together with the rest by reason, biggest
	// first. Who are up to 20 of them, worst first.
	Out []OutCount `json:"out"`
	Who []OutWho   `json:"who"`
	// Closed viewers say that their window is closed.
	Closed int `json:"closed"`
	// Clear is the green light: 99.5 % of those who opened and are still here
	// have closed.
	Clear bool `json:"clear"`
}

// Type returns "openings".
func (*Openings) Type() string { return "openings" }

// Histogram counts values in steps of equal width; value v is in step
// (v − From)/Step.
type Histogram struct {
	From   int64 `json:"from_us"`
	Step   int64 `json:"step_us"`
	Counts []int `json:"counts"`
	Below  int   `json:"below"`
	Above  int   `json:"above"`
}

// Classes counts viewers by how well they hold the target latency.
type Classes struct {
	In   int `json:"in"`
	Near int `json:"near"`
	Far  int `json:"far"`
	None int `json:"none"`
}

// OutCount is how many were out for one reason.
type OutCount struct {
	Why   string `json:"why"`
	Count int    `json:"count"`
}

// OutWho is one viewer who was out.
type OutWho struct {
	Participant string `json:"participant"`
	Class       string `json:"class"`
	Why         string `json:"why"`
	Away        int64  `json:"away_us"` // opening − O
}
