package packager_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

const question = `{"title":"100 % \"sure\"?","options":["ja","ñ"]}`

func cueAt(d time.Duration) packager.Cue {
	return packager.Cue{ID: "q1", Revision: 1, At: first + clock.TicksOf(d), Duration: 5 * time.Second, Data: []byte(question)}
}

func (s *stage) cue(q packager.Cue) {
	s.t.Helper()
	if err := s.c.SetCue(q); err != nil {
		s.t.Fatal(err)
	}
	s.read()
}

// TestCue announces a cue, ends it and takes another one back, and looks at
// what playlists say.
func TestCue(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first, Duration: 12 * time.Second, More: make([]packagertest.Rendition, 1)}
	s.begin(show.Tracks())
	frames := show.Frames()
	s.cue(cueAt(9123 * time.Millisecond)) // nothing can be told yet
	half := len(frames) / 2
	s.write(frames[:half])
	edge := s.c.Stats().Edge
	one := s.video.Last().DateRange("cue-q1-r1")
	if one == nil || one.Planned != 5*time.Second || !one.End.IsZero() || one.Attr("CLASS") != "org.cuelight.cue" {
		t.Fatalf("T5 the range is %+v", one)
	}
	if data, err := url.PathUnescape(one.Attr("X-CUELIGHT-CUE")); err != nil || data != question {
		t.Errorf("T9 data %q, %v", data, err)
	}
	end := first + clock.TicksOf(11*time.Second)
	s.cue(packager.Cue{ID: "q1", Revision: 2, At: first + clock.TicksOf(9123*time.Millisecond), Duration: 5 * time.Second, End: &end, Data: []byte(question)})
	two := s.video.Last().DateRange("cue-q1-r2")
	if two == nil || two.End.Sub(two.Start) != 1877*time.Millisecond || two.Planned != 0 || two.Attr("X-CUELIGHT-SUPERSEDES") != "cue-q1-r1" {
		t.Errorf("T6 the range that ended is %+v", two)
	}
	s.cue(packager.Cue{ID: "q1", Revision: 4, At: first, Duration: 5 * time.Second, Cancelled: true})
	if d := s.audio.Last().DateRange("cue-q1-r4"); d == nil || d.Attr("X-CUELIGHT-CANCELLED") != "YES" || d.Attr("X-CUELIGHT-SUPERSEDES") != "cue-q1-r2" {
		t.Errorf("T5 the range that was cancelled is %+v", d)
	}
	if s.c.Stats().Edge != edge {
		t.Error("a cue moved the edge")
	}
	s.write(frames[half:])
	packagertest.Together(t, s.video, s.audio, s.more[0])
	// The date is that of the segment in which the cue begins.
	for _, seg := range s.video.Last().Segments {
		at, ok := s.video.Times[seg.MSN]
		into := (first + clock.TicksOf(9123*time.Millisecond)).Duration() - at
		if ok && into >= 0 && into < seg.Duration {
			if off := one.Start.Sub(seg.Date.Add(into)); off.Abs() > time.Millisecond {
				t.Errorf("T1 the cue's date is %v off its segment's", off)
			}
			return
		}
	}
	t.Error("T1 no segment has the cue")
}

func TestCueRevisions(t *testing.T) {
	s := newStage(t, packager.Config{})
	s.play(packagertest.Show{Start: first, Duration: 4 * time.Second})
	q := cueAt(3 * time.Second)
	q.Revision = 3
	s.cue(q)
	before := s.fetch("video.m3u8")
	s.cue(q)
	older := q
	older.Revision, older.At = 2, first
	s.cue(older)
	if !bytes.Equal(before, s.fetch("video.m3u8")) {
		t.Error("T5 a revision that is known changed the playlist")
	}
	q.Duration++
	if err := s.c.SetCue(q); err == nil || !strings.Contains(err.Error(), "needs a new revision") {
		t.Errorf("T5 the same revision with other content: %v", err)
	}
}

