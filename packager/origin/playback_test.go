package origin_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/packager/packagertest"
)

// theatre is a stage on which the channels "show" and "encore" are protected
// and "open" is not. All are the same channel.
type theatre struct {
	*stage
	keys *token.Keys
}

// check lets bearers of a token for the channel in.
func check(keys *token.Keys) func(tok, channel string, now time.Time) error {
	return func(tok, channel string, now time.Time) error {
		claims, err := keys.Verify(tok, now)
		if err == nil && !claims.May(channel) {
			return origin.ErrOtherChannel
		}
		return err
	}
}

func newTheatre(t testing.TB, playback origin.Playback) theatre {
	t.Helper()
	keys, err := token.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	playback.Protected = func(channel string) bool { return channel != "open" }
	playback.Check, playback.Key = check(keys), bytes.Repeat([]byte{7}, 32)
	s := newStage(t, origin.Config{})
	lookup := func(name string) (*packager.Channel, bool) {
		return s.c, name == "show" || name == "encore" || name == "open"
	}
	s.o = origin.New(lookup, origin.Config{Playback: playback})
	show := packagertest.Show{Start: first, Duration: 7 * time.Second}
	s.begin(show)
	s.write(show.Frames())
	return theatre{stage: s, keys: keys}
}

// ticket is a token for some channels.
func (th theatre) ticket(role string, lasts time.Duration, channels ...string) string {
	th.t.Helper()
	now := time.Now()
	tok, err := th.keys.Mint(token.Claims{Role: role, Subject: "p1", Channels: channels, Expires: now.Add(lasts)}, now)
	if err != nil {
		th.t.Fatal(err)
	}
	return tok
}

var secretPath = regexp.MustCompile(`(?m)^([0-9a-f]{40})/video\.m3u8$`)

// enter loads the multivariant playlist and returns the secret in it.
func (th theatre) enter(channel string) string {
	th.t.Helper()
	w := th.get("/hls/" + channel + "/index.m3u8?token=" + th.ticket(token.RoleViewer, time.Hour, channel))
	found := secretPath.FindStringSubmatch(w.Body.String())
	if w.Code != 200 || found == nil {
		th.t.Fatalf("A1 %d:\n%s", w.Code, w.Body)
	}
	return found[1]
}

func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheatre(t, origin.Playback{})
		other, err := token.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		forged, err := other.Mint(token.Claims{Role: token.RoleViewer, Subject: "p1", Expires: time.Now().Add(time.Hour)}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		short := th.ticket(token.RoleViewer, time.Minute, "show")
		time.Sleep(time.Minute)
		index := "/hls/show/index.m3u8"
		good := th.ticket(token.RoleViewer, time.Hour, "show")
		for _, tc := range []struct {
			name, target, authorization string
			status                      int
		}{
			{"A1 a token", index + "?token=" + good, "", 200},
			{"A1 between other parameters", index + "?a=b&token=" + good + "&c", "", 200},
			{"A1 in the header", index, "Bearer " + good, 200},
			{"A1 in the header, another spelling", index, "bearer  " + good, 200},
			{"A1 for all channels", index + "?token=" + th.ticket(token.RoleViewer, time.Hour), "", 200},
			{"A1 a producer's", index + "?token=" + th.ticket(token.RoleProducer, time.Hour, "show"), "", 200},
			{"A2 none", index, "", 401},
			{"A2 empty", index + "?token=", "", 401},
			{"A2 expired", index + "?token=" + short, "", 401},
			{"A2 of another server", index + "?token=" + forged, "", 401},
			{"A2 nonsense", index + "?token=%00%ff", "", 401},
			{"A2 of another kind", index, "Basic " + good, 401},
			{"A2 another channel's", index + "?token=" + th.ticket(token.RoleViewer, time.Hour, "encore"), "", 403},
			{"A2 with a query and a wrong header", index + "?token=" + good, "Bearer x", 401},
			{"A5 the playlist itself is not below the path", "/hls/show/" + th.enter("show") + "/index.m3u8?token=" + good, "", 404},
			{"a public channel needs none", "/hls/open/index.m3u8", "", 200},
			{"an unknown channel", "/hls/none/index.m3u8", "", 404},
		} {
			header := http.Header{}
			if tc.authorization != "" {
				header.Set("Authorization", tc.authorization)
			}
			w := th.do(t.Context(), http.MethodGet, tc.target, header)
			if w.Code != tc.status {
				t.Errorf("%s: %d, want %d: %s", tc.name, w.Code, tc.status, w.Body)
			}
			if strings.Contains(w.Body.String(), good) || strings.Contains(w.Body.String(), "token=ey") {
				t.Errorf("A6 %s: the answer has the token in it", tc.name)
			}
			asks := strings.HasPrefix(tc.target, index)
			if got := w.Header().Get("Cache-Control"); asks && got != "private, no-store" {
				t.Errorf("A4 %s: Cache-Control is %s", tc.name, got)
			}
			if got := w.Header().Get("WWW-Authenticate"); (got != "") != (tc.status == 401) {
				t.Errorf("A2 %s: WWW-Authenticate is %q", tc.name, got)
			}
			if tc.status >= 400 && w.Header().Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("N4 %s: a page cannot read why", tc.name)
			}
		}
		if n := th.o.Stats().Denied; n != 9 {
			t.Errorf("%d counted as denied, want 9", n)
		}
	})
}

