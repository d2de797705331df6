// Package timelinetest simulates encoders and their way to the server, with
// virtual time, for tests of timelines.
package timelinetest

import (
	"iter"
	"math/rand/v2"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// Start is R when a sender with Connect = 0 connects.
const Start = clock.Instant(1_795_410_000_000_000)

// Delay is the shortest way to the server.
const Delay = 20 * time.Millisecond

// Frame is one piece of media on its way.
type Frame struct {
	DTS, PTS clock.Ticks
	Video    bool
	// Truth is when the picture or sound of PTS was captured, plus the least
	// that the way takes then.
	Truth   clock.Instant
	Arrives clock.Instant
	// Capture is what the encoder's own clock says of DTS; 0 if it says nothing.
	Capture clock.Instant
	// Alien says that the timestamps are wrong.
	Alien bool
}

// Sender is an encoder: 30 pictures a second with B-frames, and sound in AAC
// frames of 48 kHz, over a way that keeps their order. It repeats exactly.
type Sender struct {
	PPM     float64       // its media clock against R
	Turn    time.Duration // when PPM becomes TurnPPM; 0: never
	TurnPPM float64
	Jitter  time.Duration    // mean of an exponential
	IDR     time.Duration    // more for a key frame, every 2 s
	Spikes  time.Duration    // one frame in so long is 300 ms late
	Stalls  time.Duration    // one stall in so long, of 0.5 to 3 s in turn
	Queues  time.Duration    // one queue in so long, which holds all up by 70 ms for 10 s
	Reroute time.Duration    // when the way becomes longer for good; 0: never
	Longer  time.Duration    // by so much; shorter if negative
	Aliens  time.Duration    // one alien timestamp in so long
	Burst   time.Duration    // media that comes at once at the start
	Blind   [2]time.Duration // no pictures from, to
	NoSound bool
	NoVideo bool
	Thin    clock.Ticks // only one frame in so many is there; 0: all are

	First   clock.Ticks   // first timestamp
	Connect time.Duration // after Start
	Length  time.Duration
	Seed    uint64

	// Clock reads the encoder's own clock when R, at the capture, is i; 0 for
	// frames that carry no reading. Nil: none does.
	Clock func(i clock.Instant, n int) clock.Instant
	// Chunk is what arrives at once, as in segments; 0: every frame by itself.
	Chunk time.Duration
}

const (
	queueDelay  = 70 * time.Millisecond
	queueLength = 10 * time.Second
)

var stallLengths = [...]time.Duration{2 * time.Second, 500 * time.Millisecond, 3 * time.Second, time.Second}

// Captured returns when media of x ticks after the first was captured.
func (s Sender) Captured(x clock.Ticks) clock.Instant {
	at := float64(x) * 1e6 / clock.TicksPerSecond
	turn := float64(s.Turn / time.Microsecond)
	if turnMedia := turn * (1 + s.PPM/1e6); s.Turn > 0 && at > turnMedia {
		at = turn + (at-turnMedia)/(1+s.TurnPPM/1e6)
	} else {
		at /= 1 + s.PPM/1e6
	}
	return Start.Add(s.Connect-s.Burst) + clock.Instant(at)
}

// PPMAt returns what the media clock's rate is at an instant.
func (s Sender) PPMAt(at clock.Instant) float64 {
	if s.Turn > 0 && at.Sub(s.connected()) > s.Turn {
		return s.TurnPPM
	}
	return s.PPM
}

// least is what the way takes at least.
func (s Sender) least(captured clock.Instant) time.Duration {
	if s.Reroute > 0 && captured.Sub(s.connected()) >= s.Reroute {
		return Delay + s.Longer
	}
	return Delay
}

func (s Sender) connected() clock.Instant { return Start.Add(s.Connect) }

// Disturbed says whether something other than jitter happened in the last 10 s:
// a stall, or the start.
func (s Sender) Disturbed(at clock.Instant) bool {
	const after = 10 * time.Second
	since := at.Sub(s.connected())
	if since < after {
		return true
	}
	if s.Stalls == 0 {
		return false
	}
	_, end := s.stall(since)
	_, before := s.stall(since - s.Stalls)
	begin := since / s.Stalls * s.Stalls
	return since >= begin+s.Stalls/2 && since < end+after || since < before+after
}

// stall returns when the stall of the period around since begins and ends.
func (s Sender) stall(since time.Duration) (begin, end time.Duration) {
	if since < 0 {
		return -1, -1
	}
	n := since / s.Stalls
	begin = n*s.Stalls + s.Stalls/2
	return begin, begin + stallLengths[int(n)%len(stallLengths)]
}

// Frames returns the session's frames in the order of their arrival.
func (s Sender) Frames() iter.Seq[Frame] {
	return func(yield func(Frame) bool) {
		w := &way{Sender: s, random: rand.New(rand.NewPCG(s.Seed, 7))}
		w.alien, w.spike = s.connected().Add(s.Aliens), s.connected().Add(s.Spikes)
		end, thin := clock.TicksOf(s.Length), max(1, s.Thin)
		var video, audio clock.Ticks
		for video < end && audio < end {
			f := Frame{DTS: audio, PTS: audio}
			if f.Video = !s.NoVideo && (s.NoSound || video <= audio); f.Video {
				f.DTS, f.PTS = video, video+thin*[...]clock.Ticks{6000, 12000, 3000, 0}[video/thin/3000%4]
				video += 3000 * thin
			} else {
				audio += 1920 * thin
			}
			if since := f.DTS.Duration(); f.Video && since >= s.Blind[0] && since < s.Blind[1] {
				continue
			}
			if !w.send(f, yield) {
				return
			}
		}
	}
}

// way is what a sender's frames go through.
type way struct {
	Sender
	random       *rand.Rand
	n            int
	last         clock.Instant
	alien, spike clock.Instant
}

// send says when f arrives and passes it on, with its timestamps as they are
// sent; perhaps an alien follows.
func (w *way) send(f Frame, yield func(Frame) bool) bool {
	captured := w.Captured(f.DTS)
	f.Truth = w.Captured(f.PTS).Add(w.least(captured))
	f.Arrives = w.arrival(f, captured)
	if w.Clock != nil {
		f.Capture = w.Clock(captured, w.n)
	}
	f.DTS, f.PTS = f.DTS+w.First, f.PTS+w.First
	w.n++
	if !yield(f) {
		return false
	}
	if w.Aliens == 0 || f.Arrives < w.alien {
		return true
	}
	w.alien = w.alien.Add(w.Aliens)
	away := clock.Ticks(1-2*(w.n%2)) * 3 * 3600 * clock.TicksPerSecond
	return yield(Frame{DTS: f.DTS + away, PTS: f.DTS + away, Arrives: f.Arrives, Alien: true})
}

func (w *way) arrival(f Frame, captured clock.Instant) clock.Instant {
	if w.Chunk > 0 {
		captured = w.Captured((f.DTS/clock.TicksOf(w.Chunk) + 1) * clock.TicksOf(w.Chunk))
	}
	at := captured.Add(w.least(captured) + time.Duration(w.random.ExpFloat64()*float64(w.Jitter)))
	if f.Video && f.DTS%180_000 == 0 {
		at = at.Add(w.IDR)
	}
	if w.Spikes > 0 && at > w.spike {
		at, w.spike = at.Add(300*time.Millisecond), w.spike.Add(w.Spikes)
	}
	at = max(at, w.connected().Add(Delay))
	if since := at.Sub(w.connected()); w.Queues > 0 && since%w.Queues/queueLength == w.Queues/2/queueLength {
		at = at.Add(queueDelay)
	}
	if since := at.Sub(w.connected()); w.Stalls > 0 {
		if begin, end := w.stall(since); since >= begin && since < end {
			at = w.connected().Add(end)
		}
	}
	w.last = max(w.last, at)
	return w.last
}
