package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// Answer receipts every answer to c1, unless err is set.
func (r *room) Answer(a interact.Answer, done func(interact.Receipt, error)) {
	r.answers = append(r.answers, a)
	switch {
	case r.wait:
	case r.err != nil:
		done(interact.Receipt{}, r.err)
	default:
		done(interact.Receipt{ID: a.ID, Cue: a.Cue, Participant: a.Participant, Choice: a.Choice, Seq: 7, Credited: a.Received, Level: interact.LevelLog, Changes: 2}, nil)
	}
}

const answersOfC1 = "/api/v1/cues/c1/answers"

// viewer returns the header of a viewer who came over HTTP.
func (r *rig) viewer(channel, body string) (participant string, header []string) {
	r.t.Helper()
	w := r.do("POST", "/api/v1/channels/"+channel+"/participants", body, "Authorization", "")
	var got struct{ Participant, Grade, Token string }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 201 || got.Participant == "" || got.Token == "" {
		r.t.Fatalf("new participant: %d %s", w.Code, w.Body)
	}
	return got.Participant, []string{"Authorization", "Bearer " + got.Token}
}

func TestAnswerIsReceipted(t *testing.T) {
	r := newRig(t)
	who, auth := r.viewer("show", "")
	w := r.do("POST", answersOfC1, `{"id":"a1","rev":2,"choice":[1],"at_us":1795410000000001}`, auth...)
	var got struct {
		ID, Cue, Level string
		Choice         []int
		Seq            uint64
		At             clock.Instant `json:"at_us"`
		Changes        int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("AP9 %d %s", w.Code, w.Body)
	}
	if len(r.room.answers) != 1 {
		t.Fatalf("AP9 the room was given %d answers", len(r.room.answers))
	}
	a := r.room.answers[0]
	if a.ID != "a1" || a.Cue != "c1" || a.Participant != who || a.Stamp != roomStart+1 || a.Line != (interact.Line{}) ||
		a.Received < roomStart || a.Received > roomStart.Add(time.Minute) {
		t.Errorf("AP9 the room was given %+v", a)
	}
	if got.ID != "a1" || got.Cue != "c1" || got.Level != "log" || len(got.Choice) != 1 || got.Choice[0] != 1 || got.Seq != 7 || got.At != a.Received || got.Changes != 2 {
		t.Errorf("AP9 receipt %s", w.Body)
	}
}

func TestAnswersOfTheRoomKeepTheirCode(t *testing.T) {
	for code, status := range map[interact.Code]int{
		interact.CodeEarly: 409, interact.CodeTooFast: 409, interact.CodeLate: 409, interact.CodeClosed: 409, interact.CodeVoid: 409,
		interact.CodePaused: 409, interact.CodeUnknownOption: 422, interact.CodeInvalid: 422, interact.CodeUnknownCue: 404,
		interact.CodeNotAdmitted: 403, interact.CodeBanned: 403, interact.CodeTooMany: 429, interact.CodeBusy: 503, interact.CodeUnavailable: 503,
	} {
		r := newRig(t)
		_, auth := r.viewer("show", "")
		r.do("POST", answersOfC1, `{"id":"a0","choice":[0]}`, auth...) // where the cue is is known from here on
		r.room.err = interact.Errorf(code, "because")
		w := r.do("POST", answersOfC1, `{"id":"a1","choice":[0]}`, auth...)
		r.failed(w, status, code, "because")
		if again := w.Header().Get("Retry-After") != ""; again != (status == 429 || status == 503) {
			t.Errorf("%s with Retry-After: %v", code, again)
		}
	}
	r := newRig(t)
	_, auth := r.viewer("show", "")
	r.do("POST", answersOfC1, `{"id":"a0","choice":[0]}`, auth...)
	r.room.err = errors.New("disk full")
	r.failed(r.do("POST", answersOfC1, `{"id":"a1","choice":[0]}`, auth...), 500, interact.CodeInternal, "logged")
}