func TestPaths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheatre(t, origin.Playback{})
		mine, encore := th.enter("show"), th.enter("encore")
		if mine == encore {
			t.Error("A3 two channels share a path")
		}
		flip := func(s string, i int) string {
			b := []byte(s)
			if b[i]++; b[i] == '9'+1 || b[i] == 'f'+1 {
				b[i] = '0'
			}
			return string(b)
		}
		below := "/hls/show/" + mine + "/"
		for _, tc := range []struct {
			name, target string
			status       int
			cache        string
		}{
			{"A3 media playlist", below + "video.m3u8", 200, "max-age=1"},
			{"A3 blocking", below + "audio.m3u8?_HLS_msn=104&_HLS_part=0", 200, "max-age=12"},
			{"A3 part", below + "video-103.0.mp4", 200, "max-age=12"},
			{"A3 segment", below + "audio-103.mp4", 200, "max-age=12"},
			{"A3 a token changes nothing", below + "video-103.mp4?token=x", 200, "max-age=12"},
			{"A5 no path", "/hls/show/video.m3u8", 404, "max-age=1"},
			{"A5 no path, a part", "/hls/show/video-103.0.mp4", 404, "max-age=1"},
			{"A5 a token is no path", "/hls/show/video.m3u8?token=" + th.ticket(token.RoleViewer, time.Hour), 404, "max-age=1"},
			{"A5 another channel's path", "/hls/show/" + encore + "/video.m3u8", 404, "max-age=1"},
			{"A5 one digit is wrong", "/hls/show/" + flip(mine, 39) + "/video.m3u8", 404, "max-age=1"},
			{"A5 the first digit of the MAC", "/hls/show/" + flip(mine, 8) + "/video.m3u8", 404, "max-age=1"},
			{"A5 another period", "/hls/show/" + flip(mine, 7) + "/video.m3u8", 404, "max-age=1"},
			{"A5 in capitals", "/hls/show/" + strings.ToUpper(mine) + "/video.m3u8", 404, "max-age=1"},
			{"A5 too short", "/hls/show/" + mine[:39] + "/video.m3u8", 404, "max-age=1"},
			{"A5 too long", "/hls/show/" + mine + "0/video.m3u8", 404, "max-age=1"},
			{"A5 no digits", "/hls/show/" + strings.Repeat("z", 40) + "/video.m3u8", 404, "max-age=1"},
			{"A5 twice", below + mine + "/video.m3u8", 404, "max-age=1"},
			{"A5 a public channel has no paths", "/hls/open/" + mine + "/video.m3u8", 404, "max-age=1"},
			{"a public channel", "/hls/open/video.m3u8", 200, "max-age=1"},
		} {
			w := th.get(tc.target)
			if w.Code != tc.status || w.Header().Get("Cache-Control") != tc.cache {
				t.Errorf("%s: %d %s, want %d %s: %s", tc.name, w.Code, w.Header().Get("Cache-Control"), tc.status, tc.cache, w.Body)
			}
			if strings.Contains(w.Body.String(), mine) {
				t.Errorf("A6 %s: the answer has the path in it", tc.name)
			}
		}
	})
}

// TestEverythingIsBelowThePath follows every name of the playlists.
func TestEverythingIsBelowThePath(t *testing.T) {
	th := newTheatre(t, origin.Playback{})
	tok := th.ticket(token.RoleViewer, time.Hour, "show")
	index := th.get("/hls/show/index.m3u8?token=" + tok).Body.String()
	secret := th.enter("show")
	if strings.Count(index, secret+"/") != strings.Count(index, ".m3u8") {
		t.Errorf("A3 a name without the path:\n%s", index)
	}
	zipped := th.do(t.Context(), http.MethodGet, "/hls/show/index.m3u8?token="+tok, http.Header{"Accept-Encoding": {"gzip"}})
	z, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != index {
		t.Errorf("N2 compressed it is another: %v\n%s", err, text)
	}
	plain := strings.ReplaceAll(index, secret+"/", "")
	if public := th.get("/hls/open/index.m3u8").Body.String(); public != plain {
		t.Errorf("A3 protected playlist\n%s\nis not the public one with paths\n%s", index, public)
	}
	quoted := regexp.MustCompile(`URI="([^"]+)"`)
	for _, playlist := range []string{"video.m3u8", "audio.m3u8"} {
		body := th.get("/hls/show/" + secret + "/" + playlist).Body.String()
		if public := th.get("/hls/open/" + playlist).Body.String(); body != public {
			t.Errorf("A3 %s depends on the path:\n%s", playlist, body)
		}
		for _, uri := range quoted.FindAllStringSubmatch(body, -1) {
			if strings.ContainsAny(uri[1], "/?") {
				t.Errorf("N5 %s names %s", playlist, uri[1])
			}
		}
	}
}

func TestPathsRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheatre(t, origin.Playback{Rotate: time.Hour, Valid: 3 * time.Hour})
		time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour)))
		begun := th.enter("show")
		status := func() int { return th.get("/hls/show/" + begun + "/video.m3u8").Code }
		time.Sleep(time.Hour - time.Second)
		if late := th.enter("show"); late != begun || status() != 200 {
			t.Errorf("A7 another path within the hour: %d", status())
		}
		time.Sleep(time.Second)
		if next := th.enter("show"); next == begun || status() != 200 {
			t.Errorf("A7 the same path after an hour: %d", status())
		}
		time.Sleep(2*time.Hour - time.Second)
		if got := status(); got != 200 {
			t.Errorf("A7 %d just before the path ends", got)
		}
		time.Sleep(time.Second)
		if got := status(); got != http.StatusGone {
			t.Errorf("A7 %d after the path ended, want 410", got)
		}
		if w := th.get("/hls/show/" + begun[:39] + "x/video.m3u8"); w.Code != 404 {
			t.Errorf("A5 a wrong path of an hour that is over: %d", w.Code)
		}
	})
}

func TestProtectedBeforeThePublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheatre(t, origin.Playback{})
		s := newStage(t, origin.Config{})
		s.o = origin.New(func(string) (*packager.Channel, bool) { return s.c, true }, origin.Config{Playback: origin.Playback{
			Protected: func(string) bool { return true }, Check: check(th.keys), Key: bytes.Repeat([]byte{7}, 32),
		}})
		target := "/hls/show/index.m3u8?token=" + th.ticket(token.RoleViewer, time.Hour)
		if w := s.get(target); w.Code != 404 || w.Header().Get("Cache-Control") != "private, no-store" {
			t.Errorf("A4 %d %v", w.Code, w.Header())
		}
		if w := s.get("/hls/show/index.m3u8"); w.Code != 401 {
			t.Errorf("A2 %d", w.Code)
		}
		show := packagertest.Show{Start: first, Duration: 2 * time.Second}
		s.begin(show)
		early := s.ask(t.Context(), target)
		s.pace(show.Frames())
		if a := <-early; a.Code != 200 || !secretPath.MatchString(a.Body.String()) {
			t.Errorf("O1 A1 %d:\n%s", a.Code, a.Body)
		}
	})
}

func TestPlaybackValidates(t *testing.T) {
	all := func(string) bool { return true }
	keys, err := token.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	key := make([]byte, 32)
	for _, tc := range []struct {
		p    origin.Playback
		want string
	}{
		{origin.Playback{}, ""},
		{origin.Playback{Protected: all, Check: check(keys), Key: key}, ""},
		{origin.Playback{Protected: all, Check: check(keys), Key: key, Rotate: 24 * time.Hour}, ""},
		{origin.Playback{Protected: all, Check: check(keys), Key: key, Rotate: 7 * time.Minute}, ""},
		{origin.Playback{Protected: all, Key: key}, "nobody checks"},
		{origin.Playback{Protected: all, Check: check(keys), Key: key[:31]}, "32 bytes"},
		{origin.Playback{Rotate: time.Second}, "playback.rotate: 1s"},
		{origin.Playback{Rotate: time.Hour, Valid: time.Hour}, "playback.valid: 1h"},
		{origin.Playback{Rotate: time.Hour, Valid: 150 * time.Minute}, "playback.valid: 2h30"},
		{origin.Playback{Rotate: time.Minute, Valid: 1001 * time.Minute}, "playback.valid: 16h41"},
	} {
		err := tc.p.Validate()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%+v: %v, want %q", tc.p, err, tc.want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an origin that protects with no key was made")
		}
	}()
	origin.New(nil, origin.Config{Playback: origin.Playback{Protected: all, Check: check(keys)}})
}

func TestRedact(t *testing.T) {
	for path, want := range map[string]string{
		"/hls/show/0123abcd/video-1.mp4": "/hls/show/-/video-1.mp4",
		"/hls/show/a/b/c/video-1.mp4":    "/hls/show/-/video-1.mp4",
		"/hls/show/index.m3u8":           "/hls/show/index.m3u8",
		"/hls/show":                      "/hls/show",
		"/hls/show/secret/":              "/hls/show/-/",
		"/watch/show":                    "/watch/show",
	} {
		if got := origin.Redact(path); got != want {
			t.Errorf("A6 %s is logged as %s, want %s", path, got, want)
		}
	}
}

func TestPreflightAllowsTheTokensHeader(t *testing.T) {
	th := newTheatre(t, origin.Playback{})
	w := th.do(context.Background(), http.MethodOptions, "/hls/show/index.m3u8", nil)
	if w.Code != 204 || !strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("N4 %d %v", w.Code, w.Header())
	}
}
