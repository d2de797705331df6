package packagertest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/packager/packagertest"
)

// recorder takes down what a judge complains about.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper()                      {}
func (r *recorder) Errorf(f string, args ...any) { r.said = append(r.said, fmt.Sprintf(f, args...)) }
func (r *recorder) Fatalf(f string, args ...any) { r.Errorf(f, args...); panic(r) }
func (r *recorder) complainsAbout(id string) bool {
	return strings.Contains(strings.Join(r.said, "\n"), id)
}

const head = `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.002,HOLD-BACK=6.000,CAN-SKIP-UNTIL=12.000,CAN-SKIP-DATERANGES=YES
#EXT-X-PART-INF:PART-TARGET=0.334
#EXT-X-MEDIA-SEQUENCE:5
#EXT-X-DISCONTINUITY-SEQUENCE:0
`

const good = head + `#EXT-X-MAP:URI="i.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.000Z
#EXTINF:2.00000,
video-5.mp4
#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:07.000Z
#EXTINF:2.00000,
video-6.mp4
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="video-7.0.mp4"
`

// daterange is the line of one, in front of the hint.
func daterange(rest string) string {
	return `#EXT-X-DATERANGE:ID="a",CLASS="c",START-DATE="2026-01-02T03:04:05.000Z",` + rest + "\n#EXT-X-PRELOAD"
}

// TestJudgeNotices spoils a playlist in one place at a time.
func TestJudgeNotices(t *testing.T) {
	for _, tc := range []struct{ rule, old, new string }{
		{"C1", "#EXTM3U", "#EXTM3"},
		{"C2", "VERSION:6", "VERSION:10"},
		{"C3", "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-VERSION:6\n"},
		{"C4", "#EXTINF:2.00000,\nvideo-6", "#EXTINF:2.60000,\nvideo-6"},
		{"C6", "MEDIA-SEQUENCE:5", "MEDIA-SEQUENCE:0"},
		{"C10", "#EXT-X-MAP:URI=\"i.mp4\"\n", ""},
		{"P8", "video-6", "video-x6"}, // closed segments near the end without parts
		{"P11", "video-7.0", "video-7.1"},
		{"P12", "#EXT-X-PRELOAD", "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"x\"\n#EXT-X-PRELOAD"},
		{"S2", "PART-HOLD-BACK=1.002", "PART-HOLD-BACK=0.9"},
		{"S3", "CAN-SKIP-UNTIL=12", "CAN-SKIP-UNTIL=11"},
		{"T1", "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:07.000Z\n", ""},
		{"T2", "05.000Z", "05Z"},
		{"T3", "07.000Z", "07.006Z"},
		{"C11", "#EXTINF:2.00000,\nvideo-6", "#EXT-X-PART:DURATION=2,URI=\"there\",GAP=YES\n#EXTINF:2.00000,\n#EXT-X-GAP\nvideo-6"},
		{"S3", ",CAN-SKIP-DATERANGES=YES", ""},
		{"T6", "#EXT-X-PRELOAD", daterange("END-DATE=\"2026-01-02T03:04:06.000Z\",DURATION=0.999,X-A=\"\"")},
		{"T6", "#EXT-X-PRELOAD", daterange("END-DATE=\"2026-01-02T03:04:04.000Z\",DURATION=-1,X-A=\"\"")},
		{"T9", "#EXT-X-PRELOAD", daterange("DURATION=1")},
		{"R1", "#EXT-X-PRELOAD", "#EXT-X-RENDITION-REPORT:URI=\"audio.m3u8\",LAST-MSN=6,LAST-PART=0\n#EXT-X-PRELOAD"},
		{"G1", "video-6.mp4", "#EXT-X-PART:DURATION=2.2,URI=\"video-6.0.mp4\"\n#EXT-X-GAP\nvideo-6.mp4"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			text := strings.Replace(good, tc.old, tc.new, 1)
			if text == good {
				t.Fatal("nothing was spoilt")
			}
			r := &recorder{TB: t}
			j := packagertest.NewJudge(r, func(name string) []byte {
				if name == "there" {
					return []byte{0}
				}
				return nil
			})
			func() {
				defer func() { _ = recover() }()
				j.Read(text, text)
			}()
			if !r.complainsAbout(tc.rule) {
				t.Errorf("the judge said %q", r.said)
			}
		})
	}
}

