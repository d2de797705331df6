package sntp

import (
	"cmp"
	"slices"
	"time"
)

// Span is where a server says that the truth lies, both ends included.
type Span struct{ Low, High time.Duration }

// Middle is halfway between the ends.
func (s Span) Middle() time.Duration { return s.Low + (s.High-s.Low)/2 }

func (s Span) meets(o Span) bool { return s.Low <= o.High && o.Low <= s.High }

// Agree returns what most of the spans share, and how many those are: the
// intersection of Marzullo (1984), as NTP uses it. Where as many share something
// else that is apart, what is returned reaches from the one to the other,
// because nobody can tell which of them is true (CL13).
func Agree(spans []Span) (shared Span, most int) {
	type edge struct {
		at  time.Duration
		end bool
	}
	var edges []edge
	for _, s := range spans {
		edges = append(edges, edge{s.Low, false}, edge{s.High, true})
	}
	slices.SortFunc(edges, func(a, b edge) int {
		switch c := cmp.Compare(a.at, b.at); {
		case c != 0 || a.end == b.end:
			return c
		case b.end:
			return -1 // spans that touch share a point
		}
		return 1
	})
	count := 0
	for _, e := range edges {
		if e.end {
			if count == most {
				shared.High = e.at
			}
			count--
			continue
		}
		if count++; count > most {
			most, shared.Low = count, e.at
		}
	}
	return shared, most
}
