package archive

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cuelight/cuelight/packager"
)

// maxPlaylist is more than the playlist of the longest recording has.
const maxPlaylist = 64 << 20

// finish closes a recording whose playlists nobody appends to any more. What
// they tell of and is not there becomes a gap; gaps at the very end are left
// out. It can be done again when it was interrupted.
func finish(dir string, m *manifest) error {
	m.Bytes, m.End = 0, m.Start
	journals := map[string]journal{}
	for name := range m.Tracks {
		j, err := readJournal(dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			delete(m.Tracks, name) // its first segment was being written
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", playlistOf(name), err)
		}
		j.check(dir, m, name)
		journals[name] = j
	}
	for name, j := range journals {
		j.trim(m.End)
		if len(j.entries) == 0 {
			delete(m.Tracks, name)
			continue
		}
		text := j.vod()
		path := filepath.Join(dir, playlistOf(name))
		if err := errors.Join(createDurably(path+".gz", compress(text, gzip.BestCompression)), createDurably(path, text)); err != nil {
			return err
		}
	}
	if len(m.Tracks) == 0 {
		return errEmpty
	}
	if err := createDurably(filepath.Join(dir, packager.Index), m.index()); err != nil {
		return err
	}
	m.Closed = true
	return m.write(dir)
}

// errEmpty means that a recording has nothing to play.
var errEmpty = errors.New("nothing to play")

func readJournal(dir, rendition string) (journal, error) {
	path := filepath.Join(dir, playlistOf(rendition))
	info, err := os.Stat(path)
	if err != nil {
		return journal{}, err
	}
	if info.Size() > maxPlaylist {
		return journal{}, errors.New("larger than a playlist can be")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return journal{}, err
	}
	return parseJournal(rendition, text)
}

// young is how many of the last segments of a playlist may not have come to the
// disk itself. The system writes back what is older than half a minute.
const young = 64

// check looks for the files and measures them.
func (j *journal) check(dir string, m *manifest, rendition string) {
	t := &track{}
	track := m.Tracks[rendition]
	track.Peak, track.Average = 0, 0
	init := ""
	var longest time.Duration
	for i := range j.entries {
		longest = max(longest, j.entries[i].duration)
	}
	for i := range j.entries {
		l := &j.entries[i]
		if l.init != "" {
			init = l.init
		}
		if l.gap {
			continue
		}
		size, err := whole(filepath.Join(dir, l.file), len(j.entries)-i <= young)
		if _, bad := whole(filepath.Join(dir, init), false); err != nil || bad != nil {
			l.miss()
			continue
		}
		t.measure(track, int(size), l.duration, longest)
		m.Bytes += size
		m.End = later(m.End, l.start.Add(l.duration))
	}
}

// trim leaves out the gaps that nothing follows in any rendition.
func (j *journal) trim(end time.Time) {
	for n := len(j.entries); n > 0 && j.entries[n-1].gap && !j.entries[n-1].start.Before(end); n-- {
		j.entries = j.entries[:n-1]
	}
}

func compress(text []byte, level int) []byte {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, level) // fails for levels that there are not
	_, _ = z.Write(text)                     // a bytes.Buffer refuses nothing
	_ = z.Close()
	return out.Bytes()
}

// tidy closes the recordings that a process left open, and deletes what is
// half deleted.
func tidy(root string, log *slog.Logger) error {
	list, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range list {
		dir := filepath.Join(root, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), doomed):
			if err := os.RemoveAll(dir); err != nil {
				log.Warn("deleted recording is still there", "recording", e.Name(), "err", err)
			}
		case recordingID.MatchString(e.Name()):
			if err := reopen(dir, log); err != nil {
				log.Error("recording cannot be closed", "recording", e.Name(), "err", err)
			}
		}
	}
	return nil
}

// reopen closes the recording if it is open.
func reopen(dir string, log *slog.Logger) error {
	m, err := readManifest(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return remove(dir) // it was being made
	}
	if err != nil || m.Closed {
		return err
	}
	drafts, _ := filepath.Glob(filepath.Join(dir, temporary+"*")) // the pattern is well formed
	for _, d := range drafts {
		if err := os.Remove(d); err != nil {
			return err
		}
	}
	if err := finish(dir, m); errors.Is(err, errEmpty) {
		return remove(dir)
	} else if err != nil {
		return err
	}
	log.Info("recording closed that was left open", "recording", filepath.Base(dir), "dur", m.End.Sub(m.Start))
	return nil
}
