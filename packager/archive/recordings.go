package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Recordings lists the channel's recordings, oldest first. It reads the disk.
//
// Errors: those of reading the folder. Recordings that cannot be read are left
// out.
func (a *Archive) Recordings() ([]Recording, error) {
	list, err := os.ReadDir(a.recordings) // in order of the names, which are dates
	if err != nil {
		return nil, err
	}
	writes, bytes, latest := a.written()
	var all []Recording
	for _, e := range list {
		if !recordingID.MatchString(e.Name()) {
			continue
		}
		m, err := readManifest(filepath.Join(a.recordings, e.Name()))
		if err != nil {
			continue
		}
		r := Recording{ID: e.Name(), Start: m.Start, End: later(m.Start, m.End), Bytes: m.Bytes, Open: !m.Closed}
		if r.Open && r.ID == writes {
			r.Bytes, r.End = bytes, later(r.End, latest)
		}
		all = append(all, r)
	}
	return all, nil
}

// written returns the ID of the recording that is being written, "" if there is
// none, how many bytes it has, and up to when.
func (a *Archive) written() (id string, bytes int64, end time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.writes, a.stats.Bytes, a.latest
}

var (
	// ErrNoRecording means that there is no recording of that ID.
	ErrNoRecording = errors.New("no such recording")
	// ErrRecording means that the recording is being written.
	ErrRecording = errors.New("the recording is being made")
)

// Delete deletes a recording. It may be called by any goroutine.
//
// Errors: ErrNoRecording, ErrRecording, and those of the disk.
func (a *Archive) Delete(id string) error {
	if !recordingID.MatchString(id) {
		return ErrNoRecording
	}
	if writes, _, _ := a.written(); writes == id {
		return ErrRecording
	}
	err := remove(filepath.Join(a.recordings, id))
	if errors.Is(err, os.ErrNotExist) {
		return ErrNoRecording
	}
	if err != nil {
		return fmt.Errorf("delete recording %s: %w", id, err)
	}
	a.cfg.Log.Info("recording deleted", "recording", id)
	return nil
}

// sweep deletes the recordings that have to go.
func (a *Archive) sweep(now time.Time) {
	all, err := a.Recordings()
	if err != nil {
		a.cfg.Log.Error("recordings cannot be listed", "err", err)
		return
	}
	for _, r := range Expired(all, now, a.cfg.Keep, a.cfg.KeepBytes) {
		if err := remove(filepath.Join(a.recordings, r.ID)); err != nil {
			a.cfg.Log.Error("recording cannot be deleted", "recording", r.ID, "err", err)
			continue
		}
		a.cfg.Log.Info("recording deleted", "recording", r.ID, "bytes", r.Bytes)
	}
}
