package packagertest

import (
	"slices"
	"strings"
	"time"
)

// DateRange is one as a client reads it.
type DateRange struct {
	ID         string
	Start, End time.Time // End is the zero time if there is none
	Planned    time.Duration
	attributes string
}

// Attr returns an attribute without its quotes, empty if there is none.
func (d *DateRange) Attr(name string) string { return attr(d.attributes, name) }

// DateRange returns the one with that ID, nil if the playlist does not have it.
func (p *Playlist) DateRange(id string) *DateRange {
	for _, list := range p.Ranges {
		if attr(list, "ID") == id {
			d := readRange(list)
			return &d
		}
	}
	return nil
}

func readRange(list string) DateRange {
	at := func(name string) time.Time {
		t, _ := time.Parse("2006-01-02T15:04:05.000Z", attr(list, name))
		return t
	}
	d := DateRange{ID: attr(list, "ID"), Start: at("START-DATE"), End: at("END-DATE"), attributes: list}
	if planned := attr(list, "PLANNED-DURATION"); planned != "" {
		d.Planned = dur(planned)
	}
	return d
}

// last is the last instant that the range is about.
func (d *DateRange) last() time.Time {
	if !d.End.IsZero() {
		return d.End
	}
	return d.Start.Add(d.Planned)
}

// ranges judges the date ranges of a full playlist.
func (j *Judge) ranges(p *Playlist) {
	j.T.Helper()
	ids := map[string]bool{}
	for _, list := range p.Ranges {
		d := readRange(list)
		switch was, known := j.told[d.ID]; {
		case ids[d.ID]:
			j.errorf("T5 two ranges %s", d.ID)
		case known && was != list:
			j.errorf("T5 range %s changed from %s to %s", d.ID, was, list)
		}
		ids[d.ID], j.told[d.ID] = true, list
		if d.Start.IsZero() || d.Attr("CLASS") == "" {
			j.errorf("T6 range without a start or a class: %s", list)
		}
		if length := dur(d.Attr("DURATION")); !d.End.IsZero() && (length < 0 || d.End.Sub(d.Start) != length) {
			j.errorf("T6 the duration does not fit the end: %s", list)
		}
		if !strings.Contains(list, ",X-") {
			j.errorf("T9 no client attribute: %s", list)
		}
	}
	if j.last == nil {
		return
	}
	for _, list := range j.last.Ranges {
		if d := readRange(list); !ids[d.ID] && !d.last().Before(p.Segments[0].Date) {
			j.errorf("T7 range %s went, the playlist begins at %v", list, p.Segments[0].Date)
		}
	}
}

// ReadV2 judges the update that leaves out older date ranges, against the full
// playlist that was read last, for a client that reads nothing else.
func (j *Judge) ReadV2(text string) {
	j.T.Helper()
	d, err := Parse(text)
	if err != nil {
		j.T.Fatalf("update: %v\n%s", err, text)
	}
	if d.Skipped == 0 {
		j.merged = nil
	} else if !d.RemovedTold {
		j.errorf("D4 the update does not tell of removed date ranges")
	} else if d.Version != 10 {
		j.errorf("C2 version %d leaves out date ranges", d.Version)
	}
	if n := len(j.last.Segments); d.Skipped+len(d.Segments) != n || d.HintPart != j.last.HintPart {
		j.errorf("D3 %d segments skipped and %d listed, the full playlist has %d", d.Skipped, len(d.Segments), n)
	}
	for _, id := range strings.Split(d.Removed, "\t") {
		j.merged = slices.DeleteFunc(j.merged, func(have string) bool { return have == id })
	}
	for _, list := range d.Ranges {
		if id := attr(list, "ID"); !slices.Contains(j.merged, id) {
			j.merged = append(j.merged, id)
		}
	}
	var want []string
	for _, list := range j.last.Ranges {
		want = append(want, attr(list, "ID"))
	}
	slices.Sort(want)
	if have := slices.Sorted(slices.Values(j.merged)); !slices.Equal(have, want) {
		j.errorf("D4 a client that merges updates has the ranges %q, the playlist %q", have, want)
	}
}
