package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// claim is something that docs/cdn.md says of the edge.
type claim struct {
	says  string
	holds func(context.Context, *edge) error
}

// check looks whether every claim holds, and prints what it found.
func check(ctx context.Context, out io.Writer, when string, e *edge, claims []claim) error {
	fmt.Fprintf(out, "\n%s\n", when)
	var failed []error
	for _, c := range claims {
		err := c.holds(ctx, e)
		verdict := "ok  "
		if err != nil {
			verdict = "FAIL"
			failed = append(failed, fmt.Errorf("%s: %w", c.says, err))
		}
		fmt.Fprintf(out, "  %s %s\n", verdict, c.says)
	}
	return errors.Join(failed...)
}

// reply is an answer with its body.
type reply struct {
	*http.Response
	body []byte
	took time.Duration
}

// direct sends requests as they are: without compression of its own.
var direct = &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: answerWait}

// ask sends one request; headers are pairs of key and value.
func (e *edge) ask(ctx context.Context, method, path string, headers ...string) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+e.addr+path, nil)
	if err != nil {
		return reply{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	began := time.Now()
	answer, err := direct.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusSwitchingProtocols {
		return reply{Response: answer}, nil
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, bodyLimit))
	return reply{answer, body, time.Since(began)}, err
}

// want compares status and headers (pairs of key and value; "" means absent).
func (r reply) want(status int, headers ...string) error {
	if r.StatusCode != status {
		return fmt.Errorf("%s instead of %d: %.100s", r.Status, status, r.body)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if got := strings.Join(r.Header.Values(headers[i]), "; "); got != headers[i+1] {
			return fmt.Errorf("%s: %q instead of %q", headers[i], got, headers[i+1])
		}
	}
	return nil
}

// tip is the channel's live edge, as the playlist has it now.
func (e *edge) tip(ctx context.Context) (tip, error) {
	r, err := e.ask(ctx, http.MethodGet, playlistPath)
	if err == nil {
		err = r.want(http.StatusOK)
	}
	if err != nil {
		return tip{}, err
	}
	return tipOf(r.body)
}

// past is a reload that is answered at once, by the number of a whole segment.
func (e *edge) past(ctx context.Context) (uint64, error) {
	t, err := e.tip(ctx)
	return t.msn - 1, err
}

// liveClaims are looked at while the publisher sends.
var liveClaims = []claim{
	{"the key has the directives in one order, and nothing else of the query", sameObject},
	{"a directive in another spelling is none, for key and origin alike", otherSpelling},
	{"one entry serves with and without gzip", unpacked},
	{"an entry says its Age, and pages of any origin may read it", aged},
	{"404s are kept as long as the origin says", keptMissing},
	{"ranges and conditional requests are answered from the cache", rangesAndTags},
	{"a multivariant playlist with a query is the origin's to answer", queryOfIndex},
	{"preflights pass", preflights},
	{"pages, API and WHIP pass uncached", passes},
	{"WebSockets pass", sockets},
}

