package hlstest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/hlstest"
	"github.com/cuelight/cuelight/packager/packagertest"
)

// TestOurServer holds the real packager and origin against all rules, in the
// shapes that a broadcast has. Add a shape here for anything new that a channel
// can do.
func TestOurServer(t *testing.T) {
	const window = 16 * time.Second
	long := 60 * time.Second
	ladder := []packagertest.Rendition{{}, {SPS: packagertest.SPS180}}
	later := func(s packagertest.Show, d time.Duration) packagertest.Show {
		s.Start = first + ticks(d)
		return s
	}
	for _, tc := range []struct {
		name    string
		b       broadcast
		while   time.Duration
		watch   time.Duration
		exposes []string // rules that this shape exercises
		owes    map[string]string
	}{
		{"single rendition", broadcast{acts: []act{perform(packagertest.Show{Start: first, Duration: long})}}, 24 * time.Second, 30 * time.Second, []string{"P4", "B1", "B3", "C13", "D3"}, nil},
		{"ladder of 3", broadcast{acts: []act{perform(packagertest.Show{Start: first, Duration: long, More: ladder})}}, 24 * time.Second, 30 * time.Second, []string{"R1", "R2", "R3", "R4", "R5", "T1"}, nil},
		{"B-frames", broadcast{acts: []act{perform(packagertest.Show{Start: first, Duration: long, Lead: 2})}}, 20 * time.Second, 20 * time.Second, []string{"P2", "P3", "M3"}, nil},
		{"audio only", broadcast{acts: []act{perform(packagertest.Show{Start: first, Duration: long, NoVideo: true})}}, 20 * time.Second, 20 * time.Second, []string{"P3", "P10"}, nil},
		{"reconnect", broadcast{acts: []act{
			perform(packagertest.Show{Start: first, Duration: 25 * time.Second}),
			perform(later(packagertest.Show{Duration: 25 * time.Second}, 25*time.Second)),
		}}, 18 * time.Second, 25 * time.Second, []string{"C9", "T4"}, nil},
		{"codec change", broadcast{acts: []act{
			perform(packagertest.Show{Start: first, Duration: 25 * time.Second}),
			perform(later(packagertest.Show{Duration: 25 * time.Second, SPS: packagertest.SPS180}, 25*time.Second)),
		}}, 18 * time.Second, 25 * time.Second, []string{"C9", "T4", "C10"}, nil},
		{"end", broadcast{ends: true, acts: []act{perform(packagertest.Show{Start: first, Duration: 30 * time.Second})}}, 20 * time.Second, 20 * time.Second, []string{"B8", "C12"}, nil},
		{"after the end", broadcast{ends: true, acts: []act{perform(packagertest.Show{Start: first, Duration: 10 * time.Second})}}, 20 * time.Second, 10 * time.Second, []string{"B8", "C4", "M3"},
			map[string]string{"P9": "the first segment is one part long, and the second begins where it ends"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.b.cfg.Window == 0 {
				tc.b.cfg = packager.Config{Window: window}
			}
			results := hlstest.Check(*tc.b.watch(t, tc.while, hlstest.Config{For: tc.watch}))
			for _, r := range results {
				if r.Status == hlstest.Fail || r.Status == hlstest.Warn {
					if why := tc.owes[r.Rule]; why != "" {
						t.Logf("%s %s, known (%s): %q", r.Rule, r.Status, why, r.Seen)
						continue
					}
					t.Errorf("%s %s: %d of %d: %q", r.Rule, r.Status, r.Broken, r.Checked, r.Seen)
				}
				if slices.Contains(tc.exposes, r.Rule) && r.Checked == 0 {
					t.Errorf("%s was not exercised: %s %s", r.Rule, r.Status, r.Why)
				}
			}
			if t.Failed() {
				t.Log(describe(results))
			}
		})
	}
}
