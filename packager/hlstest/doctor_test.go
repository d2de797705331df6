package hlstest_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/hlstest"
	"github.com/cuelight/cuelight/packager/packagertest"
)

// sound is the capture that all doctored ones are made of: three playlists, a
// reconnect in the window, segments that leave it.
var sound struct {
	sync.Once
	c *hlstest.Capture
}

// healthy returns a copy of a capture of the real origin in which everything
// holds. Its texts leave room, so that one value can change without another
// becoming wrong.
func healthy(t *testing.T) *patient {
	t.Helper()
	sound.Do(func() {
		show := packagertest.Show{Start: first, Duration: 24 * time.Second, More: []packagertest.Rendition{{}}}
		next := show
		next.Start, next.Duration = first+ticks(24*time.Second), 40*time.Second
		b := broadcast{acts: []act{perform(show), perform(next)}, cfg: packager.Config{Window: 16 * time.Second}}
		sound.c = b.watch(t, 27*time.Second, hlstest.Config{For: 18500 * time.Millisecond})
		p := &patient{T: t, Capture: sound.c}
		p.edit(-1, -1, "PART-HOLD-BACK=1.002", "PART-HOLD-BACK=3.000")
		p.edit(-1, -1, ",HOLD-BACK=6.000", ",HOLD-BACK=30.000")
		p.edit(-1, -1, "CAN-SKIP-UNTIL=12.000", "CAN-SKIP-UNTIL=36.000")
	})
	if sound.c == nil {
		t.Fatal("there is no capture")
	}
	return &patient{T: t, Capture: clone(sound.c)}
}

// clone copies what the doctoring changes.
func clone(c *hlstest.Capture) *hlstest.Capture {
	out := *c
	out.Index, out.Trials = slices.Clone(c.Index), slices.Clone(c.Trials)
	out.Renditions = nil
	for _, r := range c.Renditions {
		n := *r
		n.Reloads, n.Deltas, n.Hinted, n.Later = slices.Clone(r.Reloads), slices.Clone(r.Deltas), slices.Clone(r.Hinted), slices.Clone(r.Later)
		n.Inits, n.Parts, n.Whole = maps.Clone(r.Inits), maps.Clone(r.Parts), maps.Clone(r.Whole)
		out.Renditions = append(out.Renditions, &n)
	}
	return &out
}

// patient is a capture that is doctored.
type patient struct {
	*testing.T
	*hlstest.Capture
}

// rewrite changes the texts of playlists and reads them again. Rendition -1
// means all; reload -1 all, and -2 the last.
func (p *patient) rewrite(rendition, reload int, f func(string) string) {
	p.Helper()
	changed := 0
	for i, r := range p.Renditions {
		for n := range r.Reloads {
			x := &r.Reloads[n]
			if rendition >= 0 && i != rendition || reload >= 0 && n != reload || reload == -2 && n != len(r.Reloads)-1 || x.Playlist == nil {
				continue
			}
			text := f(string(x.Body))
			if text == string(x.Body) {
				continue
			}
			list, err := hlstest.ParsePlaylist([]byte(text))
			if err != nil {
				p.Fatal(err)
			}
			x.Body, x.Playlist = []byte(text), list
			changed++
		}
	}
	if changed == 0 {
		p.Fatal("nothing was changed")
	}
}

func (p *patient) edit(rendition, reload int, from, to string) {
	p.Helper()
	re := regexp.MustCompile(regexp.QuoteMeta(from))
	p.rewrite(rendition, reload, func(s string) string { return re.ReplaceAllLiteralString(s, to) })
}

// trial returns the first trial of a kind.
func (p *patient) trial(kind hlstest.TrialKind) *hlstest.Trial {
	p.Helper()
	for i := range p.Trials {
		if p.Trials[i].Kind == kind {
			return &p.Trials[i]
		}
	}
	p.Fatalf("no trial %q", kind)
	return nil
}

// early is a playlist that was current long ago.
func (p *patient) early() *hlstest.Playlist { return p.Renditions[0].Reloads[0].Playlist }

func (p *patient) last(rendition int) *hlstest.Reload {
	r := p.Renditions[rendition]
	return &r.Reloads[len(r.Reloads)-1]
}

// header gives the last reload of the first rendition another header.
func (p *patient) header(name, value string) {
	x := p.last(0)
	x.Header = x.Header.Clone()
	x.Header.Set(name, value)
	if value == "" {
		x.Header.Del(name)
	}
}

// change replaces a file's media by a copy that f may change.
func change(files map[string]*hlstest.File, at hlstest.Position, f func(*hlstest.Media)) bool {
	for key, file := range files {
		if file.At != at || file.Media == nil {
			continue
		}
		copied, m := *file, *file.Media
		m.Runs = slices.Clone(m.Runs)
		m.Events = slices.Clone(m.Events)
		for i := range m.Runs {
			m.Runs[i].Samples = slices.Clone(m.Runs[i].Samples)
		}
		f(&m)
		copied.Media = &m
		files[key] = &copied
		return true
	}
	return false
}

