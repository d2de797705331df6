package fallback_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/fallback"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

func TestBadBodies(t *testing.T) {
	status := `{"t":"status","synced":true,"disp_us":1,"rtt_us":1,"class":"in","visible":true}`
	inRig(t, change{}, func(r *rig) {
		s, _ := r.viewer("")
		before := r.gateway.Stats().Messages
		for name, tc := range map[string]struct {
			path, body string
			status     int
		}{
			"nothing for a stream":        {fallback.PathStream, "", 400},
			"a stream without JSON":       {fallback.PathStream, "hello", 400},
			"a stream of answers":         {fallback.PathStream, `{"t":"answer","id":"a","cue":"c","rev":1,"choice":[0]}`, 400},
			"a list for a stream":         {fallback.PathStream, `[{"t":"hello","v":1,"channel":"show"}]`, 400},
			"a hello that is long":        {fallback.PathStream, `{"t":"hello","v":1,"channel":"` + strings.Repeat("s", 4096) + `"}`, 413},
			"no message":                  {fallback.PathMessages, "", 400},
			"an empty list":               {fallback.PathMessages, "[]", 400},
			"a list that ends too early":  {fallback.PathMessages, "[" + status, 400},
			"a list in a list":            {fallback.PathMessages, "[[" + status + "]]", 400},
			"a message that is none":      {fallback.PathMessages, `{"t":"dance"}`, 400},
			"a message of the server":     {fallback.PathMessages, `{"t":"welcome"}`, 400},
			"a field of the wrong kind":   {fallback.PathMessages, `{"t":"status","synced":"yes"}`, 400},
			"another hello":               {fallback.PathMessages, `{"t":"hello","v":1,"channel":"show"}`, 400},
			"a good one and a bad one":    {fallback.PathMessages, "[" + status + `,{"t":"dance"}]`, 400},
			"seventeen":                   {fallback.PathMessages, "[" + strings.Repeat(status+",", 16) + status + "]", 400},
			"one that is long":            {fallback.PathMessages, `{"t":"status","class":"` + strings.Repeat("i", 4096) + `"}`, 400},
			"more than fits":              {fallback.PathMessages, strings.Repeat(" ", 70_000), 413},
			"a clock ping that is short":  {fallback.PathClock, "\x01\x00", 400},
			"a clock ping that is none":   {fallback.PathClock, "\x02" + strings.Repeat("\x00", 10), 400},
			"a clock ping that is longer": {fallback.PathClock, strings.Repeat("\x01", 65), 413},
		} {
			resp, text := r.said(tc.path, []byte(tc.body), fallback.SessionHeader, s.session)
			if resp.StatusCode != tc.status {
				r.Errorf("FB3 %s: %s %s", name, resp.Status, text)
				continue
			}
			r.refused(resp, text, tc.status, interact.CodeInvalid)
		}
		synctest.Wait()
		if got := r.gateway.Stats().Messages; got != before {
			r.Errorf("FB3 %d messages of bad requests reached the gateway", got-before)
		}
		if resp := s.say(&wire.Status{Class: wire.ClassNone}); resp.StatusCode != http.StatusAccepted {
			r.Errorf("FB3 afterwards: %s", resp.Status)
		}
	})
}

func TestMessagesKeepTheirOrder(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		s, _ := r.viewer("")
		c := r.ask(tea)
		time.Sleep(c.Open.Sub(r.now()) + time.Second)
		s.say(answer(c, "a1", 1), answer(c, "a2", 0), answer(c, "a3", 0))
		for range 3 {
			if receipt := expect[*wire.Receipt](s); receipt.Choice[0] != 1 {
				r.Errorf("FB3 receipt %+v, want that of the first answer", receipt)
			}
		}
	})
}

func TestSessionThatIsGuessed(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		s, _ := r.viewer("")
		other, _ := r.viewer("")
		if s.session == other.session {
			r.Fatal("FB4 two streams have one session")
		}
		for _, guess := range []string{"", "a", s.session[:21], s.session + "A", strings.Repeat("A", 22), strings.ToUpper(s.session), "\x00" + s.session[1:]} {
			if guess == s.session {
				continue
			}
			req := httptest.NewRequest(http.MethodPost, fallback.PathMessages, bytes.NewReader(r.encode(&wire.Status{})))
			req.Header[http.CanonicalHeaderKey(fallback.SessionHeader)] = []string{guess}
			w := httptest.NewRecorder()
			r.streams.ServeHTTP(w, req)
			r.refused(w.Result(), w.Body.String(), http.StatusNotFound, interact.CodeUnknown)
			req = httptest.NewRequest(http.MethodPost, fallback.PathClock, strings.NewReader("x"))
			req.Header[http.CanonicalHeaderKey(fallback.SessionHeader)] = []string{guess}
			w = httptest.NewRecorder()
			r.streams.ServeHTTP(w, req)
			r.refused(w.Result(), w.Body.String(), http.StatusNotFound, interact.CodeUnknown)
		}
		if got := r.streams.Stats().Unknown; got < 12 {
			r.Errorf("FB4 %d unknown sessions counted", got)
		}
	})
}

