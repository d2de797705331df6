package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cuelight/cuelight/packager"
)

// How long nothing is written after an error.
const (
	firstBackoff = 10 * time.Second
	lastBackoff  = 5 * time.Minute
)

// work does all jobs that wait. It reports whether media came.
func (a *Archive) work() (media bool) {
	for {
		j, ok := a.queue.take()
		if !ok {
			return media
		}
		switch {
		case j.segment != nil:
			media = media || !j.segment.Gap
			a.keep(j.segment, j.lost)
		case j.finish:
			a.closeRecording("the event is over")
		default:
			a.forget(j.rendition, j.before)
		}
		a.queue.done(j)
	}
}

// keep writes a segment, or notes that there is none.
func (a *Archive) keep(s *packager.Sealed, lost bool) {
	missing := s.Gap || lost
	now := time.Now()
	if !missing && now.Before(a.retry) {
		a.count(func(t *Stats) { t.Dropped++ })
		missing = true
	}
	if r := a.recording; r != nil && s.Start.Time().Sub(r.manifest.Start) >= a.cfg.Longest {
		a.closeRecording("it is as long as it may be")
	}
	var err error
	if a.cfg.Record {
		err = a.record(s, missing)
	} else if !missing {
		err = a.keepForWindow(s, "")
	}
	if err != nil {
		a.failed(err, now)
	} else if !missing {
		a.succeeded()
	}
}

// record puts s into the recording and into the window.
func (a *Archive) record(s *packager.Sealed, missing bool) error {
	if a.recording == nil && missing {
		return nil
	}
	if !missing {
		if err := room(a.cfg.Dir, a.cfg.KeepFree); err != nil {
			return err
		}
	}
	r, err := a.recordingFor(s, missing)
	if err != nil || missing {
		return err
	}
	if r == nil {
		return a.keepForWindow(s, "")
	}
	path := filepath.Join(r.dir, s.Name.String())
	if err := errors.Join(r.init(s), create(path, s.Parts...)); err != nil {
		return fmt.Errorf("write %s: %w", s.Name, err)
	}
	if err := a.keepForWindow(s, path); err != nil {
		return err
	}
	if err := r.add(s); err != nil {
		return fmt.Errorf("write playlist of %s: %w", s.Name, err)
	}
	a.count(func(t *Stats) {
		t.Bytes, t.Segments = r.manifest.Bytes, r.segments
		a.latest = r.manifest.End
	})
	return nil
}

// recordingFor returns the recording that s belongs to, nil if to none. Media
// that belongs to none begins one.
func (a *Archive) recordingFor(s *packager.Sealed, missing bool) (*recording, error) {
	if r := a.recording; r != nil {
		before, far := r.note(s)
		if !before && !far {
			return r, nil
		}
		if before {
			return nil, nil
		}
		a.closeRecording("too much is missing")
	}
	if missing {
		return nil, nil
	}
	r, err := begin(a.recordings, s)
	if err != nil {
		return nil, fmt.Errorf("begin recording: %w", err)
	}
	r.note(s)
	a.recording = r
	a.count(func(t *Stats) {
		t.Recording, t.ID, t.Bytes, t.Segments = true, r.id, 0, 0
		a.writes, a.latest = r.id, r.manifest.Start
	})
	a.cfg.Log.Info("recording begins", "recording", r.id, "msn", s.Name.MSN)
	return r, nil
}

// keepForWindow puts s where viewers of the live playlist find it. It may be on
// disk already.
func (a *Archive) keepForWindow(s *packager.Sealed, have string) (err error) {
	path := a.path(s.Name.Rendition, s.Name.MSN)
	if have != "" {
		err = share(have, path, s.Parts)
	} else if err = room(a.cfg.Dir, a.cfg.KeepFree); err == nil {
		err = create(path, s.Parts...)
	}
	if err != nil {
		return fmt.Errorf("write %s for the window: %w", s.Name, err)
	}
	a.index.add(s.Name.Rendition, entry{s.Name.MSN, int64(s.Size), s.ETag})
	return nil
}

// forget deletes segments of the window that nobody can ask for.
func (a *Archive) forget(rendition string, before uint64) {
	for _, e := range a.index.forget(rendition, before) {
		if err := os.Remove(a.path(rendition, e.msn)); err != nil {
			a.cfg.Log.Warn("old media is still there", "err", err)
		}
	}
}

// closeRecording ends the recording, if there is one. One that cannot be closed
// now, because the disk is full, is closed when the archive is opened again.
func (a *Archive) closeRecording(why string) {
	r := a.recording
	if r == nil {
		return
	}
	a.recording = nil
	a.count(func(t *Stats) { t.Recording = false })
	err := r.close()
	a.count(func(*Stats) { a.writes = "" })
	if errors.Is(err, errEmpty) {
		err = remove(r.dir)
	}
	if err != nil {
		a.count(func(t *Stats) { t.Errors++; t.LastErr = err.Error() })
		a.cfg.Log.Error("recording is not closed, but what it has will play after the next start", "recording", r.id, "err", err)
		return
	}
	a.cfg.Log.Info("recording ends", "recording", r.id, "reason", why, "dur", r.manifest.End.Sub(r.manifest.Start))
	a.sweep(time.Now())
}

// failed counts an error. Nothing is written for a while; the show goes on from
// memory.
func (a *Archive) failed(err error, now time.Time) {
	broken := a.backoff > 0
	a.backoff = min(max(2*a.backoff, firstBackoff), lastBackoff)
	a.retry = now.Add(a.backoff)
	a.count(func(t *Stats) { t.Dropped++; t.Errors++; t.LastErr = err.Error(); t.Recording = false })
	if r := a.recording; r != nil && !there(r.dir) {
		a.closeRecording("it was deleted")
	}
	if !broken {
		a.cfg.Log.Error("media cannot be written: make room on the disk; recording goes on when it can", "err", err)
	}
}

func (a *Archive) succeeded() {
	if a.backoff > 0 {
		a.cfg.Log.Info("media is written again")
	}
	a.backoff, a.retry = 0, time.Time{}
	a.count(func(t *Stats) { t.Written++; t.LastErr = ""; t.Recording = a.recording != nil })
}

// lost counts segments that never came to the disk.
func (a *Archive) lost(why string, n int64) {
	var dropped int64
	a.count(func(t *Stats) { t.Dropped += n; dropped = t.Dropped })
	if dropped&(dropped-1) == 0 { // at powers of two, so that a slow disk is no flood
		a.cfg.Log.Warn(why, "dropped", dropped)
	}
}

func (a *Archive) count(change func(*Stats)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.stats)
}
