package archive

import (
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
	s := a.Stats()
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
		if r.Open && r.ID == s.ID {
			r.Bytes = s.Bytes
		}
		all = append(all, r)
	}
	return all, nil
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
