package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/admission"
	"github.com/cuelight/cuelight/interact/api"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// room records the commands it gets and answers with cue, tally and err.
type room struct {
	calls []string
	asked interact.Question
	by    time.Duration
	spot  interact.Spot
	err   error
	wait  bool // until the request is given up

	answers []interact.Answer
	bans    []interact.Ban
}

func (r *room) do(ctx context.Context, call ...string) (wire.Cue, error) {
	r.calls = append(r.calls, strings.Join(call, " "))
	if r.wait {
		<-ctx.Done()
		return wire.Cue{}, ctx.Err()
	}
	return wire.Cue{ID: "c1", Rev: 1, Kind: "poll", Policy: "wall", State: wire.StateDraft, Choices: 2, Results: "live"}, r.err
}

func (r *room) Cues(ctx context.Context) ([]wire.Cue, []wire.Tally, error) {
	_, err := r.do(ctx, "cues")
	return nil, nil, err
}

func (r *room) Prepare(ctx context.Context, q interact.Question) (wire.Cue, error) {
	r.asked = q
	return r.do(ctx, "prepare")
}

func (r *room) Edit(ctx context.Context, id string, q interact.Question) (wire.Cue, error) {
	r.asked = q
	return r.do(ctx, "edit", id)
}

func (r *room) Remove(ctx context.Context, id string) error {
	_, err := r.do(ctx, "remove", id)
	return err
}

func (r *room) TakeAt(ctx context.Context, id string, at interact.Spot, key string) (wire.Cue, error) {
	r.spot = at
	return r.do(ctx, "take", id, key)
}

func (r *room) Move(ctx context.Context, id string, by time.Duration, key string) (wire.Cue, error) {
	r.by = by
	return r.do(ctx, "move", id, key)
}

func (r *room) Pause(ctx context.Context, id, key string) (wire.Cue, error) {
	return r.do(ctx, "pause", id, key)
}

func (r *room) Resume(ctx context.Context, id, key string) (wire.Cue, error) {
	return r.do(ctx, "resume", id, key)
}

func (r *room) RevealWhenClear(ctx context.Context, id, key string) (wire.Cue, error) {
	return r.do(ctx, "reveal when clear", id, key)
}

func (r *room) SetLatency(ctx context.Context, latency time.Duration) (clock.Instant, error) {
	r.by = latency
	_, err := r.do(ctx, "latency")
	return 1795410002000000, err
}

func (r *room) Key(kid string) (interact.Key, error) {
	switch kid {
	case "out":
		return interact.Key{Key: "c2VjcmV0", Open: 1795410000000000}, nil
	case "early":
		return interact.Key{}, interact.Errorf(interact.CodeNotYet, "This key is not out yet.")
	default:
		return interact.Key{}, interact.Errorf(interact.CodeUnknown, "There is no such key here.")
	}
}

func (r *room) Extend(ctx context.Context, id string, by time.Duration, key string) (wire.Cue, error) {
	r.by = by
	return r.do(ctx, "extend", id, key)
}

func (r *room) CloseNow(ctx context.Context, id, key string) (wire.Cue, error) {
	return r.do(ctx, "close", id, key)
}

func (r *room) Reveal(ctx context.Context, id, key string) (wire.Cue, error) {
	return r.do(ctx, "reveal", id, key)
}

func (r *room) Cancel(ctx context.Context, id, key string) (wire.Cue, error) {
	return r.do(ctx, "cancel", id, key)
}

func (r *room) Tally(ctx context.Context, id string) (wire.Tally, error) {
	if id == "nowhere" {
		return wire.Tally{}, interact.Errorf(interact.CodeUnknownCue, "There is no such cue.")
	}
	_, err := r.do(ctx, "tally", id)
	return wire.Tally{Cue: id, Version: 3, Counts: []uint64{2, 1}, Total: 3}, err
}

