package hlstest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/hlstest"
	"github.com/cuelight/cuelight/packager/packagertest"
)

// debt is a rule that a shape breaks knowingly.
type debt struct {
	why  string
	most int // how often
}

// shape is what a broadcast does while it is watched.
type shape struct {
	name    string
	b       broadcast
	while   time.Duration // before the probe begins
	watch   time.Duration
	exposes []string // rules that it exercises
	owes    map[string]debt
}

// at is a show that begins so long after the broadcast.
func at(begin, length time.Duration, s packagertest.Show) act {
	s.Start, s.Duration = first+ticks(begin), length
	return perform(s)
}

// asked is a cue in band; end is how long after the broadcast's beginning it
// ended, 0 while it is open.
func asked(id string, revision int, begin, end time.Duration) packager.Cue {
	q := packager.Cue{ID: id, Revision: revision, At: first + ticks(begin), Duration: 6 * time.Second, Data: []byte(`{"title":"100 % \"sure\"?","options":["ja","ñ"]}`)}
	if end > 0 {
		e := first + ticks(end)
		q.End = &e
	}
	return q
}

func shapes() []shape {
	const minute = time.Minute
	ladder := []packagertest.Rendition{{}, {SPS: packagertest.SPS180}}
	plain := packagertest.Show{}
	return []shape{
		{"single rendition", broadcast{acts: []act{at(0, minute, plain)}}, 24 * time.Second, 30 * time.Second, []string{"P4", "B1", "B3", "C13", "P8", "D3"}, nil},
		{"ladder of 3", broadcast{acts: []act{at(0, minute, packagertest.Show{More: ladder})}}, 24 * time.Second, 30 * time.Second, []string{"R1", "R2", "R3", "R4", "R5", "T1"}, nil},
		{"B-frames", broadcast{acts: []act{at(0, minute, packagertest.Show{Lead: 2})}}, 20 * time.Second, 20 * time.Second, []string{"P2", "P3", "M3"}, nil},
		{"audio only", broadcast{acts: []act{at(0, minute, packagertest.Show{NoVideo: true})}}, 20 * time.Second, 20 * time.Second, []string{"P3", "P10"}, nil},
		{"reconnect", broadcast{acts: []act{at(0, 25*time.Second, plain), at(25*time.Second, 25*time.Second, plain)}}, 18 * time.Second, 25 * time.Second, []string{"C9", "T4"}, nil},
		{"codec change", broadcast{acts: []act{
			at(0, 25*time.Second, plain), at(25*time.Second, 25*time.Second, packagertest.Show{SPS: packagertest.SPS180}),
		}}, 18 * time.Second, 25 * time.Second, []string{"C9", "T4", "C10"}, nil},
		{"outage", broadcast{ticked: true, acts: []act{
			at(0, 24*time.Second, packagertest.Show{More: ladder[:1]}), at(34*time.Second, 30*time.Second, packagertest.Show{More: ladder[:1]}),
		}}, 18 * time.Second, 36 * time.Second, []string{"C7", "C9", "C11", "P3", "P6", "P8", "P11", "P14", "B2", "D3", "R2", "R4", "R5", "T3", "T4", "M3"},
			map[string]debt{"P6": {"the first gap of an outage comes one grace late", 3}}},
		{"long window", broadcast{archived: true, cfg: packager.Config{Window: 3 * minute, Memory: 20 * time.Second}, acts: []act{
			at(0, 5*minute, packagertest.Show{FPSNum: 10, GOP: 20}),
		}}, 4 * minute, 40 * time.Second, []string{"C8", "C13", "D1", "D2", "D3", "P8", "S3"}, nil},
		{"cues in band", broadcast{ticked: true, acts: []act{at(0, 2*minute, packagertest.Show{More: ladder[:1]})}, cues: []announcement{
			{8 * time.Second, asked("old", 1, 11*time.Second, 14*time.Second)},
			{20 * time.Second, asked("poll", 1, 26*time.Second, 0)},
			{30 * time.Second, asked("poll", 2, 26*time.Second, 29*time.Second)},
			{31 * time.Second, asked("quiz", 1, 90*time.Second, 0)},
			{60 * time.Second, asked("late", 1, 66*time.Second, 0)},
		}}, 16 * time.Second, 90 * time.Second, []string{"T5", "T6", "T7", "T8", "T9", "T10", "T11", "D4", "P4"}, nil},
		{"end", broadcast{ends: true, acts: []act{at(0, 30*time.Second, plain)}}, 20 * time.Second, 20 * time.Second, []string{"B8", "C12"}, nil},
		{"after the end", broadcast{ends: true, acts: []act{at(0, 10*time.Second, plain)}}, 20 * time.Second, 10 * time.Second, []string{"B8", "C4", "M3"},
			map[string]debt{"P9": {"the first segment is one part long, and the second begins where it ends", 1}}},
	}
}

// TestOurServer holds the real packager and origin against all rules, in the
// shapes that a broadcast has. Add a shape for anything new that a channel can
// do.
func TestOurServer(t *testing.T) {
	for _, tc := range shapes() {
		t.Run(tc.name, func(t *testing.T) {
			if tc.b.cfg.Window == 0 {
				tc.b.cfg.Window = 16 * time.Second
			}
			results := hlstest.Check(*tc.b.watch(t, tc.while, hlstest.Config{For: tc.watch}))
			for _, r := range results {
				tc.judge(t, r)
			}
			if t.Failed() || testing.Verbose() {
				t.Log(describe(results))
			}
		})
	}
}

func (s *shape) judge(t *testing.T, r hlstest.Result) {
	t.Helper()
	owed, owes := s.owes[r.Rule]
	if owes && r.Broken == 0 {
		t.Errorf("%s holds, though %s", r.Rule, owed.why)
	}
	if r.Broken > 0 && r.Broken <= owed.most {
		t.Logf("%s %s, known (%s): %q", r.Rule, r.Status, owed.why, r.Seen)
	} else if r.Broken > 0 {
		t.Errorf("%s %s: %d of %d: %q", r.Rule, r.Status, r.Broken, r.Checked, r.Seen)
	}
	if slices.Contains(s.exposes, r.Rule) && r.Checked == 0 {
		t.Errorf("%s was not exercised: %s %s", r.Rule, r.Status, r.Why)
	}
}
