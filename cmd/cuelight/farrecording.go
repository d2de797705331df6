package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/api"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// shelfWait bounds the asking of other nodes, maxShelfBytes what one says.
	shelfWait     = 2 * time.Second
	maxShelfBytes = 4 << 20
	// deleteWait bounds the deleting of a recording there.
	deleteWait = 5 * time.Second
)

// nodeRecording is a recording as nodes tell each other of it.
type nodeRecording struct {
	ID       string        `json:"id"`
	Started  clock.Instant `json:"started_at_us"`
	Duration int64         `json:"duration_ms"`
	Bytes    int64         `json:"bytes"`
	Live     bool          `json:"live"`
}

// recordingURL is where a recording plays, on every node.
func recordingURL(channel, id string) string {
	return "/vod/" + channel + "/" + id + "/" + packager.Index
}

// askShelves lists what the other nodes have of a channel, and names those that
// do not say in time.
func (c *cluster) askShelves(ctx context.Context, channel string) (found []farRecording, silent []string) {
	ctx, cancel := context.WithTimeout(ctx, shelfWait)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, p := range c.directory.others() {
		wg.Go(func() {
			all, err := c.recordingsAt(ctx, p, channel)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				silent = append(silent, p.ID)
			}
			found = append(found, all...)
		})
	}
	wg.Wait()
	return found, silent
}

// recordingsAt asks a node what it has of a channel. A node that does not know
// the question has nothing.
func (c *cluster) recordingsAt(ctx context.Context, p peer, channel string) ([]farRecording, error) {
	resp, err := c.askNode(ctx, http.MethodGet, p.URL+recordingsPath(channel))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, nil
	default:
		return nil, fmt.Errorf("it answered %s", resp.Status)
	}
	var said struct {
		Recordings []nodeRecording `json:"recordings"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxShelfBytes)).Decode(&said); err != nil {
		return nil, fmt.Errorf("read its answer: %w", err)
	}
	all := make([]farRecording, len(said.Recordings))
	for i, r := range said.Recordings {
		all[i] = farRecording{node: p.ID, Recording: api.Recording{
			ID: r.ID, Started: r.Started, Duration: time.Duration(r.Duration) * time.Millisecond, Bytes: r.Bytes, Live: r.Live,
			URL: recordingURL(channel, r.ID),
		}}
	}
	return all, nil
}

func recordingsPath(channel string) string { return nodePath + "/channels/" + channel + "/recordings" }

func (c *cluster) askNode(ctx context.Context, method, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	return c.transport.RoundTrip(req)
}

// serveShelf tells another node what was recorded here.
func (c *cluster) serveShelf(w http.ResponseWriter, r *http.Request) {
	all, err := c.srv.recordingsHere(r.PathValue("channel"))
	if err != nil {
		c.log.Error("recordings not listed", "channel", r.PathValue("channel"), "err", err)
		http.Error(w, "the recordings cannot be listed", http.StatusInternalServerError)
		return
	}
	said := make([]nodeRecording, len(all))
	for i, rec := range all {
		said[i] = nodeRecording{rec.ID, rec.Started, rec.Duration.Milliseconds(), rec.Bytes, rec.Live}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(packed(map[string]any{"recordings": said})) // the other node has given up if this fails
}

// serveDelete deletes a recording for another node, whose producer may.
func (c *cluster) serveDelete(w http.ResponseWriter, r *http.Request) {
	switch err := c.srv.deleteHere(r.PathValue("channel"), r.PathValue("id")); {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, api.ErrNoRecording):
		http.Error(w, err.Error(), http.StatusNotFound)
	case interact.CodeOf(err) == interact.CodeConflict:
		http.Error(w, err.Error(), http.StatusConflict)
	default:
		c.log.Error("recording not deleted", "channel", r.PathValue("channel"), "err", err)
		http.Error(w, "the recording cannot be deleted", http.StatusInternalServerError)
	}
}

// deleteThere deletes a recording on the node that has it.
//
// Errors: those of api.Events.Delete, and CodeUnavailable.
func (c *cluster) deleteThere(ctx context.Context, channel, id string) error {
	ctx, cancel := context.WithTimeout(ctx, deleteWait)
	defer cancel()
	node, err := c.shelves.find(ctx, channel, id)
	if errors.Is(err, errNowhere) {
		return api.ErrNoRecording
	}
	p, ok := c.directory.find(node)
	if err != nil || !ok {
		return errShelfAway
	}
	resp, err := c.askNode(ctx, http.MethodDelete, p.URL+recordingsPath(channel)+"/"+id)
	if err != nil {
		c.log.Warn("recording not deleted", "channel", channel, "node", node, "err", err)
		return errShelfAway
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusNoContent:
		c.shelves.forget(channel, id)
		return nil
	case http.StatusNotFound:
		return api.ErrNoRecording
	case http.StatusConflict:
		return errBeingMade
	}
	c.log.Warn("recording not deleted", "channel", channel, "node", node, "err", resp.Status)
	return errShelfAway
}

var (
	errShelfAway = interact.Errorf(interact.CodeUnavailable, "The server that has this recording does not answer. Try again in a second, or start it.")
	errBeingMade = interact.Errorf(interact.CodeConflict, "This recording is being made: end the event first.")
)