// TestJudgeAcceptsGaps lists gaps near the end.
func TestJudgeAcceptsGaps(t *testing.T) {
	text := strings.ReplaceAll(good, ",\nvideo", ",\n#EXT-X-GAP\nvideo")
	for _, msn := range []string{"5", "6"} {
		var parts strings.Builder
		for i, d := range []string{"0.334", "0.334", "0.334", "0.334", "0.334", "0.330"} {
			fmt.Fprintf(&parts, "#EXT-X-PART:DURATION=%s,URI=\"video-%s.%d.mp4\",GAP=YES\n", d, msn, i)
		}
		before := "#EXTINF:2.00000,\n#EXT-X-GAP\nvideo-" + msn
		text = strings.Replace(text, before, parts.String()+before, 1)
	}
	packagertest.NewJudge(t, func(string) []byte { return nil }).Read(text, text)
}

func TestParseIndex(t *testing.T) {
	const index = `#EXTM3U
#EXT-X-VERSION:4
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=2100000,AVERAGE-BANDWIDTH=1900000,CODECS="avc1.4d401e,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=30.000,AUDIO="sound"
video.m3u8
`
	m, err := packagertest.ParseIndex(index)
	if err != nil || len(m.Variants) != 1 || m.Sound != "audio.m3u8" || len(m.Playlists()) != 2 {
		t.Fatalf("%+v %v", m, err)
	}
	for _, spoilt := range []string{`CODECS="avc1.4d401e,mp4a.40.2",`, "RESOLUTION=640x360,", "FRAME-RATE=30.000,", "BANDWIDTH=2100000,", `,AUDIO="sound"`} {
		if _, err := packagertest.ParseIndex(strings.Replace(index, spoilt, "", 1)); err == nil || !strings.HasPrefix(err.Error(), "R6 ") {
			t.Errorf("R6 without %s: %v", spoilt, err)
		}
	}
}

// TestJudgeFollowsDateRanges spoils the second of two playlists.
func TestJudgeFollowsDateRanges(t *testing.T) {
	one := strings.Replace(good, "#EXT-X-PRELOAD", daterange(`PLANNED-DURATION=2.000,X-A="%22"`), 1)
	const skip = "#EXT-X-SKIP:SKIPPED-SEGMENTS=1,RECENTLY-REMOVED-DATERANGES=\"\"\n"
	for _, tc := range []struct{ rule, two, v2 string }{
		{"T5", strings.Replace(one, "%22", "%25", 1), ""},
		{"T7", good, ""},
		{"D4", one, strings.Replace(one, "#EXT-X-MAP", strings.Replace(skip, ",RECENTLY-REMOVED-DATERANGES=\"\"", "", 1)+"#EXT-X-MAP", 1)},
		{"C2", one, strings.Replace(one, "#EXT-X-MAP", skip+"#EXT-X-MAP", 1)},
		{"D4", strings.Replace(one, "#EXT-X-PRELOAD", strings.Replace(daterange("X-A=\"\""), "\"a\"", "\"b\"", 1), 1), one},
		{"", one, one},
	} {
		r := &recorder{TB: t}
		j := packagertest.NewJudge(r, func(string) []byte { return nil })
		j.LooseParts = true
		j.Read(one, one)
		j.ReadV2(one)
		r.said = nil
		j.Read(tc.two, tc.two)
		if tc.v2 != "" {
			j.ReadV2(tc.v2)
		}
		switch said := strings.Join(r.said, "\n"); {
		case tc.rule != "" && !r.complainsAbout(tc.rule+" "):
			t.Errorf("%s: the judge said %q", tc.rule, said)
		case tc.rule == "" && strings.ContainsAny(said, "TD"):
			t.Errorf("the judge said %q of what is right", said)
		}
	}
}