// rig is an API with the channels show and other, both backed by one room.
type rig struct {
	t      *testing.T
	api    *api.API
	room   *room
	events *events
	crowd  *crowd
	past   *past
	keys   *token.Keys
	tok    string // for show only
	log    bytes.Buffer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigWith(t, func(*api.Config) {})
}

func newRigWith(t *testing.T, change func(*api.Config)) *rig {
	t.Helper()
	keys, err := token.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, room: &room{}, events: &events{}, past: &past{}, keys: keys}
	r.crowd = &crowd{room: r.room}
	desk, err := admission.New(admission.Config{
		Keys: keys, Channels: map[string]admission.Rules{"show": {PIN: "1234"}, "other": {Require: wire.GradePIN, PIN: "4321"}},
		Bind: func(_ context.Context, _, _, participant string) (string, error) { return participant, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	known := func(name string) bool { return name == "show" || name == "other" }
	cfg := api.Config{
		Rooms: func(name string) (api.Room, bool) { return r.room, known(name) },
		Channels: func() []api.ChannelInfo {
			return []api.ChannelInfo{{Name: "show", Title: "Tonight", Live: true, Latency: 3 * time.Second}, {Name: "other"}}
		},
		Health: func(name string) (wire.Health, bool) {
			return wire.Health{Live: true, Protocol: "SRT", Latency: 3000, State: "locked"}, known(name)
		},
		Events: r.events.functions(), History: r.past,
		Tokens: keys, Desk: desk, Crowd: r.crowd, Clock: clock.NewRoom(time.Now(), roomStart, 7),
		Permit: func(_ http.ResponseWriter, r *http.Request) bool {
			return r.Header.Get("Origin") != "https://evil.example"
		},
		Stream: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "stream "+r.URL.Path) }),
		Log:    slog.New(slog.NewTextHandler(&r.log, nil)),
	}
	change(&cfg)
	if r.api, err = api.New(cfg); err != nil {
		t.Fatal(err)
	}
	r.tok = r.mint(token.RoleProducer, "show")
	return r
}

func (r *rig) mint(role string, channels ...string) string {
	r.t.Helper()
	now := time.Now()
	tok, err := r.keys.Mint(token.Claims{Role: role, Subject: "ann", Channels: channels, Expires: now.Add(time.Hour)}, now)
	if err != nil {
		r.t.Fatal(err)
	}
	return tok
}

// do sends a request with the producer's token; header pairs may replace it.
func (r *rig) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	req := httptest.NewRequest(method, "http://show.test"+path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+r.tok)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			req.Header.Del(header[i])
		}
	}
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	return w
}

// failed checks an error's status, code and shape (AP4).
func (r *rig) failed(w *httptest.ResponseRecorder, status int, code interact.Code, says string) {
	r.t.Helper()
	var got struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		r.t.Fatalf("AP4 error body %q: %v", w.Body, err)
	}
	if w.Code != status || got.Error.Code != string(code) || !strings.Contains(got.Error.Message, says) || got.Error.Message == "" {
		r.t.Errorf("answer %d %+v, want %d %s saying %q", w.Code, got.Error, status, code, says)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		r.t.Error("an answer may be cached")
	}
}

// roomStart is what the room clock shows when a rig begins.
const roomStart = clock.Instant(1_795_410_000_000_000)

const poll = `{"kind":"poll","title":"Tea or coffee?","options":["Tea","Coffee"],"window_ms":15000}`

