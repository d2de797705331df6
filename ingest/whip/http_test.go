package whip_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/whip"
)

// TestRefusals sends one request after the other to a server that then still
// takes a publisher.
func TestRefusals(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	c := newClient(t, r.endpoint("show"), key, h264Format, opusFormat)
	offer := c.offer()
	vp8 := newClient(t, r.endpoint("show"), key, vp8Format, opusFormat).offer()
	pcmu := newClient(t, r.endpoint("show"), key, h264Format, pcmuFormat).offer()
	const sdp = "application/sdp"
	for _, tc := range []struct {
		name, method, channel, token, contentType, body string
		status                                          int
		code                                            ingest.Code
		says                                            string
	}{
		{"no key", "POST", "show", "", sdp, offer, 401, ingest.CodeWrongKey, "copy its stream key"},
		{"wrong key", "POST", "show", "wrong", sdp, offer, 401, ingest.CodeWrongKey, "copy its stream key"},
		{"another channel's key", "POST", "show", "solo:solo-" + key, sdp, offer, 401, ingest.CodeWrongKey, "another channel"},
		{"no such channel", "POST", "shoe", key, sdp, offer, 404, ingest.CodeUnknownChannel, "no channel shoe"},
		{"to watch", "GET", "show", "", "", "", 405, ingest.CodeMode, "/watch/CHANNEL"},
		{"no content type", "POST", "show", key, "", offer, 415, ingest.CodeMalformed, "application/sdp"},
		{"JSON", "POST", "show", key, "application/json", `{"sdp":""}`, 415, ingest.CodeMalformed, "application/sdp"},
		{"huge body", "POST", "show", key, sdp, offer + strings.Repeat("a=x\r\n", 20_000), 413, ingest.CodeMalformed, "64 KiB"},
		{"no SDP", "POST", "show", key, sdp, "hello", 400, ingest.CodeMalformed, "session description"},
		{"empty", "POST", "show", key, sdp, "", 400, ingest.CodeMalformed, ""},
		{"VP8 only", "POST", "show", key, sdp, vp8, 406, ingest.CodeUnsupportedCodec, "VP8 is not supported"},
		{"PCMU", "POST", "show", key, sdp, pcmu, 406, ingest.CodeUnsupportedCodec, "PCMU is not supported"},
		{"packetization mode 0", "POST", "show", key, sdp, strings.ReplaceAll(offer, "packetization-mode=1", "packetization-mode=0"), 406, ingest.CodeUnsupportedCodec, "H264"},
		{"receives", "POST", "show", key, sdp, strings.ReplaceAll(offer, "a=sendonly", "a=recvonly"), 405, ingest.CodeMode, "sendonly"},
		{"inactive", "POST", "show", key, sdp, strings.ReplaceAll(offer, "a=sendonly", "a=inactive"), 400, ingest.CodeMalformed, "sends nothing"},
		{"data channel", "POST", "show", key, sdp, strings.ReplaceAll(offer, "m=audio", "m=application"), 406, ingest.CodeUnsupportedCodec, "data channels"},
		{"two pictures", "POST", "show", key, sdp, offer + offer[strings.Index(offer, "m=video"):], 406, ingest.CodeUnsupportedCodec, "one picture"},
		{"many candidates", "POST", "show", key, sdp, offer + strings.Repeat("a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n", 200), 400, ingest.CodeMalformed, "candidates"},
		{"many layers", "POST", "show", key, sdp, offer + rids(20), 406, ingest.CodeUnsupportedCodec, "layers"},
		{"no mid", "POST", "show", key, sdp, strings.ReplaceAll(offer, "a=mid:", "a=nid:"), 400, ingest.CodeMalformed, "cannot be answered"},
		{"no fingerprint", "POST", "show", key, sdp, strings.ReplaceAll(offer, "a=fingerprint:", "a=print:"), 400, ingest.CodeMalformed, "cannot be answered"},
		{"no ICE", "POST", "show", key, sdp, strings.ReplaceAll(offer, "a=ice-ufrag:", "a=ufrag:"), 400, ingest.CodeMalformed, "ice-ufrag"},
	} {
		t.Run("IG84 "+tc.name, func(t *testing.T) {
			c := &client{t: t, token: tc.token}
			c.do(tc.method, r.endpoint(tc.channel), tc.contentType, tc.body, nil)
			code, message := errorOf(t, c.body)
			if c.status != tc.status || code != tc.code || !strings.Contains(message, tc.says) {
				t.Errorf("status %d, %s: %s; want %d, %s: …%s…", c.status, code, message, tc.status, tc.code, tc.says)
			}
			if c.status == http.StatusUnauthorized && c.header.Get("WWW-Authenticate") == "" {
				t.Error("no WWW-Authenticate")
			}
			if c.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("IG88 a page of another site cannot read this")
			}
			if r.registry.Counters().Refused[tc.code] == 0 {
				t.Errorf("not counted: %+v", r.registry.Counters())
			}
		})
	}
	c.post(offer)
	if c.status != http.StatusCreated {
		t.Errorf("IG84 then a right one: status %d: %s", c.status, c.body)
	}
	second := newClient(t, r.endpoint("show"), key, h264Format)
	if second.publish() || second.status != http.StatusConflict {
		t.Errorf("IG84 a second one: status %d: %s", second.status, second.body)
	}
}