func TestRequestsAreLimited(t *testing.T) {
	inRig(t, change{streams: func(c *fallback.Config) { c.Limits.RequestRate, c.Limits.RequestBurst = 1, 2 }}, func(r *rig) {
		s, _ := r.viewer("")
		other, _ := r.viewer("")
		status := &wire.Status{Class: wire.ClassNone}
		if a, b, c := s.say(status), s.say(status), s.say(status); a.StatusCode != 202 || b.StatusCode != 202 || c.StatusCode != 429 || c.Header.Get("Retry-After") == "" {
			r.Errorf("FB9 %s, %s, %s", a.Status, b.Status, c.Status)
		}
		if resp := other.say(status); resp.StatusCode != 202 {
			r.Errorf("FB9 another stream: %s", resp.Status)
		}
		time.Sleep(time.Second)
		if resp := s.say(status); resp.StatusCode != 202 {
			r.Errorf("FB9 a second later: %s", resp.Status)
		}
	})
}

func TestClock(t *testing.T) {
	inRig(t, change{streams: func(c *fallback.Config) { c.Limits.ClockRate, c.Limits.ClockBurst = 1, 3 }}, func(r *rig) {
		s, _ := r.viewer("")
		for i := range 4 {
			ping := wire.Ping{Seq: uint16(i), Sent: 1234.5}
			before := r.now()
			resp, text := r.said(fallback.PathClock, ping.Append(nil), fallback.SessionHeader, s.session)
			if i == 3 {
				r.refused(resp, text, http.StatusTooManyRequests, interact.CodeTooMany)
				return
			}
			pong, err := wire.ParsePong([]byte(text))
			if err != nil || pong.Ping != ping || pong.ClockEpoch != 7 || pong.Received != before || pong.Replied != before {
				r.Errorf("W6 %+v, %v", pong, err)
			}
			if resp.Header.Get("Content-Type") != "application/octet-stream" || resp.Header.Get("Cache-Control") != "no-store" {
				r.Errorf("FB5 %v", resp.Header)
			}
		}
	})
}

func TestPreflight(t *testing.T) {
	streams := alone(t, http.NotFoundHandler(), fallback.Limits{})
	ask := func(origin, method, path string) *http.Response {
		req := httptest.NewRequest(method, "http://show.test"+path, nil)
		req.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		streams.ServeHTTP(w, req)
		return w.Result()
	}
	for _, path := range []string{fallback.PathStream, fallback.PathMessages, fallback.PathClock} {
		resp := ask("https://Partner.example", "OPTIONS", path)
		h := resp.Header
		if resp.StatusCode != 204 || h.Get("Access-Control-Allow-Origin") != "https://Partner.example" || h.Get("Access-Control-Allow-Methods") != "POST" ||
			!strings.Contains(h.Get("Access-Control-Allow-Headers"), fallback.SessionHeader) || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("FB4 %s: %s %v", path, resp.Status, h)
		}
		if resp := ask("https://evil.example", "OPTIONS", path); resp.StatusCode != 403 || resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("FB4 %s for others: %s", path, resp.Status)
		}
	}
	if resp := ask("", "GET", fallback.PathStream); resp.StatusCode != 405 || resp.Header.Get("Allow") != "OPTIONS, POST" {
		t.Errorf("GET: %s %q", resp.Status, resp.Header.Get("Allow"))
	}
	if resp := ask("", "POST", "/api/v1/stream/else"); resp.StatusCode != 404 {
		t.Errorf("another address: %s", resp.Status)
	}
}

