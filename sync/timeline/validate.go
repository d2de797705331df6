package timeline

import (
	"errors"
	"fmt"
	"math"

	"github.com/cuelight/cuelight/sync/clock"
)

// Bounds of what can have been saved.
const (
	farthest    = 1 << 53 // of an instant or a media time
	farthestDTS = 1 << 61
	steepest    = 10_000 // ticks of media in a µs, where two epochs meet
)

// Validate reports the first thing in v that no channel can have saved. What it
// lets pass, Restore can go on with, whatever it is.
func (v *Saved) Validate() error {
	if v.Version != SavedVersion {
		return fmt.Errorf("timeline: saved in form %d, this server reads form %d: run servers of neighbouring releases only", v.Version, SavedVersion)
	}
	for _, n := range []int64{int64(v.At), int64(v.Start), int64(v.Handed), int64(v.Map.From)} {
		if n < -farthest || n > farthest {
			return fmt.Errorf("timeline: saved time %d is out of range", n)
		}
	}
	if v.Rate < -briskRate-maxSlope || v.Rate > briskRate+maxSlope {
		return fmt.Errorf("timeline: saved rate %d ppm is out of range", v.Rate)
	}
	if err := v.Map.validate(); err != nil {
		return err
	}
	if err := v.Session.validate(); err != nil {
		return err
	}
	return v.validateEpoch()
}

// validateEpoch reports a session that does not belong to the map.
func (v *Saved) validateEpoch() error {
	s := &v.Session
	if none := v.Map.Epoch == 0 && s.Ready; !none && len(s.Arrivals.List) == 0 {
		return errors.New("timeline: saved session without an arrival")
	}
	if behind := int64(s.After) + gridTicks; !s.Ready && (s.Zero[0] <= behind || v.Map.Epoch > 0 && v.Map.Points[0][0] >= int64(s.After)) {
		return errors.New("timeline: saved epoch does not begin behind the one before")
	}
	return nil
}

func (v *SavedMap) validate() error {
	if _, ok := stateNamed(v.State); !ok {
		return fmt.Errorf("timeline: saved state %q is none", v.State)
	}
	if v.Epoch < 0 || v.Epoch > math.MaxInt32 || v.Rev < 0 || v.Rev > math.MaxInt32 {
		return fmt.Errorf("timeline: saved epoch %d, revision %d are out of range", v.Epoch, v.Rev)
	}
	if len(v.Points) == 0 || len(v.Points) > MaxPoints {
		return fmt.Errorf("timeline: %d saved points, not 1 to %d", len(v.Points), MaxPoints)
	}
	for i, p := range v.Points {
		if !inRange(int64(farthest), p[0], p[1]) {
			return fmt.Errorf("timeline: saved point %v is out of range", p)
		}
		if i == 0 {
			continue
		}
		media, at := p[0]-v.Points[i-1][0], p[1]-v.Points[i-1][1]
		if media <= 0 || at <= 0 || media/at > steepest {
			return fmt.Errorf("timeline: saved point %v does not follow %v", p, v.Points[i-1])
		}
	}
	if !inRange(int64(farthest), v.Residual, v.Jitter, v.Error) || !finite(v.PPM) {
		return errors.New("timeline: saved quality is out of range")
	}
	return nil
}

func (v *SavedSession) validate() error {
	if !inRange(int64(farthest), int64(v.Began), int64(v.After), v.Zero[0], v.Zero[1], int64(v.LowAt), int64(v.Newest), int64(v.Last), int64(v.Early),
		int64(v.Aliens.At), int64(v.Aliens.Since)) ||
		!inRange(int64(farthestDTS), int64(v.Shift), int64(v.DTS), int64(v.Aliens.DTS), int64(v.Aliens.N), int64(v.Aliens.Agree)) ||
		v.Aliens.N < 0 || v.Aliens.Agree < 0 {
		return errors.New("timeline: saved session is out of range")
	}
	if !finite(v.Prior, v.Since, v.Lead, v.Slope, v.Pushed, v.Low) || math.Abs(v.Prior) > 2*maxSlope || math.Abs(v.Slope) > 2*maxSlope {
		return errors.New("timeline: saved estimate is out of range")
	}
	for _, l := range []SavedLine{v.Edge, v.Line, v.Long} {
		if !finite(l.X, l.Y, l.Slope, l.Residual) || l.Bins < 0 || l.Bins > 2*binCount {
			return errors.New("timeline: saved line is out of range")
		}
	}
	if err := v.Arrivals.validate(fine); err != nil {
		return err
	}
	if err := v.History.validate(coarse); err != nil {
		return err
	}
	return v.Captures.validate()
}

func (v *SavedBins) validate(width float64) error {
	if !inRange(int64(farthest), int64(v.Newest)) || v.Newest < -1 || len(v.List) > binCount {
		return fmt.Errorf("timeline: %d saved bins up to %d cannot be", len(v.List), v.Newest)
	}
	last := v.Newest - binCount
	for _, p := range v.List {
		if !inRange(int64(farthest), p[0], p[1]) {
			return fmt.Errorf("timeline: saved bin %v is out of range", p)
		}
		n := int(math.Floor(float64(p[0]) / clock.TicksPerSecond / width))
		if n <= last || n > v.Newest {
			return fmt.Errorf("timeline: saved bin %d does not follow %d", n, last)
		}
		last = n
	}
	return nil
}

func (v *SavedCaptures) validate() error {
	if !inRange(int64(farthest), int64(v.Newest), int64(v.N)) || v.Newest < -1 || v.N < 0 || len(v.List) > binCount || v.N < len(v.List) ||
		v.N > 0 && len(v.List) == 0 || !finite(v.X, v.Offset) || !finite(v.Strays[:]...) || v.Strays[0] < 0 {
		return fmt.Errorf("timeline: %d saved readings of %d up to second %d cannot be", len(v.List), v.N, v.Newest)
	}
	last := float64(v.Newest - binCount)
	for _, r := range v.List {
		if !finite(r[:]...) || r[0] != math.Trunc(r[0]) || r[0] <= last || r[0] > float64(v.Newest) || r[3] < 1 || r[3] > farthest {
			return fmt.Errorf("timeline: saved reading %v cannot be", r)
		}
		last = r[0]
	}
	return nil
}

func inRange(limit int64, numbers ...int64) bool {
	for _, n := range numbers {
		if n < -limit || n > limit {
			return false
		}
	}
	return true
}

// finite says that numbers are such as arithmetic goes on with.
func finite(numbers ...float64) bool {
	for _, n := range numbers {
		if math.IsNaN(n) || math.Abs(n) > farthest {
			return false
		}
	}
	return true
}
