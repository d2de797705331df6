package hlstest_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager/hlstest"
)

// doctored breaks one rule each. Prepare, if there is one, adds what the healthy
// stream does not have, and must break nothing.
var doctored = []struct {
	rule    string
	what    string
	prepare func(*patient)
	spoil   func(*patient)
}{
	{"C1", "a byte order mark", nil, func(p *patient) {
		p.rewrite(0, -2, func(s string) string { return "\ufeff" + s })
	}},
	{"C2", "version 1 with EXT-X-MAP", nil, func(p *patient) { p.version(-2, "1") }},
	{"C2", "a multivariant playlist of version 9", nil, func(p *patient) {
		m := *p.Multivariant
		m.Version = 9
		p.Multivariant = &m
	}},
	{"C3", "a target duration twice", nil, func(p *patient) {
		p.edit(0, -2, "#EXT-X-TARGETDURATION:2\n", "#EXT-X-TARGETDURATION:2\n#EXT-X-TARGETDURATION:2\n")
	}},
	{"C4", "media that is 22 ms longer than EXTINF", nil, func(p *patient) {
		msn, parts := p.newest()
		longer := func(m *hlstest.Media, _ bool) {
			r := &m.Runs[len(m.Runs)-1]
			r.Samples[len(r.Samples)-1].Duration += 2000
		}
		p.both(msn, parts-1, longer)
		for key, f := range p.Renditions[0].Parts { // what follows would not fit
			if f.At.MSN > msn {
				delete(p.Renditions[0].Parts, key)
			}
		}
	}},
	{"C5", "another target duration in one answer", nil, func(p *patient) {
		p.edit(1, 0, "#EXT-X-TARGETDURATION:2\n", "#EXT-X-TARGETDURATION:3\n")
	}},
	{"C6", "an old playlist after a new one", nil, func(p *patient) {
		r := p.Renditions[0]
		now := r.Reloads[len(r.Reloads)-1]
		for i := range slices.Backward(r.Reloads) {
			if old := r.Reloads[i]; old.Playlist.MediaSequence < now.Playlist.MediaSequence {
				old.Asked, old.Header = hlstest.Directives{}, r.Reloads[0].Header
				old.Sent, old.FirstByte, old.Received = now.Received, now.Received, now.Received
				r.Reloads = append(r.Reloads, old)
				return
			}
		}
		p.Fatal("no segment was removed")
	}},
	{"C7", "another URI for a listed segment", nil, func(p *patient) {
		p.edit(0, -2, fmt.Sprintf("\nvideo-%d.mp4\n", p.quiet()), "\nvideo-other.mp4\n")
	}},
	{"C8", "a window of four seconds", nil, func(p *patient) { p.rewrite(0, -2, func(s string) string { return keep(s, 2) }) }},
	{"C9", "a discontinuity sequence that jumps", nil, func(p *patient) { p.domain(0, -2) }},
	{"C9", "no discontinuity sequence", nil, func(p *patient) {
		re := regexp.MustCompile(`#EXT-X-DISCONTINUITY-SEQUENCE.*\n`)
		p.rewrite(-1, -1, func(s string) string { return re.ReplaceAllString(s, "") })
	}},
	{"C10", "an init section of another track", nil, func(p *patient) {
		for key, f := range p.Renditions[0].Inits {
			copied, init := *f, *f.Init
			init.Tracks = slices.Clone(init.Tracks)
			init.Tracks[0].ID = 9
			copied.Init = &init
			p.Renditions[0].Inits[key] = &copied
		}
	}},
	{"C11", "a second and a half that nothing covers", nil, func(p *patient) { p.shiftDates(-1, p.quiet(), 1500*time.Millisecond) }},
	{"C12", "EXT-X-PLAYLIST-TYPE in a sliding playlist", nil, func(p *patient) {
		p.edit(0, -1, "#EXT-X-TARGETDURATION:2\n", "#EXT-X-TARGETDURATION:2\n#EXT-X-PLAYLIST-TYPE:EVENT\n")
	}},
	{"C12", "EXT-X-PLAYLIST-TYPE:VOD in a playlist that grows", nil, func(p *patient) {
		p.edit(0, -1, "#EXT-X-TARGETDURATION:2\n", "#EXT-X-TARGETDURATION:2\n#EXT-X-PLAYLIST-TYPE:VOD\n")
	}},
	{"C12", "another playlist after the end", (*patient).over, func(p *patient) {
		x := p.trial(hlstest.TrialEnded)
		other := *p.last(0).Playlist
		other.Ended = true
		x.Known = &other
	}},
	{"C13", "a removed segment that is gone", nil, func(p *patient) { p.late(false) }},
	{"C13", "a removed segment that is gone before RFC 8216 allows it", nil, func(p *patient) {
		for i := range p.Renditions[0].Later {
			if x := &p.Renditions[0].Later[i]; x.At.Part == hlstest.WholeSegment && x.After > x.Must && x.After <= x.Should {
				x.Status = 404
				return
			}
		}
		p.Fatal("no segment was followed for long enough")
	}},
	{"P1", "another part target in one answer", nil, func(p *patient) { p.edit(1, -2, "PART-TARGET=0.334", "PART-TARGET=0.335") }},
	{"P2", "a part target shorter than the parts", nil, func(p *patient) { p.edit(-1, -1, "PART-TARGET=0.334", "PART-TARGET=0.333") }},
	{"P3", "a part target much longer than the parts", nil, func(p *patient) { p.edit(-1, -1, "PART-TARGET=0.334", "PART-TARGET=0.400") }},
	{"P4", "a part with other bytes than the segment", nil, func(p *patient) {
		msn, _ := p.newest()
		change(p.Renditions[0].Parts, hlstest.Position{MSN: msn, Part: 1}, func(m *hlstest.Media) { m.Runs[0].Samples[0].Sum++ })
	}},
	{"P4", "another event in the part than in the segment", func(p *patient) { p.events(goodEvent) }, func(p *patient) {
		msn, _ := p.newest()
		change(p.Renditions[0].Parts, hlstest.Position{MSN: msn}, func(m *hlstest.Media) { m.Events[0].Time++ })
	}},
	{"P5", "a date behind the first part", nil, func(p *patient) {
		re := regexp.MustCompile(`(#EXT-X-PROGRAM-DATE-TIME:.*\n)(#EXT-X-PART:.*\n)`)
		p.rewrite(0, -2, func(s string) string { return re.ReplaceAllString(s, "$2$1") })
	}},
	{"P6", "two seconds between two parts", nil, func(p *patient) {
		r := p.Renditions[0]
		if e, _ := p.last(0).Playlist.Edge(); e.Part == 0 {
			r.Reloads = r.Reloads[:len(r.Reloads)-1]
		}
		x := p.last(0)
		x.FirstByte, x.Received = x.FirstByte.Add(2*time.Second), x.Received.Add(2*time.Second)
	}},
	{"P7", "a key frame that is not marked", nil, func(p *patient) {
		msn, _ := p.newest()
		p.unmark(msn)
	}},
	{"P6", "no part since three seconds when the probe ends", nil, func(p *patient) {
		r := p.Renditions[0]
		x := *p.last(0)
		at := x.Playlist.Next()
		x.Asked = hlstest.Directives{MSN: at.MSN, Part: at.Part, HasMSN: true, HasPart: true}
		x.Playlist, x.Status, x.Sent, x.Received = nil, 0, x.FirstByte, x.FirstByte.Add(3*time.Second)
		r.Pending = x
	}},
	{"P8", "a part that is gone too early", nil, func(p *patient) { p.late(true) }},
	{"P8", "parts that are removed before older ones", nil, func(p *patient) {
		list := p.last(0).Playlist.Segments
		for i := range list {
			if len(list[i].Parts) > 0 {
				re := regexp.MustCompile(fmt.Sprintf(`#EXT-X-PART:.*"video-%d\..*\n`, list[i+1].MSN))
				p.rewrite(0, -2, func(s string) string { return re.ReplaceAllString(s, "") })
				return
			}
		}
	}},
	{"P9", "a segment without a key frame", nil, func(p *patient) {
		msn, _ := p.newest()
		p.unmark(msn)
		p.both(msn, 0, func(m *hlstest.Media, _ bool) {
			for i := range m.Runs {
				for k := range m.Runs[i].Samples {
					m.Runs[i].Samples[k].Sync = false
				}
			}
		})
	}},
	{"P9", "a segment without a key frame, and no claim that there is one", func(p *patient) {
		m := *p.Multivariant
		m.Independent = false
		p.Multivariant = &m
	}, func(p *patient) {
		msn, _ := p.newest()
		p.unmark(msn)
		p.both(msn, 0, func(m *hlstest.Media, _ bool) {
			for i := range m.Runs {
				for k := range m.Runs[i].Samples {
					m.Runs[i].Samples[k].Sync = false
				}
			}
		})
	}},
	{"P10", "a part without samples", nil, func(p *patient) {
		p.lastPart(func(m *hlstest.Media) { m.Runs = nil })
	}},
	{"P11", "a hint at another part", nil, func(p *patient) {
		re := regexp.MustCompile(`(PRELOAD-HINT:TYPE=PART,URI=)"[^"]*"`)
		p.rewrite(0, len(p.Renditions[0].Reloads)-3, func(s string) string { return re.ReplaceAllString(s, `$1"video-other.mp4"`) })
	}},
	{"P12", "two hints at a part", nil, func(p *patient) {
		re := regexp.MustCompile(`#EXT-X-PRELOAD-HINT:TYPE=PART.*\n`)
		p.rewrite(0, -2, func(s string) string { return re.ReplaceAllString(s, "$0$0") })
	}},
	{"P13", "a hinted part that trickles", nil, func(p *patient) {
		f := *p.Renditions[0].Hinted[0]
		f.FirstByte = f.Received.Add(-2 * time.Second)
		p.Renditions[0].Hinted[0] = &f
	}},
	{"P13", "a hinted part that is not found and listed then", nil, func(p *patient) {
		f := *p.Renditions[0].Hinted[0]
		f.Status = 404
		p.Renditions[0].Hinted[0] = &f
	}},
	{"P14", "an abandoned hint that is answered", nil, func(p *patient) {
		f := *p.Renditions[0].Hinted[0]
		f.URL += ".other"
		p.Renditions[0].Hinted[0] = &f
	}},
	{"P14", "an unknown name that is there", nil, func(p *patient) { p.trial(hlstest.TrialUnknown).Status = 200 }},

	{"B1", "an answer before the segment is whole", nil, func(p *patient) { p.trial(hlstest.TrialSegment).Playlist = p.early() }},
	{"B2", "an answer before the part is listed", nil, func(p *patient) { p.last(0).Asked.Part += 5 }},
	{"B3", "an answer before the next segment's part", nil, func(p *patient) { p.trial(hlstest.TrialBeyond).Playlist = p.early() }},
	{"B4", "a wait for what is gone", nil, func(p *patient) {
		x := p.trial(hlstest.TrialGone)
		x.FirstByte = x.FirstByte.Add(5 * time.Second)
	}},
	{"B5", "a part without a segment that is answered", nil, func(p *patient) { p.trial(hlstest.TrialPartAlone).Status = 200 }},
	{"B6", "a segment far ahead that is answered", nil, func(p *patient) { p.trial(hlstest.TrialFarSegment).Status = 200 }},
	{"B7", "a wait of eight seconds", nil, func(p *patient) { p.last(0).Sent = p.last(0).Sent.Add(-8 * time.Second) }},
	{"B8", "directives that mean something after the end", (*patient).over, func(p *patient) { p.trial(hlstest.TrialEnded).Playlist = p.early() }},
	{"B9", "another answer to the same request", nil, func(p *patient) {
		x := p.trial(hlstest.TrialSame)
		again := *x.Again
		again.Body = []byte(strings.Replace(string(x.Body), "#EXTINF:", "#EXT-X-BITRATE:1\n#EXTINF:", 1))
		x.Again = &again
	}},
	{"S1", "another hold back in one answer", nil, func(p *patient) { p.edit(1, -2, ",HOLD-BACK=30.000", ",HOLD-BACK=31.000") }},
	{"S2", "a part hold back of half a second", nil, func(p *patient) { p.edit(-1, -1, "PART-HOLD-BACK=3.000", "PART-HOLD-BACK=0.500") }},
	{"S3", "a hold back of three seconds", nil, func(p *patient) { p.edit(-1, -1, ",HOLD-BACK=30.000", ",HOLD-BACK=3.000") }},
	{"D1", "one segment too many that is skipped", nil, func(p *patient) {
		d := p.delta()
		d.Skip = &hlstest.Skip{Segments: d.Skip.Segments + 1, HasRemoved: d.Skip.HasRemoved, Removed: d.Skip.Removed}
		if len(d.Segments[0].Parts) > 0 {
			p.Fatal("the segment behind the boundary has parts")
		}
		d.Segments = d.Segments[1:]
	}},
	{"D2", "EXT-X-SKIP twice", nil, func(p *patient) {
		u := p.update()
		re := regexp.MustCompile(`#EXT-X-SKIP.*\n`)
		list, err := hlstest.ParsePlaylist(re.ReplaceAll(u.Body, []byte("$0$0")))
		if err != nil {
			p.Fatal(err)
		}
		u.Playlist = list
	}},
	{"D3", "a segment that the full playlist does not have", nil, func(p *patient) {
		d := p.delta()
		d.Segments = slices.Clone(d.Segments)
		d.Segments[0].URI = "video-other.mp4"
	}},
	{"D2", "a date range that is left out without v2", nil, func(p *patient) {
		for i := range p.Renditions[0].Deltas {
			if d := &p.Renditions[0].Deltas[i]; d.Update.Asked.Skip == "YES" && d.Update.Playlist.MediaSequence == d.Full.MediaSequence {
				full := *d.Full
				full.Ranges = []hlstest.DateRange{{ID: "one"}}
				d.Full = &full
			}
		}
	}},
	{"D4", "RECENTLY-REMOVED-DATERANGES missing", func(p *patient) { p.skipRanges(true) }, func(p *patient) { p.skipRanges(false) }},
	{"D4", "a date range that is older than CAN-SKIP-UNTIL", (*patient).history, func(p *patient) {
		u := p.newestDelta().Update.Playlist
		u.Ranges = append(u.Ranges, hlstest.DateRange{ID: "old"})
	}},
	{"D4", "a removed date range that is not told of", (*patient).history, func(p *patient) {
		p.newestDelta().Update.Playlist.Skip.Removed = nil
	}},
	{"D4", "a new date range that is left out", (*patient).history, func(p *patient) {
		p.newestDelta().Update.Playlist.Ranges = nil
	}},
	{"D4", "a listed date range that is named as removed", (*patient).history, func(p *patient) {
		s := p.newestDelta().Update.Playlist.Skip
		s.Removed = append(s.Removed, "old")
	}},

	{"R1", "no reports", nil, func(p *patient) {
		re := regexp.MustCompile(`#EXT-X-RENDITION-REPORT.*\n`)
		p.rewrite(0, -2, func(s string) string { return re.ReplaceAllString(s, "") })
	}},
	{"R1", "a report twice", nil, func(p *patient) {
		re := regexp.MustCompile(`#EXT-X-RENDITION-REPORT.*\n`)
		p.rewrite(0, -2, func(s string) string { return re.ReplaceAllString(s, "$0$0") })
	}},
	{"R1", "a report without LAST-PART", nil, func(p *patient) {
		re := regexp.MustCompile(`,LAST-PART=\d+`)
		p.rewrite(0, -2, func(s string) string { return re.ReplaceAllString(s, "") })
	}},
	{"R2", "a reported part that is not there", nil, func(p *patient) { p.trial(hlstest.TrialReported).Status = 404 }},
	{"R3", "a switch that is refused", nil, func(p *patient) {
		x := p.trial(hlstest.TrialSwitch)
		x.Status, x.Playlist, x.Header = 400, nil, x.Header.Clone()
		x.Header.Set("Cache-Control", "max-age=8")
	}},
	{"R4", "a rendition that is a second late", nil, func(p *patient) {
		list := p.Renditions[1].Reloads
		for i := range list {
			list[i].Sent, list[i].FirstByte, list[i].Received = list[i].Sent.Add(time.Second), list[i].FirstByte.Add(time.Second), list[i].Received.Add(time.Second)
		}
	}},
	{"R5", "other discontinuity numbers in one rendition", nil, func(p *patient) { p.domain(1, -1) }},
	{"R6", "CODECS without the sound", nil, func(p *patient) {
		m := *p.Multivariant
		m.Variants = slices.Clone(m.Variants)
		m.Variants[0].Codecs, _, _ = strings.Cut(m.Variants[0].Codecs, ",")
		p.Multivariant = &m
	}},

	{"R6", "an average above the peak", nil, func(p *patient) {
		m := *p.Multivariant
		m.Variants = slices.Clone(m.Variants)
		m.Variants[0].Average = 2 * m.Variants[0].Bandwidth
		p.Multivariant = &m
	}},
	{"T1", "a rendition with dates 20 ms off", nil, func(p *patient) { p.shiftDates(1, 0, 20*time.Millisecond) }},
	{"T2", "dates without milliseconds", nil, func(p *patient) { p.edit(0, -1, ".000Z\n", "Z\n") }},
	{"T3", "a date 10 ms off", nil, func(p *patient) { p.shiftDates(-1, p.quiet(), 10*time.Millisecond) }},
	{"T3", "dates that go back at a discontinuity", nil, func(p *patient) {
		for _, s := range p.early().Segments {
			if s.Discontinuity {
				p.shiftDates(-1, s.MSN, -1500*time.Millisecond)
				return
			}
		}
		p.Fatal("no discontinuity")
	}},
	{"T4", "a discontinuity without a date", nil, func(p *patient) {
		re := regexp.MustCompile(`(#EXT-X-DISCONTINUITY\n(?:#EXT-X-MAP.*\n)?)#EXT-X-PROGRAM-DATE-TIME:.*\n`)
		p.rewrite(-1, -1, func(s string) string { return re.ReplaceAllString(s, "$1") })
	}},
	{"T5", "a date range that changes", (*patient).cues, func(p *patient) { p.edit(0, -2, `DURATION=5,X-CUE="1"`, `DURATION=6,X-CUE="1"`) }},
	{"T6", "an end that is not start and duration", (*patient).cues, func(p *patient) {
		p.edit(-1, -1, `DURATION=5,X-CUE="1"`, `DURATION=5,END-DATE="2099-01-01T00:00:00.000Z",X-CUE="1"`)
	}},
	{"T7", "a date range that goes too early", (*patient).cues, func(p *patient) { p.forget(0, -2) }},
	{"T8", "a rendition without one of the date ranges", (*patient).cues, func(p *patient) { p.forget(1, -1) }},
	{"T8", "a rendition that says something else of a date range", (*patient).cues, func(p *patient) {
		p.edit(1, -1, `X-CUE="1"`, `X-CUE="9"`)
	}},
	{"T8", "a rendition without date ranges, and its sound too", (*patient).cues, func(p *patient) {
		re := regexp.MustCompile(`#EXT-X-DATERANGE.*\n`)
		for i := range p.Renditions[1:] {
			p.rewrite(i+1, -1, func(s string) string { return re.ReplaceAllString(s, "") })
		}
	}},
	{"T9", "a date range without an attribute of its own", (*patient).cues, func(p *patient) { p.edit(-1, -1, `,X-CUE="1"`, "") }},
	{"T10", "date ranges without a date", (*patient).cues, func(p *patient) {
		re := regexp.MustCompile(`#EXT-X-PROGRAM-DATE-TIME:.*\n`)
		p.rewrite(0, -1, func(s string) string { return re.ReplaceAllString(s, "") })
	}},
	{"T11", "an event of a scheme that players do not know", func(p *patient) { p.events(goodEvent) }, func(p *patient) {
		bad := goodEvent
		bad.Scheme = "urn:scte:scte35:2013:bin"
		p.events(bad)
	}},

	{"M1", "old brands", nil, func(p *patient) {
		for key, f := range p.Renditions[0].Inits {
			copied, init := *f, *f.Init
			init.Brands = []string{"mp42", "isom"}
			copied.Init = &init
			p.Renditions[0].Inits[key] = &copied
		}
	}},
	{"M2", "no default-base-is-moof", nil, func(p *patient) { p.lastPart(func(m *hlstest.Media) { m.Runs[0].MoofRelated = false }) }},
	{"M3", "a part that begins a millisecond late", nil, func(p *patient) { p.lastPart(func(m *hlstest.Media) { m.Runs[0].Base += 90 }) }},
	{"M4", "a key frame that comes second", nil, func(p *patient) {
		msn, _ := p.newest()
		p.both(msn, 0, func(m *hlstest.Media, _ bool) {
			s := m.Runs[0].Samples
			s[0].Sync, s[1].Sync = false, true
		})
	}},

	{"N1", "HTTP/1.1 over TLS", nil, func(p *patient) {
		p.Index[0].URL, p.Index[0].Proto, p.Index[0].TLS = "https://example.com/index.m3u8", "HTTP/1.1", 0x0304
	}},
	{"N2", "a playlist that is not compressed", nil, func(p *patient) { p.header("Content-Encoding", "") }},
	{"N3", "no-cache", nil, func(p *patient) { p.header("Cache-Control", "no-cache") }},
	{"N4", "Age not exposed", nil, func(p *patient) { p.header("Access-Control-Expose-Headers", "Date") }},
	{"N5", "another query for each viewer", nil, func(p *patient) {
		p.Index[1].Body = []byte(strings.ReplaceAll(string(p.Index[1].Body), "video.m3u8", "video.m3u8?viewer=2"))
	}},
	{"N6", "a range that is not served", nil, func(p *patient) {
		p.Trials = append(p.Trials, hlstest.Trial{Kind: hlstest.TrialRange, Exchange: hlstest.Exchange{Status: 200}})
	}},
	{"N7", "a first byte after eleven seconds", nil, func(p *patient) {
		x := p.last(0)
		x.Status, x.Playlist, x.Sent = 503, nil, x.Sent.Add(-11*time.Second)
	}},
}

