package noise

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// maxReply is the longest reply that is read. Units: bytes.
	maxReply = 4 << 20
	// calls is how many answers a participant gives over HTTP, callEvery after
	// what time the next one at the latest: more than it may.
	calls     = 20
	callEvery = 20 * time.Millisecond
)

// ask makes a request. Without a reply the status is 0.
func (f *Flood) ask(ctx context.Context, method, path, token, body string) (status int, reply string) {
	req, err := http.NewRequestWithContext(ctx, method, one(f.Studios)+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		return 0, ""
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(data)
}

// tell makes a request and counts it.
func (f *Flood) tell(ctx context.Context, what, method, path, token, body string) (status int, reply string) {
	f.counts.offer(1)
	status, reply = f.ask(ctx, method, path, token, body)
	if status != 0 {
		f.counts.say(status/100 == 2, what, status)
	}
	return status, reply
}

func (f *Flood) own(path string) string { return "/channels/" + url.PathEscape(f.Channel) + path }

// call becomes a participant and answers more often than it may.
func (f *Flood) call(ctx context.Context, _ int) {
	status, reply := f.ask(ctx, http.MethodPost, f.own("/participants"), "", "")
	var who struct {
		Token string `json:"token"`
	}
	if status/100 != 2 || json.Unmarshal([]byte(reply), &who) != nil {
		return
	}
	for range calls {
		if !pause(ctx, min(f.Every, callEvery)) {
			return
		}
		body := fmt.Sprintf(`{"id":"h%d","rev":1,"choice":[%d]}`, rand.Uint64(), rand.IntN(2))
		f.tell(ctx, request, http.MethodPost, "/cues/"+url.PathEscape(f.Cue)+"/answers", who.Token, body)
	}
}

// produce prepares a question, reads them all and deletes it.
func (f *Flood) produce(ctx context.Context, _ int) {
	draft := `{"kind":"poll","title":"Noise","options":["a","b"],"window_ms":20000}`
	status, reply := f.tell(ctx, command, http.MethodPost, f.own("/cues"), f.Token, draft)
	var q struct {
		ID string `json:"id"`
	}
	f.tell(ctx, command, http.MethodGet, f.own("/cues"), f.Token, "")
	if status/100 == 2 && json.Unmarshal([]byte(reply), &q) == nil {
		f.tell(ctx, command, http.MethodDelete, f.own("/cues/"+url.PathEscape(q.ID)), f.Token, "")
	}
}

// foreign is what a producer could do to a channel. %s is a cue.
var foreign = []struct{ method, path, body string }{
	{http.MethodGet, "", ""},
	{http.MethodGet, "/cues", ""},
	{http.MethodPost, "/cues", `{"kind":"poll","title":"Mine","options":["a","b"],"window_ms":20000}`},
	{http.MethodPut, "/cues/%s", `{"kind":"poll","title":"Mine","options":["a","b"],"window_ms":20000}`},
	{http.MethodDelete, "/cues/%s", ""},
	{http.MethodPost, "/cues/%s/take", ""},
	{http.MethodPost, "/cues/%s/close", ""},
	{http.MethodPost, "/cues/%s/cancel", ""},
	{http.MethodPost, "/cues/%s/reveal", ""},
	{http.MethodPost, "/cues/%s/pause", ""},
	{http.MethodGet, "/cues/%s/tally", ""},
	{http.MethodGet, "/participants", ""},
	{http.MethodPost, "/participants/p1/kick", ""},
	{http.MethodPost, "/participants/p1/ban", ""},
	{http.MethodGet, "/bans", ""},
	{http.MethodPost, "/links", `{"count":1}`},
	{http.MethodPut, "/latency", `{"latency_ms":3000}`},
	{http.MethodPost, "/end", ""},
	{http.MethodGet, "/recordings", ""},
}

// burgle tries everything on the other tenant's channel, and reads the lists of
// channels that the token is for.
func (f *Flood) burgle(ctx context.Context, who int) {
	f.intrude(ctx)
	for i := range foreign {
		try := foreign[(i+who)%len(foreign)]
		path := "/channels/" + url.PathEscape(f.Other) + strings.ReplaceAll(try.path, "%s", url.PathEscape(f.OtherCue))
		if status, reply := f.tell(ctx, breakIn, try.method, path, f.Token, try.body); status/100 == 2 {
			f.counts.taken("%s %s: %d %.100s", try.method, path, status, reply)
		}
		if !pause(ctx, f.Every) {
			return
		}
	}
	for _, list := range []string{"/session", "/channels"} {
		if _, reply := f.tell(ctx, command, http.MethodGet, list, f.Token, ""); strings.Contains(reply, `"`+f.Other+`"`) {
			f.counts.taken("GET %s names channel %s", list, f.Other)
		}
	}
}
