package engine

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// The kinds of whisper. A node ignores those that it does not know.
const (
	// WhisperOpenings are reports of viewers, for whoever leads the channel.
	WhisperOpenings = "openings"
	// WhisperTimeline is a wire.Timeline, from the node that has the picture.
	WhisperTimeline = "timeline"
	// WhisperEdge is where that picture is now.
	WhisperEdge = "edge"
	// WhisperHealth is a wire.Health for producers.
	WhisperHealth = "health"
	// WhisperRemove asks gateways to close a participant's connections.
	WhisperRemove = "remove"
)

// reportsData is what viewers of one node reported, and who of them came and
// left. A whisper of WhisperOpenings holds it.
type reportsData struct {
	Version int         `json:"v"`
	Cues    []cueReport `json:"cues,omitempty"`
	Moves   []moveData  `json:"moves,omitempty"`
}

// cueReport are the reports of one revision of a cue.
type cueReport struct {
	Cue    string       `json:"cue"`
	Rev    int          `json:"rev"`
	Opened []openedData `json:"opened,omitempty"`
	Closed []closedData `json:"closed,omitempty"`
}

type openedData struct {
	Participant string        `json:"p"`
	At          clock.Instant `json:"at_us"`
	Frame       clock.Instant `json:"frame_us,omitempty"`
	Dispersion  int64         `json:"disp_us,omitempty"`
	Late        bool          `json:"late,omitempty"`
	Class       string        `json:"class,omitempty"`
	Why         string        `json:"why,omitempty"`
}

type closedData struct {
	Participant string        `json:"p"`
	At          clock.Instant `json:"at_us"`
}

type moveData struct {
	Participant string `json:"p"`
	Here        bool   `json:"here,omitempty"`
}

// encodeReports packs reports and moves, each in their order, into as many
// whispers as they need. None are nil.
func encodeReports(reports []report, moves []move) ([][]byte, error) {
	if len(reports)+len(moves) == 0 {
		return nil, nil
	}
	data, err := json.Marshal(reportsOf(reports, moves))
	switch {
	case err != nil:
		return nil, fmt.Errorf("pack reports: %w", err)
	case len(data) <= interact.MaxPost:
		return [][]byte{data}, nil
	case len(reports)+len(moves) == 1:
		return nil, fmt.Errorf("a report takes %d bytes, a whisper %d", len(data), interact.MaxPost)
	}
	first, err := encodeReports(reports[:len(reports)/2], moves[:len(moves)/2])
	if err != nil {
		return nil, err
	}
	rest, err := encodeReports(reports[len(reports)/2:], moves[len(moves)/2:])
	return append(first, rest...), err
}

func reportsOf(reports []report, moves []move) reportsData {
	type name struct {
		cue string
		rev int
	}
	out, index := reportsData{Version: postVersion}, make(map[name]int)
	of := func(cue string, rev int) *cueReport {
		i, ok := index[name{cue, rev}]
		if !ok {
			i = len(out.Cues)
			index[name{cue, rev}] = i
			out.Cues = append(out.Cues, cueReport{Cue: cue, Rev: rev})
		}
		return &out.Cues[i]
	}
	for i := range reports {
		if o := &reports[i].opening; o.Cue != "" {
			c := of(o.Cue, o.Rev)
			c.Opened = append(c.Opened, openedData{o.Participant, o.At, o.Frame, o.Dispersion.Microseconds(), o.Late, o.Class, o.Why})
		} else {
			o := &reports[i].closing
			c := of(o.Cue, o.Rev)
			c.Closed = append(c.Closed, closedData{o.Participant, o.At})
		}
	}
	for _, m := range moves {
		out.Moves = append(out.Moves, moveData{m.participant, m.here})
	}
	return out
}

// decodeReports reads a whisper of reports. What names nobody is left out.
func decodeReports(data []byte) (reports []report, moves []move, err error) {
	var d reportsData
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, nil, fmt.Errorf("read reports: %w", err)
	}
	for i := range d.Cues {
		if c := &d.Cues[i]; c.Cue != "" {
			reports = c.reports(reports)
		}
	}
	for _, m := range d.Moves {
		if named(m.Participant) {
			moves = append(moves, move{m.Participant, m.Here})
		}
	}
	return reports, moves, nil
}

func (c *cueReport) reports(all []report) []report {
	for _, o := range c.Opened {
		if !named(o.Participant) || len(o.Class) > maxWord || len(o.Why) > maxWord {
			continue
		}
		all = append(all, report{opening: interact.Opening{
			Cue: c.Cue, Rev: c.Rev, Participant: o.Participant, At: o.At, Frame: o.Frame,
			Dispersion: time.Duration(min(max(o.Dispersion, 0), maxDispersion)) * time.Microsecond,
			Late:       o.Late, Class: o.Class, Why: o.Why,
		}})
	}
	for _, o := range c.Closed {
		if named(o.Participant) {
			all = append(all, report{closing: interact.Closing{Cue: c.Cue, Rev: c.Rev, Participant: o.Participant, At: o.At}})
		}
	}
	return all
}

const (
	// maxWord is the longest word of a class or a reason, in bytes.
	maxWord = 16
	// maxDispersion is the largest error of a clock that is told apart, in µs.
	maxDispersion = 60_000_000
)

// Hear takes in what another node whispers, if it is for the one who leads, and
// says whether it was. It never blocks and is safe for concurrent use.
func (r *Room) Hear(w interact.Whisper) bool {
	switch w.Kind {
	case WhisperHolding:
		if err := r.holdings.hear(w, time.Now()); err != nil {
			r.log.Warn("whisper not understood", "kind", w.Kind, "node", w.Node, "err", err)
		}
		return true
	case WhisperOpenings:
		r.hearReports(w)
		return true
	default:
		return false
	}
}

func (r *Room) hearReports(w interact.Whisper) {
	reports, moves, err := decodeReports(w.Data)
	if err != nil {
		r.log.Warn("whisper not understood", "kind", w.Kind, "node", w.Node, "err", err)
		return
	}
	for i := range reports {
		r.opened.push(&reports[i])
	}
	if r.counting.Load() {
		for i := range moves {
			r.moved.push(&moves[i])
		}
	}
}
