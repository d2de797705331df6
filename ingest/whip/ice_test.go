package whip_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/whip"
	"github.com/cuelight/cuelight/internal/media"
)

const fragmentType = "application/trickle-ice-sdpfrag"

func (c *client) patch(fragment, ifMatch string) {
	c.t.Helper()
	header := map[string]string{}
	if ifMatch != "" {
		header["If-Match"] = ifMatch
	}
	c.do(http.MethodPatch, c.location, fragmentType, fragment, header)
}

// split takes the candidates out of a description.
func split(sdp string) (without string, candidates []string) {
	var b strings.Builder
	for line := range strings.Lines(sdp) {
		switch {
		case strings.HasPrefix(line, "a=candidate:"):
			candidates = append(candidates, line)
		case !strings.HasPrefix(line, "a=end-of-candidates"):
			b.WriteString(line)
		}
	}
	return b.String(), candidates
}

func TestTrickle(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	c := newClient(t, r.endpoint("show"), key, h264Format)
	bare, candidates := split(c.offer())
	c.post(bare)
	if c.status != http.StatusCreated {
		t.Fatalf("status %d: %s", c.status, c.body)
	}
	answer, ours := split(c.body)
	c.patch("a=mid:0\r\n"+strings.Join(candidates, "")+"a=end-of-candidates\r\n", c.etag)
	if c.status != http.StatusNoContent {
		t.Fatalf("IG81 status %d: %s", c.status, c.body)
	}
	c.must(c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	for _, line := range ours {
		c.must(c.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: strings.TrimSpace(strings.TrimPrefix(line, "a="))}))
	}
	c.feed(join(picture, x264))
	r.Await(t, "IG81 media after candidates that came later", flowing(5, 0))
}

func TestPatchRefused(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	c := newClient(t, r.endpoint("show"), key, h264Format)
	mustPublish(t, c)
	good := "a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n"
	for _, tc := range []struct {
		name, contentType, fragment, ifMatch string
		status                               int
	}{
		{"without If-Match", fragmentType, good, "", http.StatusPreconditionRequired},
		{"another ETag", fragmentType, good, `"another"`, http.StatusPreconditionFailed},
		{"another type", "application/sdp", good, c.etag, http.StatusUnsupportedMediaType},
		{"no fragment", fragmentType, "hello", c.etag, http.StatusBadRequest},
		{"no candidate", fragmentType, "a=candidate:rubbish\r\n", c.etag, http.StatusBadRequest},
		{"a name instead of an address", fragmentType, "a=candidate:1 1 udp 1 internal.example.com 80 typ host\r\n", c.etag, http.StatusBadRequest},
		{"huge", fragmentType, strings.Repeat(good, 2000), c.etag, http.StatusRequestEntityTooLarge},
		{"half a restart", fragmentType, "a=ice-ufrag:abcd\r\n", "*", http.StatusBadRequest},
		{"an injected line", fragmentType, "a=ice-ufrag:ab cd\r\na=ice-pwd:0123456789012345678901\r\n", "*", http.StatusBadRequest},
		{"too many candidates", fragmentType, strings.Repeat(good, 101), c.etag, http.StatusBadRequest},
		{"good", fragmentType, good, c.etag, http.StatusNoContent},
		{"one of several ETags", fragmentType, good, `"another", ` + c.etag, http.StatusNoContent},
	} {
		t.Run("IG84 "+tc.name, func(t *testing.T) {
			header := map[string]string{}
			if tc.ifMatch != "" {
				header["If-Match"] = tc.ifMatch
			}
			p := &client{t: t, token: key}
			p.do(http.MethodPatch, c.location, tc.contentType, tc.fragment, header)
			if p.status != tc.status {
				t.Errorf("status %d: %s; want %d", p.status, p.body, tc.status)
			}
		})
	}
	stranger := &client{t: t, token: "wrong"}
	stranger.do(http.MethodDelete, c.location, "", "", nil)
	if stranger.status != http.StatusUnauthorized {
		t.Errorf("IG84 DELETE with another token: status %d", stranger.status)
	}
	c.do(http.MethodDelete, c.location+"x", "", "", nil)
	if c.status != http.StatusNotFound {
		t.Errorf("IG84 unknown session: status %d", c.status)
	}
	c.do(http.MethodPut, c.location, "", "", nil)
	if c.status != http.StatusMethodNotAllowed {
		t.Errorf("IG84 PUT: status %d", c.status)
	}
}

func TestPatchRate(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	c := newClient(t, r.endpoint("show"), key, h264Format)
	mustPublish(t, c)
	for n := 1; ; n++ {
		c.patch("a=end-of-candidates\r\n", c.etag)
		if c.status == http.StatusTooManyRequests {
			if n < 40 {
				t.Errorf("IG84 refused after %d", n)
			}
			break
		}
		if n > 1000 {
			t.Fatal("IG84 1000 requests were taken")
		}
	}
}

// TestRestart restarts ICE as a client does that has changed networks: media
// go on in the same session.
func TestRestart(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	c := newClient(t, r.endpoint("show"), key, h264Format)
	mustPublish(t, c)
	c.feed(join(picture, x264))
	before := r.Await(t, "media", flowing(10, 0))
	answered, old := c.body, c.etag

	offer, err := c.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	c.must(err)
	gathered := webrtc.GatheringCompletePromise(c.pc)
	c.must(c.pc.SetLocalDescription(offer))
	c.await("candidates", gathered)
	local := c.pc.LocalDescription().SDP
	_, candidates := split(local)
	c.patch(fmt.Sprintf("a=ice-ufrag:%s\r\na=ice-pwd:%s\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n%sa=end-of-candidates\r\n",
		lineOf(local, "a=ice-ufrag:"), lineOf(local, "a=ice-pwd:"), strings.Join(candidates, "")), "*")
	etag := c.header.Get("ETag")
	if c.status != http.StatusOK || etag == "" || etag == old || c.header.Get("Content-Type") != fragmentType {
		t.Fatalf("IG81 status %d, ETag %s: %s", c.status, etag, c.body)
	}
	ufrag := lineOf(c.body, "a=ice-ufrag:")
	if ufrag == "" || ufrag == lineOf(answered, "a=ice-ufrag:") || !strings.Contains(c.body, "a=candidate:") || !strings.Contains(c.body, "a=mid:0") {
		t.Fatalf("IG81 fragment = %s", c.body)
	}
	fragment := c.body
	c.patch("a=end-of-candidates\r\n", old)
	if c.status != http.StatusPreconditionFailed {
		t.Errorf("IG81 with the old ETag: status %d", c.status)
	}
	answered = strings.ReplaceAll(answered, lineOf(answered, "a=ice-ufrag:"), ufrag)
	answered = strings.ReplaceAll(answered, lineOf(answered, "a=ice-pwd:"), lineOf(fragment, "a=ice-pwd:"))
	c.must(c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answered}))
	count := len(before.Of(media.Video))
	h := r.Await(t, "IG81 media after the restart", func(h ingesttest.Heard) bool { return len(h.Of(media.Video)) > count+60 })
	if len(h.Begins) != 1 || len(h.Ends) != 0 {
		t.Errorf("IG81 %d begins, ends %v", len(h.Begins), h.Ends)
	}
}

func lineOf(sdp, prefix string) string {
	for line := range strings.Lines(sdp) {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
