package api_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/api"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// events records what is asked of the media and answers with list and err.
type events struct {
	calls []string
	list  []api.Recording
	err   error
}

func (e *events) functions() api.Events {
	return api.Events{
		End: func(_ context.Context, channel string) (clock.Instant, error) {
			e.calls = append(e.calls, "end "+channel)
			return 1_800_000_000_000_000, e.err
		},
		Recordings: func(_ context.Context, channel string) ([]api.Recording, error) {
			e.calls = append(e.calls, "list "+channel)
			return e.list, e.err
		},
		Delete: func(_ context.Context, channel, id string) error {
			e.calls = append(e.calls, "delete "+channel+" "+id)
			return e.err
		},
	}
}

func TestEndOfAnEvent(t *testing.T) {
	const path = "/api/v1/channels/show/end"
	r := newRig(t)
	for _, body := range []string{"", "{}"} {
		if w := r.do("POST", path, body); w.Code != 200 || w.Body.String() != `{"channel":"show","ended_at_us":1800000000000000}`+"\n" {
			t.Errorf("answer %d %s", w.Code, w.Body)
		}
	}
	if want := []string{"end show", "end show"}; !slices.Equal(r.events.calls, want) {
		t.Errorf("asked %q, want %q", r.events.calls, want)
	}
	r.events.err = interact.Errorf(interact.CodeConflict, "Nothing has been on air")
	r.failed(r.do("POST", path, ""), 409, interact.CodeConflict, "Nothing")
	r.events.err = errors.New("disk on fire")
	r.failed(r.do("POST", path, ""), 500, interact.CodeInternal, "logged")
	r.events.calls = nil
	r.failed(r.do("POST", path, `{"now":true}`), 400, interact.CodeInvalid, `"now"`)
	r.failed(r.do("GET", path, ""), 405, interact.CodeInvalid, "POST")
	if len(r.events.calls) != 0 {
		t.Errorf("AP3 asked %q", r.events.calls)
	}
}

func TestRecordings(t *testing.T) {
	const path = "/api/v1/channels/show/recordings"
	r := newRig(t)
	if got := r.do("GET", path, "").Body.String(); got != `{"recordings":[]}`+"\n" {
		t.Errorf("none: %s", got)
	}
	r.events.list = []api.Recording{
		{ID: "one", Started: 1_000_000, Duration: 61*time.Minute + 500*time.Millisecond, Bytes: 9 << 30, URL: "/vod/show/one/index.m3u8"},
		{ID: "two", Started: 2_000_000, Live: true, URL: "/vod/show/two/index.m3u8"},
	}
	want := `{"recordings":[{"id":"two","started_at_us":2000000,"duration_ms":0,"bytes":0,"live":true,"url":"/vod/show/two/index.m3u8"},` +
		`{"id":"one","started_at_us":1000000,"duration_ms":3660500,"bytes":9663676416,"live":false,"url":"/vod/show/one/index.m3u8"}]}`
	if got := r.do("GET", path, "").Body.String(); got != want+"\n" {
		t.Errorf("newest first: %s", got)
	}
	r.events.calls = nil
	if w := r.do("DELETE", path+"/one", ""); w.Code != 204 || w.Body.Len() != 0 || !slices.Equal(r.events.calls, []string{"delete show one"}) {
		t.Errorf("delete: %d %s after %q", w.Code, w.Body, r.events.calls)
	}
	r.events.err = api.ErrNoRecording
	r.failed(r.do("DELETE", path+"/three", ""), 404, interact.CodeInvalid, "no such recording")
	r.events.err = interact.Errorf(interact.CodeConflict, "being made")
	r.failed(r.do("DELETE", path+"/two", ""), 409, interact.CodeConflict, "being made")
}

func TestWhoMayEndAnEvent(t *testing.T) {
	r := newRig(t)
	all := "Bearer " + r.mint(token.RoleProducer)
	for _, route := range []string{"POST /end", "GET /recordings", "DELETE /recordings/one"} {
		method, path, _ := strings.Cut(route, " ")
		r.failed(r.do(method, "/api/v1/channels/show"+path, "", "Authorization", ""), 401, interact.CodeDenied, "Authorization")
		r.failed(r.do(method, "/api/v1/channels/show"+path, "", "Authorization", "Bearer "+r.mint(token.RoleViewer)), 401, interact.CodeDenied, "viewer")
		r.failed(r.do(method, "/api/v1/channels/other"+path, ""), 403, interact.CodeDenied, "not for this channel")
		r.failed(r.do(method, "/api/v1/channels/nope"+path, "", "Authorization", all), 404, interact.CodeInvalid, `"nope"`)
		if method != "GET" {
			r.failed(r.do(method, "/api/v1/channels/show"+path, "", "Sec-Fetch-Site", "cross-site"), 403, interact.CodeDenied, "another origin")
		}
	}
	if len(r.events.calls) != 0 {
		t.Errorf("AP2 asked %q", r.events.calls)
	}
}