func TestCommands(t *testing.T) {
	for _, tc := range []struct {
		method, path, body string
		status             int
		call               string
	}{
		{"GET", "/cues", "", 200, "cues"},
		{"POST", "/cues", poll, 201, "prepare"},
		{"PUT", "/cues/c1", poll, 200, "edit c1"},
		{"DELETE", "/cues/c1", "", 204, "remove c1"},
		{"POST", "/cues/c1/take", "", 200, "take c1 k1"},
		{"POST", "/cues/c1/take", "{}", 200, "take c1 k1"},
		{"POST", "/cues/c1/extend", `{"by_ms":10000}`, 200, "extend c1 k1"},
		{"POST", "/cues/c1/close", "", 200, "close c1 k1"},
		{"POST", "/cues/c1/reveal", "", 200, "reveal c1 k1"},
		{"POST", "/cues/c1/cancel", "", 200, "cancel c1 k1"},
		{"GET", "/cues/c1/tally", "", 200, "tally c1"},
		{"HEAD", "/cues/c1/tally", "", 200, "tally c1"},
	} {
		t.Run(tc.method+tc.path, func(t *testing.T) {
			r := newRig(t)
			w := r.do(tc.method, "/api/v1/channels/show"+tc.path, tc.body, "Idempotency-Key", "k1")
			if w.Code != tc.status || !slices.Equal(r.room.calls, []string{tc.call}) {
				t.Errorf("answer %d %s after %q, want %d after %q", w.Code, w.Body, r.room.calls, tc.status, tc.call)
			}
			if tc.status == 204 && w.Body.Len() > 0 {
				t.Errorf("204 with a body: %s", w.Body)
			}
		})
	}
}

func TestAnswersSayWhatTheRoomSaid(t *testing.T) {
	r := newRig(t)
	if got := r.do("GET", "/api/v1/channels/show/cues", "").Body.String(); got != `{"cues":[],"tallies":[]}`+"\n" {
		t.Errorf("cues = %s", got)
	}
	if got := r.do("GET", "/api/v1/channels/show/cues/c1/tally", "").Body.String(); got != `{"cue":"c1","ver":3,"counts":[2,1],"total":3}`+"\n" {
		t.Errorf("tally = %s", got)
	}
	r.do("POST", "/api/v1/channels/show/cues/c1/extend", `{"by_ms":10000}`)
	if r.room.by != 10*time.Second {
		t.Errorf("extended by %v", r.room.by)
	}
	r.do("POST", "/api/v1/channels/show/cues", `{"kind":"trivia","title":" Frames? ","options":["24","30"],"correct":1}`)
	if q := r.room.asked; q.Correct != 1 || q.Title != "Frames?" || q.Window != interact.DefaultWindow || q.Results != interact.ResultsReveal {
		t.Errorf("asked %+v", q)
	}
	want := `{"name":"show","title":"Tonight","live":true,"protocol":"SRT","bitrate":0,"gop_s":0,"timeline":"locked","ppm":0,"uptime_s":0,"latency_ms":3000,"residual_ms":0,"jitter_ms":0,"advice":[]}`
	if got := r.do("GET", "/api/v1/channels/show", "").Body.String(); got != want+"\n" {
		t.Errorf("channel = %s", got)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	r := newRig(t)
	everything := "/api/v1/channels/show/cues"
	r.failed(r.do("GET", everything, "", "Authorization", ""), 401, interact.CodeDenied, "Authorization: Bearer")
	r.failed(r.do("GET", everything, "", "Authorization", "Bearer nonsense"), 401, interact.CodeDenied, "refused")
	r.failed(r.do("GET", everything, "", "Authorization", "Basic YTpi"), 401, interact.CodeDenied, "refused")
	r.failed(r.do("GET", everything, "", "Authorization", "Bearer "+r.mint(token.RoleViewer)), 401, interact.CodeDenied, "viewer")
	r.failed(r.do("GET", "/api/v1/channels/other/cues", ""), 403, interact.CodeDenied, "not for this channel")
	r.failed(r.do("GET", "/api/v1/channels/nope/cues", ""), 403, interact.CodeDenied, "not for this channel")
	r.failed(r.do("GET", "/api/v1/channels/other", ""), 403, interact.CodeDenied, "")
	r.failed(r.do("GET", "/api/v1/channels", "", "Authorization", ""), 401, interact.CodeDenied, "")
	all := "Bearer " + r.mint(token.RoleProducer)
	r.failed(r.do("GET", "/api/v1/channels/nope/cues", "", "Authorization", all), 404, interact.CodeInvalid, `"nope"`)
	r.failed(r.do("GET", "/api/v1/channels/nope", "", "Authorization", all), 404, interact.CodeInvalid, `"nope"`)
	if w := r.do("GET", everything, "", "Authorization", ""); w.Header().Get("WWW-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate")
	}
	if len(r.room.calls) != 0 {
		t.Errorf("AP2 the room was asked %q", r.room.calls)
	}
	if got := r.do("GET", "/api/v1/channels", "").Body.String(); got != `{"channels":[{"name":"show","title":"Tonight","live":true,"latency_ms":3000}]}`+"\n" {
		t.Errorf("channels = %s", got)
	}
}

