package origin_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// away lets time pass without media until gaps are listed.
func (s *stage) away(from clock.Instant, d time.Duration) {
	s.t.Helper()
	for now := from; now < from.Add(d); now += 100_000 {
		if err := s.c.Tick(now); err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestOutageIsNotThere asks for parts and segments that are gaps, and waits for
// a part that becomes one.
func TestOutageIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := seven(t, origin.Config{})
		hint := s.c.View().Window(packager.Video).Load().Hint
		waiting := s.ask(t.Context(), fmt.Sprintf("/hls/show/video-%d.%d.mp4", hint.MSN, hint.Part))
		blocked := s.ask(t.Context(), fmt.Sprintf("/hls/show/video.m3u8?_HLS_msn=%d&_HLS_part=0", hint.MSN+1))
		s.away(onR(first).Add(7*time.Second), 8*time.Second)
		synctest.Wait()
		if a := <-waiting; a.Code != 200 && a.Code != 404 {
			t.Errorf("G2 the hinted part: %d", a.Code)
		}
		a := <-blocked
		if a.Code != 200 || !strings.Contains(a.Body.String(), "GAP=YES") {
			t.Errorf("B2 the playlist with the first gap: %d\n%s", a.Code, a.Body)
		}
		s.away(onR(first).Add(15*time.Second), 100*time.Millisecond)
		p, err := packagertest.Parse(s.get("/hls/show/video.m3u8").Body.String())
		if err != nil {
			t.Fatal(err)
		}
		gaps := 0
		for _, seg := range p.Segments {
			if seg.Gap {
				gaps++
				if w := s.get("/hls/show/" + seg.URI); w.Code != 404 || w.Header().Get("Cache-Control") != "max-age=2" {
					t.Errorf("G1 %s: %d %v", seg.URI, w.Code, w.Header())
				}
			}
			for _, part := range seg.Parts {
				want := 200
				if part.Gap {
					want = 404
					gaps++
				}
				if w := s.get("/hls/show/" + part.URI); w.Code != want {
					t.Errorf("P14 %s: %d, want %d", part.URI, w.Code, want)
				}
			}
		}
		if gaps < 5 {
			t.Errorf("only %d gaps listed", gaps)
		}
	})
}

// TestDeltaUpdates asks for both kinds of delta update of a channel with a cue
// that was long ago.
func TestDeltaUpdates(t *testing.T) {
	s := newStage(t, origin.Config{})
	show := packagertest.Show{Start: first, Duration: 40 * time.Second}
	s.begin(show)
	frames := show.Frames()
	s.write(frames[:len(frames)/4])
	at := first + clock.TicksOf(2*time.Second)
	end := at + clock.TicksOf(time.Second)
	cue := packager.Cue{ID: "old", Revision: 1, At: at, Duration: time.Second, End: &end, Data: []byte(`{"title":"?"}`)}
	if err := s.c.SetCue(cue); err != nil {
		t.Fatal(err)
	}
	s.write(frames[len(frames)/4:])
	last := s.c.View().Window(packager.Video).Load()
	for _, tc := range []struct {
		name, skip string
		want       packager.Text
		cue        bool
	}{
		{"D1 none", "", last.Full, true},
		{"D1 segments", "&_HLS_skip=YES", last.Delta, true},
		{"D4 date ranges too", "&_HLS_skip=v2", last.DeltaV2, false},
		{"D1 another word", "&_HLS_skip=yes", last.Full, true},
	} {
		query := fmt.Sprintf("?_HLS_msn=%d&_HLS_part=%d%s", last.Edge.MSN, last.Edge.Part, tc.skip)
		w := s.get("/hls/show/video.m3u8" + query)
		body := w.Body.String()
		if w.Code != 200 || body != string(tc.want.Plain.Bytes) {
			t.Errorf("%s: %d, another playlist:\n%s", tc.name, w.Code, body)
		}
		if strings.Contains(body, "old") != tc.cue || strings.Contains(body, "EXT-X-SKIP") == (tc.want.Plain.ETag[0] == last.Full.Plain.ETag[0]) {
			t.Errorf("%s:\n%s", tc.name, body)
		}
	}
}

// TestLongOutage asks for what comes next when an outage has lasted for long.
func TestLongOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := seven(t, origin.Config{})
		begun := onR(first).Add(7 * time.Second)
		s.away(begun, 30*time.Minute)
		hint := s.c.View().Window(packager.Video).Load().Hint
		blocked := s.ask(t.Context(), fmt.Sprintf("/hls/show/video.m3u8?_HLS_msn=%d&_HLS_part=%d", hint.MSN, hint.Part))
		synctest.Wait()
		s.away(begun.Add(30*time.Minute), time.Second)
		synctest.Wait()
		if a := <-blocked; a.Code != 200 || strings.Count(a.Body.String(), "GAP=YES") < 3 {
			t.Errorf("U5 B7 half an hour into an outage: %d\n%s", a.Code, a.Body)
		}
	})
}
