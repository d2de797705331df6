package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cuelight/cuelight/packager"
)

// Archive keeps one channel's segments on disk. It is a packager.Archive. Run
// has to be called once for anything to be written.
type Archive struct {
	cfg             Config
	dvr, recordings string // folders
	queue           *queue
	index           *index
	open            chan struct{} // a token for every file that is being read

	// The writing goroutine's.
	recording *recording // nil between recordings
	retry     time.Time  // nothing is written before, after an error
	backoff   time.Duration

	mu     sync.Mutex // protects what follows
	stats  Stats
	latest time.Time // end of the newest media in the recording that is written
	writes string    // ID of the recording that is not closed yet, "" if there is none
}

var _ packager.Archive = (*Archive)(nil)

// Stats are counts since the archive was opened, except where it says.
type Stats struct {
	Recording bool   // a recording is being written now
	ID        string // of that, or of the one before
	Bytes     int64  // media in it
	Segments  int    // segments in it

	WindowSegments int   // on disk now for viewers who go back
	WindowBytes    int64 // of those
	Waiting        int   // bytes that wait for the disk now

	Written int64  // segments written
	Dropped int64  // segments lost: the disk was slow, full or broken
	Errors  int64  // errors of writing
	LastErr string // the newest of them; empty once a segment was written again
}

// Open makes the archive ready. Recordings that a killed process left open are
// closed, so that they play; segments of the window before are deleted by Run.
//
// Errors: every problem of cfg, and folders that cannot be made or read.
func Open(cfg Config) (*Archive, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &Archive{
		cfg: cfg.withDefaults(), index: newIndex(),
		dvr: filepath.Join(cfg.Dir, "dvr"), recordings: filepath.Join(cfg.Dir, recordingsFolder),
	}
	a.queue = newQueue(a.cfg.QueueBytes)
	a.open = make(chan struct{}, a.cfg.MaxOpen)
	if err := os.MkdirAll(a.recordings, 0o700); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	if err := a.emptyWindow(); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	if err := tidy(a.recordings, a.cfg.Log); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return a, nil
}

// recordingsFolder is where recordings are in a channel's folder.
const recordingsFolder = "recordings"

// emptyWindow makes an empty folder for the window and puts the old one aside.
func (a *Archive) emptyWindow() error {
	old := filepath.Join(a.cfg.Dir, doomed+"dvr")
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(a.dvr, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Mkdir(a.dvr, 0o700)
}

// Keep queues a segment. It never blocks.
func (a *Archive) Keep(s *packager.Sealed) {
	if !a.queue.put(job{segment: s}) {
		a.lost("the disk is too slow: media does not get to it", 1)
	}
}

// Kept reports whether the segment is on disk.
func (a *Archive) Kept(rendition string, msn uint64) bool {
	_, ok := a.index.find(rendition, msn)
	return ok
}

// Forget lets segments before msn be deleted. It never blocks. What does not
// fit into the queue is deleted with what is forgotten next.
func (a *Archive) Forget(rendition string, msn uint64) {
	a.queue.put(job{rendition: rendition, before: msn})
}

// Finish ends the recording behind what was handed over before. It never
// blocks. A segment that comes later begins another recording.
func (a *Archive) Finish() { a.queue.put(job{finish: true}) }

// Open opens a segment of the window. The caller closes it.
//
// Errors: packager.ErrGone, packager.ErrBusy, and those of reading.
func (a *Archive) Open(rendition string, msn uint64) (packager.File, error) {
	e, ok := a.index.find(rendition, msn)
	if !ok {
		return packager.File{}, packager.ErrGone
	}
	select {
	case a.open <- struct{}{}:
	default:
		return packager.File{}, packager.ErrBusy
	}
	f, err := os.Open(a.path(rendition, msn))
	if err != nil {
		<-a.open
		if errors.Is(err, os.ErrNotExist) { // forgotten meanwhile
			return packager.File{}, packager.ErrGone
		}
		return packager.File{}, fmt.Errorf("open archived segment: %w", err)
	}
	release := sync.OnceFunc(func() { <-a.open })
	return packager.File{ReadSeekCloser: &reader{f, release}, Size: e.size, ETag: e.etag}, nil
}

// reader gives its token back when it is closed.
type reader struct {
	*os.File
	release func()
}

// Close closes the file.
func (r *reader) Close() error {
	r.release()
	return r.File.Close()
}

func (a *Archive) path(rendition string, msn uint64) string {
	return filepath.Join(a.dvr, packager.Name{Kind: packager.NameSegment, Rendition: rendition, MSN: msn}.String())
}

// Stats returns the counts.
func (a *Archive) Stats() Stats {
	a.mu.Lock()
	s := a.stats
	a.mu.Unlock()
	s.WindowSegments, s.WindowBytes = a.index.total()
	s.Waiting = a.queue.waiting()
	return s
}

// sweepEvery is how often old recordings are looked for.
const sweepEvery = time.Hour

// Run writes until ctx ends, then writes what still waits and closes the
// recording.
func (a *Archive) Run(ctx context.Context) error {
	if err := os.RemoveAll(filepath.Join(a.cfg.Dir, doomed+"dvr")); err != nil {
		a.cfg.Log.Warn("old media is still there", "err", err)
	}
	a.sweep(time.Now())
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	silence := time.NewTimer(a.cfg.Silence)
	defer silence.Stop()
	for {
		if a.work() {
			silence.Reset(a.cfg.Silence)
		}
		select {
		case <-a.queue.wake:
		case <-silence.C:
			a.closeRecording("no media came any more")
		case now := <-sweep.C:
			a.sweep(now)
		case <-ctx.Done():
			a.work()
			a.closeRecording("the server stops")
			return nil
		}
	}
}