func sameObject(ctx context.Context, e *edge) error {
	msn, err := e.past(ctx)
	if err != nil {
		return err
	}
	first, err := e.ask(ctx, http.MethodGet, fmt.Sprintf("%s?token=a&_HLS_skip=YES&_HLS_part=0&_HLS_msn=%d", playlistPath, msn))
	if err != nil {
		return err
	}
	if err := first.want(http.StatusOK); err != nil {
		return err
	}
	again, err := e.ask(ctx, http.MethodGet, fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=0&_HLS_skip=YES&token=b", playlistPath, msn))
	if err != nil {
		return err
	}
	if !bytes.Equal(first.body, again.body) {
		return errors.New("the answers differ")
	}
	return again.want(http.StatusOK, "X-Cache", "HIT")
}

func otherSpelling(ctx context.Context, e *edge) error {
	for _, key := range []string{"_HLS_msn", "_hls_MSN"} {
		r, err := e.ask(ctx, http.MethodGet, playlistPath+"?"+key+"=999999999")
		if err != nil {
			return err
		}
		if err := r.want(http.StatusBadRequest); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func unpacked(ctx context.Context, e *edge) error {
	msn, err := e.past(ctx)
	if err != nil {
		return err
	}
	path := fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=1", playlistPath, msn)
	packed, err := e.ask(ctx, http.MethodGet, path, "Accept-Encoding", "br, gzip")
	if err != nil {
		return err
	}
	if err := packed.want(http.StatusOK, "Content-Encoding", "gzip", "Vary", "Accept-Encoding"); err != nil {
		return err
	}
	plain, err := e.ask(ctx, http.MethodGet, path)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(plain.body, []byte("#EXTM3U")) {
		return fmt.Errorf("no playlist but %.20q", plain.body)
	}
	return plain.want(http.StatusOK, "Content-Encoding", "", "X-Cache", "HIT")
}

func aged(ctx context.Context, e *edge) error {
	msn, err := e.past(ctx)
	if err != nil {
		return err
	}
	path := fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=2", playlistPath, msn)
	fresh, err := e.ask(ctx, http.MethodGet, path)
	if err != nil {
		return err
	}
	if err := fresh.want(http.StatusOK, "X-Cache", "MISS", "Age", ""); err != nil {
		return err
	}
	if err := pause(ctx, 2500*time.Millisecond); err != nil {
		return err
	}
	old, err := e.ask(ctx, http.MethodGet, path)
	if err != nil {
		return err
	}
	if age, err := strconv.Atoi(old.Header.Get("Age")); err != nil || age < 2 || age > 3 {
		return fmt.Errorf("Age: %q after 2.5 s", old.Header.Get("Age"))
	}
	if exposed := old.Header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "Age") {
		return fmt.Errorf("exposed: %q", exposed)
	}
	return old.want(http.StatusOK, "X-Cache", "HIT", "Access-Control-Allow-Origin", "*", "Date", fresh.Header.Get("Date"))
}

func keptMissing(ctx context.Context, e *edge) error {
	path := hlsPath + "video-1.0.mp4"
	for _, status := range []string{"MISS", "HIT"} {
		r, err := e.ask(ctx, http.MethodGet, path)
		if err != nil {
			return err
		}
		if err := r.want(http.StatusNotFound, "Cache-Control", "max-age=2", "X-Cache", status); err != nil {
			return err
		}
	}
	return nil
}

func rangesAndTags(ctx context.Context, e *edge) error {
	t, err := e.tip(ctx)
	if err != nil {
		return err
	}
	if len(t.parts) == 0 {
		return errors.New("the playlist has no part")
	}
	path := hlsPath + t.parts[len(t.parts)-1]
	part, err := e.ask(ctx, http.MethodGet, path)
	if err != nil {
		return err
	}
	if err := part.want(http.StatusOK); err != nil {
		return err
	}
	tagged, err := e.ask(ctx, http.MethodGet, path, "If-None-Match", part.Header.Get("Etag"))
	if err != nil {
		return err
	}
	if err := tagged.want(http.StatusNotModified, "X-Cache", "HIT"); err != nil {
		return err
	}
	some, err := e.ask(ctx, http.MethodGet, path, "Range", "bytes=4-7")
	if err != nil {
		return err
	}
	if !bytes.Equal(some.body, part.body[4:8]) {
		return fmt.Errorf("bytes 4-7 are %.20q", some.body)
	}
	return some.want(http.StatusPartialContent, "X-Cache", "HIT")
}

func queryOfIndex(ctx context.Context, e *edge) error {
	for _, c := range []struct{ query, status string }{{"", "MISS HIT EXPIRED"}, {"", "HIT"}, {"?token=a", "BYPASS"}, {"?token=a", "BYPASS"}} {
		r, err := e.ask(ctx, http.MethodGet, indexPath+c.query)
		if err != nil {
			return err
		}
		if err := r.want(http.StatusOK); err != nil {
			return err
		}
		if !strings.Contains(c.status, r.Header.Get("X-Cache")) {
			return fmt.Errorf("%q: X-Cache: %s", c.query, r.Header.Get("X-Cache"))
		}
	}
	return nil
}

func preflights(ctx context.Context, e *edge) error {
	r, err := e.ask(ctx, http.MethodOptions, playlistPath, "Origin", "https://example.org", "Access-Control-Request-Method", "GET")
	if err != nil {
		return err
	}
	return r.want(http.StatusNoContent, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS", "Access-Control-Allow-Origin", "*")
}

func passes(ctx context.Context, e *edge) error {
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/watch/" + channel, http.StatusOK},
		{http.MethodGet, "/api/v1/session", http.StatusUnauthorized},
		{http.MethodPost, "/whip/" + channel, http.StatusUnsupportedMediaType},
	} {
		r, err := e.ask(ctx, c.method, c.path)
		if err != nil {
			return err
		}
		if err := r.want(c.status, "X-Cache", ""); err != nil {
			return fmt.Errorf("%s: %w", c.path, err)
		}
	}
	return nil
}

func sockets(ctx context.Context, e *edge) error {
	r, err := e.ask(ctx, http.MethodGet, "/ws/v1", "Connection", "Upgrade", "Upgrade", "websocket", "Origin", "http://"+e.addr,
		"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol", "cuelight.v1.json")
	if err != nil {
		return err
	}
	return r.want(http.StatusSwitchingProtocols, "Upgrade", "websocket")
}

// held is for how long the origin holds a reload, and some.
const held = 8 * time.Second

// silentClaims are looked at when the publisher has stopped.
var silentClaims = []claim{
	{"a reload is answered by the origin in its time, not by the edge's timeout", answeredInTime},
}

func answeredInTime(ctx context.Context, e *edge) error {
	for range 3 {
		t, err := e.tip(ctx)
		if err != nil {
			return err
		}
		r, err := e.ask(ctx, http.MethodGet, playlistPath+t.directives())
		switch {
		case err != nil:
			return err
		case r.StatusCode != http.StatusOK && (r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == ""):
			return fmt.Errorf("%s: %.100s", r.Status, r.body)
		case r.took > held:
			return fmt.Errorf("after %v", r.took)
		}
	}
	return nil
}

// deadClaims are looked at when the origin has ended.
var deadClaims = []claim{
	{"the playlist as it was last is still served", stale},
	{"a reload fails at once", failsAtOnce},
}

func stale(ctx context.Context, e *edge) error {
	if err := pause(ctx, 2*polledFor); err != nil { // no longer fresh
		return err
	}
	r, err := e.ask(ctx, http.MethodGet, playlistPath)
	if err != nil {
		return err
	}
	return r.want(http.StatusOK, "X-Cache", "STALE")
}

func failsAtOnce(ctx context.Context, e *edge) error {
	t, err := e.tip(ctx)
	if err != nil {
		return err
	}
	t.part += 7 // what nobody has asked for yet
	r, err := e.ask(ctx, http.MethodGet, playlistPath+t.directives())
	if err != nil {
		return err
	}
	if r.took > 5*time.Second {
		return fmt.Errorf("after %v", r.took)
	}
	return r.want(http.StatusBadGateway)
}
