package hlstest

import (
	"fmt"
	"io"
	"time"
)

// Report is what a probe found.
type Report struct {
	URL        string    `json:"url"`
	Began      time.Time `json:"began"`
	Seconds    float64   `json:"seconds"`
	LowLatency bool      `json:"low_latency"`
	Live       bool      `json:"live"`
	Container  Container `json:"container"`
	Playlists  []string  `json:"playlists"`
	Reloads    int       `json:"reloads"` // of media playlists
	Files      int       `json:"files"`   // parts and segments
	// How many rules fared how.
	Passed        int      `json:"passed"`
	Failed        int      `json:"failed"`
	Warned        int      `json:"warned"`
	Untested      int      `json:"untested"`
	NotApplicable int      `json:"not_applicable"`
	Notes         []string `json:"notes,omitempty"` // what limited the probe
	Results       []Result `json:"results"`
}

// NewReport puts results and what they were found in together.
func NewReport(c *Capture, results []Result) *Report {
	r := &Report{
		URL: c.URL, Began: c.Began, Seconds: c.Done.Sub(c.Began).Seconds(), LowLatency: c.lowLatency(), Live: c.live(),
		Container: c.container(), Notes: c.Notes, Results: results,
	}
	for _, x := range c.Renditions {
		r.Playlists = append(r.Playlists, x.URI)
		r.Reloads += len(x.Reloads)
		r.Files += len(x.Parts) + len(x.Whole)
	}
	for _, x := range results {
		*r.counter(x.Status)++
	}
	return r
}

func (r *Report) counter(s Status) *int {
	switch s {
	case Pass:
		return &r.Passed
	case Fail:
		return &r.Failed
	case Warn:
		return &r.Warned
	case Untested:
		return &r.Untested
	default:
		return &r.NotApplicable
	}
}

// OK reports whether no rule failed. Warnings do not count.
func (r *Report) OK() bool { return r.Failed == 0 }

// Write prints the report for people: every rule that does not hold with what
// was seen, those that were not exercised or only in part, and a line of counts.
func (r *Report) Write(w io.Writer) error {
	var out text
	for _, x := range r.Results {
		if x.Status == Fail || x.Status == Warn {
			for _, seen := range x.Seen {
				out.line("%-4s %-3s %s  %s. %s", x.Status, x.Rule, x.Level, x.Text, seen)
			}
			if more := x.Broken - len(x.Seen); more > 0 {
				out.line("     %-3s    and %d times more", x.Rule, more)
			}
		}
	}
	for _, x := range r.Results {
		if x.Status == Untested {
			out.line("not exercised %-3s %s  %s: %s", x.Rule, x.Level, x.Text, x.Why)
		}
	}
	for _, x := range r.Results {
		if x.Status == Pass && x.Why != "" {
			out.line("held in part  %-3s %s  %s: %s", x.Rule, x.Level, x.Text, x.Why)
		}
	}
	for _, n := range r.Notes {
		out.line("note: %s", n)
	}
	out.line("%s: %d rules hold, %d failed, %d warnings, %d not exercised, %d not applicable (%d playlists, %d reloads, %d files in %.0f s)",
		r.URL, r.Passed, r.Failed, r.Warned, r.Untested, r.NotApplicable, len(r.Playlists), r.Reloads, r.Files, r.Seconds)
	_, err := w.Write(out)
	return err
}

// text collects lines.
type text []byte

func (t *text) line(format string, args ...any) {
	*t = append(fmt.Appendf(*t, format, args...), '\n')
}
