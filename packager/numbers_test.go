package packager_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// resume goes on with the channel on another server, of which it knows nothing
// but numbers that went through JSON.
func (s *stage) resume(cfg packager.Config, kept packager.Numbers, otherwise packager.Start) *stage {
	s.t.Helper()
	text, err := json.Marshal(kept)
	if err != nil {
		s.t.Fatal(err)
	}
	var n packager.Numbers
	if err := json.Unmarshal(text, &n); err != nil {
		s.t.Fatal(err)
	}
	start, err := n.Resume(otherwise)
	if err != nil {
		s.t.Fatal(err)
	}
	cfg.PDT = onR
	c, err := packager.New(cfg, start)
	if err != nil {
		s.t.Fatal(err)
	}
	next := &stage{t: s.t, c: c}
	next.video = packagertest.NewJudge(s.t, next.fetch)
	next.audio = packagertest.NewJudge(s.t, next.fetch)
	for i := range next.more {
		next.more[i] = packagertest.NewJudge(s.t, next.fetch)
	}
	return next
}

func TestResumeOnAnotherServer(t *testing.T) {
	for _, tc := range []struct {
		name      string
		unkept    time.Duration // media after the numbers were kept
		otherwise packager.Start
		noVideo   bool
	}{
		{"HV1 kept at the end", 0, packager.Start{MSN: 1}, false},
		{"HV1 where the clock is", 0, packager.Start{MSN: 9000, Discontinuity: 2}, false},
		{"HV2 kept 5 s before the end", 5 * time.Second, packager.Start{MSN: 1}, false},
		{"HV1 sound alone", time.Second, packager.Start{MSN: 1}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			one := newStage(t, packager.Config{})
			one.play(packagertest.Show{Start: first, Duration: 20 * time.Second, NoVideo: tc.noVideo})
			kept := one.c.Numbers()
			if tc.unkept > 0 { // two encoders, one after the other, that nobody kept
				for i := range clock.Ticks(2) {
					at := first + (21+i*3)*clock.TicksPerSecond
					one.play(packagertest.Show{Start: at, Duration: tc.unkept / 2, NoVideo: tc.noVideo})
				}
			}
			end := one.c.Numbers()
			two := one.resume(packager.Config{}, kept, tc.otherwise)
			two.play(packagertest.Show{Start: first + 40*clock.TicksPerSecond, Duration: 9 * time.Second, SPS: packagertest.SPS180, NoVideo: tc.noVideo})
			judges := map[*packagertest.Judge]*packagertest.Judge{one.video: two.video, one.audio: two.audio}
			if tc.noVideo {
				delete(judges, one.video)
			}
			for before, after := range judges {
				old, p := before.Last(), after.Last()
				was, is := old.Segments[len(old.Segments)-1], p.Segments[0]
				switch {
				case is.MSN < end.MSN+16 || is.MSN < tc.otherwise.MSN:
					t.Errorf("HV1 segment %d after %d", is.MSN, was.MSN)
				case is.Discontinuity || tc.unkept == 0 && is.Domain != was.Domain || p.Discontinuity != is.Domain:
					t.Errorf("HV1 segment %d of domain %d, tagged %v, in a playlist from %d on, after domain %d",
						is.MSN, is.Domain, is.Discontinuity, p.Discontinuity, was.Domain)
				case tc.unkept == 0 && is.Date.Sub(was.Date.Add(was.Duration)).Abs() > 30*time.Millisecond:
					t.Errorf("HV3 HV5 dates go on at %v after %v", is.Date, was.Date.Add(was.Duration))
				case !is.Gap:
					t.Errorf("HV5 segment %d is no gap", is.MSN)
				case is.Map == "":
					t.Error("C10 no MAP")
				}
			}
			checkBridge(t, two.audio.Last())
			if !tc.noVideo {
				checkBridge(t, two.video.Last())
				packagertest.Together(t, two.video, two.audio)
			}
		})
	}
}

// checkBridge: gaps go on from date to date until media begin in a domain of
// their own, and no further.
func checkBridge(t *testing.T, p *packagertest.Playlist) {
	t.Helper()
	gaps := 0
	for i, s := range p.Segments[1:] {
		before := p.Segments[i]
		if before.Gap {
			gaps++
			if off := s.Date.Sub(before.Date.Add(before.Duration)); off.Abs() > 30*time.Millisecond {
				t.Errorf("HV5 segment %d begins %v off the gap before", s.MSN, off)
			}
		}
		if s.Gap && !before.Gap || s.Discontinuity != (before.Gap && !s.Gap) || s.Discontinuity != (s.Domain == before.Domain+1) {
			t.Errorf("HV5 segment %d: gap %v, tagged %v, domain %d after %d", s.MSN, s.Gap, s.Discontinuity, s.Domain, before.Domain)
		}
	}
	if gaps < 5 {
		t.Errorf("HV5 %d gaps", gaps)
	}
}

// TestResumedWindowSlides: the tag leaves the playlist with its segment.
func TestResumedWindowSlides(t *testing.T) {
	s := newStage(t, packager.Config{}).resume(packager.Config{Window: 12 * time.Second}, packager.Numbers{Version: 1, MSN: 50, Discontinuity: 3}, packager.Start{MSN: 1})
	s.play(packagertest.Show{Start: first, Duration: 40 * time.Second})
	p := s.video.Last()
	if is := p.Segments[0]; is.Discontinuity || p.Discontinuity != 4 || is.Domain != 4 {
		t.Errorf("C9 segment %d of domain %d in a playlist from %d on", is.MSN, is.Domain, p.Discontinuity)
	}
}

