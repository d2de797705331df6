package ladder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"sync"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

// Rendition is one quality.
type Rendition struct {
	Height  int // pixels; the width keeps the picture's shape
	Bitrate int // bits per second
}

// Config is what a ladder is made of.
type Config struct {
	// Program is ffmpeg: a name found in the PATH, or a path. Default "ffmpeg".
	Program    string
	Renditions []Rendition
	// Log gets a line when the transcoder starts or ends. Nil discards.
	Log *slog.Logger
}

// Emit takes a picture of the rendition with the given index. It is called
// from one goroutine at a time.
type Emit func(rendition int, f media.Frame)

// State says what the transcoder does.
type State string

// The states. They are on the wire: add, never rename.
const (
	Waiting  State = "waiting"  // for a publisher, or to be started again
	Starting State = "starting" // no picture has come out yet
	Running  State = "running"
	Missing  State = "missing" // the program is not there
)

// Health is how the transcoder does. It is a copy.
type Health struct {
	State    State
	CPU      float64 // cores in use over the last seconds
	Restarts int     // since the publisher came
	Dropped  uint64  // pictures that it could not keep up with, since the publisher came
	Err      string  // why it does not run, or how it last ended; "" when all is well
}

// runs notes that a picture came out.
func (h *Health) runs() {
	if h.State != Running {
		h.State, h.Err = Running, ""
	}
}

// Ladder is the transcoder of one channel. Begin, Write and End belong to one
// goroutine; Health may be called by any.
type Ladder struct {
	cfg     Config
	program string // path; empty if it is not there
	changed chan struct{}

	mu     sync.Mutex // protects what follows
	source *source    // nil without a publisher
	health Health
}

// New makes a ladder. Without the program it does nothing but say so.
//
// Errors: no renditions.
func New(cfg Config) (*Ladder, error) {
	if len(cfg.Renditions) == 0 {
		return nil, errors.New("make a ladder: it has no renditions")
	}
	cfg.Program = cmp.Or(cfg.Program, "ffmpeg")
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	l := &Ladder{cfg: cfg, changed: make(chan struct{}, 1), health: Health{State: Waiting}}
	path, err := exec.LookPath(cfg.Program)
	if err != nil {
		l.health = Health{State: Missing, Err: fmt.Sprintf("%s was not found: install ffmpeg, or name it with ffmpeg: in the configuration", cfg.Program)}
		cfg.Log.Error("no renditions: the transcoder is missing", "err", l.health.Err)
		return l, nil
	}
	l.program = path
	return l, nil
}

// Tracks are what the ladder makes of this source, as they are
// before the first picture: only what is smaller than the source, where its
// size is known. There are none without the program.
func (l *Ladder) Tracks(firstID int, source media.Track) []media.Track {
	var tracks []media.Track
	for i, r := range l.fitting(source) {
		tracks = append(tracks, media.Track{ID: firstID + i, Codec: new(media.H264), Derived: true, Height: r.Height, Bitrate: r.Bitrate})
	}
	return tracks
}

func (l *Ladder) fitting(source media.Track) []Rendition {
	if l.program == "" {
		return nil
	}
	_, height := ingest.PictureSize(source)
	var out []Rendition
	for _, r := range l.cfg.Renditions {
		if height == 0 || r.Height < height {
			out = append(out, r)
		}
	}
	return out
}

// Begin says that a publisher's pictures follow; emit is called with the index
// in what Tracks returned. An earlier publisher's pictures are forgotten; one
// that is under way may still be emitted to its Emit.
func (l *Ladder) Begin(source media.Track, emit Emit) {
	if fitting := l.fitting(source); len(fitting) > 0 {
		l.replace(newSource(source.Codec, fitting, emit))
	} else {
		l.replace(nil)
	}
}

// End says that the publisher has gone.
func (l *Ladder) End() { l.replace(nil) }

func (l *Ladder) replace(s *source) {
	l.mu.Lock()
	old := l.source
	l.source = s
	if l.program != "" {
		l.health = Health{State: Waiting}
	}
	l.mu.Unlock()
	if old != nil {
		old.close()
	}
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Write takes the next picture. It never waits (LD3).
func (l *Ladder) Write(f media.Frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.source == nil || l.program == "" {
		return
	}
	if !l.source.push(f) {
		l.health.Dropped++
		l.health.Err = "this machine is too slow for these renditions: use fewer, or smaller ones"
	}
}

// Health returns how the transcoder does.
func (l *Ladder) Health() Health {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.health
}

// note changes the health, unless another publisher came meanwhile.
func (l *Ladder) note(s *source, f func(*Health)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.source == s {
		f(&l.health)
	}
}

// How long to wait before the program is started again.
const (
	firstWait = time.Second
	longWait  = 10 * time.Second
	// steady is how long it has to run to count as well again.
	steady = 30 * time.Second
)

// Run runs the transcoder whenever there is a publisher, until ctx ends.
func (l *Ladder) Run(ctx context.Context) error {
	if l.program == "" {
		<-ctx.Done()
		return nil
	}
	var last *source
	wait := firstWait
	for ctx.Err() == nil {
		l.mu.Lock()
		s := l.source
		l.mu.Unlock()
		if s == nil {
			l.pause(ctx, nil)
			continue
		}
		if s != last {
			last, wait = s, firstWait
		}
		began := time.Now()
		err := l.transcode(ctx, s)
		if err == nil || ctx.Err() != nil || s.closed() {
			continue
		}
		if time.Since(began) > steady {
			wait = firstWait
		}
		l.cfg.Log.Warn("transcoder ended and is started again", "err", err, "dur", wait)
		l.note(s, func(h *Health) { h.State, h.CPU, h.Restarts, h.Err = Waiting, 0, h.Restarts+1, err.Error() })
		l.pause(ctx, time.After(wait))
		wait = min(2*wait, longWait)
	}
	return nil
}

// pause returns when another publisher came, or when the time is over.
func (l *Ladder) pause(ctx context.Context, over <-chan time.Time) {
	select {
	case <-ctx.Done():
	case <-l.changed:
	case <-over:
	}
}