func TestAnswersThatNeverReachTheRoom(t *testing.T) {
	r := newRig(t)
	_, auth := r.viewer("show", "")
	for name, tc := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"nothing":                {"", 400, "ends before"},
		"no JSON":                {"id=1", 400, "not JSON"},
		"an unknown field":       {`{"id":"a","choice":[0],"participant":"p1"}`, 400, `"participant"`},
		"two answers":            {`{"id":"a","choice":[0]}{"id":"b","choice":[0]}`, 400, "more than one"},
		"a list":                 {`[{"id":"a","choice":[0]}]`, 400, "array"},
		"a choice of words":      {`{"id":"a","choice":["Tea"]}`, 400, "choice"},
		"no name":                {`{"choice":[0]}`, 422, "id: "},
		"a name with spaces":     {`{"id":"a b","choice":[0]}`, 422, "id: "},
		"a name that is long":    {`{"id":"` + strings.Repeat("a", 33) + `","choice":[0]}`, 422, "id: "},
		"no choice":              {`{"id":"a"}`, 422, "choice: "},
		"a negative choice":      {`{"id":"a","choice":[-1]}`, 422, "choice: "},
		"choices out of order":   {`{"id":"a","choice":[1,0]}`, 422, "choice: "},
		"a choice twice":         {`{"id":"a","choice":[1,1]}`, 422, "choice: "},
		"more than any question": {`{"id":"a","choice":[0,1,2,3,4,5,6,7,8]}`, 422, "choice: "},
		"a body that is long":    {`{"id":"` + strings.Repeat("a", 64<<10), 413, "65536"},
	} {
		t.Run("AP9 "+name, func(t *testing.T) {
			r.t = t
			_, auth := r.viewer("show", "") // one each: these count against the rate
			r.failed(r.do("POST", answersOfC1, tc.body, auth...), tc.status, interact.CodeInvalid, tc.says)
		})
	}
	r.t = t
	r.failed(r.do("POST", "/api/v1/cues/nowhere/answers", `{"id":"a","choice":[0]}`, auth...), 404, interact.CodeUnknownCue, "not on air")
	r.failed(r.do("POST", "/api/v1/cues/"+strings.Repeat("c", 65)+"/answers", `{"id":"a","choice":[0]}`, auth...), 404, interact.CodeUnknownCue, "not on air")
	if len(r.room.answers) != 0 {
		t.Errorf("the room was given %+v", r.room.answers)
	}
	// A stamp that is far from now is no stamp.
	r.do("POST", answersOfC1, `{"id":"a","choice":[0],"at_us":-9223372036854775808}`, auth...)
	if len(r.room.answers) != 1 || r.room.answers[0].Stamp != 0 {
		t.Errorf("a stamp before all time: %+v", r.room.answers)
	}
}

func TestWhoMayAnswer(t *testing.T) {
	r := newRig(t)
	body := `{"id":"a","choice":[0]}`
	r.failed(r.do("POST", answersOfC1, body, "Authorization", ""), 401, interact.CodeDenied, "Bearer")
	r.failed(r.do("POST", answersOfC1, body, "Authorization", "", "Cookie", "cuelight_session="+r.tok), 401, interact.CodeDenied, "Bearer")
	r.failed(r.do("POST", answersOfC1, body, "Authorization", "Bearer nonsense"), 401, interact.CodeDenied, "viewer's token")
	r.failed(r.do("POST", answersOfC1, body), 401, interact.CodeDenied, "viewer's token") // a producer's
	r.failed(r.do("POST", answersOfC1, body, "Authorization", "Bearer "+r.mint(token.RoleViewer, "other")), 401, interact.CodeDenied, "another channel")
	if len(r.room.answers) != 0 {
		t.Errorf("the room was given %+v", r.room.answers)
	}
	if w := r.do("POST", answersOfC1, body, "Authorization", "Bearer "+r.mint(token.RoleViewer)); w.Code != 200 || r.room.answers[0].Participant != "ann" {
		t.Errorf("%d %s as %+v", w.Code, w.Body, r.room.answers)
	}
	w := r.do("GET", answersOfC1, "")
	r.failed(w, 405, interact.CodeInvalid, "POST")
}

func TestBecomingAParticipant(t *testing.T) {
	r := newRig(t)
	first, auth := r.viewer("show", "")
	tok := strings.TrimPrefix(auth[1], "Bearer ")
	if again, _ := r.viewer("show", `{"token":"`+tok+`"}`); again != first {
		t.Errorf("with a token: %s is not %s", again, first)
	}
	if other, _ := r.viewer("show", ""); other == first {
		t.Error("two without a token are one")
	}
	none := []string{"Authorization", ""}
	r.failed(r.do("POST", "/api/v1/channels/other/participants", "", none...), 403, interact.CodeNotAdmitted, "asks for a PIN")
	r.failed(r.do("POST", "/api/v1/channels/other/participants", `{"pin":"9999"}`, none...), 403, interact.CodeNotAdmitted, "PIN")
	if w := r.do("POST", "/api/v1/channels/other/participants", `{"pin":"4321"}`, none...); w.Code != 201 || !strings.Contains(w.Body.String(), `"grade":"pin"`) {
		t.Errorf("with the PIN: %d %s", w.Code, w.Body)
	}
	r.failed(r.do("POST", "/api/v1/channels/nope/participants", "", none...), 404, interact.CodeInvalid, `"nope"`)
	r.failed(r.do("POST", "/api/v1/channels/show/participants", `{"name":"ann"}`, none...), 400, interact.CodeInvalid, `"name"`)
}

