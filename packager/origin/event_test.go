package origin_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// TestEventsFollowEachOther ends an event while viewers wait, and lets another
// one take its place.
func TestEventsFollowEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t}
		s.o = origin.New(func(string) (*packager.Channel, bool) { return s.c, true }, origin.Config{})
		event := func(before *packager.Channel) *packager.Channel {
			c, err := packager.New(packager.Config{PDT: onR, Before: before}, packager.Start{MSN: 100})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		s.c = event(nil)
		show := packagertest.Show{Start: first, Duration: 7 * time.Second}
		s.begin(show)
		s.write(show.Frames())
		hint := s.c.View().Window(packager.Video).Load().Hint
		waiting := s.ask(t.Context(), fmt.Sprintf("/hls/show/video.m3u8?_HLS_msn=%d", hint.MSN+1))
		part := s.ask(t.Context(), fmt.Sprintf("/hls/show/video-%d.%d.mp4", hint.MSN, hint.Part+3))
		if err := s.c.Finish(); err != nil {
			t.Fatal(err)
		}
		if a := <-waiting; a.Code != 200 || !ends(a.Body.String()) {
			t.Errorf("C12 who waited was told %d\n%s", a.Code, a.Body)
		}
		if a := <-part; a.Code != 404 {
			t.Errorf("P14 a part that never came: %d", a.Code)
		}
		last := s.get("/hls/show/video.m3u8").Body.String()
		if got := s.get("/hls/show/video.m3u8?_HLS_msn=9&_HLS_part=x").Body.String(); got != last {
			t.Errorf("B8 directives mean something after the end:\n%s", got)
		}

		next := event(s.c)
		show.Start += 60 * clock.TicksPerSecond
		if err := next.Begin(show.Tracks()); err != nil {
			t.Fatal(err)
		}
		s.c = next
		index := s.ask(t.Context(), "/hls/show/index.m3u8")
		synctest.Wait()
		s.write(show.Frames())
		if a := <-index; a.Code != 200 {
			t.Errorf("O1 who came before the first part: %d", a.Code)
		}
		for _, file := range []string{"video-101.mp4", "audio-101.mp4", "video-102.1.mp4"} {
			if a := s.get("/hls/show/" + file); a.Code != 200 {
				t.Errorf("EV5 %s of the event before: %d", file, a.Code)
			}
		}
		// What a cache may keep of the end is no name and no number of now.
		p, err := packagertest.Parse(s.get("/hls/show/video.m3u8").Body.String())
		if err != nil || p.MediaSequence <= hint.MSN+3 || ends(last) == p.Ended {
			t.Errorf("EV3 %v; number %d behind %d", err, p.MediaSequence, hint.MSN)
		}
	})
}

func ends(playlist string) bool {
	p, err := packagertest.Parse(playlist)
	return err == nil && p.Ended
}