// TestResumedLadder: all renditions go on with the same numbers, also one that
// tells its format with its first picture only.
func TestResumedLadder(t *testing.T) {
	kept := packager.Numbers{Version: 1, MSN: 50, Discontinuity: 3, Date: onR(first).Add(-9 * time.Second)}
	s := newStage(t, packager.Config{}).resume(packager.Config{}, kept, packager.Start{MSN: 1})
	s.play(packagertest.Show{Start: first, Duration: 12 * time.Second, More: []packagertest.Rendition{{}, {Bare: true}}})
	lists := map[string]*packagertest.Playlist{}
	for _, name := range []string{"video", "video2", "video3", "audio"} {
		p, err := packagertest.Parse(string(s.c.View().Window(name).Load().Full.Plain.Bytes))
		if err != nil {
			t.Fatal(err)
		}
		lists[name] = p
	}
	for name, p := range lists {
		first, lead := p.Segments[0], lists["video"]
		if name == "video3" {
			if first.Gap || !first.Discontinuity || first.Domain != 4 {
				t.Errorf("HV1 %s begins with segment %d, gap %v, tagged %v, in domain %d", name, first.MSN, first.Gap, first.Discontinuity, first.Domain)
			}
		} else if first.MSN != lead.Segments[0].MSN || !first.Gap {
			t.Errorf("HV5 %s begins with segment %d, gap %v", name, first.MSN, first.Gap)
		}
		for _, seg := range p.Segments {
			if want := lead.Segments[seg.MSN-lead.MediaSequence]; seg.Domain != want.Domain || seg.Gap != want.Gap || seg.Date.Sub(want.Date).Abs() > 30*time.Millisecond {
				t.Errorf("HV5 %s: segment %d in domain %d at %v, gap %v; the leading one's in %d at %v", name, seg.MSN, seg.Domain, seg.Date, seg.Gap, want.Domain, want.Date)
			}
		}
	}
}

// TestResumedAfterLong: gaps are for one window.
func TestResumedAfterLong(t *testing.T) {
	kept := packager.Numbers{Version: 1, MSN: 50, Discontinuity: 3, Date: onR(first).Add(-24 * time.Hour)}
	s := newStage(t, packager.Config{}).resume(packager.Config{Window: 20 * time.Second}, kept, packager.Start{MSN: 1})
	s.play(packagertest.Show{Start: first, Duration: 5 * time.Second})
	if p := s.video.Last(); len(p.Segments) < 8 || len(p.Segments) > 14 || p.Discontinuity != 3 {
		t.Errorf("HV5 %d segments from domain %d on", len(p.Segments), p.Discontinuity)
	}
	ended := kept
	ended.Ended = true
	start, err := ended.Resume(packager.Start{MSN: 1})
	if err != nil || start.Since != 0 {
		t.Errorf("HV5 gaps after an event that ended: %+v, %v", start, err)
	}
}

// TestResumedEvents: what ends on a resumed channel is succeeded as ever.
func TestResumedEvents(t *testing.T) {
	one := newStage(t, packager.Config{}).resume(packager.Config{}, packager.Numbers{Version: 1, MSN: 50, Discontinuity: 3}, packager.Start{MSN: 1})
	one.play(packagertest.Show{Start: first, Duration: 4 * time.Second})
	two := one.nextEvent(packager.Config{}, packager.Start{MSN: 1})
	if !one.c.Numbers().Ended || two.c.Numbers().Ended {
		t.Error("HV2 Ended is not what it says")
	}
	two.play(packagertest.Show{Start: first + 5*clock.TicksPerSecond, Duration: 4 * time.Second})
	if p := two.video.Last(); p.Segments[0].Discontinuity || p.Discontinuity <= one.video.Last().Discontinuity {
		t.Errorf("EV3 the next event begins in %d, tagged %v", p.Discontinuity, p.Segments[0].Discontinuity)
	}
}

func TestNumbersThatCannotBe(t *testing.T) {
	for _, n := range []packager.Numbers{
		{}, {Version: 2, MSN: 1}, {Version: 1}, {Version: 1, MSN: 1 << 53}, {Version: 1, MSN: 1, Discontinuity: 1 << 25},
	} {
		if start, err := n.Resume(packager.Start{MSN: 3}); err == nil || start.MSN != 3 {
			t.Errorf("HV2 %+v resumes at %+v", n, start)
		}
	}
}

// ExampleNumbers_Resume is what a server does with what another one kept.
func ExampleNumbers_Resume() {
	kept := []byte(`{"v":1,"msn":897705123,"discontinuity":12,"date":1795410246000000}`)
	var n packager.Numbers
	if err := json.Unmarshal(kept, &n); err != nil {
		fmt.Println(err)
		return
	}
	byTheClock := packager.Start{MSN: 897705125, Discontinuity: 3504}
	start, err := n.Resume(byTheClock)
	fmt.Printf("%+v %v\n", start, err)
	// Output: {MSN:897705187 Discontinuity:12 Resumed:true Since:1795410246000000} <nil>
}