// newest is the newest whole segment of the first rendition that was loaded
// with all its parts, and how many they are.
func (p *patient) newest() (msn uint64, parts int) {
	p.Helper()
	list := p.last(0).Playlist
	for i := range slices.Backward(list.Segments) {
		s := &list.Segments[i]
		if _, ok := p.Renditions[0].Whole[s.URI+"@"]; ok && !s.Open() && len(s.Parts) > 0 {
			return s.MSN, len(s.Parts)
		}
	}
	p.Fatal("no whole segment with parts")
	return 0, 0
}

// both changes a segment's file and that of one of its parts alike.
func (p *patient) both(msn uint64, part int, f func(*hlstest.Media, bool)) {
	p.Helper()
	r := p.Renditions[0]
	if !change(r.Whole, hlstest.Position{MSN: msn, Part: hlstest.WholeSegment}, func(m *hlstest.Media) { f(m, true) }) ||
		!change(r.Parts, hlstest.Position{MSN: msn, Part: uint64(part)}, func(m *hlstest.Media) { f(m, false) }) {
		p.Fatalf("segment %d or its part %d is not there", msn, part)
	}
}

// shiftDates moves dates of segments from number msn on.
func (p *patient) shiftDates(rendition int, msn uint64, d time.Duration) {
	p.Helper()
	p.rewrite(rendition, -1, func(s string) string {
		list, err := hlstest.ParsePlaylist([]byte(s))
		if err != nil {
			p.Fatal(err)
		}
		for i := range list.Segments {
			if x := &list.Segments[i]; x.MSN >= msn && x.DateText != "" {
				to := x.Date.Add(d).Format("2006-01-02T15:04:05.000Z")
				s = strings.Replace(s, "TIME:"+x.DateText+"\n", "TIME#"+to+"\n", 1)
			}
		}
		return strings.ReplaceAll(s, "TIME#", "TIME:")
	})
}

// quiet is a segment in the middle of a domain.
func (p *patient) quiet() uint64 {
	list := p.last(0).Playlist.Segments
	return list[len(list)/2].MSN
}

// cues puts date ranges into all playlists, as a server with cues would.
func (p *patient) cues() {
	p.Helper()
	var start time.Time
	for _, s := range p.early().Segments {
		if !s.Open() {
			start = s.Date
		}
	}
	at := start.Format("2006-01-02T15:04:05.000Z")
	p.rewrite(-1, -1, func(s string) string {
		head, rest, _ := strings.Cut(s, "#EXT-X-MEDIA-SEQUENCE")
		return head + fmt.Sprintf(`#EXT-X-DATERANGE:ID="one",START-DATE="%s",DURATION=5,X-CUE="1"`+"\n"+
			`#EXT-X-DATERANGE:ID="two",START-DATE="%s",DURATION=5,X-CUE="2"`+"\n", at, at) + "#EXT-X-MEDIA-SEQUENCE" + rest
	})
}

// events puts an event into a part and its segment.
func (p *patient) events(e hlstest.Event) {
	p.Helper()
	msn, _ := p.newest()
	p.both(msn, 0, func(m *hlstest.Media, _ bool) { m.Events = []hlstest.Event{e} })
}

var goodEvent = hlstest.Event{Version: 1, Scheme: "https://aomedia.org/emsg/ID3", Timescale: 90_000, Duration: 90_000, Data: []byte("ID3\x04")}

// version writes another version into playlists of the first rendition.
func (p *patient) version(reload int, n string) {
	p.Helper()
	re := regexp.MustCompile(`#EXT-X-VERSION:\d+`)
	p.rewrite(0, reload, func(s string) string { return re.ReplaceAllString(s, "#EXT-X-VERSION:"+n) })
}

// domain adds one to the discontinuity sequence.
func (p *patient) domain(rendition, reload int) {
	p.Helper()
	re := regexp.MustCompile(`#EXT-X-DISCONTINUITY-SEQUENCE:(\d+)`)
	p.rewrite(rendition, reload, func(s string) string {
		list, err := hlstest.ParsePlaylist([]byte(s))
		if err != nil {
			p.Fatal(err)
		}
		return re.ReplaceAllString(s, fmt.Sprintf("#EXT-X-DISCONTINUITY-SEQUENCE:%d", list.Discontinuities+1))
	})
}

