package api_test

import (
	"net/http/httptest"
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/api"
)

// TestCommandPace: who commands a channel without end is refused, and nobody
// else is.
func TestCommandPace(t *testing.T) {
	r := newRig(t)
	const draft = `{"kind":"poll","title":"Tea?","options":["Yes","No"]}`
	made := 0
	for made < 1000 {
		w := r.do("POST", "/api/v1/channels/show/cues", draft)
		if w.Code != 201 {
			r.failed(w, 429, interact.CodeTooMany, "more slowly")
			if w.Header().Get("Retry-After") == "" {
				t.Error("AP15 429 without Retry-After")
			}
			break
		}
		made++
	}
	if made < 200 || made == 1000 {
		t.Errorf("AP15 %d commands at once, want 200 and what the time allows", made)
	}
	if w := r.do("GET", "/api/v1/channels/show/cues", ""); w.Code != 200 {
		t.Errorf("AP15 reading is refused as well: %d", w.Code)
	}
	if n := r.api.Refused()[interact.CodeTooMany]; n != 1 {
		t.Errorf("AP16 %d refusals counted, want 1", n)
	}
}

// TestAnswerQuota: answers over HTTP are the tenant's as those of sockets are.
func TestAnswerQuota(t *testing.T) {
	var asked []string
	r := newRigWith(t, func(c *api.Config) {
		c.Quota = func(channel string) error {
			if asked = append(asked, channel); len(asked) > 1 {
				return interact.Errorf(interact.CodeBusy, "Many answers are coming in at once.")
			}
			return nil
		}
	})
	answer := func() *httptest.ResponseRecorder {
		_, auth := r.viewer("show", "")
		return r.do("POST", answersOfC1, `{"id":"a1","rev":2,"choice":[1]}`, auth...)
	}
	first := answer()
	if first.Code != 200 {
		t.Fatalf("AP15 %d %s", first.Code, first.Body)
	}
	r.failed(answer(), 503, interact.CodeBusy, "Many answers")
	if len(asked) != 2 || asked[0] != "show" {
		t.Errorf("AP15 asked for %v", asked)
	}
}
