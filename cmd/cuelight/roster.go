package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

const (
	// nodePath begins the paths that nodes have for each other.
	nodePath = "/node/v1"
	// rosterWait bounds the asking of other nodes, maxRosterBytes what one says.
	rosterWait     = time.Second
	maxRosterBytes = 256 << 10
)

// rosters puts a sample together from those of all gateways: each viewer is as
// likely to be in it as any other. A node that does not answer in time is left
// out.
func (c *cluster) rosters(ctx context.Context, channel string, n int) *wire.Roster {
	own := c.srv.gateway.Roster(channel, n)
	own.Total = c.srv.gateway.Viewers(channel)
	samples := []*wire.Roster{own}
	ctx, cancel := context.WithTimeout(ctx, rosterWait)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, p := range c.directory.others() {
		if !p.has(roleGateway) {
			continue
		}
		wg.Go(func() {
			r, err := c.rosterOf(ctx, p.URL, channel)
			if err != nil {
				c.log.Warn("viewers of a node are not in the sample", "node", p.ID, "channel", channel, "err", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			samples = append(samples, r)
		})
	}
	wg.Wait()
	return mixed(samples, n)
}

// rosterOf asks a node who of a channel is there.
func (c *cluster) rosterOf(ctx context.Context, base, channel string) (*wire.Roster, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+nodePath+"/channels/"+channel+"/roster", nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %s", resp.Status)
	}
	var r wire.Roster
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxRosterBytes)).Decode(&r); err != nil {
		return nil, fmt.Errorf("read its answer: %w", err)
	}
	return &r, nil
}

// serveRoster tells another node who is here.
func (c *cluster) serveRoster(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("channel")
	if c.seats[name] == nil {
		http.NotFound(w, r)
		return
	}
	here := c.srv.gateway.Roster(name, wire.MaxRoster)
	here.Total = c.srv.gateway.Viewers(name)
	w.Header().Set("Content-Type", "application/json")
	w.Write(packed(here)) // the other node has given up if this fails
}

// mixed draws n viewers from samples, from each as often as its total demands.
func mixed(samples []*wire.Roster, n int) *wire.Roster {
	out := &wire.Roster{Viewers: []wire.RosterViewer{}}
	left := make([]int, len(samples)) // viewers that a draw may still mean
	for i, s := range samples {
		out.Total += s.Total
		left[i] = s.Total
	}
	for all := out.Total; all > 0 && len(out.Viewers) < n; all-- {
		pick := rand.N(all)
		for i, s := range samples {
			if pick -= left[i]; pick >= 0 {
				continue
			}
			left[i]--
			if len(s.Viewers) > 0 {
				out.Viewers = append(out.Viewers, s.Viewers[0])
				s.Viewers = s.Viewers[1:]
			}
			break
		}
	}
	return out
}
