package archive_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/archive"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// epoch is where media time 0 lies on R in tests.
const epoch = clock.Instant(1_800_000_000_000_000)

func onR(t clock.Ticks) clock.Instant { return epoch + clock.Instant(t.Micros()) }

const first = clock.Ticks(10 * clock.TicksPerSecond)

// set is a channel with its archive. Both live in a bubble of synctest, where a
// show takes the time that it lasts and the disk is always fast enough.
type set struct {
	t    testing.TB
	dir  string // of all channels
	a    *archive.Archive
	c    *packager.Channel
	stop func()
}

func newSet(t testing.TB, dir string, cfg archive.Config, pack packager.Config) *set {
	t.Helper()
	cfg.Dir = filepath.Join(dir, "show")
	a, err := archive.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &set{t: t, dir: dir, a: a}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	s.channel(pack, 1000)
	return s
}

// channel begins a new channel on the same archive.
func (s *set) channel(pack packager.Config, msn uint64) {
	s.t.Helper()
	pack.PDT, pack.Archive = onR, s.a
	c, err := packager.New(pack, packager.Start{MSN: msn, Discontinuity: 7})
	if err != nil {
		s.t.Fatal(err)
	}
	s.c = c
}

// play publishes a show as fast as it is.
func (s *set) play(show packagertest.Show) {
	s.t.Helper()
	s.publish(packagertest.Clip{Tracks: show.Tracks(), Frames: show.Frames()})
}

func (s *set) publish(clip packagertest.Clip) {
	s.t.Helper()
	if err := s.c.Begin(clip.Tracks); err != nil {
		s.t.Fatal(err)
	}
	start, from := time.Now(), clip.Frames[0].DTS
	for _, f := range clip.Frames {
		time.Sleep(time.Until(start.Add((f.DTS - from).Duration())))
		if err := s.c.Write(f); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.c.End(); err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
}

// finish ends the event and waits until the recording is closed.
func (s *set) finish() {
	s.t.Helper()
	if err := s.c.Finish(); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(time.Second)
	synctest.Wait()
}

// only returns the folder of the only recording.
func only(t testing.TB, dir string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "show", "recordings", "*"))
	if err != nil || len(all) != 1 {
		t.Fatalf("recordings %v, %v; want one", all, err)
	}
	return all[0]
}

func read(t testing.TB, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// bubble runs f in a bubble. Files make threads that a bubble does not know, so
// nothing but the archive's goroutine uses them there.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestRecording(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSet(t, t.TempDir(), archive.Config{Record: true}, packager.Config{})
		s.play(packagertest.Show{Start: first, Duration: 9 * time.Second})
		if st := s.a.Stats(); !st.Recording || st.Segments == 0 || st.Dropped != 0 || st.LastErr != "" {
			t.Errorf("RC1 while the show is on: %+v", st)
		}
		open := read(t, only(t, s.dir), "video.m3u8")
		if !strings.Contains(open, "PLAYLIST-TYPE:EVENT") || strings.Contains(open, "ENDLIST") {
			t.Errorf("RC3 the playlist of an open recording:\n%s", open)
		}
		time.Sleep(30 * time.Second)
		s.play(packagertest.Show{Start: first + 60*clock.TicksPerSecond, Duration: 5 * time.Second, SPS: packagertest.SPS180})
		s.finish()
		s.stop()
		dir := only(t, s.dir)
		for _, name := range []string{"video", "audio"} {
			text := read(t, dir, name+".m3u8")
			if n := strings.Count(text, "#EXT-X-DISCONTINUITY\n"); n != 1 {
				t.Errorf("RC2 %d discontinuities in %s, want 1:\n%s", n, name, text)
			}
			if !strings.Contains(text, "PLAYLIST-TYPE:VOD") || !strings.HasSuffix(text, "#EXT-X-ENDLIST\n") {
				t.Errorf("RC3 the playlist of a closed recording:\n%s", text)
			}
			if strings.Contains(text, "EXT-X-GAP") {
				t.Errorf("RC4 gaps although nothing is missing:\n%s", text)
			}
		}
		if st := s.a.Stats(); st.Recording {
			t.Errorf("RC1 still recording after Finish: %+v", st)
		}
	})
}

// get asks the handler for a file.
func get(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
