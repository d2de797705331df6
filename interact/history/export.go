package history

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cuelight/cuelight/sync/clock"
)

// Format is how a show is exported.
type Format string

// The formats.
const (
	// CSV has a line an answer, and a line without a participant for a cue that
	// nobody answered. Cells that a spreadsheet would calculate begin with an
	// apostrophe.
	CSV Format = "csv"
	// JSON is one object: show, rundown, cues, each with its answers, and audit.
	// A participant's name that is no text is as the database has it.
	JSON Format = "json"
)

// Export writes a show to w as it reads it, holding a page of answers at a time.
//
// Errors: ErrNotFound before anything is written; w's; the database's.
func (d *DB) Export(ctx context.Context, w io.Writer, show int64, f Format) error {
	s, err := d.Show(ctx, show)
	if err != nil {
		return err
	}
	switch f {
	case CSV:
		err = d.exportCSV(ctx, w, s)
	case JSON:
		err = d.exportJSON(ctx, w, s)
	default:
		return fmt.Errorf("export show %d: format %.20q is neither csv nor json", show, f)
	}
	if err != nil {
		return fmt.Errorf("export show %d: %w", show, err)
	}
	return nil
}

var heading = []string{
	"show", "channel", "cue", "kind", "title", "state", "opened", "participant", "choice", "label", "credited", "credited_us", "changes", "correct", "points",
}

func (d *DB) exportCSV(ctx context.Context, w io.Writer, s Show) error {
	results, err := d.Results(ctx, s.ID)
	if err != nil {
		return err
	}
	lines := csv.NewWriter(w)
	if err := lines.Write(heading); err != nil {
		return err
	}
	for i := range results {
		r := &results[i]
		head := []string{
			strconv.FormatInt(s.ID, 10), cell(r.Channel), cell(r.Cue), cell(r.Kind), cell(r.Title), cell(r.State), stamp(r.Open),
		}
		answered := false
		err := d.Answers(ctx, r.Channel, r.Cue, func(a Answer) error {
			answered = true
			return lines.Write(append(head[:len(head):len(head)], answerCells(r, a)...))
		})
		if err == nil && !answered {
			err = lines.Write(append(head, make([]string, len(heading)-len(head))...))
		}
		if err != nil {
			return err
		}
	}
	lines.Flush()
	return lines.Error()
}

func answerCells(r *Result, a Answer) []string {
	var choice, labels []string
	for _, option := range a.Choice {
		choice = append(choice, strconv.Itoa(option))
		if option < len(r.Options) {
			labels = append(labels, r.Options[option].Label)
		}
	}
	cells := []string{
		cell(nameText(a.Participant)), strings.Join(choice, " "), cell(strings.Join(labels, "; ")), stamp(a.Credited),
		strconv.FormatInt(int64(a.Credited), 10), strconv.FormatInt(a.Changes, 10), "", "",
	}
	if a.Correct != nil {
		cells[6] = strconv.FormatBool(*a.Correct)
	}
	if a.Points != nil {
		cells[7] = strconv.FormatInt(*a.Points, 10)
	}
	return cells
}

// cell is text that no spreadsheet takes for a formula.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// stamp is an instant for a person, empty if it is not known.
func stamp(i clock.Instant) string {
	if i == 0 {
		return ""
	}
	return i.Time().Format("2006-01-02T15:04:05.000000Z")
}

func (d *DB) exportJSON(ctx context.Context, w io.Writer, s Show) error {
	results, err := d.Results(ctx, s.ID)
	if err != nil {
		return err
	}
	rundown, err := d.Rundown(ctx, s.ID)
	if err != nil {
		return err
	}
	out := &stream{w: w}
	out.text(`{"show":`).value(s).text(`,"rundown":`).value(rundown).text(`,"cues":[`)
	for i := range results {
		out.item(i).text(`{"cue":`).value(results[i]).text(`,"answers":[`)
		n := 0
		err := d.Answers(ctx, results[i].Channel, results[i].Cue, func(a Answer) error {
			a.Participant = nameText(a.Participant)
			out.item(n).value(a)
			n++
			return out.err
		})
		if err != nil {
			return err
		}
		out.text("]}")
	}
	out.text(`],"audit":[`)
	n := 0
	err = d.Audit(ctx, s.Channel, s.ID, func(one Deed) error {
		out.item(n).value(one)
		n++
		return out.err
	})
	if err != nil {
		return err
	}
	return out.text("]}\n").err
}

// stream writes JSON piece by piece until something goes wrong.
type stream struct {
	w   io.Writer
	err error
}

func (s *stream) text(t string) *stream {
	if s.err == nil {
		_, s.err = io.WriteString(s.w, t)
	}
	return s
}

func (s *stream) value(v any) *stream {
	b, err := json.Marshal(v)
	if s.err == nil {
		s.err = err
	}
	return s.text(string(b))
}

// item begins the nth item of a list.
func (s *stream) item(n int) *stream {
	if n == 0 {
		return s.text("\n")
	}
	return s.text(",\n")
}
