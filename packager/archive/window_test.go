package archive_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/archive"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// slow is a show that is cheap to package.
func slow(start clock.Ticks, d time.Duration) packagertest.Show {
	return packagertest.Show{Start: start, Duration: d, FPSNum: 6, GOP: 12, NoAudio: true}
}

func segment(msn uint64) packager.Name {
	return packager.Name{Kind: packager.NameSegment, Rendition: packager.Video, MSN: msn}
}

// TestWindowOnDisk goes back further than the memory reaches, with and without
// a recording beside it.
func TestWindowOnDisk(t *testing.T) {
	for _, record := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			s := newSet(t, t.TempDir(), archive.Config{Record: record, MaxOpen: 1}, packager.Config{Window: 2 * time.Minute, Memory: 20 * time.Second})
			s.play(slow(first, 6*time.Minute))
			list, err := packagertest.Parse(string(s.c.View().Window(packager.Video).Load().Full.Plain.Bytes))
			if err != nil {
				t.Fatal(err)
			}
			if n := len(list.Segments); n < 60 || n > 62 {
				t.Errorf("A1 %d segments are listed, want those of 2 minutes", n)
			}
			oldest := list.Segments[0].MSN
			f, err := s.c.Archived(segment(oldest))
			if err != nil {
				t.Fatalf("A3 the oldest listed segment: %v", err)
			}
			if _, err := s.c.Archived(segment(oldest + 1)); !errors.Is(err, packager.ErrBusy) {
				t.Errorf("A3 a second file of one: %v, want ErrBusy", err)
			}
			b, err := io.ReadAll(f)
			if err != nil || int64(len(b)) != f.Size || !strings.HasPrefix(f.ETag, `"`) {
				t.Errorf("A3 %d bytes, %v; it says %d, ETag %s", len(b), err, f.Size, f.ETag)
			}
			if err := errors.Join(f.Close(), s.close(segment(oldest+1))); err != nil {
				t.Errorf("A3 after the first was closed: %v", err)
			}
			if err := s.close(segment(oldest - 50)); err != nil {
				t.Errorf("C13 a segment that left the playlist 100 s ago: %v", err)
			}
			for _, n := range []packager.Name{segment(1000), segment(5000), {Kind: packager.NamePart, Rendition: packager.Video, MSN: oldest}, {Kind: packager.NameIndex}} {
				if _, err := s.c.Archived(n); !errors.Is(err, packager.ErrGone) {
					t.Errorf("A3 %v: %v, want ErrGone", n, err)
				}
			}
			s.stop()
			st := s.a.Stats()
			files, _ := filepath.Glob(filepath.Join(s.dir, "show", "dvr", "*"))
			if len(files) != st.WindowSegments || len(files) > 128 {
				t.Errorf("A7 %d files on disk, %d known, want those of two windows at most", len(files), st.WindowSegments)
			}
			if _, err := archive.Open(archive.Config{Dir: filepath.Join(s.dir, "show")}); err != nil {
				t.Fatal(err)
			}
			if files, _ := filepath.Glob(filepath.Join(s.dir, "show", "dvr", "*")); len(files) > 0 {
				t.Errorf("A7 %d files of the run before are in the window", len(files))
			}
		})
	}
}

// close opens and closes an archived segment.
func (s *set) close(n packager.Name) error {
	f, err := s.c.Archived(n)
	if err != nil {
		return err
	}
	return f.Close()
}

// TestSilenceEndsTheRecording lets one show end by silence and another begin.
func TestSilenceEndsTheRecording(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSet(t, t.TempDir(), archive.Config{Record: true}, packager.Config{})
		s.play(slow(first, 9*time.Second))
		time.Sleep(10*time.Minute - time.Second)
		if !s.a.Stats().Recording {
			t.Error("RC1 closed before ten minutes of silence")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s.a.Stats().Recording {
			t.Error("RC1 open after ten minutes of silence")
		}
		s.play(slow(first+1000*clock.TicksPerSecond, 9*time.Second))
		s.finish()
		// The next event has a new channel on the same archive.
		s.channel(packager.Config{}, 9000)
		s.play(slow(first+2000*clock.TicksPerSecond, 9*time.Second))
		s.stop()
		all, err := s.a.Recordings()
		if err != nil || len(all) != 3 {
			t.Fatalf("RC1 %d recordings, %v; want three", len(all), err)
		}
		for _, r := range all {
			if d := r.End.Sub(r.Start); r.Open || d != 9*time.Second || r.Bytes == 0 {
				t.Errorf("RC1 recording %+v, want a closed one of 9s", r)
			}
		}
		if all[1].ID != "20270115T081650Z" {
			t.Errorf("RC1 the second one is called %s, want the time of its first picture", all[1].ID)
		}
	})
}

// TestLongShowsAreSplit keeps a channel that never ends from having a recording
// that never ends.
func TestLongShowsAreSplit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSet(t, t.TempDir(), archive.Config{Record: true, Longest: time.Minute}, packager.Config{})
		s.play(slow(first, 150*time.Second))
		s.stop()
		all, err := s.a.Recordings()
		if err != nil || len(all) != 3 {
			t.Errorf("RC1 %d recordings of 150 s, %v; want three", len(all), err)
		}
	})
}