func TestCueIsRefused(t *testing.T) {
	early, late := first-1, first+clock.TicksOf(25*time.Hour)
	for _, tc := range []struct {
		says   string
		change func(*packager.Cue)
	}{
		{"id: ", func(q *packager.Cue) { q.ID = "" }},
		{"id: ", func(q *packager.Cue) { q.ID = `a"b` }},
		{"id: ", func(q *packager.Cue) { q.ID = strings.Repeat("x", 65) }},
		{"revision: ", func(q *packager.Cue) { q.Revision = 0 }},
		{"at: ", func(q *packager.Cue) { q.At = -1 }},
		{"at: ", func(q *packager.Cue) { q.At = 1 << 53 }},
		{"duration: ", func(q *packager.Cue) { q.Duration = 0 }},
		{"duration: ", func(q *packager.Cue) { q.Duration = 25 * time.Hour }},
		{"end: ", func(q *packager.Cue) { q.End = &early }},
		{"end: ", func(q *packager.Cue) { q.End = &late }},
		{"data: ", func(q *packager.Cue) { q.Data = nil }},
		{"data: ", func(q *packager.Cue) { q.Data = []byte(`["a"]`) }},
		{"data: ", func(q *packager.Cue) { q.Data = []byte(`{"a":`) }},
		{"data: ", func(q *packager.Cue) { q.Data = []byte("{\"a\":\"\xff\"}") }},
		{"data: ", func(q *packager.Cue) { q.Data = []byte(`{"a":"` + strings.Repeat("x", 8192) + `"}`) }},
	} {
		s := newStage(t, packager.Config{})
		q := cueAt(0)
		tc.change(&q)
		if err := s.c.SetCue(q); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%+v: %v, want %q", q, err, tc.says)
		}
	}
	s := newStage(t, packager.Config{})
	if err := s.c.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := s.c.SetCue(cueAt(0)); !errors.Is(err, packager.ErrEnded) {
		t.Errorf("after the end: %v", err)
	}
}

func TestCuesAreBounded(t *testing.T) {
	s := newStage(t, packager.Config{})
	q := cueAt(0)
	for i := range 1000 {
		q.ID = fmt.Sprint("q", i)
		if err := s.c.SetCue(q); err != nil {
			if i < 200 {
				t.Fatalf("%d cues: %v", i, err)
			}
			return
		}
	}
	t.Error("a thousand cues were accepted")
}

// TestCueLeaves lets a cue's dates leave the playlist.
func TestCueLeaves(t *testing.T) {
	s := newClocked(t, packager.Config{Window: 30 * time.Second})
	show := packagertest.Show{Start: first, Duration: 90 * time.Second, GOP: 30}
	s.begin(show.Tracks())
	s.cue(cueAt(4 * time.Second))
	var gone time.Duration
	skipped := time.Duration(0)
	frames := show.Frames()
	for n := 0; n < len(frames); n += 500 {
		s.feed(frames[n:min(n+500, len(frames))])
		at := s.now.Sub(onR(first))
		v2 := string(s.c.View().Window(packager.Video).Load().DeltaV2.Plain.Bytes)
		if skipped == 0 && !strings.Contains(v2, "DATERANGE:") {
			skipped = at
		}
		if s.video.Last().DateRange("cue-q1-r1") == nil {
			gone = at
			if !strings.Contains(v2, `RECENTLY-REMOVED-DATERANGES="cue-q1-r1"`) {
				t.Errorf("D4 the update does not tell that the range went:\n%s", v2)
			}
			break
		}
	}
	// It ended at 9 s.
	if gone < 69*time.Second || gone > 80*time.Second {
		t.Errorf("T7 the range went after %v", gone)
	}
	if skipped < 12*time.Second || skipped > 20*time.Second {
		t.Errorf("D4 updates leave the range out after %v", skipped)
	}
	if err := s.c.SetCue(cueAt(4 * time.Second)); err != nil || s.video.Last().DateRange("cue-q1-r1") != nil {
		t.Errorf("T5 the same revision came back: %v", err)
	}
}

// event is an emsg box as a client reads it.
type event struct {
	name   string // of the part
	value  string
	at     uint64
	length uint32
	text   string
}

// events reads what stands before the moof of a part.
func events(t *testing.T, name string, part []byte) (list []event) {
	t.Helper()
	for len(part) >= 8 {
		size := binary.BigEndian.Uint32(part)
		kind, body := string(part[4:8]), part[8:size]
		part = part[size:]
		if kind == "moof" {
			return list
		}
		if kind != "emsg" {
			continue
		}
		if body[0] != 1 || binary.BigEndian.Uint32(body[4:]) != clock.TicksPerSecond {
			t.Errorf("T11 version %d, timescale %d", body[0], binary.BigEndian.Uint32(body[4:]))
		}
		e := event{name: name, at: binary.BigEndian.Uint64(body[8:]), length: binary.BigEndian.Uint32(body[16:])}
		text := bytes.SplitN(body[24:], []byte{0}, 3)
		if string(text[0]) != "https://aomedia.org/emsg/ID3" {
			t.Errorf("T11 scheme %q", text[0])
		}
		e.value = string(text[1])
		tag := text[2] // ID3v2.4, one frame TXXX of UTF-8
		if string(tag[:3]) != "ID3" || tag[3] != 4 || string(tag[10:14]) != "TXXX" || tag[20] != 3 || syncsafe(tag[6:]) != len(tag)-10 || syncsafe(tag[14:]) != len(tag)-20 {
			t.Errorf("T11 the tag is %q", tag)
		}
		about, text2, _ := bytes.Cut(tag[21:], []byte{0})
		if string(about) != "org.cuelight.cue" {
			t.Errorf("T11 the frame is about %q", about)
		}
		e.text = string(text2)
		list = append(list, e)
	}
	return list
}

