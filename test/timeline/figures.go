package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// result is what one run showed. Times are in milliseconds.
type result struct {
	Protocol string  `json:"protocol"`
	PPM      float64 `json:"ppm"`
	Way      string  `json:"way"`

	Sent, Seen int     `json:"-"`
	Pictures   int     `json:"pictures"`    // compared: seen while locked
	Share      float64 `json:"share"`       // of those sent, seen at all
	Constant   float64 `json:"constant_ms"` // median of date − capture, left out below
	P50        float64 `json:"p50_ms"`
	P95        float64 `json:"p95_ms"`
	Max        float64 `json:"max_ms"`       // undisturbed
	Disturbed  float64 `json:"disturbed_ms"` // within 10 s of a stall
	Drift      float64 `json:"drift_ms_per_min"`
	Estimated  float64 `json:"estimated_ppm"`
	Locked     float64 `json:"locked_after_s"`
	Epochs     int     `json:"epochs"`
	Breaks     int     `json:"discontinuities"`
}

// point is one compared picture: s since the start, ms of date − capture.
type point struct {
	at, off   float64
	disturbed bool
}

// compare lays what was seen beside what was sent.
func compare(protocol string, a *account, w *way, seen *sight) (result, error) {
	r := result{Protocol: protocol, PPM: a.ppm, Way: w.String(), Sent: int(a.sent), Seen: len(seen.pictures), Breaks: seen.discontinuities}
	if len(seen.pictures) == 0 || len(seen.moments) == 0 {
		return r, errNothing
	}
	r.Share = float64(r.Seen) / float64(r.Sent)
	last := seen.moments[len(seen.moments)-1]
	r.Epochs, r.Estimated = last.epoch, last.ppm
	for _, m := range seen.moments {
		if m.state == "locked" {
			r.Locked = m.at.Sub(a.start).Seconds()
			break
		}
	}
	if r.Locked == 0 {
		return r, errors.New("the timeline was never locked")
	}
	var points []point
	for _, p := range seen.pictures {
		captured := a.captured(a.clip.Frame(p.n).PTS)
		if !seen.lockedAt(captured) {
			continue
		}
		points = append(points, point{
			at:  captured.Sub(a.start).Seconds(),
			off: float64(p.date.Sub(captured.Round(0))) / float64(time.Millisecond), disturbed: w.disturbed(captured),
		})
	}
	if len(points) == 0 {
		return r, errNothing
	}
	r.figures(points)
	return r, nil
}

// lockedAt says whether the timeline was locked when it was last asked before t.
func (s *sight) lockedAt(t time.Time) bool {
	i, _ := slices.BinarySearchFunc(s.moments, t, func(m moment, t time.Time) int { return m.at.Compare(t) })
	return i > 0 && s.moments[i-1].state == "locked"
}

func (r *result) figures(points []point) {
	offs := make([]float64, len(points))
	for i, p := range points {
		offs[i] = p.off
	}
	slices.Sort(offs)
	r.Pictures, r.Constant = len(points), offs[len(offs)/2]
	for i := range offs {
		offs[i] = math.Abs(offs[i] - r.Constant)
	}
	slices.Sort(offs)
	r.P50, r.P95 = offs[len(offs)/2], offs[len(offs)*95/100]
	for _, p := range points {
		off := math.Abs(p.off - r.Constant)
		if p.disturbed {
			r.Disturbed = max(r.Disturbed, off)
		} else {
			r.Max = max(r.Max, off)
		}
	}
	r.Drift = 60 * slope(points)
}

// slope is the least-squares trend of the errors, ms per s.
func slope(points []point) float64 {
	var x, y float64
	for _, p := range points {
		x += p.at / float64(len(points))
		y += p.off / float64(len(points))
	}
	var xx, xy float64
	for _, p := range points {
		xx += (p.at - x) * (p.at - x)
		xy += (p.at - x) * (p.off - y)
	}
	if xx == 0 {
		return 0
	}
	return xy / xx
}

// tableOf is the report as people read it.
func tableOf(results []result) string {
	var b strings.Builder
	fmt.Fprintln(&b, "Programme dates against the pictures' own clock, while locked; the constant part is left out.")
	fmt.Fprintf(&b, "%-6s %8s %10s %6s %9s %8s %8s %8s %10s %13s %10s %8s %6s\n",
		"", "ppm", "estimated", "lock", "pictures", "p50 ms", "p95 ms", "max ms", "stalls ms", "drift ms/min", "constant", "arrived", "epochs")
	for _, r := range results {
		fmt.Fprintf(&b, "%-6s %+8.0f %+10.1f %5.1fs %9d %8.2f %8.2f %8.2f %10.2f %+13.2f %8.1fms %7.1f%% %6d\n",
			r.Protocol, r.PPM, r.Estimated, r.Locked, r.Pictures, r.P50, r.P95, r.Max, r.Disturbed, r.Drift, r.Constant, 100*r.Share, r.Epochs)
	}
	for _, r := range results {
		fmt.Fprintf(&b, "%s at %+.0f ppm: %s\n", r.Protocol, r.PPM, r.Way)
	}
	return b.String()
}

func encode(results []result) ([]byte, error) { return json.MarshalIndent(results, "", "  ") }

// judge is an error that lists what is out of the acceptance of a timeline.
// Programme dates are whole milliseconds, RTMP's timestamps too: one is added.
func judge(results []result) error {
	var errs []error
	check := func(r result, ok bool, what string, got, limit float64) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s at %+.0f ppm: %s %.2f ms, limit %.0f", r.Protocol, r.PPM, what, got, limit))
		}
	}
	for _, r := range results {
		check(r, r.P95 <= 3+1, "p95", r.P95, 3+1)
		check(r, r.Max <= 10+1, "undisturbed", r.Max, 10+1)
		check(r, r.Disturbed <= 50+1, "after a stall", r.Disturbed, 50+1)
		if r.Epochs != 1 {
			errs = append(errs, fmt.Errorf("%s at %+.0f ppm: %d epochs, one expected", r.Protocol, r.PPM, r.Epochs))
		}
	}
	return errors.Join(errs...)
}
