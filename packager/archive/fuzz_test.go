package archive

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/m3u8"
)

func written() []byte {
	text := head(2*time.Second, 41, 3)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	text = append(text, lines(m3u8.Segment{Map: "video-init-01234567.mp4", DateTime: at, Duration: 2 * time.Second, URI: "video-41.mp4"},
		[]string{`#EXT-X-DATERANGE:ID="a",START-DATE="2026-01-02T03:04:05.000Z"`})...)
	return append(text, lines(m3u8.Segment{Discontinuity: true, DateTime: at.Add(time.Hour), Duration: time.Second, URI: "video-42.mp4", Gap: true}, nil)...)
}

func TestParseJournal(t *testing.T) {
	text := written()
	for cut := range len(text) {
		j, err := parseJournal("video", text[:cut])
		if err != nil && cut >= len("#EXTM3U\n") {
			t.Errorf("RC6 cut after %d bytes: %v", cut, err)
		}
		if want := strings.Count(string(text[:cut]), ".mp4\n"); len(j.entries) != want {
			t.Errorf("RC6 cut after %d bytes: %d entries, want %d", cut, len(j.entries), want)
		}
	}
	j, err := parseJournal("video", text)
	if err != nil || len(j.entries) != 2 || j.entries[0].init == "" || !j.entries[1].gap || j.entries[1].duration != time.Second {
		t.Fatalf("RC6 %+v, %v", j, err)
	}
	want := strings.Replace(string(text), "EVENT", "VOD", 1) + endList
	if got := string(j.vod()); got != want {
		t.Errorf("RC3 closed\n%s\nwant\n%s", got, want)
	}
	j.entries[0].miss()
	j.entries[1].miss()
	want = strings.Replace(want, "video-41", "#EXT-X-GAP\nvideo-41", 1)
	if got := string(j.vod()); got != want {
		t.Errorf("RC4 with a file missing\n%s\nwant\n%s", got, want)
	}
	for _, bad := range []string{"../video-41.mp4\n", "video-41.0.mp4\n", "audio-41.mp4\n", "#EXTINF:x,\n", "#EXTINF:1e9,\n", "#EXT-X-MAP:URI=\"/etc/passwd\"\n", "#EXT-X-PROGRAM-DATE-TIME:now\n"} {
		if _, err := parseJournal("video", append(written(), bad...)); err == nil {
			t.Errorf("RC6 %q is no recording's", bad)
		}
	}
}

func FuzzParseJournal(f *testing.F) {
	f.Add(written())
	f.Add(written()[:150])
	f.Add([]byte("#EXTM3U\n\n#EXTINF:nan,\nvideo-1.mp4\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		j, err := parseJournal("video", text)
		if err != nil {
			return
		}
		again, err := parseJournal("video", j.vod())
		if err != nil || len(again.entries) != len(j.entries) {
			t.Fatalf("%d entries, read again %d: %v", len(j.entries), len(again.entries), err)
		}
		for i := range j.entries {
			if j.entries[i].duration < 0 || !bytes.HasSuffix(again.entries[i].text, []byte(j.entries[i].file+"\n")) {
				t.Fatalf("entry %+v", j.entries[i])
			}
		}
	})
}

func FuzzParsePath(f *testing.F) {
	f.Add("/vod/show/20270115T080010Z/index.m3u8")
	f.Add("/vod/show/20270115T080010Z-12/video2-init-01234567.mp4")
	f.Add("/vod/../20270115T080010Z/video-1.mp4")
	f.Fuzz(func(t *testing.T, path string) {
		file, name, ok := parsePath(path)
		if !ok {
			return
		}
		if strings.Contains(file, "..") || strings.Contains(file, "//") || strings.HasPrefix(file, "/") || !strings.HasSuffix(file, "/"+name.String()) {
			t.Fatalf("%q leads to %q", path, file)
		}
	})
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"start":"2026-01-02T03:04:05Z","tracks":{"video":{"codecs":["avc1.4d401e"],"width":640,"height":360}}}`))
	f.Add([]byte(`{"start":"2026-01-02T03:04:05Z","tracks":{"../x":null}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text)
		if err != nil {
			return
		}
		for name := range m.Tracks {
			if n, ok := packager.ParseName(playlistOf(name)); !ok || n.Rendition != name {
				t.Fatalf("a rendition called %q", name)
			}
		}
		_ = m.index()
	})
}

func FuzzBoxes(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x08free\x00\x00\x00\x0cmdat1234"))
	f.Add([]byte("\x00\x00\x00\x00free"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if boxes(bytes.NewReader(data), int64(len(data))) != nil {
			return
		}
		if boxes(bytes.NewReader(data), int64(len(data)-1)) == nil {
			t.Fatal("whole although its last byte is missing")
		}
	})
}
