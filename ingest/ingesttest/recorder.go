// Package ingesttest checks protocols against the rules IG… of ingest/SPEC.md,
// with real encoders over real sockets.
package ingesttest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

// patience is how long anything in the suite may take.
const patience = time.Minute

// Heard is everything that a Recorder was told.
type Heard struct {
	Begins       []ingest.Info
	Tracks       []media.Track // of the newest session, as last changed
	Changes      [][]media.Track
	ChangedAt    []int // how many frames had come before each of them
	Observations []ingest.Observation
	Frames       []media.Frame
	Ends         []error
	// Broken are calls out of the order that Output promises.
	Broken []string
}

// Of returns the frames of the newest session's tracks of one kind.
func (h Heard) Of(kind media.Kind) []media.Frame {
	var frames []media.Frame
	for _, t := range h.Tracks {
		if t.Codec.Kind() == kind {
			frames = append(frames, h.of(t)...)
		}
	}
	return frames
}

func (h Heard) of(t media.Track) (frames []media.Frame) {
	for _, f := range h.Frames {
		if f.Track == t.ID {
			frames = append(frames, f)
		}
	}
	return frames
}

// every reports whether each track has had n frames.
func (h Heard) every(n int) bool {
	for _, t := range h.Tracks {
		if len(h.of(t)) < n {
			return false
		}
	}
	return len(h.Tracks) > 0
}

// Recorder is an Output that remembers what it is told and checks the order.
// It is safe for concurrent use.
type Recorder struct {
	mu      sync.Mutex // protects what follows
	heard   Heard
	running bool
	changed chan struct{} // closed by the next call
}

var _ ingest.Output = (*Recorder)(nil)

// NewRecorder returns a recorder that has heard nothing.
func NewRecorder() *Recorder { return &Recorder{changed: make(chan struct{})} }

func (r *Recorder) note(f func(*Heard)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.heard)
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *Recorder) mustRun(h *Heard, call string, running bool) {
	if r.running != running {
		h.Broken = append(h.Broken, fmt.Sprintf("%s while running = %v", call, r.running))
	}
}

// Begin forgets the frames of the session before.
func (r *Recorder) Begin(info ingest.Info, tracks []media.Track) error {
	r.note(func(h *Heard) {
		r.mustRun(h, "Begin", false)
		r.running = true
		h.Begins = append(h.Begins, info)
		h.Tracks, h.Frames, h.Observations = tracks, nil, nil
		h.Changes, h.ChangedAt = nil, nil
	})
	return nil
}

// Change remembers the tracks.
func (r *Recorder) Change(tracks []media.Track) error {
	r.note(func(h *Heard) {
		r.mustRun(h, "Change", true)
		h.Changes = append(h.Changes, tracks)
		h.ChangedAt = append(h.ChangedAt, len(h.Frames))
		h.Tracks = tracks
	})
	return nil
}

// Observe remembers the observation.
func (r *Recorder) Observe(o ingest.Observation) {
	r.note(func(h *Heard) {
		r.mustRun(h, "Observe", true)
		h.Observations = append(h.Observations, o)
	})
}

// Write remembers the frame.
func (r *Recorder) Write(f media.Frame) error {
	r.note(func(h *Heard) {
		r.mustRun(h, "Write", true)
		h.Frames = append(h.Frames, f)
	})
	return nil
}

// End remembers the reason.
func (r *Recorder) End(reason error) {
	r.note(func(h *Heard) {
		r.mustRun(h, "End", true)
		r.running = false
		h.Ends = append(h.Ends, reason)
	})
}

// Heard returns what has been heard so far.
func (r *Recorder) Heard() Heard {
	h, _ := r.look()
	return h
}

func (r *Recorder) look() (Heard, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.heard
	h.Frames, h.Observations = slices.Clone(h.Frames), slices.Clone(h.Observations)
	h.Begins, h.Ends = slices.Clone(h.Begins), slices.Clone(h.Ends)
	h.Changes, h.ChangedAt, h.Broken = slices.Clone(h.Changes), slices.Clone(h.ChangedAt), slices.Clone(h.Broken)
	return h, r.changed
}

// Await returns what has been heard once it is enough, or fails the test.
func (r *Recorder) Await(t *testing.T, what string, enough func(Heard) bool) Heard {
	t.Helper()
	late := time.After(patience)
	for {
		h, changed := r.look()
		if enough(h) {
			return h
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("no %s within %v: %d begins, %d video and %d audio frames, ends %v", what, patience,
				len(h.Begins), len(h.Of(media.Video)), len(h.Of(media.Audio)), h.Ends)
		}
	}
}
