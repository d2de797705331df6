package origin_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/packager/origin"
)

// TestAdmit: a server that gets its media elsewhere lets in whom ServeHTTP does,
// and turns away with the same words, also for channels that it has not got.
func TestAdmit(t *testing.T) {
	th := newTheatre(t, origin.Playback{})
	good := th.ticket(token.RoleViewer, time.Hour, "show")
	mine := th.enter("show")
	for _, target := range []string{
		"/hls/show/index.m3u8?token=" + good,
		"/hls/show/index.m3u8",
		"/hls/show/index.m3u8?token=x",
		"/hls/encore/index.m3u8?token=" + good,
		"/hls/show/" + mine + "/video.m3u8",
		"/hls/show/" + mine + "/index.m3u8?token=" + good,
		"/hls/show/" + strings.Repeat("0", 40) + "/video.m3u8",
		"/hls/show/video.m3u8",
		"/hls/open/index.m3u8",
		"/hls/open/video.m3u8",
		"/hls/open/" + mine + "/video.m3u8",
		"/hls/open/passwords",
		"/other",
	} {
		before := th.o.Stats().Denied
		served := th.get(target)
		denied := th.o.Stats().Denied - before
		w := httptest.NewRecorder()
		admitted := th.o.Admit(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
		if admitted != (served.Code == http.StatusOK) {
			t.Errorf("A1 %s: admitted %v, served %d", target, admitted, served.Code)
		}
		if counted := th.o.Stats().Denied - before - denied; counted != denied {
			t.Errorf("A2 %s: %d counted as denied, %d when served", target, counted, denied)
		}
		if admitted {
			continue
		}
		if w.Code != served.Code || w.Body.String() != served.Body.String() || w.Header().Get("WWW-Authenticate") != served.Header().Get("WWW-Authenticate") {
			t.Errorf("A2 %s: %d %v %s, served %d %v %s", target, w.Code, w.Header(), w.Body, served.Code, served.Header(), served.Body)
		}
	}
	w := httptest.NewRecorder()
	elsewhere := th.ticket(token.RoleViewer, time.Hour, "elsewhere")
	if !th.o.Admit(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/hls/elsewhere/index.m3u8?token="+elsewhere, nil)) {
		t.Errorf("A1 a channel that is not here: %d %s", w.Code, w.Body)
	}
}
