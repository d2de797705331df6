package hlstest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager/hlstest"
)

// tinyHead begins a playlist of low latency.
const tinyHead = `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-MAP:URI="i.mp4"
`

// segments are whole segments without parts.
func segments(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "#EXTINF:2.00000,\nv-%d.mp4\n", 7+i)
	}
	return b.String()
}

// tiny is a capture of playlists that were read half a second one after the
// other, of as many renditions as there are lists.
func tiny(t *testing.T, lists ...[]string) *hlstest.Capture {
	t.Helper()
	began := time.Unix(1_800_000_000, 0)
	c := &hlstest.Capture{URL: "http://h/index.m3u8", Began: began, Done: began.Add(time.Minute), RoundTrip: time.Millisecond}
	for n, texts := range lists {
		r := &hlstest.Rendition{URI: fmt.Sprintf("v%d.m3u8", n), URL: fmt.Sprintf("http://h/v%d.m3u8", n)}
		for i, text := range texts {
			p, err := hlstest.ParsePlaylist([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			at := began.Add(time.Duration(i) * 500 * time.Millisecond)
			r.Reloads = append(r.Reloads, hlstest.Reload{Playlist: p, Exchange: hlstest.Exchange{URL: r.URL, Status: 200, Sent: at, FirstByte: at, Received: at}})
		}
		c.Renditions = append(c.Renditions, r)
	}
	return c
}

// result returns how a rule fared.
func result(c *hlstest.Capture, rule string) hlstest.Result {
	for _, r := range hlstest.Check(*c) {
		if r.Rule == rule {
			return r
		}
	}
	return hlstest.Result{}
}

// TestSmallCaptures holds checks against what the captures of a real server
// cannot be doctored into without breaking other rules as well.
func TestSmallCaptures(t *testing.T) {
	whole := tinyHead + segments(5)
	part := `#EXT-X-PART:DURATION=0.5,URI="p.mp4",INDEPENDENT=YES` + "\n"
	longer := strings.Replace(strings.Replace(whole, "PART-TARGET=0.5", "PART-TARGET=0.6", 1), "BACK=1.5", "BACK=1.8", 1)
	waiting := func(d time.Duration) func(*hlstest.Capture) {
		return func(c *hlstest.Capture) {
			x := c.Renditions[0].Reloads[0]
			x.Playlist, x.Status = nil, 0
			x.Asked = hlstest.Directives{MSN: 12, HasMSN: true}
			x.FirstByte, x.Received = x.Sent.Add(d), x.Sent.Add(d)
			c.Renditions[0].Pending = x
		}
	}
	gap := "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z\n" + strings.Repeat(`#EXT-X-PART:DURATION=0.5,URI="g%d.mp4",GAP=YES`+"\n", 4)
	for _, tc := range []struct {
		what  string
		rule  string
		lists [][]string
		alter func(*hlstest.Capture)
		want  hlstest.Status
	}{
		{"a promise of parts that is not kept", "P10", [][]string{{whole, whole, whole}}, nil, hlstest.Warn},
		{"parts that come late, but come", "P10", [][]string{{whole, whole, whole + part}}, nil, hlstest.Untested},
		{"a hold back for the shorter of two part targets", "S2", [][]string{{whole}, {longer}}, nil, hlstest.Warn},
		{"a request that waits for eleven seconds", "N7", [][]string{{whole}}, waiting(11 * time.Second), hlstest.Warn},
		{"a request that waits for two seconds", "N7", [][]string{{whole}}, waiting(2 * time.Second), hlstest.Untested},
		{"no answer for eight seconds", "B7", [][]string{{whole}}, waiting(8 * time.Second), hlstest.Warn},
		{"a gap as long as its parts", "C11", [][]string{{whole + gap + "#EXT-X-GAP\n#EXTINF:2.0,\ng.mp4\n"}}, nil, hlstest.Pass},
		{"a gap that is longer than its parts", "C11", [][]string{{whole + gap + "#EXT-X-GAP\n#EXTINF:1.6,\ng.mp4\n"}}, nil, hlstest.Warn},
		{"sound of short parts, all independent", "P3", [][]string{{whole + `#EXT-X-PART:DURATION=0.3,URI="q.mp4",INDEPENDENT=YES` + "\n" + part}},
			func(c *hlstest.Capture) { c.Renditions[0].Kind = "audio" }, hlstest.Warn},
		{"three segments and an open one after a removal", "C8", [][]string{{whole, strings.Replace(tinyHead, "CE:7", "CE:8", 1) + strings.Replace(segments(5), "#EXTINF:2.00000,\nv-7.mp4\n", "", 1)}}, nil, hlstest.Pass},
		{"two segments and an open one after a removal", "C8", [][]string{{whole, strings.Replace(tinyHead, "CE:7", "CE:10", 1) +
			"#EXTINF:2.0,\nv-10.mp4\n#EXTINF:2.0,\nv-11.mp4\n" + strings.Repeat(part, 4)}}, nil, hlstest.Fail},
		{"a report without a URI", "R1", [][]string{{whole + "#EXT-X-RENDITION-REPORT:LAST-MSN=11,LAST-PART=0\n"}, {whole}}, nil, hlstest.Fail},
		{"a variable in a playlist of version 6", "C2", [][]string{{strings.Replace(whole, "#EXT-X-TARGET", `#EXT-X-DEFINE:NAME="a",VALUE="b"`+"\n#EXT-X-TARGET", 1)}}, nil, hlstest.Fail},
		{"a version that nothing needs", "C2", [][]string{{strings.Replace(whole, "VERSION:6", "VERSION:9", 1)}}, nil, hlstest.Warn},
	} {
		t.Run(tc.rule+" "+tc.what, func(t *testing.T) {
			c := tiny(t, tc.lists...)
			if tc.alter != nil {
				tc.alter(c)
			}
			c.Renditions[0].Whole = map[string]*hlstest.File{"x": {Media: &hlstest.Media{Container: hlstest.FMP4}}}
			if r := result(c, tc.rule); r.Status != tc.want {
				t.Errorf("%s is %s, want %s: %q %s", tc.rule, r.Status, tc.want, r.Seen, r.Why)
			}
		})
	}
}

// TestNotSeenLongEnough expects rules about what left the playlist to say how
// much of them was seen.
func TestNotSeenLongEnough(t *testing.T) {
	c := tiny(t, []string{tinyHead + segments(5)})
	r := c.Renditions[0]
	left := hlstest.Gone{At: hlstest.Position{MSN: 3, Part: hlstest.WholeSegment}, Left: c.Done.Add(-10 * time.Second), Must: 2 * time.Second, Should: time.Minute}
	status := func(later ...hlstest.Late) (hlstest.Status, string) {
		r.Gone, r.Later = []hlstest.Gone{left}, later
		x := result(c, "C13")
		return x.Status, x.Why
	}
	there := hlstest.Exchange{Status: 200}
	if s, why := status(); s != hlstest.Untested || !strings.Contains(why, "not seen long enough") {
		t.Errorf("nobody asked: %s, %s", s, why)
	}
	if s, why := status(hlstest.Late{Exchange: there, Gone: left, After: time.Second}); s != hlstest.Untested || !strings.Contains(why, "not seen long enough") {
		t.Errorf("asked too early: %s, %s", s, why)
	}
	if s, why := status(hlstest.Late{Exchange: there, Gone: left, After: left.Must, MustEnd: true}); s != hlstest.Pass || !strings.Contains(why, "1m0s") {
		t.Errorf("asked when it had to be there: %s, %s", s, why)
	}
	if s, why := status(hlstest.Late{Exchange: there, Gone: left, After: left.Should, ShouldEnd: true}); s != hlstest.Pass || why != "" {
		t.Errorf("asked at the very end: %s, %s", s, why)
	}
	if s, _ := status(hlstest.Late{Exchange: hlstest.Exchange{Status: 404}, Gone: left, After: time.Second}); s != hlstest.Fail {
		t.Errorf("gone too early: %s", s)
	}
}
