package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/token"
)

// enlistWait is how long a node that may be this one's former life, or another
// one that lives, has to say that it is there.
const enlistWait = 5 * announceEvery / 2

// nodeIdentity is what a process says of itself, so that others may tell it from
// another one with the same name, and see that they have the same secret.
type nodeIdentity struct {
	// Boot names the process, Beat counts what it has said.
	Boot string `json:"boot,omitempty"`
	Beat uint64 `json:"beat,omitempty"`
	// Mark is the same for all with the same secret, and says nothing of it.
	Mark string `json:"mark,omitempty"`
}

// markOf is the mark of the secret that nodes prove themselves with.
func markOf(p peers) string { return fmt.Sprintf("%x", token.Sum(p, "mark")[:8]) }

// enlist sees to it that this node fits those that there are, before it says that
// it is there: all have one secret, and nobody else has its name.
//
// Errors: what to change.
func (c *cluster) enlist(ctx context.Context) error {
	before, there, err := c.meet(ctx)
	if err != nil || !there || c.has(before.URL) {
		return err
	}
	wait := time.NewTimer(enlistWait)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-wait.C:
	}
	after, there, err := c.meet(ctx)
	if err != nil || !there {
		return err
	}
	if old, now := loadOf(before), loadOf(after); old.Beat != now.Beat || old.Boot != now.Boot {
		return fmt.Errorf("node.id: another node, at %s, has the name %q: give each node a name of its own", after.URL, c.id)
	}
	return nil
}

// has says that an address is that of this node's own listener: whoever had it
// before is gone.
func (c *cluster) has(url string) bool { return c.srv.settings.Node.URL == "" && url == c.url }

// meet returns what is known of a node with this one's name.
func (c *cluster) meet(ctx context.Context) (same redisstore.Node, there bool, err error) {
	all, err := c.redis.Nodes().List(ctx)
	if err != nil {
		return same, false, fmt.Errorf("ask Redis for the other nodes: %w", err)
	}
	for _, n := range all {
		if mark := loadOf(n).Mark; mark != "" && mark != markOf(c.peers) {
			return same, false, fmt.Errorf("secret_file: node %s, at %s, has another secret: give all nodes the same, or stop those with the old one first", n.ID, n.URL)
		}
		if n.ID == c.id {
			same, there = n, true
		}
	}
	return same, there, nil
}

func loadOf(n redisstore.Node) (load nodeLoad) {
	_ = json.Unmarshal(n.Load, &load) // a load that is not understood is none
	return load
}
