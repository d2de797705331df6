package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/sync/follow"
)

const (
	// announceEvery is how often a node says that it is there, announceTTL for how
	// long that counts.
	announceEvery = time.Second
	announceTTL   = 5 * time.Second
	announceWait  = time.Second
	// nodeVersion numbers what nodes say to each other. What is added to it is
	// ignored by those who do not know it.
	nodeVersion = 1
)

// nodeLoad is what a node says of itself beside where it is.
type nodeLoad struct {
	nodeIdentity
	Clock follow.Candidate `json:"clock"`
	// Draining says that the node is about to stop.
	Draining bool `json:"draining,omitempty"`
	// Operating is how much of what the node can do is taken, 0 to 1, and Bound
	// which of its bounds that is.
	Operating   float64 `json:"operating"`
	Bound       string  `json:"bound,omitempty"`
	Connections int     `json:"connections"`
	// Answers and Messages are rates. Units: 1/s.
	Answers  float64 `json:"answers_per_s"`
	Messages float64 `json:"messages_per_s"`
}

// peer is a node as it was last heard of.
type peer struct {
	redisstore.Node
	load nodeLoad
}

func (p peer) has(role string) bool { return roleList(p.Roles).has(role) }

// directory knows the nodes that there are. What it knows last stays when Redis
// does not answer.
type directory struct {
	nodes *redisstore.Nodes
	own   func() redisstore.Node
	log   *slog.Logger

	mu      sync.Mutex // protects what follows
	peers   map[string]peer
	listed  bool // at least once
	failing bool
}

// Run says that this node is there, and who else is, until ctx ends; then it
// says that it has gone.
func (d *directory) Run(ctx context.Context) error {
	every := time.NewTicker(announceEvery)
	defer every.Stop()
	for {
		d.refresh(ctx)
		select {
		case <-ctx.Done():
			d.leave()
			return nil
		case <-every.C:
		}
	}
}

func (d *directory) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, announceWait)
	defer cancel()
	err := d.nodes.Announce(ctx, d.own(), announceTTL)
	var all []redisstore.Node
	if err == nil {
		all, err = d.nodes.List(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		if !d.failing && ctx.Err() == nil {
			d.log.Warn("other nodes are not known", "err", err)
		}
		d.failing = true
		return
	}
	d.failing, d.listed = false, true
	d.peers = make(map[string]peer, len(all))
	for _, n := range all {
		d.peers[n.ID] = peer{n, loadOf(n)}
	}
}

func (d *directory) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), announceWait)
	defer cancel()
	if err := d.nodes.Leave(ctx, d.own().ID); err != nil {
		d.log.Warn("node's leaving is not known to others", "err", err)
	}
}

// known reports whether the nodes have been listed at all.
func (d *directory) known() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.listed
}

// find returns a node.
func (d *directory) find(id string) (peer, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok := d.peers[id]
	return p, ok
}

// others returns all nodes but this one.
func (d *directory) others() []peer {
	own := d.own().ID
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []peer
	for id, p := range d.peers {
		if id != own {
			all = append(all, p)
		}
	}
	return all
}

// clockOf is where a node answers for its clock, empty if that is not known.
func (d *directory) clockOf(id string) string {
	p, _ := d.find(id)
	return p.Clock
}

// try returns the public address of another gateway with room, drawn from those
// that have most.
func (d *directory) try(string) string {
	var best []string
	least := 1.0
	for _, p := range d.others() {
		if p.Public == "" || p.load.Draining || !p.has(roleGateway) {
			continue
		}
		switch load := p.load.Operating; {
		case load >= 1:
		case load < least-0.1:
			least, best = load, []string{p.Public}
		case load < least+0.1:
			best = append(best, p.Public)
		}
	}
	if len(best) == 0 {
		return ""
	}
	return best[rand.N(len(best))]
}

// size is how many nodes there are.
func (d *directory) size() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.peers)
}
