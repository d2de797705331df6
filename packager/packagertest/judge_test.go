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
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.002,HOLD-BACK=6.000,CAN-SKIP-UNTIL=12.000
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
	} {
		t.Run(tc.rule, func(t *testing.T) {
			text := strings.Replace(good, tc.old, tc.new, 1)
			if text == good {
				t.Fatal("nothing was spoilt")
			}
			r := &recorder{TB: t}
			j := packagertest.NewJudge(r, func(string) []byte { return nil })
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
