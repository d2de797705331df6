package capacity_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/internal/capacity"
)

// audiences are those of docs/capacity.md.
var audiences = []int{1_000, 10_000, 100_000, 1_000_000}

func plan(t testing.TB, viewers int) capacity.Plan {
	t.Helper()
	p, err := capacity.Make(viewers, capacity.Measured, capacity.DefaultTarget)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlanHoldsItsTarget(t *testing.T) {
	for _, viewers := range audiences {
		p := plan(t, viewers)
		o := p.Simulate(capacity.People, 1)
		if want := int(float64(viewers) * capacity.Share); o.Answers != want || o.Receipts != want {
			t.Errorf("CP2 %d viewers: %d answers, %d receipts, want %d", viewers, o.Answers, o.Receipts, want)
		}
		if o.P99 > p.Target.Receipt {
			t.Errorf("CP4 %d viewers on %d gateways: p99 is %v", viewers, p.Gateways, o.P99)
		}
		if o.Gateway > 0.95 || o.Redis > 0.95 {
			t.Errorf("CP4 %d viewers: a gateway's core is %.2f busy, Redis %.2f", viewers, o.Gateway, o.Redis)
		}
	}
}

func TestPlanFollowsFromItsFigures(t *testing.T) {
	p := plan(t, 100_000)
	if p.Answers != 63_750 {
		t.Errorf("CP1 %d answers in the busiest second", p.Answers)
	}
	if machines := p.Gateways - 1; float64(machines*p.Target.Cores)*p.Target.Busy < p.Work || machines*p.Processes*p.Sockets < p.Viewers {
		t.Errorf("CP1 %+v does not hold its own work and sockets", p)
	}
	if p.Sockets > capacity.Measured.Process {
		t.Errorf("CP1 %d sockets in a process", p.Sockets)
	}
	text := strings.Join(p.Arithmetic(), "\n")
	for _, want := range []string{"63750", "machines", "primaries", "GB", "Gbit/s"} {
		if !strings.Contains(text, want) {
			t.Errorf("CP1 the arithmetic does not say %q:\n%s", want, text)
		}
	}
	for name, change := range map[string]func(v *int, f *capacity.Figures, to *capacity.Target){
		"nobody":        func(v *int, _ *capacity.Figures, _ *capacity.Target) { *v = 0 },
		"no cores":      func(_ *int, _ *capacity.Figures, to *capacity.Target) { to.Cores = 0 },
		"more than all": func(_ *int, _ *capacity.Figures, to *capacity.Target) { to.Busy = 1.1 },
		"free answers":  func(_ *int, f *capacity.Figures, _ *capacity.Target) { f.Before = 0 },
	} {
		v, f, to := 10, capacity.Measured, capacity.DefaultTarget
		change(&v, &f, &to)
		if _, err := capacity.Make(v, f, to); err == nil {
			t.Errorf("CP1 %s: made a plan", name)
		}
	}
}

func TestLessTakesLonger(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		viewers := rapid.IntRange(100, 20_000).Draw(rt, "viewers")
		seed := rapid.Uint64().Draw(rt, "seed")
		p := plan(t, viewers)
		slower := p
		factor := time.Duration(rapid.IntRange(2, 20).Draw(rt, "factor"))
		slower.Figures.Before *= factor
		slower.Figures.Receipt *= factor
		slower.Figures.Vote *= factor
		a, b := p.Simulate(capacity.People, seed), slower.Simulate(capacity.People, seed)
		if b.P50 < a.P50 || b.P99 < a.P99 {
			rt.Errorf("CP3 %d times slower: p50 %v after %v, p99 %v after %v", factor, b.P50, a.P50, b.P99, a.P99)
		}
		if a.Receipts != b.Receipts || a.Max < a.P99 || a.P99 < a.P50 {
			rt.Errorf("CP2 %+v and %+v", a, b)
		}
	})
}

func TestOverloadedPlan(t *testing.T) {
	p := plan(t, 20_000)
	p.Gateways, p.Target.Cores = 1, 1
	p.Figures.Before *= 10
	o := p.Simulate(capacity.People, 1)
	if o.P99 < time.Second || o.Receipts != o.Answers || o.Drain <= 0 {
		t.Errorf("CP3 one core for 17,000 answers of 134 µs: %+v", o)
	}
}
