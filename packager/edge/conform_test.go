package edge_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/edge"
	"github.com/cuelight/cuelight/packager/hlstest"
	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/packager/packagertest"
)

// aged is the one rule that a cache bends: a playlist that is kept for a second
// reports on others as they were when it was made.
const aged = "R2"

// TestConformsThroughAnEdge holds what viewers of an edge get against every
// rule, once before and once behind an origin that is watched directly.
func TestConformsThroughAnEdge(t *testing.T) {
	verdicts := map[string]map[string]hlstest.Status{}
	for _, through := range []string{"one", "edge"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			s := newStage(t, packager.Config{}, packager.Start{MSN: 100}, origin.Config{})
			ctx, stop := context.WithCancel(t.Context())
			performed := make(chan struct{})
			go func() { s.perform(ctx, packagertest.Show{Start: first, Duration: 3 * time.Minute}); close(performed) }()
			w.serve("one", s.o)
			up, c := w.client(), w.client()
			e := newEdge(t, edge.Config{Upstream: at("http://one"), Client: up})
			w.serve("edge", e)
			time.Sleep(30 * time.Second)
			capture, err := hlstest.Collect(t.Context(), hlstest.Config{URL: "http://" + through + "/hls/show/index.m3u8", For: 30 * time.Second, Client: c})
			if err != nil {
				t.Fatal(err)
			}
			results := hlstest.Check(*capture)
			verdicts[through] = map[string]hlstest.Status{}
			failed := 0
			for _, r := range results {
				verdicts[through][r.Rule] = r.Status
				if r.Status == hlstest.Fail && (through != "edge" || r.Rule != aged) {
					failed++
					t.Errorf("%s: %s %s %v", through, r.Rule, r.Why, r.Seen)
				}
			}
			t.Logf("%s: %d rules, %d broken; %+v", through, len(results), failed, e.Stats())
			stop()
			<-performed
			w.end(up, c)
		})
	}
	for rule, want := range verdicts["one"] {
		if have := verdicts["edge"][rule]; have != want && rule != aged {
			t.Errorf("ED1 rule %s: %v at the edge, %v at the origin", rule, have, want)
		}
	}
}

var _ http.Handler = (*edge.Edge)(nil)