// TestEveryCheckCanFail breaks each rule by itself and expects that rule, and
// no other, not to hold.
func TestEveryCheckCanFail(t *testing.T) {
	if got := broken(hlstest.Check(*healthy(t).Capture)); got != nil {
		t.Fatalf("the healthy stream breaks %v\n%s", got, describe(hlstest.Check(*healthy(t).Capture)))
	}
	for _, tc := range doctored {
		t.Run(tc.rule+" "+tc.what, func(t *testing.T) {
			p := healthy(t)
			if tc.prepare != nil {
				tc.prepare(p)
				if got := broken(hlstest.Check(*p.Capture)); got != nil {
					t.Fatalf("the preparation breaks %v\n%s", got, describe(hlstest.Check(*p.Capture)))
				}
			}
			tc.spoil(p)
			results := hlstest.Check(*p.Capture)
			if got := broken(results); !slices.Equal(got, []string{tc.rule}) {
				t.Errorf("broken are %v, want %s alone\n%s", got, tc.rule, describe(results))
			}
		})
	}
}

// TestEveryRuleIsDoctored guards the table above: a rule without a case is a
// rule that perhaps cannot fail.
func TestEveryRuleIsDoctored(t *testing.T) {
	cases := map[string]bool{}
	for _, tc := range doctored {
		cases[tc.rule] = true
	}
	seen := map[string]bool{}
	for _, r := range hlstest.Rules() {
		if !cases[r.ID] {
			t.Errorf("%s has no case that breaks it", r.ID)
		}
		if seen[r.ID] || r.Text == "" || !slices.Contains([]hlstest.Level{"M", "S", "P", "J", "A"}, r.Level) {
			t.Errorf("rule %+v", r)
		}
		seen[r.ID] = true
	}
}
