package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// producer runs cues over the HTTP API, as a script would.
type producer struct {
	base  string // http://HOST/api/v1/channels/NAME
	token Token
}

// Token is a producer's token. It shows itself to nobody but the server.
type Token string

// String hides the token.
func (Token) String() string { return "[hidden]" }

// GoString hides the token.
func (Token) GoString() string { return "[hidden]" }

const (
	requestWait = 20 * time.Second
	finalWait   = 30 * time.Second
	maxReply    = 16 << 20 // bytes
)

// question is the body of a new cue. Its results stay hidden until the reveal,
// so that no tally goes to viewers while something is measured.
type question struct {
	Kind    string   `json:"kind"`
	Title   string   `json:"title"`
	Options []string `json:"options"`
	Results string   `json:"results"`
	Window  int64    `json:"window_ms"`
}

// options are what viewers choose from.
var options = []string{"North", "East", "South", "West"}

// take prepares a poll and takes it.
func (p *producer) take(ctx context.Context, title string, window time.Duration) (wire.Cue, error) {
	var cue wire.Cue
	ask := question{string(interact.KindPoll), title, options, "reveal", window.Milliseconds()}
	if err := p.do(ctx, http.MethodPost, "/cues", ask, &cue); err != nil {
		return cue, fmt.Errorf("prepare a poll: %w", err)
	}
	id := cue.ID
	if err := p.do(ctx, http.MethodPost, "/cues/"+url.PathEscape(id)+"/take", nil, &cue); err != nil {
		return cue, fmt.Errorf("take cue %s: %w", id, err)
	}
	return cue, nil
}

// act does something to a cue and returns what it is then.
func (p *producer) act(ctx context.Context, cue, action string, body any) (wire.Cue, error) {
	var c wire.Cue
	if err := p.do(ctx, http.MethodPost, "/cues/"+url.PathEscape(cue)+"/"+action, body, &c); err != nil {
		return c, fmt.Errorf("%s cue %s: %w", action, cue, err)
	}
	return c, nil
}

// finish closes a cue and returns its tally once that is final.
func (p *producer) finish(ctx context.Context, cue string) (wire.Tally, error) {
	ctx, cancel := context.WithTimeout(ctx, finalWait)
	defer cancel()
	var tally wire.Tally
	// A window that is over by itself cannot be closed, and need not be.
	_, closed := p.act(ctx, cue, "close", nil)
	for {
		err := p.do(ctx, http.MethodGet, "/cues/"+url.PathEscape(cue)+"/tally", nil, &tally)
		switch {
		case err == nil && tally.Final:
			return tally, nil
		case err != nil && !mayPass(err):
			return tally, fmt.Errorf("read the tally of cue %s: %w", cue, err)
		}
		if !pause(ctx, 100*time.Millisecond) {
			return tally, fmt.Errorf("wait for the final tally of cue %s (closing it said: %v): %w", cue, closed, context.Cause(ctx))
		}
	}
}

// refusedRequest is a reply that is no success.
type refusedRequest struct {
	status int
	said   string
}

func (r *refusedRequest) Error() string { return r.said }

// mayPass reports whether the same request may be answered in a moment: nobody
// was there, or another node is about to take over.
func mayPass(err error) bool {
	r, refused := errors.AsType[*refusedRequest](err)
	return !refused || r.status >= http.StatusInternalServerError
}

func (p *producer) do(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	body := new(bytes.Buffer)
	if in != nil {
		if err := json.NewEncoder(body).Encode(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+string(p.token))
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return &refusedRequest{resp.StatusCode, fmt.Sprintf("%s: %s", resp.Status, bytes.TrimSpace(reply))}
	}
	return json.Unmarshal(reply, out)
}
