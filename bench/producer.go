package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// producer runs cues over the HTTP API, as a script would.
type producer struct {
	base  string // http://HOST:PORT/api/v1/channels/NAME
	token string
}

// question is the body of a new cue. Its results stay hidden until the reveal,
// so that no tally is sent to viewers while answers are measured.
type question struct {
	Kind     string   `json:"kind"`
	Title    string   `json:"title"`
	Options  []string `json:"options"`
	Results  string   `json:"results"`
	WindowMS int64    `json:"window_ms"`
}

var poll = question{
	Kind: "poll", Title: "Which corner will she take?", Options: []string{"Left", "Right", "Middle"},
	Results: "reveal", WindowMS: 15_000,
}

// take prepares a cue and takes it.
func (p *producer) take(ctx context.Context) (wire.Cue, error) {
	var cue wire.Cue
	if err := p.do(ctx, http.MethodPost, "/cues", poll, &cue); err != nil {
		return cue, fmt.Errorf("prepare cue: %w", err)
	}
	id := cue.ID
	if err := p.do(ctx, http.MethodPost, "/cues/"+id+"/take", nil, &cue); err != nil {
		return cue, fmt.Errorf("take cue %s: %w", id, err)
	}
	return cue, nil
}

// finish closes a cue and returns its tally once that is final.
func (p *producer) finish(ctx context.Context, cue string) (wire.Tally, error) {
	ctx, cancel := context.WithTimeout(ctx, finalWait)
	defer cancel()
	var tally wire.Tally
	if err := p.do(ctx, http.MethodPost, "/cues/"+cue+"/close", nil, new(wire.Cue)); err != nil {
		return tally, fmt.Errorf("close cue %s: %w", cue, err)
	}
	for !tally.Final {
		select {
		case <-ctx.Done():
			return tally, fmt.Errorf("wait for the final tally of cue %s: %w", cue, context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
		if err := p.do(ctx, http.MethodGet, "/cues/"+cue+"/tally", nil, &tally); err != nil {
			return tally, fmt.Errorf("read tally of cue %s: %w", cue, err)
		}
	}
	return tally, nil
}

const finalWait = 20 * time.Second

func (p *producer) do(ctx context.Context, method, path string, in, out any) error {
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
	req.Header.Set("Authorization", "Bearer "+p.token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(answer))
	}
	return json.Unmarshal(answer, out)
}
