package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/internal/demo"
	"github.com/cuelight/cuelight/sync/clock"
)

// What a server is said to have cut is what its playlist lists: delays are
// measured from there. Both cut the clip alike.
func TestEdgeIsThePlaylists(t *testing.T) {
	clip, err := demo.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, playlist string
		open           func(*demo.Clip) (hlsServer, http.Handler, error)
	}{
		{"cuelight", "video.m3u8", newCuelight},
		{"gohlslib", "video1_stream.m3u8", newGohlslib},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server, handler, err := tc.open(clip)
			if err != nil {
				t.Fatal(err)
			}
			var last position
			parts, first := 0, uint64(0)
			for n := int64(0); ; n++ {
				f := clip.Frame(n)
				if f.DTS > 20*clock.TicksPerSecond {
					break
				}
				if err := server.write(f); err != nil {
					t.Fatal(err)
				}
				edge, ok := server.edge()
				if !ok || edge == last {
					continue
				}
				if first == 0 {
					first = edge.MSN
				}
				last = edge
				parts++
				if edge.MSN == first && edge.Part < segmentParts-1 {
					continue // gohlslib has no playlist before the first whole segment
				}
				if got := newestListed(t, handler, tc.playlist); got != edge {
					t.Fatalf("edge = %v, the playlist ends with %v", edge, got)
				}
			}
			if want := 20 * 3; parts != want && parts != want-1 {
				t.Errorf("%d parts in 20 s, want %d", parts, want)
			}
		})
	}
}

func newestListed(t *testing.T, handler http.Handler, playlist string) position {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, hlsPath+playlist, nil))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), "#EXTM3U") {
		t.Fatalf("playlist: %d %s", w.Code, w.Body)
	}
	got, err := tipOf(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return got.newest
}