// TestSplitLosesNothingOfTheWindow has a rendition that is late when the
// recording is split: what of it belongs to neither is still for the window.
func TestSplitLosesNothingOfTheWindow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSet(t, t.TempDir(), archive.Config{Record: true, Longest: 20 * time.Second}, packager.Config{Memory: 20 * time.Second})
		show := slow(first, 50*time.Second)
		show.More = []packagertest.Rendition{{Lag: 3 * time.Second}}
		s.play(show)
		s.stop()
		late := s.c.View().Window("video2").Load()
		for msn := uint64(1002); msn <= late.Closed; msn++ {
			if !s.a.Kept("video2", msn) {
				t.Errorf("A1 segment %d of the late rendition is not on disk", msn)
			}
		}
		if late.Closed < 1020 {
			t.Errorf("the late rendition has segments up to %d only", late.Closed)
		}
	})
}

// TestCuesAreRecorded has a cue in every rendition, once.
func TestCuesAreRecorded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSet(t, t.TempDir(), archive.Config{Record: true}, packager.Config{})
		show := slow(first, 20*time.Second)
		show.NoAudio = false
		time.AfterFunc(5*time.Second, func() {
			err := s.c.SetCue(packager.Cue{ID: "q1", Revision: 1, At: first + 10*clock.TicksPerSecond, Duration: 4 * time.Second, Data: []byte(`{"q":1}`)})
			if err != nil {
				t.Error(err)
			}
		})
		s.play(show)
		s.finish()
		s.stop()
		dir := only(t, s.dir)
		live := parse(t, string(s.c.View().Window(packager.Video).Load().Full.Plain.Bytes))
		if len(live.Ranges) != 1 {
			t.Fatalf("date ranges %v in the live playlist, want one", live.Ranges)
		}
		for _, name := range []string{"video", "audio"} {
			if p := parse(t, read(t, dir, name+".m3u8")); len(p.Ranges) != 1 || p.Ranges[0] != live.Ranges[0] {
				t.Errorf("RC8 date ranges %v in %s, want that of the live playlist, %v", p.Ranges, name, live.Ranges)
			}
		}
	})
}

// TestFollowerIsLate fills with gaps what a rendition does not have.
func TestFollowerIsLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSet(t, t.TempDir(), archive.Config{Record: true}, packager.Config{})
		s.play(slow(first, 20*time.Second))
		show := slow(first+60*clock.TicksPerSecond, 20*time.Second)
		show.NoAudio = false
		show.More = []packagertest.Rendition{{Away: [][2]time.Duration{{6 * time.Second, 12 * time.Second}}}}
		s.play(show)
		s.finish()
		s.stop()
		dir := only(t, s.dir)
		var lists []*packagertest.Playlist
		for _, name := range []string{"video", "video2", "audio"} {
			lists = append(lists, parse(t, read(t, dir, name+".m3u8")))
		}
		for _, p := range lists[1:] {
			if p.MediaSequence != lists[0].MediaSequence || len(p.Segments) != len(lists[0].Segments) || p.Discontinuity != lists[0].Discontinuity {
				t.Errorf("RC4 segments from %d, %d of them; the pictures have %d from %d",
					p.MediaSequence, len(p.Segments), len(lists[0].Segments), lists[0].MediaSequence)
			}
			gaps := 0
			for i, seg := range p.Segments {
				lead := lists[0].Segments[i]
				if seg.Gap {
					gaps++
				}
				if seg.Domain != lead.Domain || seg.Map == "" || seg.Date.Sub(lead.Date).Abs() > 50*time.Millisecond {
					t.Errorf("RC4 segment %d: domain %d at %v under %q; that of the pictures: domain %d at %v",
						seg.MSN, seg.Domain, seg.Date, seg.Map, lead.Domain, lead.Date)
				}
			}
			if gaps < 10 {
				t.Errorf("RC4 %d gaps, want one for every segment of the first session", gaps)
			}
		}
		index := read(t, dir, "index.m3u8")
		if strings.Count(index, "#EXT-X-STREAM-INF") != 2 || strings.Count(index, "mp4a.40.2") != 2 || !strings.Contains(index, "RESOLUTION=320x180") {
			t.Errorf("RC3 the multivariant playlist:\n%s", index)
		}
	})
}

