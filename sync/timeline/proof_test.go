package timeline_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
	"github.com/cuelight/cuelight/sync/timeline/timelinetest"
)

func prove(t *testing.T, name string, s timelinetest.Sender) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		j := &timelinetest.Judge{Sender: s}
		timelinetest.Play(timeline.New(timelinetest.Start, timeline.Config{}), s.Frames(), false, j.Add)
		t.Logf("%s", timelinetest.Header)
		t.Logf("%s", j)
		for _, f := range j.Fails() {
			t.Errorf("TL6 %s", f)
		}
	})
}

// TestProof is the acceptance of the estimator over the encoders and ways that
// there are, with days of media.
func TestProof(t *testing.T) {
	const h = time.Hour
	most, long, thin := 24*h, 2*h, clock.Ticks(1)
	if underRace {
		most, long, thin = h, h/6, 15
	}
	disturbed := func(s timelinetest.Sender) timelinetest.Sender {
		s.Burst, s.Stalls, s.Aliens, s.Spikes = 2*time.Second, time.Minute, 7*time.Second, 11*time.Second
		return s
	}
	for i, ppm := range []float64{0, 40, -40, 200, -200} {
		for k, jitter := range []time.Duration{2, 10, 30} {
			s := timelinetest.Sender{PPM: ppm, Jitter: jitter * time.Millisecond, Length: long, IDR: 25 * time.Millisecond, Thin: 5, Seed: uint64(10*i + k)}
			prove(t, fmt.Sprintf("TL6 %+v ppm, jitter %v", ppm, s.Jitter), s)
			prove(t, fmt.Sprintf("TL6 %+v ppm, jitter %v, disturbed", ppm, s.Jitter), disturbed(s))
		}
	}
	dense := timelinetest.Sender{PPM: -200, Jitter: 30 * time.Millisecond, Length: long / 2, IDR: 25 * time.Millisecond}
	prove(t, "TL6 every frame, jitter 30ms, disturbed", disturbed(dense))
	day := timelinetest.Sender{PPM: 200, Jitter: 10 * time.Millisecond, Length: 24 * h, IDR: 25 * time.Millisecond, Thin: thin}
	prove(t, fmt.Sprintf("TL6 %v of +200 ppm, disturbed", day.Length), disturbed(day))
	day.Length = most
	day.PPM, day.Jitter, day.Seed = -200, 30*time.Millisecond, 1
	prove(t, fmt.Sprintf("TL6 %v of -200 ppm, disturbed", day.Length), disturbed(day))
	day.PPM, day.Turn, day.TurnPPM, day.Jitter = 40, most/2, -40, 10*time.Millisecond
	prove(t, fmt.Sprintf("TL6 %v, from +40 to -40 ppm half way", day.Length), day)
	queues := timelinetest.Sender{PPM: -40, Length: long, Thin: 5, Queues: time.Minute}
	for i, jitter := range []time.Duration{2, 30} {
		queues.Jitter, queues.Seed = jitter*time.Millisecond, uint64(i)
		prove(t, fmt.Sprintf("TL14 queues of 10 s, jitter %v", queues.Jitter), queues)
		prove(t, fmt.Sprintf("TL14 queues of 10 s, jitter %v, disturbed", queues.Jitter), disturbed(queues))
	}
	gaps := timelinetest.Sender{PPM: -40, Jitter: 10 * time.Millisecond, Length: h, Thin: 5, Blind: [2]time.Duration{20 * time.Minute, 30 * time.Minute}}
	prove(t, "TL6 no pictures for ten minutes", gaps)
	gaps.NoSound = true
	prove(t, "TL6 pictures alone, none for ten minutes", gaps)
	gaps.NoVideo, gaps.NoSound = true, false
	prove(t, "TL6 sound alone", gaps)
}
