package origin

import (
	"testing"
	"time"
)

func newTestGuard(key string) *guard {
	return newGuard(Playback{Key: []byte(key), Rotate: time.Hour, Valid: 3 * time.Hour}.withDefaults())
}

// TestServersShareSecrets has two servers, one of which is ahead, and a
// third with another key.
func TestServersShareSecrets(t *testing.T) {
	const hour = int64(3600)
	at := func(s int64) time.Time { return time.Unix(500_000*hour+s, 0) }
	ours, theirs, stranger := newTestGuard("key"), newTestGuard("key"), newTestGuard("another")
	given := func(now time.Time) string { return ours.secrets(ours.door("show"), "show", now).current() }
	for _, tc := range []struct {
		name         string
		given, asked int64 // seconds
		want         verdict
	}{
		{"A8 the same moment", 10, 10, pathValid},
		{"A8 a server that is behind, in the hour before", 10, -10, pathValid},
		{"A8 a server that is two hours behind", 10, -10 - hour, pathWrong},
		{"A7 the last second", 10, 3*hour - 1, pathValid},
		{"A7 given late in the hour, it ends with the others", hour - 1, 3*hour - 1, pathValid},
		{"A7 over", 10, 3 * hour, pathOver},
		{"A7 long over", 10, 1000 * hour, pathOver},
	} {
		if got := theirs.judge("show", given(at(tc.given)), at(tc.asked)); got != tc.want {
			t.Errorf("%s: verdict %d, want %d", tc.name, got, tc.want)
		}
		if got := stranger.judge("show", given(at(tc.given)), at(tc.asked)); got != pathWrong {
			t.Errorf("A8 another key: %s: verdict %d", tc.name, got)
		}
		if got := theirs.judge("other", given(at(tc.given)), at(tc.asked)); got != pathWrong {
			t.Errorf("A5 another channel: %s: verdict %d", tc.name, got)
		}
	}
}

func TestNamesGoUnderAFolder(t *testing.T) {
	const text = "#EXTM3U\n\n#EXT-X-INDEPENDENT-SEGMENTS\n" +
		"#EXT-X-MEDIA:TYPE=AUDIO,URI=\"audio.m3u8\",GROUP-ID=\"sound\"\n#EXT-X-STREAM-INF:AUDIO=\"sound\"\nvideo.m3u8\nvideo2.m3u8"
	const want = "#EXTM3U\n\n#EXT-X-INDEPENDENT-SEGMENTS\n" +
		"#EXT-X-MEDIA:TYPE=AUDIO,URI=\"x/audio.m3u8\",GROUP-ID=\"sound\"\n#EXT-X-STREAM-INF:AUDIO=\"sound\"\nx/video.m3u8\nx/video2.m3u8"
	if got := string(under("x", []byte(text))); got != want {
		t.Errorf("A3 got\n%s", got)
	}
}

// FuzzSecret looks for a path that opens the door without having been given.
func FuzzSecret(f *testing.F) {
	g := newTestGuard("key")
	now := time.Unix(1_800_000_000, 0)
	valid := g.secrets(g.door("show"), "show", now)
	known := map[string]bool{}
	for i := range valid.texts {
		known[string(valid.texts[i][:])] = true
		f.Add(string(valid.texts[i][:]))
	}
	f.Add("")
	f.Add("0007a120+1234567890123456789012345678901")
	f.Fuzz(func(t *testing.T, secret string) {
		if got := g.judge("show", secret, now); (got == pathValid) != known[secret] {
			t.Errorf("A5 %q: verdict %d", secret, got)
		}
	})
}