func rids(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a=rid:r%d send\r\n", i)
	}
	return b.String()
}

func errorOf(t *testing.T, body string) (ingest.Code, string) {
	t.Helper()
	var e struct {
		Error struct {
			Code    ingest.Code
			Message string
		}
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return e.Error.Code, e.Error.Message
}

func TestWaysToSayIt(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	for _, tc := range []struct{ path, token string }{
		{"/whip/show", key}, {"/whip/show/", key}, {"/whip/show", "show:" + key}, {"/whip/", "show:" + key},
		{"/whip", "show/" + key}, {"/whip/", key}, {"/whip/lobby", ""}, {"/whip/lobby", "whatever"},
	} {
		c := newClient(t, r.url+tc.path, tc.token, opusFormat)
		c.post(c.offer())
		if c.status != http.StatusCreated {
			t.Errorf("IG13 %s: status %d: %s", tc.path, c.status, c.body)
			continue
		}
		c.do(http.MethodDelete, c.location, "", "", nil)
		if c.status != http.StatusOK {
			t.Errorf("IG81 %s: DELETE: status %d", tc.path, c.status)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	preflight := map[string]string{
		"Origin": "https://example.com", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type",
	}
	for _, tc := range []struct {
		name    string
		origins []string
		allowed string
	}{
		{"IG88 any page", nil, "*"},
		{"IG88 a page that is named", []string{"https://example.com"}, "https://example.com"},
		{"IG88 a page that is not", []string{"https://example.org"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := start(t, whip.Config{Origins: tc.origins})
			c := &client{t: t}
			for _, path := range []string{"show", "show/some-session"} {
				c.do(http.MethodOptions, r.endpoint(path), "", "", preflight)
				h := c.header
				if c.status != http.StatusNoContent || h.Get("Access-Control-Allow-Origin") != tc.allowed ||
					!strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") {
					t.Errorf("%s: status %d, %v", path, c.status, h)
				}
			}
		})
	}
}

func TestStopping(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	c := newClient(t, r.endpoint("show"), key, h264Format)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if c.publish() || c.status != http.StatusServiceUnavailable || c.header.Get("Retry-After") == "" {
		t.Errorf("IG84 after the end: status %d", c.status)
	}
}

func TestCrowd(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	for {
		if _, ok := r.registry.Enter("whip", "127.0.0.1:1"); !ok {
			break
		}
	}
	c := newClient(t, r.endpoint("show"), key, h264Format)
	if c.publish() || c.status != http.StatusTooManyRequests {
		t.Errorf("IG84 status %d: %s", c.status, c.body)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	registry, err := ingest.NewRegistry(nil, ingest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]whip.Config{
		"key frames every":     {KeyFrameEvery: 1},
		"public address":       {PublicAddresses: []string{"example.com"}},
		"stun:HOST:PORT":       {ICEServers: []whip.ICEServer{{URL: "http://example.com"}}},
		"cannot be told":       {ICEServers: []whip.ICEServer{{URL: `stun:a"b`}}},
		"a user name":          {ICEServers: []whip.ICEServer{{URL: "turn:example.com"}}},
		"at most 8":            {ICEServers: make([]whip.ICEServer, 9)},
		"resolve WHIP's UDP":   {UDPAddr: "nonsense"},
		"open WHIP's UDP port": {UDPAddr: "192.0.2.1:1"},
	} {
		if s, err := whip.New(registry, cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	s, err := whip.New(registry, whip.Config{UDPAddr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := whip.New(registry, whip.Config{UDPAddr: s.Addr().String()}); err == nil {
		t.Errorf("the port was opened twice: %v", again)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestPublicAddress(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{PublicAddresses: []string{"203.0.113.7", "2001:db8::7"}})
	c := newClient(t, r.endpoint("show"), key, h264Format)
	c.post(c.offer())
	port := r.server.Addr().String()[strings.LastIndex(r.server.Addr().String(), ":")+1:]
	if !strings.Contains(c.body, " 203.0.113.7 "+port+" typ host") || strings.Contains(c.body, "127.0.0.1 "+port) {
		t.Errorf("IG87 answer = %s", c.body)
	}
}
