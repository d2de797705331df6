package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// Node is what a node says of itself to the others.
type Node struct {
	// ID names the node, 1 to 64 visible ASCII characters, and no other one.
	ID string `json:"id"`
	// URL is where other nodes reach it over HTTP, Public where viewers and
	// producers do; empty for nowhere.
	URL    string `json:"url,omitempty"`
	Public string `json:"public,omitempty"`
	// Roles are what it does: ingest, origin, engine, gateway, studio.
	Roles []string `json:"roles,omitempty"`
	// Clock is the UDP address at which it tells its R, empty for none.
	Clock string `json:"clock,omitempty"`
	// Version is that of what nodes say to each other.
	Version int `json:"version"`
	// Load says in JSON how busy it is.
	Load json.RawMessage `json:"load,omitempty"`
}

// Limits of the list of nodes.
const (
	MaxNodes    = 1000
	maxNodeJSON = 16 << 10
	maxNodeTTL  = time.Hour
)

// Nodes is the list of the nodes there are. It is safe for concurrent use.
type Nodes struct{ c *Client }

// Nodes returns the list of nodes.
func (c *Client) Nodes() *Nodes { return &Nodes{c} }

func (c *Client) nodesKeys() []string {
	k := c.wholeKey("nodes")
	return []string{k, k + ":until"}
}

// Announce puts a node on the list for ttl, 1 ms to an hour, in the place of what
// it said before.
//
// Errors: *interact.Error with CodeUnavailable, with CodeInvalid for what does
// not fit; ctx's.
func (n *Nodes) Announce(ctx context.Context, node Node, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	text, err := json.Marshal(node)
	switch {
	case err != nil:
		return interact.Errorf(interact.CodeInvalid, "node %s: %v", node.ID, err)
	case !interact.IsWord(node.ID, interact.MaxNode):
		return interact.Errorf(interact.CodeInvalid, "the name of a node has 1 to %d visible ASCII characters", interact.MaxNode)
	case len(text) > maxNodeJSON:
		return interact.Errorf(interact.CodeInvalid, "node %s says %d bytes: %d fit", node.ID, len(text), maxNodeJSON)
	case ttl < time.Millisecond || ttl > maxNodeTTL:
		return interact.Errorf(interact.CodeInvalid, "a time to live of %v: 1ms to %v fit", ttl, maxNodeTTL)
	}
	_, err = n.c.ask(ctx, "announce this node", newCall("nodes", "nodes_announce", false, n.c.nodesKeys(), node.ID, text, ttlMS(ttl), MaxNodes))
	if _, full := errors.AsType[errSaid](err); full {
		return interact.Errorf(interact.CodeInvalid, "there are %d nodes already", MaxNodes)
	}
	return err
}

// List returns the nodes that have announced themselves and are not over, by ID.
// What cannot be read is left out and logged.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (n *Nodes) List(ctx context.Context) ([]Node, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := n.c.ask(ctx, "list nodes", newCall("nodes", "nodes_list", false, n.c.nodesKeys()))
	if err != nil {
		return nil, err
	}
	nodes := make([]Node, 0, len(f))
	for _, text := range f {
		node, err := parseNode(text)
		if err != nil {
			n.c.complain("list nodes", err)
			continue
		}
		nodes = append(nodes, node)
	}
	sort.Slice(nodes, func(i, j int) bool { return nodes[i].ID < nodes[j].ID })
	return nodes, nil
}

// parseNode reads what a node, perhaps of another release, says of itself.
func parseNode(text string) (Node, error) {
	var node Node
	if len(text) > maxNodeJSON {
		return Node{}, fmt.Errorf("a node says %d bytes", len(text))
	}
	if err := json.Unmarshal([]byte(text), &node); err != nil {
		return Node{}, fmt.Errorf("read node: %w", err)
	}
	if !interact.IsWord(node.ID, interact.MaxNode) {
		return Node{}, fmt.Errorf("a node with the name %.80q", node.ID)
	}
	return node, nil
}

// Leave takes a node off the list.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (n *Nodes) Leave(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := n.c.ask(ctx, "leave the list of nodes", newCall("nodes", "nodes_leave", false, n.c.nodesKeys(), id))
	return err
}
