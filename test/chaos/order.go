package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// order gives a command of a producer once, path being that below /channels.
func (s *stand) order(ctx context.Context, token, method, path string, body, into any) error {
	return s.orderAs(ctx, token, rand.Text(), method, path, body, into)
}

// orderAs gives a command that has a name: repeated, it is carried out once.
func (s *stand) orderAs(ctx context.Context, token, name, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	data := new(bytes.Buffer)
	if body != nil {
		if err := json.NewEncoder(data).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, s.studio.url+"/api/v1/channels"+path, data)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", name)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return err
	}
	switch {
	case resp.StatusCode/100 != 2:
		return &refusal{resp.StatusCode, fmt.Sprintf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(reply))}
	case into == nil:
		return nil
	default:
		return json.Unmarshal(reply, into)
	}
}

// refusal is a reply that is no success.
type refusal struct {
	status int
	said   string
}

// Error returns what was said.
func (r *refusal) Error() string { return r.said }

// insist gives a command until it is carried out: nodes come and go.
func (s *stand) insist(ctx context.Context, token, method, path string, body, into any) error {
	name := rand.Text()
	for {
		err := s.orderAs(ctx, token, name, method, path, body, into)
		if r, refused := errors.AsType[*refusal](err); err == nil || refused && r.status < http.StatusInternalServerError {
			return err
		}
		if !pause(ctx, 50*time.Millisecond) {
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
	}
}

// take puts a question on air.
func (s *stand) take(ctx context.Context, token, channel string, question map[string]any) (q wire.Cue, err error) {
	if err := s.insist(ctx, token, http.MethodPost, "/"+channel+"/cues", question, &q); err != nil {
		return q, err
	}
	return q, s.insist(ctx, token, http.MethodPost, "/"+channel+"/cues/"+q.ID+"/take", nil, &q)
}

// final waits for the final count of a cue. A node that has just heard of the cue
// may say that there is none.
func (s *stand) final(ctx context.Context, channel, cue string) (tally wire.Tally, err error) {
	for {
		err := s.order(ctx, s.token, http.MethodGet, "/"+channel+"/cues/"+cue+"/tally", nil, &tally)
		if err == nil && tally.Final {
			return tally, nil
		}
		if !pause(ctx, 50*time.Millisecond) {
			return tally, errors.Join(fmt.Errorf("wait for the final count of %s: %w", cue, context.Cause(ctx)), err)
		}
	}
}