func syncsafe(b []byte) int { return int(b[0])<<21 | int(b[1])<<14 | int(b[2])<<7 | int(b[3]) }

// TestCueInTheMedia looks for cues in all parts of all renditions.
func TestCueInTheMedia(t *testing.T) {
	for _, show := range []packagertest.Show{
		{}, {Lead: 2, Milliseconds: true}, {NoVideo: true, SampleRate: 44_100}, {More: make([]packagertest.Rendition, 2), GOP: 30},
	} {
		show.Start, show.Duration = first, 8*time.Second
		s := newStage(t, packager.Config{})
		s.begin(show.Tracks())
		frames := show.Frames()
		s.write(frames[:len(frames)/2])
		var want []uint64
		for i := range 40 { // some are at the very beginning of a part
			q := cueAt(6*time.Second + time.Duration(i)*time.Second/30)
			q.ID, q.Revision = fmt.Sprint("q", i), 1
			s.cue(q)
			want = append(want, uint64(q.At))
		}
		old := cueAt(time.Second) // long packaged
		old.ID = "old"
		s.cue(old)
		gone := cueAt(7 * time.Second)
		gone.ID, gone.Cancelled = "gone", true
		s.cue(gone)
		again := cueAt(6 * time.Second)
		again.ID, again.Revision = "q0", 2
		s.cue(again)
		s.write(frames[len(frames)/2:])
		if err := s.c.End(); err != nil {
			t.Fatal(err)
		}
		s.read()
		var found []event
		for name, j := range map[string]*packagertest.Judge{"video": s.video, "audio": s.audio, "video2": s.more[0], "video3": s.more[1]} {
			if j.Last() == nil {
				continue
			}
			var here []event
			for _, seg := range j.Last().Segments {
				for i := range seg.Parts {
					here = append(here, events(t, seg.Parts[i].URI, s.fetch(seg.Parts[i].URI))...)
				}
			}
			if carries := name == "video" || show.NoVideo; !carries && len(here) > 0 {
				t.Errorf("T11 %d events in %s", len(here), name)
			}
			found = append(found, here...)
		}
		var at []uint64
		for _, e := range found {
			at = append(at, e.at)
			if !json.Valid([]byte(e.text)) || e.text != question || e.length != 5*clock.TicksPerSecond {
				t.Errorf("T11 event %+v", e)
			}
		}
		if fmt.Sprint(at) != fmt.Sprint(want) || len(found) == 40 && found[0].value != "cue-q0-r2" {
			t.Errorf("T11 events at %v, want %v", at, want)
		}
	}
}

// TestCueWakesNobody lets a viewer wait while a cue is announced.
func TestCueWakesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, packager.Config{})
		s.play(packagertest.Show{Start: first, Duration: 4 * time.Second})
		w := s.c.View().Window(packager.Video)
		next := w.Load().Hint
		woken := make(chan *packager.Snapshot, 1)
		go func() {
			snap, err := w.Wait(t.Context(), next, time.Hour)
			if err != nil {
				t.Error(err)
			}
			woken <- snap
		}()
		synctest.Wait()
		s.cue(cueAt(10 * time.Second))
		synctest.Wait()
		if len(woken) > 0 {
			t.Fatal("B2 a cue woke who waits for media")
		}
		show := packagertest.Show{Start: first + clock.TicksOf(5*time.Second), Duration: 2 * time.Second}
		s.begin(show.Tracks())
		s.write(show.Frames())
		if snap := <-woken; !bytes.Contains(snap.Full.Plain.Bytes, []byte("cue-q1-r1")) {
			t.Error("T8 the answer does not tell of the cue")
		}
	})
}

// TestCuesRace announces cues while the channel is written, ticked and read.
func TestCuesRace(t *testing.T) {
	s := newStage(t, packager.Config{Window: 12 * time.Second})
	show := packagertest.Show{Start: first, Duration: 1500 * time.Millisecond}
	s.begin(show.Tracks())
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			q := cueAt(time.Duration(i%20) * time.Second / 10)
			q.ID, q.Revision = fmt.Sprint("q", i%50), i
			if err := s.c.SetCue(q); err != nil && !strings.Contains(err.Error(), "too many") {
				t.Error(err)
			}
			snap := s.c.View().Window(packager.Audio)
			if snap != nil {
				_ = bytes.Count(snap.Load().DeltaV2.Plain.Bytes, []byte("DATERANGE"))
			}
		}
	})
	for _, f := range show.Frames() {
		if err := errors.Join(s.c.Write(f), s.c.Tick(onR(f.DTS))); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	wg.Wait()
	s.read()
}
