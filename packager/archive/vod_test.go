package archive_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/archive"
)

// recorded is a handler with a closed recording, and the address of its folder.
func recorded(t *testing.T) (h *archive.VOD, dir, at string) {
	t.Helper()
	dir = t.TempDir()
	bubble(t, func(t *testing.T) {
		s := newSet(t, dir, archive.Config{Record: true}, packager.Config{})
		s.play(slow(first, 9*time.Second))
		s.finish()
		s.stop()
	})
	h, err := archive.NewVOD(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h, dir, "/vod/show/" + filepath.Base(only(t, dir)) + "/"
}

func TestVOD(t *testing.T) {
	h, dir, at := recorded(t)
	t.Run("VD1 media never changes", func(t *testing.T) {
		w := get(h, at+"video-1001.mp4")
		if w.Code != 200 || w.Header().Get("Content-Type") != "video/mp4" || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%d, %v", w.Code, w.Header())
		}
		if again := get(h, at+"video-1001.mp4", "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("the same file again: %d", again.Code)
		}
		part := get(h, at+"video-1001.mp4", "Range", "bytes=8-15")
		if part.Code != http.StatusPartialContent || !bytes.Equal(part.Body.Bytes(), w.Body.Bytes()[8:16]) {
			t.Errorf("a range: %d, %q", part.Code, part.Body)
		}
	})
	t.Run("VD2 playlists are compressed when the request allows it", func(t *testing.T) {
		plain := get(h, at+"video.m3u8")
		w := get(h, at+"video.m3u8", "Accept-Encoding", "gzip, br")
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(z); err != nil || !bytes.Equal(text, plain.Body.Bytes()) {
			t.Errorf("compressed %q, plain %q, %v", text, plain.Body, err)
		}
		if plain.Header().Get("Content-Type") != "application/vnd.apple.mpegurl" || plain.Header().Get("Vary") != "Accept-Encoding" ||
			plain.Header().Get("Cache-Control") != "max-age=60" || plain.Header().Get("ETag") == w.Header().Get("ETag") {
			t.Errorf("headers %v", plain.Header())
		}
		if no := get(h, at+"video.m3u8", "Accept-Encoding", "gzip;q=0"); no.Header().Get("Content-Encoding") != "" {
			t.Errorf("compressed although it was refused: %v", no.Header())
		}
	})
	t.Run("VD3 other files have no address", func(t *testing.T) {
		if err := os.Symlink("/etc/passwd", filepath.Join(only(t, dir), "video-7.mp4")); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{
			at, at + "recording.json", at + "video.m3u8.gz", at + "video-1001.0.mp4", at + "video-9.mp4", at + "../../../show/x", at + "video-01001.mp4",
			"/vod/show/20270115T080010Z-x/index.m3u8", "/vod/../show/index.m3u8", "/vod/Show/20270115T080010Z/index.m3u8",
			"/vod/show/" + "20990101T000000Z/index.m3u8", "/vod/show/dvr/video-1001.mp4", "/vod/", "/", at + "index.m3u8/", at + "audio.m3u8",
		} {
			if w := get(h, path); w.Code != http.StatusNotFound || w.Header().Get("Cache-Control") != "max-age=1" {
				t.Errorf("%s: %d, %v", path, w.Code, w.Header())
			}
		}
		if w := get(h, at+"video-7.mp4"); w.Code == 200 || strings.Contains(w.Body.String(), "root") {
			t.Errorf("a link that leads out of the folder: %d", w.Code)
		}
	})
	t.Run("VD4 pages of every origin may read", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodOptions, at+"index.m3u8", nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusNoContent || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%d, %v", w.Code, w.Header())
		}
		r = httptest.NewRequest(http.MethodPost, at+"index.m3u8", nil)
		w = httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST: %d", w.Code)
		}
	})
}

// TestHas says where a recording is, without opening anything.
func TestHas(t *testing.T) {
	h, _, at := recorded(t)
	id := filepath.Base(at)
	for _, tc := range []struct {
		path     string
		id       string
		here, ok bool
	}{
		{at + "index.m3u8", id, true, true},
		{at + "video-9999.mp4", id, true, true},
		{"/vod/show/20990101T000000Z/index.m3u8", "20990101T000000Z", false, true},
		{"/vod/other/20990101T000000Z/index.m3u8", "20990101T000000Z", false, true},
		{at + "recording.json", "", false, false},
		{"/vod/show/../index.m3u8", "", false, false},
		{"/vod/", "", false, false},
	} {
		channel, recording, here, ok := h.Has(tc.path)
		if recording != tc.id || here != tc.here || ok != tc.ok || ok != (channel != "") {
			t.Errorf("VD5 %s: %q %q, here %v, ok %v", tc.path, channel, recording, here, ok)
		}
	}
}

// TestWatchWhileItIsWritten serves an open recording up to its last whole
// entry.
func TestWatchWhileItIsWritten(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "show", "recordings", "20270115T080010Z")
	text := "#EXTM3U\n#EXT-X-PLAYLIST-TYPE:EVENT\n#EXTINF:2.00000,\nvideo-1.mp4\n"
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	h, err := archive.NewVOD(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, torn := range []string{"", "#EXT-X-PROGRAM-DA", "#EXTINF:2.00000,\n", "#EXTINF:2.00000,\nvideo-2.m"} {
		if err := os.WriteFile(filepath.Join(folder, "video.m3u8"), []byte(text+torn), 0o600); err != nil {
			t.Fatal(err)
		}
		w := get(h, "/vod/show/20270115T080010Z/video.m3u8")
		if w.Body.String() != text || w.Header().Get("Cache-Control") != "max-age=1" {
			t.Errorf("RC3 with %q at the end: %v\n%s", torn, w.Header(), w.Body)
		}
	}
}
