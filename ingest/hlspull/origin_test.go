package hlspull_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest/ingesttest"
)

// recording is what ffmpeg made: segments of one second each.
type recording struct {
	init     []byte // nil in MPEG-TS
	segments [][]byte
}

const segmentLength = time.Second

// record encodes n segments. It is called outside of bubbles.
func record(t testing.TB, n int, codings ...string) recording {
	t.Helper()
	dir := t.TempDir()
	args := []string{"-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25", "-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", strconv.Itoa(n)}
	args = append(args, codings...)
	args = append(args, "-f", "hls", "-hls_time", "1", "-hls_list_size", "0", "-hls_segment_filename", filepath.Join(dir, "%03d.seg"), filepath.Join(dir, "index.m3u8"))
	if code, output := run(t, args...); code != 0 {
		t.Fatalf("ffmpeg: %s", output)
	}
	var r recording
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(names) < n {
		t.Fatalf("%d segments, %v", len(names), err)
	}
	for _, name := range names[:n] {
		r.segments = append(r.segments, read(t, name))
	}
	if init, err := os.ReadFile(filepath.Join(dir, "init.mp4")); err == nil {
		r.init = init
	}
	return r
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// codings for record. Segments begin with key frames.
var (
	inTS   = []string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-keyint_min", "25", "-sc_threshold", "0", "-pix_fmt", "yuv420p", "-c:a", "aac", "-hls_segment_type", "mpegts"}
	inMP4  = append(inTS[:len(inTS)-1:len(inTS)-1], "fmp4")
	bigMP4 = append([]string{"-vf", "scale=320:180"}, inMP4...)
	inHEVC = []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=25:min-keyint=25:scenecut=0:bframes=0:open-gop=0", "-tag:v", "hvc1", "-c:a", "aac", "-hls_segment_type", "fmp4"}
	inAC3  = append(inMP4[:len(inMP4):len(inMP4)], "-c:a", "ac3")
)

// listed is a segment that an origin lists.
type listed struct {
	name          string
	data          []byte
	init          string
	discontinuity bool
	undated       bool
	late          time.Duration // than it would be published
	date          time.Duration // beyond what the others' dates say
}

// origin is an HLS origin without a network: it publishes a segment each
// second, as its clock runs, and lists the newest ones.
type origin struct {
	begun    time.Time
	segments []listed
	inits    map[string][]byte
	window   int
	first    int // sequence number of the first
	ended    bool
	mu       sync.Mutex // protects requests
	requests []string
}

var _ http.RoundTripper = (*origin)(nil)

func newOrigin(recordings ...recording) *origin {
	o := &origin{begun: time.Now(), inits: make(map[string][]byte), window: 5}
	for k, r := range recordings {
		init := ""
		if r.init != nil {
			init = fmt.Sprintf("init%d.mp4", k)
			o.inits[init] = r.init
		}
		for i, data := range r.segments {
			o.segments = append(o.segments, listed{name: fmt.Sprintf("%d-%d.seg", k, i), data: data, init: init, discontinuity: k > 0 && i == 0})
		}
	}
	return o
}

func (o *origin) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	o.mu.Lock()
	o.requests = append(o.requests, r.URL.RequestURI())
	o.mu.Unlock()
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "index.m3u8" {
		return respond(r, http.StatusOK, o.playlist()), nil
	}
	if init, ok := o.inits[name]; ok {
		return respond(r, http.StatusOK, init), nil
	}
	for _, s := range o.segments {
		if s.name == name {
			return respond(r, http.StatusOK, s.data), nil
		}
	}
	return respond(r, http.StatusNotFound, nil), nil
}

func respond(r *http.Request, status int, body []byte) *http.Response {
	return &http.Response{StatusCode: status, Request: r, Body: io.NopCloser(bytes.NewReader(body)), Header: make(http.Header), ProtoMajor: 1, ProtoMinor: 1}
}

// published is how many segments there are: five when the origin begins.
func (o *origin) published() int {
	n := 0
	for i, s := range o.segments {
		if time.Since(o.begun)+5*segmentLength < time.Duration(i+1)*segmentLength+s.late {
			break
		}
		n++
	}
	return n
}

func (o *origin) playlist() []byte {
	var b strings.Builder
	n := o.published()
	from := max(0, n-o.window)
	discontinuities := 0
	for _, s := range o.segments[:from] {
		if s.discontinuity {
			discontinuities++
		}
	}
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-DISCONTINUITY-SEQUENCE:%d\n", o.first+from, discontinuities)
	init := ""
	for i, s := range o.segments[from:n] {
		if s.discontinuity {
			b.WriteString("#EXT-X-DISCONTINUITY\n")
		}
		if s.init != init {
			fmt.Fprintf(&b, "#EXT-X-MAP:URI=%q\n", s.init)
			init = s.init
		}
		if !s.undated {
			b.WriteString("#EXT-X-PROGRAM-DATE-TIME:" + o.dateOf(from+i).Format("2006-01-02T15:04:05.000Z07:00") + "\n")
		}
		fmt.Fprintf(&b, "#EXTINF:1.0,\n%s\n", s.name)
	}
	if o.ended && n == len(o.segments) {
		b.WriteString("#EXT-X-ENDLIST\n")
	}
	return []byte(b.String())
}

// dateOf is a segment's programme date.
func (o *origin) dateOf(i int) time.Time {
	return o.begun.Add(time.Duration(i-5)*segmentLength + o.segments[i].date).UTC()
}

func run(t testing.TB, args ...string) (code int, output string) {
	t.Helper()
	tt, ok := t.(*testing.T)
	if !ok {
		t.Fatal("only tests run ffmpeg")
	}
	return ingesttest.Start(tt, args...).Wait(tt)
}