// parse reads a playlist of a recording, which has a tag that live ones lack.
func parse(t testing.TB, text string) *packagertest.Playlist {
	t.Helper()
	p, err := packagertest.Parse(strings.Replace(text, "#EXT-X-PLAYLIST-TYPE:VOD\n", "", 1))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

// TestDiskBreaks takes the recording away while it is being written. The show
// goes on, and recording does when it can.
func TestDiskBreaks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log records
		s := newSet(t, t.TempDir(), archive.Config{Record: true, Log: slog.New(&log)}, packager.Config{Window: 2 * time.Minute, Memory: 20 * time.Second})
		s.play(slow(first, 40*time.Second))
		dir := only(t, s.dir)
		if err := os.Rename(dir, dir+"-away"); err != nil {
			t.Fatal(err)
		}
		root := filepath.Dir(dir)
		if err := errors.Join(os.Rename(root, root+"-away"), os.WriteFile(root, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		s.play(slow(first+60*clock.TicksPerSecond, 60*time.Second))
		st := s.a.Stats()
		if st.Recording || st.LastErr == "" || st.Errors == 0 || st.Dropped != 30 {
			t.Errorf("RC7 while the disk is broken: %+v, want 30 dropped", st)
		}
		list, err := packagertest.Parse(string(s.c.View().Window(packager.Video).Load().Full.Plain.Bytes))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(list.Segments); n < 9 || n > 12 {
			t.Errorf("A4 %d segments are listed while the disk is broken, want those in memory", n)
		}
		if err := errors.Join(os.Remove(root), os.Rename(root+"-away", root)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		s.play(slow(first+600*clock.TicksPerSecond, 40*time.Second))
		if st := s.a.Stats(); !st.Recording || st.LastErr != "" || st.Segments < 18 {
			t.Errorf("RC7 after it was repaired: %+v", st)
		}
		s.stop()
		for _, want := range []string{"media cannot be written", "media is written again"} {
			if n := log.count(want); n != 1 {
				t.Errorf("RC7 %q is logged %d times, want once", want, n)
			}
		}
	})
}

// records counts log messages.
type records struct {
	mu  sync.Mutex // protects all
	all []string
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *records) WithGroup(string) slog.Handler            { return r }
func (r *records) Handle(_ context.Context, rec slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, rec.Message)
	return nil
}

func (r *records) count(prefix string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.all {
		if strings.HasPrefix(m, prefix) {
			n++
		}
	}
	return n
}

// TestDiskIsFull leaves room to others. Segments that came meanwhile are gaps.
func TestDiskIsFull(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSet(t, t.TempDir(), archive.Config{Record: true, KeepFree: 1 << 62}, packager.Config{})
		s.play(slow(first, 20*time.Second))
		st := s.a.Stats()
		if st.Recording || !strings.Contains(st.LastErr, "full") || st.Dropped != 11 {
			t.Errorf("RC7 on a full disk: %+v, want 11 dropped", st)
		}
		s.stop()
		if all, err := s.a.Recordings(); err != nil || len(all) != 0 {
			t.Errorf("RC7 recordings %v, %v; want none", all, err)
		}
	})
}

// TestQueueIsBounded hands over more at once than the queue holds. What did not
// fit is a gap; its cues are there.
func TestQueueIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSet(t, t.TempDir(), archive.Config{Record: true, QueueBytes: 1000}, packager.Config{})
		s.a.Finish() // has nothing to end
		synctest.Wait()
		for msn := uint64(1000); msn < 1005; msn++ {
			s.a.Keep(sealed(msn))
		}
		if st := s.a.Stats(); st.Waiting > 1000 || st.Dropped == 0 {
			t.Errorf("A4 %+v, want at most 1000 bytes that wait, and the rest dropped", st)
		}
		time.Sleep(time.Second)
		s.a.Keep(sealed(1005))
		time.Sleep(time.Second)
		dropped := int(s.a.Stats().Dropped)
		s.stop()
		p := parse(t, read(t, only(t, s.dir), "video.m3u8"))
		gaps := 0
		for i, seg := range p.Segments {
			if seg.Gap {
				gaps++
			}
			if want := epoch.Time().Add(time.Duration(2*i) * time.Second); !seg.Date.Equal(want) || seg.Duration != 2*time.Second {
				t.Errorf("RC4 segment %d lasts %v from %v, want 2s from %v", seg.MSN, seg.Duration, seg.Date, want)
			}
		}
		if len(p.Segments) != 6 || gaps != dropped {
			t.Errorf("RC4 %d segments and %d gaps, want 6 and the %d that were dropped", len(p.Segments), gaps, dropped)
		}
		if len(p.Ranges) != 6 {
			t.Errorf("RC8 date ranges %v, want six", p.Ranges)
		}
	})
}

// sealed is a segment of 2 s and 400 bytes, with a cue.
func sealed(msn uint64) *packager.Sealed {
	box := append([]byte{0, 0, 1, 144, 'f', 'r', 'e', 'e'}, make([]byte, 392)...)
	return &packager.Sealed{
		Name: segment(msn), Start: epoch + clock.Instant(2_000_000*(msn-1000)), Duration: 2 * time.Second, Domain: 3,
		Target: 2 * time.Second, Parts: [][]byte{box}, Size: len(box), ETag: `"x"`,
		Init: packager.Name{Kind: packager.NameInit, Rendition: packager.Video, Hash: "01234567"}, InitData: box,
		Track: packager.TrackInfo{Codecs: "avc1.4d401e"},
		Cues:  []string{fmt.Sprintf("#EXT-X-DATERANGE:ID=\"%d\"", msn)},
	}
}