func TestOrigins(t *testing.T) {
	for _, tc := range []struct {
		list   []string
		origin string
		ok     bool
	}{
		{nil, "", true},
		{nil, "http://show.test", true},
		{nil, "https://SHOW.test", true},
		{nil, "https://example.com", false},
		{nil, "null", false},
		{nil, "%", false},
		{[]string{"https://example.com"}, "https://EXAMPLE.com", true},
		{[]string{"https://example.com"}, "http://example.com", false},
		{[]string{"https://example.com"}, "https://example.com.evil.example", false},
		{[]string{"*"}, "https://anything.example", true},
	} {
		req := httptest.NewRequest("POST", "http://show.test/", nil)
		if tc.origin != "" {
			req.Header.Set("Origin", tc.origin)
		}
		if got := fallback.NewOrigins(tc.list).Permit(httptest.NewRecorder(), req); got != tc.ok {
			t.Errorf("FB4 %q with %q: %v", tc.origin, tc.list, got)
		}
	}
}

func TestConfigRefuses(t *testing.T) {
	if _, err := fallback.New(fallback.Config{Clock: clock.NewRoom(time.Now(), roomStart, 7)}); err == nil {
		t.Error("streams without a gateway")
	}
	if _, err := fallback.New(fallback.Config{Gateway: http.NotFoundHandler()}); err == nil {
		t.Error("streams without a clock")
	}
}

// alone returns streams of a handler that is not our gateway.
func alone(t testing.TB, gateway http.Handler, limits fallback.Limits) *fallback.Streams {
	t.Helper()
	streams, err := fallback.New(fallback.Config{
		Gateway: gateway, Clock: clock.NewRoom(time.Now(), roomStart, 7), Limits: limits,
		Origins: fallback.NewOrigins([]string{"https://partner.example"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return streams
}

// FuzzMessages posts anything at all. Whatever reaches the gateway is a message
// of a client, and none of it is a hello.
func FuzzMessages(f *testing.F) {
	for _, seed := range []string{
		"", "[]", "{}", "null", "[null]", `{"t":"pong","nonce":"x"}`, `{"t":"status"}`, `[{"t":"closed","cue":"c","rev":1,"at_us":1}]`,
		`{"t":"hello","v":1}`, `[{"t":"answer","id":"a","cue":"c","rev":1,"choice":[0]},{"t":"pong","nonce":"y"}]`, "[" + strings.Repeat("[", 40), " \n[1,2]",
		`{"T":"status","t":"hello"}`, "\xff\xfe", `{"t":"answer","choice":[` + strings.Repeat("1,", 50) + `1]}`,
	} {
		f.Add([]byte(seed))
	}
	took := make(chan []byte, fallback.MaxMessages+1)
	gateway := listening(f, func(data []byte) { took <- data })
	streams := alone(f, gateway, fallback.Limits{RequestRate: 1 << 30, RequestBurst: 1 << 30})
	session := openOver(f, streams)
	<-took // hello
	f.Fuzz(func(t *testing.T, body []byte) {
		before := streams.Stats()
		req := httptest.NewRequest(http.MethodPost, fallback.PathMessages, bytes.NewReader(body))
		req.Header.Set(fallback.SessionHeader, session)
		w := httptest.NewRecorder()
		streams.ServeHTTP(w, req)
		after := streams.Stats()
		passed := after.Messages - before.Messages
		switch {
		case w.Code == http.StatusAccepted && after.Bad == before.Bad:
		case (w.Code == http.StatusBadRequest || w.Code == http.StatusRequestEntityTooLarge) && passed == 0 && after.Bad == before.Bad+1:
		default:
			t.Fatalf("FB3 %d %s, from %+v to %+v", w.Code, w.Body, before, after)
		}
		for range passed {
			data := <-took
			m, err := wire.DecodeClient(data)
			if _, hello := m.(*wire.Hello); err != nil || hello || len(data) > wire.MaxClientMessage {
				t.Fatalf("FB3 the gateway read %q: %v", data, err)
			}
		}
	})
}

// openOver opens a stream over a real connection and returns its session.
func openOver(t testing.TB, streams *fallback.Streams) string {
	t.Helper()
	srv := httptest.NewServer(streams)
	resp, err := http.Post(srv.URL+fallback.PathStream, "application/json", strings.NewReader(`{"t":"hello","v":1,"channel":"show"}`))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close(); srv.Close() })
	buf := make([]byte, 256)
	n, err := resp.Body.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(buf[:n]), `"session":"`)
	session, _, ok := strings.Cut(after, `"`)
	if !ok {
		t.Fatalf("first event %q", buf[:n])
	}
	return session
}
