package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

func (r *room) Ban(ctx context.Context, participant string, until clock.Instant, reason string) error {
	_, err := r.do(ctx, "ban", participant, reason)
	r.bans = append(r.bans, interact.Ban{Participant: participant, At: roomStart + 5, Until: until, Reason: reason})
	return err
}

func (r *room) Unban(ctx context.Context, participant string) error {
	_, err := r.do(ctx, "unban", participant)
	return err
}

func (r *room) Bans(ctx context.Context) ([]interact.Ban, error) {
	_, err := r.do(ctx, "bans")
	return r.bans, err
}

// crowd notes who was removed.
type crowd struct {
	room    *room
	removed []string
}

func (c *crowd) Roster(channel string, n int) *wire.Roster {
	if channel != "show" {
		return &wire.Roster{}
	}
	return &wire.Roster{Total: n + 1, Viewers: []wire.RosterViewer{{Participant: "p9", Grade: wire.GradePIN, Class: wire.ClassIn, Synced: true, Since: 1795410000000000, RTT: 3400}}}
}

func (c *crowd) Remove(channel, participant string, code wire.CloseCode) int {
	c.removed = append(c.removed, fmt.Sprintf("%s %s %d after %d bans", channel, participant, code, len(c.room.bans)))
	return 2
}

// gone sends a request whose client has left already.
func (r *rig) gone(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	cancel()
	req := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	return w
}

const participants = "/api/v1/channels/show/participants"

