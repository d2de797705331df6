package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// theatre lists one part more for every playlist that waits for it.
type theatre struct {
	zipped bool
	skips  uint64 // parts that pass between two playlists, besides one

	mu     sync.Mutex // protects what follows
	edge   uint64     // newest part; six make a segment
	loaded []string
}

func (th *theatre) playlist() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-SKIP:SKIPPED-SEGMENTS=2\n")
	first := uint64(0)
	if th.edge > 12 {
		first = th.edge/6*6 - 6
		b.Reset()
		fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-SKIP:SKIPPED-SEGMENTS=%d\n", 2+first/6)
	}
	for n := first; n <= th.edge; n++ {
		fmt.Fprintf(&b, "#EXT-X-PART:DURATION=0.1,URI=\"p%d.mp4\"\n", n)
		if n%6 == 5 {
			b.WriteString("#EXTINF:0.6,\ns.mp4\n")
		}
	}
	return b.String()
}

func (th *theatre) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	th.mu.Lock()
	defer th.mu.Unlock()
	file := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if file != "video.m3u8" {
		th.loaded = append(th.loaded, file)
		var n int64
		fmt.Sscanf(file, "p%d.mp4", &n)
		w.Write(append(append([]byte("moof"), stampOf(3*n+1)...), stampOf(3*n+2)...))
		return
	}
	if r.URL.RawQuery != "" {
		next := fmt.Sprintf("_HLS_msn=%d&_HLS_part=%d&_HLS_skip=YES", 12+(th.edge+1)/6, (th.edge+1)%6)
		if r.URL.RawQuery != next {
			http.Error(w, "asks for "+r.URL.RawQuery+", not "+next, http.StatusBadRequest)
			return
		}
		th.edge += 1 + th.skips
	}
	text := []byte(th.playlist())
	if th.zipped {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(text)
		z.Close()
		text = b.Bytes()
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Write(text)
}

// watch lets one viewer have so many parts.
func watch(t *testing.T, th *theatre, parts int) *house {
	t.Helper()
	server := httptest.NewServer(th)
	t.Cleanup(server.Close)
	w, err := newSwarm(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	h := newHouse(w, &stage{playlist: hlsPath + "video.m3u8"})
	if err := w.join(&follower{house: h}); err != nil {
		t.Fatal(err)
	}
	for deadline := now() + instant(20*time.Second); len(h.got) < parts && w.failed == 0 && now() < deadline; {
		if err := w.run(t.Context(), now()+instant(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	if w.failed > 0 || len(h.got) < parts {
		t.Fatalf("%d parts, %d errors: %v", len(h.got), w.failed, w.failure)
	}
	return h
}

func TestFollowerLoadsEveryPart(t *testing.T) {
	for _, tc := range []struct {
		name  string
		skips uint64
	}{{"one at a time", 0}, {"two at a time", 1}} {
		for _, zipped := range []bool{false, true} {
			th := &theatre{edge: 3, skips: tc.skips, zipped: zipped}
			h := watch(t, th, 30)
			var want []string
			for n := range uint64(30) {
				want = append(want, fmt.Sprintf("p%d.mp4", 3+n))
			}
			th.mu.Lock()
			loaded := slices.Clone(th.loaded)
			th.mu.Unlock()
			if got := loaded[:30]; !slices.Equal(got, want) {
				t.Errorf("%s, zipped %v: loaded %v", tc.name, zipped, got)
			}
			if h.missed > 0 || h.rejoined > 0 {
				t.Errorf("%s: %d missed, %d rejoined", tc.name, h.missed, h.rejoined)
			}
		}
	}
}

// A viewer that comes too late says so.
func TestFollowerMissesParts(t *testing.T) {
	if h := watch(t, &theatre{edge: 3, skips: 20}, 40); h.missed == 0 {
		t.Error("twenty parts left the playlist between two reloads, and nobody missed them")
	}
}

func TestDelaysCountFromTheLastPicture(t *testing.T) {
	h := watch(t, &theatre{edge: 3}, 5)
	pushed := make([]instant, 1000)
	for n := range pushed {
		pushed[n] = instant(n) * instant(time.Millisecond)
	}
	h.got = h.got[:2] // the parts 3 and 4, whose last pictures are 11 and 14
	for i := range h.got {
		h.got[i].at = instant(100 * time.Millisecond)
	}
	behindLast, behindEnd := h.delays(pushed)
	if want := (spread{86 * time.Millisecond, 89 * time.Millisecond}); !slices.Equal(behindLast, want) {
		t.Errorf("behind the last picture: %v, want %v", behindLast, want)
	}
	if want := (spread{85 * time.Millisecond, 88 * time.Millisecond}); !slices.Equal(behindEnd, want) {
		t.Errorf("behind the end: %v, want %v", behindEnd, want)
	}
}

func TestStamp(t *testing.T) {
	part := append(append([]byte("moofmdat"), stampOf(7)...), "picture"...)
	part = append(append(part, stampOf(123_456_789)...), "picture"...)
	if n, ok := lastStamp(part); !ok || n != 123_456_789 {
		t.Errorf("last stamp = %d, %v", n, ok)
	}
	for _, bad := range []string{"", "moofmdat", mark, mark + "12345678901", mark + "12345678901x"} {
		if n, ok := lastStamp([]byte(bad)); ok {
			t.Errorf("%q has the stamp %d", bad, n)
		}
	}
	if unit := stampOf(0); bytes.Contains(unit, []byte{0, 0}) {
		t.Errorf("stamp needs an emulation prevention byte: % x", unit)
	}
}

func TestFilesToBegin(t *testing.T) {
	const playlist = "#EXTM3U\n#EXT-X-MAP:URI=\"i.mp4\"\n" +
		"#EXT-X-PART:DURATION=1,URI=\"a.mp4\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=1,URI=\"b.mp4\"\n#EXTINF:2,\ns.mp4\n" +
		"#EXT-X-PART:DURATION=1,URI=\"c.mp4\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=1,URI=\"d.mp4\"\n" +
		"#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"e.mp4\"\n"
	if got, want := filesToBegin([]byte(playlist)), []string{"i.mp4", "c.mp4", "d.mp4"}; !slices.Equal(got, want) {
		t.Errorf("files = %v, want %v", got, want)
	}
	if got := filesToBegin([]byte("#EXTM3U\n#EXT-X-PART:DURATION=1,URI=\"b.mp4\"\n")); got != nil {
		t.Errorf("without a key frame: %v", got)
	}
}

func TestViewerSteps(t *testing.T) {
	var v viewerSteps
	if err := v.Set("10,200"); err != nil || v.String() != "10,200" {
		t.Errorf("steps = %s, %v", v.String(), err)
	}
	for _, bad := range []string{"", "x", "0", "20,10", "10,,20", "100000"} {
		if err := v.Set(bad); err == nil {
			t.Errorf("%q is taken for steps", bad)
		}
	}
}
