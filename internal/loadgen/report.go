package loadgen

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what a rehearsal has found.
type Report struct {
	Scenario  string `json:"scenario"`
	URL       string `json:"url"`
	Gateways  int    `json:"gateways"`
	Channel   string `json:"channel"`
	Codec     string `json:"codec"`
	Viewers   int    `json:"viewers"`
	Processes int    `json:"processes"`

	Connect   *ConnectReport   `json:"connect"`
	Answers   *AnswersReport   `json:"answers,omitempty"`
	Broadcast *BroadcastReport `json:"broadcast,omitempty"`
	Resume    *ResumeReport    `json:"resume,omitempty"`

	// Differences are sentences that say what is not as it must be, at most
	// twenty; Differing is how many there were in all.
	Differences []string `json:"differences,omitempty"`
	Differing   int      `json:"differing"`
}

// maxSentences is how many differences a report holds.
const maxSentences = 20

// OK says that everything was as it must be.
func (r *Report) OK() bool { return r.Differing == 0 }

func (r *Report) differ(sentence string) {
	if r.Differing++; len(r.Differences) < maxSentences {
		r.Differences = append(r.Differences, sentence)
	}
}

// ConnectReport is how the viewers came in.
type ConnectReport struct {
	// Seconds is from the first attempt to the last welcome, Rate the viewers
	// that came in a second of it.
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"connects_per_second"`
	// Welcome is from an attempt that succeeded to its welcome.
	Welcome Quantiles `json:"welcome"`
	// Refused are attempts, by HTTP status, close code or error; who was
	// refused for now came again.
	Refused map[string]int `json:"refused,omitempty"`
	// ServerCPU is what one viewer's coming cost the server, in µs; Memory what
	// it holds for one that is there, in bytes. Zero where it is not known.
	ServerCPU float64 `json:"server_cpu_us,omitempty"`
	Memory    int64   `json:"server_memory_bytes,omitempty"`
}

func connectReport(found []finding, viewers int) *ConnectReport {
	r := &ConnectReport{Refused: make(map[string]int)}
	var waits []int64
	var began, ended int64
	for i, f := range found {
		c := f.Connected
		waits = append(waits, c.Waits...)
		if i == 0 || c.Began < began {
			began = c.Began
		}
		ended = max(ended, c.Ended)
		sum(r.Refused, c.Refused)
	}
	r.Seconds = float64(ended-began) / float64(time.Second)
	r.Rate = rate(viewers, ended-began)
	r.Welcome = quantilesOf(waits)
	return r
}

// AnswersReport is what became of all polls' answers.
type AnswersReport struct {
	Timing string  `json:"timing"`
	Share  float64 `json:"share"`
	Polls  int     `json:"polls"`

	Sent     int `json:"sent"`
	Receipts int `json:"receipts"`
	// Retries are answers sent again, because nothing was heard or the server
	// was busy.
	Retries int `json:"retries"`
	// Refused are refusals by code, of which some were for now only; Unserved
	// answers were refused for now until it was too late.
	Refused  map[string]int `json:"refused,omitempty"`
	Unserved int            `json:"unserved"`
	// Lost answers have no reply at all.
	Lost int `json:"lost"`
	// Left are connections that ended meanwhile.
	Left int `json:"left"`
	// Receipt is from the first sending to the receipt.
	Receipt Quantiles `json:"receipt"`
	// Behind is how far the viewers of this program were behind their own
	// timing: where it is much, this machine was the limit, not the server.
	Behind Quantiles `json:"behind"`
	// Rate are answers a second, from the first sent to the last replied to.
	Rate float64 `json:"answers_per_second"`
	// ServerCPU and OwnCPU are of one answer, in µs.
	ServerCPU float64 `json:"server_cpu_us,omitempty"`
	OwnCPU    float64 `json:"own_cpu_us,omitempty"`
	// First and LastSent are when the first and the last answer of the last poll
	// were sent, Last when its last reply came. Units: ns since 1970.
	First    int64 `json:"first_ns"`
	LastSent int64 `json:"last_sent_ns"`
	Last     int64 `json:"last_ns"`
	// Peak is how the server coped, nil where its metrics cannot be read.
	Peak *PeakReport `json:"peak,omitempty"`

	sending       int64 // ns from the first answer to the last, of all polls
	waits, behind []int64
	nanos         int64
	server, own   time.Duration
}

// add takes what all workers found of one poll.
func (a *AnswersReport) add(all []*answered, server time.Duration) {
	a.Polls++
	first, last := span(all)
	a.First, a.LastSent, a.Last = first, lastSent(all), last
	a.sending += max(0, a.LastSent-first)
	for _, w := range all {
		a.Sent, a.Receipts, a.Retries = a.Sent+w.Sent, a.Receipts+w.Receipts, a.Retries+w.Retries
		a.Unserved, a.Lost, a.Left = a.Unserved+w.Unserved, a.Lost+w.Lost, a.Left+w.Left
		sum(a.Refused, w.Refused)
		a.waits = append(a.waits, w.Waits...)
		a.behind = append(a.behind, w.Behind...)
		a.own += time.Duration(w.CPU) * time.Microsecond
	}
	a.nanos += max(0, last-first)
	a.server += server
}

// span is from the first answer sent to the last reply. Units: ns.
func span(all []*answered) (first, last int64) {
	for _, w := range all {
		if w.First != 0 && (first == 0 || w.First < first) {
			first = w.First
		}
		last = max(last, w.Last)
	}
	return first, last
}

// lastSent is when the last answer was sent for the first time. Units: ns.
func lastSent(all []*answered) (at int64) {
	for _, w := range all {
		at = max(at, w.LastSent)
	}
	return at
}

func (a *AnswersReport) finish() {
	if a.Peak != nil {
		a.Peak.Offered = rate(a.Sent, a.sending)
	}
	a.Receipt, a.Behind = quantilesOf(a.waits), quantilesOf(a.behind)
	a.Rate = rate(a.Sent, a.nanos)
	a.ServerCPU, a.OwnCPU = per(a.server, a.Sent), per(a.own, a.Sent)
}

// BroadcastReport is how long messages take to reach everybody.
type BroadcastReport struct {
	Times int `json:"times"`
	// First and Last are from the producer's request to the first and to the
	// last viewer, the worst of all times; Reach is of all viewers. The request
	// itself and the write to the log are in them.
	First float64   `json:"first_ms"`
	Last  float64   `json:"last_ms"`
	Reach Quantiles `json:"reach"`
	// Spread is from the first to the last viewer, the longest.
	Spread float64 `json:"spread_ms"`
	// Deliveries are all times to all viewers, ServerCPU is of one, in µs.
	Deliveries int     `json:"deliveries"`
	ServerCPU  float64 `json:"server_cpu_us,omitempty"`

	micros []int64
	server time.Duration
}

func (b *BroadcastReport) add(asked time.Time, times []int64, server time.Duration) {
	b.Deliveries += len(times)
	b.server += server
	if len(times) == 0 {
		return
	}
	ms := func(nanos int64) float64 { return float64(nanos/1000) / 1000 }
	first, last := slices.Min(times), slices.Max(times)
	b.First = max(b.First, ms(first-asked.UnixNano()))
	b.Last = max(b.Last, ms(last-asked.UnixNano()))
	b.Spread = max(b.Spread, ms(last-first))
	for _, t := range times {
		b.micros = append(b.micros, (t-asked.UnixNano())/1000)
	}
}

func (b *BroadcastReport) finish() {
	b.Reach = quantilesOf(b.micros)
	b.ServerCPU = per(b.server, b.Deliveries)
}

// ResumeReport is how the viewers came back after a cut.
type ResumeReport struct {
	// Resumed went on where they were, Reset were given the state anew, Lost
	// did not come back.
	Resumed int `json:"resumed"`
	Reset   int `json:"reset"`
	Lost    int `json:"lost"`
	// Back is from the cut to the welcome, jitter included.
	Back    Quantiles      `json:"back"`
	Refused map[string]int `json:"refused,omitempty"`
	// Skipped messages were not sent because a newer one said the same.
	Skipped int `json:"skipped"`
}

func resumeReport(found []finding) *ResumeReport {
	r := &ResumeReport{Refused: make(map[string]int)}
	var waits []int64
	for _, f := range found {
		r.Resumed, r.Reset, r.Lost = r.Resumed+f.Resumed.Resumed, r.Reset+f.Resumed.Reset, r.Lost+f.Resumed.Lost
		waits = append(waits, f.Resumed.Waits...)
		sum(r.Refused, f.Resumed.Refused)
	}
	r.Back = quantilesOf(waits)
	return r
}

func sum(into, counts map[string]int) {
	for k, n := range counts {
		into[k] += n
	}
}

func rate(n int, nanos int64) float64 {
	if nanos <= 0 {
		return 0
	}
	return float64(int64(float64(n) / (float64(nanos) / float64(time.Second))))
}

// tallied writes counts by name, largest first.
func tallied(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%d× %s", counts[name], name)
	}
	return strings.Join(names, ", ")
}
