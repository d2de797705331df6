package main

import (
	"net/http"
	"testing"

	"github.com/cuelight/cuelight/interact/api"
)

// TestPreview: a producer who is signed in sees a protected channel in the
// studio, whatever viewers have to know to get in.
func TestPreview(t *testing.T) {
	s := onAir(t, "channels: {show: {protected: true, open: true, identity: {require: pin, pin: \"4711\"}}}\n")
	encode(t, "-f", "flv", "rtmp://"+s.address(t, "rtmp")+"/live/show")
	s.live(t, "show")
	status := func(cookie string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.web+"/hls/show/index.m3u8", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: api.Cookie, Value: cookie})
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if got := status(s.token); got != http.StatusOK {
		t.Errorf("A1 a producer's preview: %d", got)
	}
	if got := status("x" + s.token); got != http.StatusUnauthorized {
		t.Errorf("A2 somebody who is not signed in: %d", got)
	}
}