func TestAnswersAreLimited(t *testing.T) {
	r := newRig(t)
	_, auth := r.viewer("show", "")
	_, other := r.viewer("show", "")
	codes := map[int]int{}
	for i := range 12 {
		codes[r.do("POST", answersOfC1, fmt.Sprintf(`{"id":"a%d","choice":[0]}`, i), auth...).Code]++
	}
	if codes[200] < 8 || codes[429] < 2 {
		t.Errorf("AP11 twelve answers at once: %v", codes)
	}
	if w := r.do("POST", answersOfC1, `{"id":"a","choice":[0]}`, other...); w.Code != 200 {
		t.Errorf("AP11 another participant: %d", w.Code)
	}
	from := func(remote, path, body string) *httptest.ResponseRecorder {
		req := httptest.NewRequest("POST", path, strings.NewReader(body))
		req.RemoteAddr = remote
		w := httptest.NewRecorder()
		r.api.ServeHTTP(w, req)
		return w
	}
	const enter = "/api/v1/channels/show/participants"
	for i := range 10 {
		if w := from("192.0.2.1:4000", enter, `{"pin":"0000"}`); w.Code != 403 {
			t.Fatalf("AP11 guess %d: %d %s", i, w.Code, w.Body)
		}
	}
	r.failed(from("192.0.2.1:4001", enter, `{"pin":"1234"}`), 429, interact.CodeTooMany, "attempts")
	if w := from("192.0.2.1:4001", enter, ""); w.Code != 201 {
		t.Errorf("AP11 without a guess: %d %s", w.Code, w.Body)
	}
	limited := false
	for range 300 {
		limited = limited || from("[2001:db8::1]:4000", enter, "").Code == 429
	}
	if !limited || from("[2001:db8::2]:4000", enter, "").Code != 429 {
		t.Error("AP11 one network may make participants without end")
	}
	if w := from("[2001:db8:1::1]:4000", enter, ""); w.Code != 201 {
		t.Errorf("AP11 another network: %d", w.Code)
	}
}

func TestPagesOfOtherOriginsAsViewers(t *testing.T) {
	r := newRig(t)
	_, auth := r.viewer("show", "")
	body := `{"id":"a","choice":[0]}`
	ours := append(auth, "Origin", "https://partner.example", "Sec-Fetch-Site", "cross-site")
	if w := r.do("POST", answersOfC1, body, ours...); w.Code != 200 {
		t.Errorf("AP10 a page that may: %d %s", w.Code, w.Body)
	}
	if w := r.do("OPTIONS", answersOfC1, "", "Authorization", "", "Origin", "https://partner.example"); w.Code != 204 {
		t.Errorf("AP10 its preflight: %d %s", w.Code, w.Body)
	}
	evil := append(auth, "Origin", "https://evil.example")
	for _, path := range []string{answersOfC1, "/api/v1/channels/show/participants"} {
		r.failed(r.do("POST", path, body, evil...), 403, interact.CodeDenied, "origin")
		r.failed(r.do("OPTIONS", path, "", evil...), 403, interact.CodeDenied, "origin")
	}
	r.failed(r.do("POST", "/api/v1/channels/show/participants/p9/kick", "", "Origin", "https://partner.example"), 403, interact.CodeDenied, "another origin")
	if w := r.do("POST", "/api/v1/stream/messages", "", ours...); w.Body.String() != "stream /api/v1/stream/messages" {
		t.Errorf("the stream did not get its request: %d %s", w.Code, w.Body)
	}
}

func TestAnswerNobodySettles(t *testing.T) {
	r := newRig(t)
	_, auth := r.viewer("show", "")
	r.do("POST", answersOfC1, `{"id":"a0","choice":[0]}`, auth...)
	r.room.wait = true
	r.failed(r.gone("POST", answersOfC1, `{"id":"a","choice":[0]}`, auth...), 503, interact.CodeBusy, "Try again")
}