// keep leaves the last n segments of a playlist, as if the others had been
// removed.
func keep(s string, n int) string {
	at := regexp.MustCompile(`#EXT-X-(DISCONTINUITY\n|MAP|PROGRAM-DATE-TIME|PART:|GAP)|#EXTINF`).FindStringIndex(s)
	head, rest := s[:at[0]], s[at[0]:]
	init := regexp.MustCompile(`#EXT-X-MAP.*\n`)
	var cut string
	removed, domains := 0, 0
	for strings.Count(rest, "\nvideo") > n {
		end := regexp.MustCompile(`(?m)^video.*\n`).FindStringIndex(rest)
		gone := rest[:end[1]]
		if m := init.FindString(gone); m != "" {
			cut = m
		}
		domains += strings.Count(gone, "#EXT-X-DISCONTINUITY\n")
		rest = rest[end[1]:]
		removed++
	}
	if !strings.Contains(rest, "#EXT-X-MAP") {
		rest = cut + rest
	}
	count := func(tag string, by int) {
		re := regexp.MustCompile(tag + `:(\d+)`)
		var v int
		fmt.Sscan(re.FindStringSubmatch(head)[1], &v)
		head = re.ReplaceAllString(head, fmt.Sprintf("%s:%d", tag, v+by))
	}
	count("#EXT-X-MEDIA-SEQUENCE", removed)
	count("#EXT-X-DISCONTINUITY-SEQUENCE", domains)
	return head + rest
}

// late makes a file that left the playlist missing before its time.
func (p *patient) late(part bool) {
	p.Helper()
	for i := range p.Renditions[0].Later {
		if x := &p.Renditions[0].Later[i]; (x.At.Part != hlstest.WholeSegment) == part && x.MustEnd {
			x.Status = 404
			return
		}
	}
	p.Fatal("nothing was followed after it left the playlist")
}

// over adds what a server says after the end of an event.
func (p *patient) over() {
	ended := *p.early()
	ended.Ended = true
	known := ended
	p.Trials = append(p.Trials, hlstest.Trial{
		Kind: hlstest.TrialEnded, Playlist: &ended, Known: &known,
		Exchange: hlstest.Exchange{Status: 200, Sent: p.Done, FirstByte: p.Done, Received: p.Done},
	})
}

// unmark takes INDEPENDENT from the first part of a segment.
func (p *patient) unmark(msn uint64) {
	p.Helper()
	re := regexp.MustCompile(fmt.Sprintf(`(#EXT-X-PART:.*video-%d\.0\.mp4".*),INDEPENDENT=YES`, msn))
	p.rewrite(0, -1, func(s string) string { return re.ReplaceAllString(s, "$1") })
}

// lastPart changes the newest part that was loaded of an open segment.
func (p *patient) lastPart(f func(*hlstest.Media)) {
	p.Helper()
	r := p.Renditions[0]
	var at hlstest.Position
	for _, x := range r.Parts {
		if x.Media != nil && at.Less(x.At) {
			at = x.At
		}
	}
	if _, whole := r.Whole[fmt.Sprintf("video-%d.mp4@", at.MSN)]; whole {
		p.Fatalf("part %v is of a whole segment", at)
	}
	change(r.Parts, at, f)
}

// update is a delta update of the first rendition that skips something, ready
// to be changed.
func (p *patient) update() *hlstest.Reload {
	p.Helper()
	for i := range slices.Backward(p.Renditions[0].Deltas) {
		d := &p.Renditions[0].Deltas[i]
		if u := d.Update.Playlist; u != nil && u.Skip != nil && u.Skip.Segments > 0 && u.MediaSequence == d.Full.MediaSequence && !d.Full.Segments[u.Skip.Segments].Open() {
			return &d.Update
		}
	}
	p.Fatal("no delta update")
	return nil
}

func (p *patient) delta() *hlstest.Playlist {
	p.Helper()
	u := p.update()
	copied := *u.Playlist
	u.Playlist = &copied
	return &copied
}

// skipRanges makes a delta update one that was asked for with v2.
func (p *patient) skipRanges(named bool) {
	p.Helper()
	list := p.delta()
	for i := range p.Renditions[0].Deltas {
		d := &p.Renditions[0].Deltas[i]
		if d.Update.Playlist != list {
			continue
		}
		d.Update.Asked.Skip = "v2"
		full, control := *d.Full, *d.Full.Control
		control.CanSkipRanges = true
		full.Control = &control
		d.Full = &full
	}
	list.Skip = &hlstest.Skip{Segments: list.Skip.Segments, HasRemoved: named}
	list.Version = 9
	if named {
		list.Version = 10
	}
}

// forget takes a date range out of playlists.
func (p *patient) forget(rendition, reload int) {
	p.Helper()
	re := regexp.MustCompile(`#EXT-X-DATERANGE:ID="one".*\n`)
	p.rewrite(rendition, reload, func(s string) string { return re.ReplaceAllString(s, "") })
}