func TestBodies(t *testing.T) {
	for _, tc := range []struct {
		name, path, body string
		status           int
		says             string
	}{
		{"AP3 unknown field", "/cues", `{"kind":"poll","colour":"red"}`, 400, `"colour"`},
		{"AP3 two values", "/cues", poll + poll, 400, "more than one"},
		{"AP3 cut off", "/cues", poll[:30], 400, "ends before"},
		{"AP3 empty", "/cues", "", 400, "ends before"},
		{"AP3 not JSON", "/cues", "kind=poll", 400, "not JSON"},
		{"AP3 an array", "/cues", "[]", 400, "body: a JSON array"},
		{"AP3 wrong kind of value", "/cues", `{"kind":"poll","window_ms":"long"}`, 400, "window_ms: a JSON string"},
		{"AP3 too long", "/cues", `{"kind":"` + strings.Repeat("x", 64<<10), 413, "65536"},
		{"AP3 rules of a question", "/cues", `{"kind":"quiz","title":"","options":["a"]}`, 400, "title: empty; options: 1 given"},
		{"AP3 negative window", "/cues", `{"kind":"poll","title":"a","options":["a","b"],"window_ms":-1}`, 400, "window_ms"},
		{"AP3 endless window", "/cues", `{"kind":"poll","title":"a","options":["a","b"],"window_ms":9223372036854775807}`, 400, "window_ms"},
		{"AP3 trivia without the right option", "/cues", `{"kind":"trivia","title":"a","options":["a","b"]}`, 400, "correct"},
		{"AP3 extend by nothing", "/cues/c1/extend", `{}`, 400, "by_ms"},
		{"AP3 extend by an hour", "/cues/c1/extend", `{"by_ms":3600000}`, 400, "by_ms"},
		{"AP3 take with a body", "/cues/c1/take", `{"now":true}`, 400, `"now"`},
		{"AP3 null", "/cues", "null", 400, "kind"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.failed(r.do("POST", "/api/v1/channels/show"+tc.path, tc.body), tc.status, interact.CodeInvalid, tc.says)
			if len(r.room.calls) != 0 {
				t.Errorf("the room was asked %q", r.room.calls)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	r := newRig(t)
	r.failed(r.do("POST", "/api/v1/channels/show/cues/c1/explode", ""), 404, interact.CodeInvalid, "take, move, extend, pause, resume, close, reveal")
	r.failed(r.do("GET", "/api/v1/nothing", ""), 404, interact.CodeInvalid, "openapi.json")
	r.failed(r.do("GET", "/api/v1/channels/show/cues/"+strings.Repeat("x", 65)+"/tally", ""), 404, interact.CodeUnknownCue, "")
	r.failed(r.do("POST", "/api/v1/channels/show/cues/c1/take", "", "Idempotency-Key", strings.Repeat("k", 65)), 400, interact.CodeInvalid, "Idempotency-Key")
	r.failed(r.do("POST", "/api/v1/channels/show/cues/c1/take", "", "Idempotency-Key", "a b"), 400, interact.CodeInvalid, "Idempotency-Key")
	w := r.do("PATCH", "/api/v1/session", "")
	r.failed(w, 405, interact.CodeInvalid, "")
	if got := w.Header().Get("Allow"); got != "DELETE, GET, HEAD, POST" {
		t.Errorf("Allow = %q", got)
	}
}

func TestErrorsOfTheRoom(t *testing.T) {
	for code, status := range map[interact.Code]int{
		interact.CodeInvalid: 400, interact.CodeUnknownOption: 400, interact.CodeDenied: 403, interact.CodeNotAdmitted: 403, interact.CodeBanned: 403,
		interact.CodeUnknownCue: 404, interact.CodeConflict: 409, interact.CodeTooLate: 409, interact.CodeEarly: 409,
		interact.CodeTooFast: 409, interact.CodeLate: 409, interact.CodeClosed: 409, interact.CodeVoid: 409,
		interact.CodeTooMany: 429, interact.CodeBusy: 503, interact.CodeUnavailable: 503, interact.CodeInternal: 500,
	} {
		r := newRig(t)
		r.room.err = interact.Errorf(code, "because")
		r.failed(r.do("POST", "/api/v1/channels/show/cues/c1/take", ""), status, code, "because")
	}
	r := newRig(t)
	r.room.err = errors.New("open /var/lib/cuelight/log: disk full")
	w := r.do("POST", "/api/v1/channels/show/cues/c1/take", "")
	r.failed(w, 500, interact.CodeInternal, "logged")
	if strings.Contains(w.Body.String(), "disk") || !strings.Contains(r.log.String(), "disk full") {
		t.Errorf("AP5 told %s, logged %s", w.Body, r.log.String())
	}
	r = newRig(t)
	r.room.wait = true
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req := httptest.NewRequestWithContext(ctx, "POST", "/api/v1/channels/show/cues/c1/take", nil)
	req.Header.Set("Authorization", "Bearer "+r.tok)
	w = httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	r.failed(w, 503, interact.CodeBusy, "Try again")
}

func TestOtherOrigins(t *testing.T) {
	r := newRig(t)
	for name, h := range map[string][]string{
		"AP1 by Sec-Fetch-Site": {"Sec-Fetch-Site", "cross-site"},
		"AP1 of a sibling":      {"Sec-Fetch-Site", "same-site"},
		"AP1 by Origin":         {"Origin", "https://evil.example"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{"POST", "PUT", "DELETE"} {
				r.failed(r.do(method, "/api/v1/channels/show/cues/c1", poll, h...), 403, interact.CodeDenied, "another origin")
			}
		})
	}
	if len(r.room.calls) != 0 {
		t.Errorf("AP1 the room was asked %q", r.room.calls)
	}
	if w := r.do("POST", "/api/v1/channels/show/cues", poll, "Sec-Fetch-Site", "same-origin", "Origin", "http://show.test"); w.Code != 201 {
		t.Errorf("same origin: %d %s", w.Code, w.Body)
	}
}

func TestActions(t *testing.T) {
	for _, tc := range []struct {
		name, action, body, call string
		by                       time.Duration
		spot                     interact.Spot
	}{
		{"take at the newest picture", "take", "", "take c1 k1", 0, interact.Spot{}},
		{"take with an empty body", "take", "{}", "take c1 k1", 0, interact.Spot{}},
		{"take at a picture", "take", `{"at_us":1795410000000000}`, "take c1 k1", 0, interact.Spot{At: 1795410000000000}},
		{"take for an opening", "take", `{"open_us":1795410000000000}`, "take c1 k1", 0, interact.Spot{Open: 1795410000000000}},
		{"take anyway", "take", `{"anyway":true}`, "take c1 k1", 0, interact.Spot{Anyway: true}},
		{"move earlier", "move", `{"by_ms":-1500}`, "move c1 k1", -1500 * time.Millisecond, interact.Spot{}},
		{"pause", "pause", "", "pause c1 k1", 0, interact.Spot{}},
		{"resume", "resume", "{}", "resume c1 k1", 0, interact.Spot{}},
		{"reveal", "reveal", "", "reveal c1 k1", 0, interact.Spot{}},
		{"reveal now", "reveal", `{"when":"now"}`, "reveal c1 k1", 0, interact.Spot{}},
		{"reveal when clear", "reveal", `{"when":"clear"}`, "reveal when clear c1 k1", 0, interact.Spot{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			w := r.do("POST", "/api/v1/channels/show/cues/c1/"+tc.action, tc.body, "Idempotency-Key", "k1")
			if w.Code != 200 || len(r.room.calls) != 1 || r.room.calls[0] != tc.call || r.room.by != tc.by || r.room.spot != tc.spot {
				t.Errorf("%d %s: room was asked %q, %v, %+v", w.Code, w.Body, r.room.calls, r.room.by, r.room.spot)
			}
		})
	}
	for name, tc := range map[string][2]string{
		"take twice":            {"take", `{"at_us":1795410000000000,"open_us":1795410000000000}`},
		"take before all time":  {"take", `{"at_us":-1}`},
		"take beyond all time":  {"take", `{"open_us":9223372036854775807}`},
		"move by nothing":       {"move", `{}`},
		"move by two days":      {"move", `{"by_ms":172800000}`},
		"move by a lot":         {"move", `{"by_ms":-9223372036854775808}`},
		"pause with a body":     {"pause", `{"by_ms":1}`},
		"reveal some other day": {"reveal", `{"when":"tomorrow"}`},
	} {
		t.Run("AP3 "+name, func(t *testing.T) {
			r := newRig(t)
			r.failed(r.do("POST", "/api/v1/channels/show/cues/c1/"+tc[0], tc[1]), 400, interact.CodeInvalid, "")
			if len(r.room.calls) != 0 {
				t.Errorf("the room was asked %q", r.room.calls)
			}
		})
	}
}

func TestLatency(t *testing.T) {
	r := newRig(t)
	w := r.do("PUT", "/api/v1/channels/show/latency", `{"latency_ms":3500}`)
	if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != `{"latency_ms":3500,"at_us":1795410002000000}` || r.room.by != 3500*time.Millisecond {
		t.Errorf("%d %s, the room was asked for %v", w.Code, got, r.room.by)
	}
	r.failed(r.do("PUT", "/api/v1/channels/show/latency", `{"latency_ms":-1}`), 400, interact.CodeInvalid, "latency_ms")
	r.failed(r.do("PUT", "/api/v1/channels/other/latency", `{"latency_ms":3500}`), 403, interact.CodeDenied, "")
	r.failed(r.do("PUT", "/api/v1/channels/show/latency", `{"latency_ms":3500}`, "Authorization", ""), 401, interact.CodeDenied, "")
}

func TestKeys(t *testing.T) {
	r := newRig(t)
	w := r.do("GET", "/api/v1/channels/show/keys/out", "", "Authorization", "")
	if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != `{"kid":"out","key":"c2VjcmV0","o_us":1795410000000000}` {
		t.Errorf("AP8 %d %s", w.Code, got)
	}
	if h := w.Header(); h.Get("Cache-Control") != "public, max-age=600, immutable" || h.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("AP8 headers %v", h)
	}
	for path, code := range map[string]interact.Code{
		"show/keys/early":                      interact.CodeNotYet,
		"show/keys/none":                       interact.CodeUnknown,
		"nowhere/keys/out":                     interact.CodeUnknown,
		"show/keys/" + strings.Repeat("k", 65): interact.CodeUnknown,
	} {
		w := r.do("GET", "/api/v1/channels/"+path, "", "Authorization", "")
		r.failed(w, 404, code, "")
		if h := w.Header(); h.Get("Cache-Control") != "no-store" || h.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("AP8 %s: headers %v", path, h)
		}
	}
}