func TestRoster(t *testing.T) {
	r := newRig(t)
	want := `{"total":51,"viewers":[{"participant":"p9","grade":"pin","class":"in","synced":true,"since_us":1795410000000000,"rtt_us":3400,"strikes":0}]}`
	if w := r.do("GET", participants, ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != want {
		t.Errorf("%d %s, want %s", w.Code, w.Body, want)
	}
	all := []string{"Authorization", "Bearer " + r.mint("producer")}
	if w := r.do("GET", "/api/v1/channels/other/participants", "", all...); strings.TrimSpace(w.Body.String()) != `{"total":0,"viewers":[]}` {
		t.Errorf("nobody there: %s", w.Body)
	}
}

func TestKick(t *testing.T) {
	r := newRig(t)
	if w := r.do("POST", participants+"/p9/kick", ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"participant":"p9","closed":2}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if want := []string{"show p9 4106 after 0 bans"}; !slices.Equal(r.crowd.removed, want) {
		t.Errorf("removed %q, want %q", r.crowd.removed, want)
	}
}

func TestBan(t *testing.T) {
	r := newRig(t)
	var got struct {
		Participant, Reason string
		At                  int64 `json:"at_us"`
		Until               int64 `json:"until_us"`
		Closed              int
	}
	w := r.do("POST", participants+"/p9/ban", `{"for_s":60,"reason":"bot"}`)
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || got.Participant != "p9" || got.Reason != "bot" ||
		got.At != int64(roomStart)+5 || got.Until < int64(roomStart)+60_000_000 || got.Closed != 2 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if int64(r.room.bans[0].Until) != got.Until {
		t.Errorf("the room was told %+v", r.room.bans)
	}
	if w := r.do("POST", participants+"/p8/ban", ""); w.Code != 200 || strings.Contains(w.Body.String(), "until_us") || r.room.bans[1].Until != 0 {
		t.Errorf("for good: %d %s %+v", w.Code, w.Body, r.room.bans)
	}
	if want := []string{"show p9 4107 after 1 bans", "show p8 4107 after 2 bans"}; !slices.Equal(r.crowd.removed, want) {
		t.Errorf("AP12 removed %q, want %q", r.crowd.removed, want)
	}
	r.room.bans[0].At, r.room.bans[1].At = 5, 9
	if w := r.do("GET", "/api/v1/channels/show/bans", ""); w.Code != 200 || !strings.HasPrefix(w.Body.String(), `{"bans":[{"participant":"p8","at_us":9},{"participant":"p9","at_us":5,"until_us":`) {
		t.Errorf("bans: %d %s", w.Code, w.Body)
	}
	if w := r.do("DELETE", participants+"/p9/ban", ""); w.Code != 204 || r.room.calls[len(r.room.calls)-1] != "unban p9" {
		t.Errorf("lifted: %d, the room was asked %q", w.Code, r.room.calls)
	}
}

func TestBanThatIsNotWritten(t *testing.T) {
	r := newRig(t)
	r.room.err = interact.Errorf(interact.CodeUnavailable, "The log cannot be written.")
	r.failed(r.do("POST", participants+"/p9/ban", ""), 503, interact.CodeUnavailable, "log")
	if len(r.crowd.removed) != 0 {
		t.Errorf("AP12 removed %q", r.crowd.removed)
	}
}

func TestNoBans(t *testing.T) {
	r := newRig(t)
	if w := r.do("GET", "/api/v1/channels/show/bans", ""); strings.TrimSpace(w.Body.String()) != `{"bans":[]}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestLinks(t *testing.T) {
	r := newRig(t)
	var got struct{ Links []string }
	w := r.do("POST", "/api/v1/channels/show/links", `{"count":3,"for_s":3600}`)
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 201 || len(got.Links) != 3 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	seen := map[string]bool{}
	for _, link := range got.Links {
		page, code, ok := strings.Cut(link, "#link=")
		if !ok || page != "http://show.test/watch/show" || len(code) < 20 || seen[code] {
			t.Errorf("link %q", link)
		}
		seen[code] = true
		_, auth := r.viewer("show", `{"link":"`+code+`"}`)
		if w := r.do("POST", answersOfC1, `{"id":"a","choice":[0]}`, auth...); w.Code != 200 {
			t.Errorf("who came by %q: %d %s", link, w.Code, w.Body)
		}
	}
}

func TestCrowdBodies(t *testing.T) {
	for name, tc := range map[string]struct{ path, body, says string }{
		"no number of links":        {"/links", `{}`, "count"},
		"too many links":            {"/links", `{"count":1001}`, "count"},
		"links for a moment":        {"/links", `{"count":1,"for_s":1}`, "for_s"},
		"links for ever":            {"/links", `{"count":1,"for_s":9223372036854775807}`, "for_s"},
		"links without a body":      {"/links", "", "ends before"},
		"a ban until before":        {"/participants/p9/ban", `{"for_s":-1}`, "for_s"},
		"a ban beyond all time":     {"/participants/p9/ban", `{"for_s":9223372036854775807}`, "for_s"},
		"a ban with a long reason":  {"/participants/p9/ban", `{"reason":"` + strings.Repeat("é", 201) + `"}`, "reason"},
		"a kick with a reason":      {"/participants/p9/kick", `{"reason":"bot"}`, "reason"},
		"a ban with other settings": {"/participants/p9/ban", `{"forever":true}`, "forever"},
	} {
		t.Run("AP3 "+name, func(t *testing.T) {
			r := newRig(t)
			r.failed(r.do("POST", "/api/v1/channels/show"+tc.path, tc.body), 400, interact.CodeInvalid, tc.says)
			if len(r.room.calls)+len(r.crowd.removed) != 0 {
				t.Errorf("the room was asked %q, removed %q", r.room.calls, r.crowd.removed)
			}
		})
	}
	r := newRig(t)
	r.failed(r.do("POST", participants+"/"+strings.Repeat("p", 65)+"/kick", ""), 404, interact.CodeInvalid, "participant")
	r.failed(r.do("POST", participants+"/p%209/ban", ""), 404, interact.CodeInvalid, "participant")
}

func TestProducersOnly(t *testing.T) {
	r := newRig(t)
	viewer := "Bearer " + r.mint("viewer")
	for _, route := range []string{
		"GET /participants", "POST /participants/p9/kick", "POST /participants/p9/ban", "DELETE /participants/p9/ban", "GET /bans", "POST /links",
	} {
		method, path, _ := strings.Cut(route, " ")
		r.failed(r.do(method, "/api/v1/channels/show"+path, "", "Authorization", ""), 401, interact.CodeDenied, "producer's token")
		r.failed(r.do(method, "/api/v1/channels/show"+path, "", "Authorization", viewer), 401, interact.CodeDenied, "viewer")
		r.failed(r.do(method, "/api/v1/channels/other"+path, ""), 403, interact.CodeDenied, "not for this channel")
	}
	if len(r.room.calls)+len(r.crowd.removed) != 0 {
		t.Errorf("AP2 the room was asked %q, removed %q", r.room.calls, r.crowd.removed)
	}
}
