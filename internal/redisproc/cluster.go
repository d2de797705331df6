package redisproc

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cuelight/cuelight/internal/freeport"
)

// ClusterOptions say what cluster to start.
type ClusterOptions struct {
	// Dir is where the servers write, each in a folder of its own. Needed.
	Dir string
	// Primaries is how many share the slots evenly. Default 3.
	Primaries int
	// Replicas is how many each primary has. Default none.
	Replicas int
	// Args are for all of them, as in Options.
	Args []string
}

// Cluster is a Redis Cluster. A primary that is gone for a second is replaced
// by its replica.
type Cluster struct {
	// Servers are the primaries of the start, in the order of their slots, then
	// the replicas: those of primary i at primaries + i, i + primaries, …
	Servers []*Server

	ids   []string
	buses []int
}

// slots is how many a cluster has.
const slots = 16384

// StartCluster starts a cluster and waits until every server serves all slots
// and every replica follows.
//
// Errors: as Start.
func StartCluster(ctx context.Context, opt ClusterOptions) (*Cluster, error) {
	primaries := opt.Primaries
	if primaries == 0 {
		primaries = 3
	}
	c := new(Cluster)
	for i := range primaries * (1 + opt.Replicas) {
		if err := c.add(ctx, Options{Dir: filepath.Join(opt.Dir, fmt.Sprint("redis", i)), Args: opt.Args}); err != nil {
			return nil, c.abandon(err)
		}
	}
	if err := c.join(ctx, primaries); err != nil {
		return nil, c.abandon(err)
	}
	return c, nil
}

func (c *Cluster) add(ctx context.Context, opt Options) error {
	var bus int
	s, err := start(ctx, opt, func(s *Server) (err error) {
		bus, err = freeport.Take("127.0.0.1")
		s.args = []string{
			"--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", strconv.Itoa(bus),
			"--cluster-replica-validity-factor", "0",
		}
		return err
	})
	if err != nil {
		return err
	}
	c.Servers, c.buses = append(c.Servers, s), append(c.buses, bus)
	id, err := s.Do(ctx, "CLUSTER", "MYID")
	c.ids = append(c.ids, fmt.Sprint(id))
	return err
}

// join makes a cluster of the servers.
func (c *Cluster) join(ctx context.Context, primaries int) error {
	for i, s := range c.Servers {
		if _, err := s.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1); err != nil {
			return err
		}
		if err := c.meet(ctx, s); err != nil {
			return err
		}
		if i < primaries {
			if _, err := s.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", i*slots/primaries, (i+1)*slots/primaries-1); err != nil {
				return err
			}
		}
	}
	for i, s := range c.Servers[primaries:] {
		if err := c.follow(ctx, s, i%primaries); err != nil {
			return err
		}
	}
	for _, s := range c.Servers {
		if err := c.awaitWhole(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// meet introduces a server to the first one.
func (c *Cluster) meet(ctx context.Context, s *Server) error {
	host, port, err := net.SplitHostPort(c.Servers[0].Addr)
	if err != nil || s == c.Servers[0] {
		return err
	}
	_, err = s.Do(ctx, "CLUSTER", "MEET", host, port, c.buses[0])
	return err
}

// follow makes a server the replica of another, as soon as it has heard of it.
func (c *Cluster) follow(ctx context.Context, s *Server, primary int) error {
	err := await(ctx, "redis on "+s.Addr+" to know its primary", func() (bool, error) {
		_, err := s.Do(ctx, "CLUSTER", "REPLICATE", c.ids[primary])
		return err == nil, err
	})
	if err != nil {
		return err
	}
	return s.awaitFollowing(ctx, c.Servers[primary])
}

// awaitWhole waits until a server knows all others and who has which slot.
func (c *Cluster) awaitWhole(ctx context.Context, s *Server) error {
	return await(ctx, "the cluster at "+s.Addr, func() (bool, error) {
		out, err := s.Do(ctx, "CLUSTER", "INFO")
		info := fmt.Sprint(out)
		return fieldOf(info, "cluster_state") == "ok" && fieldOf(info, "cluster_known_nodes") == strconv.Itoa(len(c.Servers)) &&
			fieldOf(info, "cluster_slots_ok") == strconv.Itoa(slots), err
	})
}

// Addresses are those of all servers.
func (c *Cluster) Addresses() []string { return addresses(c.Servers) }

// Owner returns the server that serves the slot of a key, as the first one that
// answers has it.
func (c *Cluster) Owner(ctx context.Context, key string) (*Server, error) {
	var last error
	for _, s := range c.Servers {
		slot, err := s.Do(ctx, "CLUSTER", "KEYSLOT", key)
		if err != nil {
			last = err
			continue
		}
		out, err := s.Do(ctx, "CLUSTER", "NODES")
		if err != nil {
			last = err
			continue
		}
		if addr := owner(fmt.Sprint(out), slot.(int64)); addr != "" {
			return c.at(addr)
		}
	}
	return nil, fmt.Errorf("nobody knows the owner of %s: %w", key, last)
}

func (c *Cluster) at(addr string) (*Server, error) {
	for _, s := range c.Servers {
		if s.Addr == addr {
			return s, nil
		}
	}
	return nil, fmt.Errorf("redis on %s is not of this cluster", addr)
}

// owner finds the primary with a slot in what CLUSTER NODES says.
func owner(nodes string, slot int64) string {
	for line := range strings.Lines(nodes) {
		fields := strings.Fields(line)
		if len(fields) < 9 || !strings.Contains(fields[2], "master") || strings.Contains(fields[2], "fail") {
			continue
		}
		for _, held := range fields[8:] {
			from, to, ranged := strings.Cut(held, "-")
			if !ranged {
				to = from
			}
			first, err1 := strconv.ParseInt(from, 10, 64)
			last, err2 := strconv.ParseInt(to, 10, 64)
			if err1 == nil && err2 == nil && first <= slot && slot <= last {
				addr, _, _ := strings.Cut(fields[1], "@")
				return addr
			}
		}
	}
	return ""
}

// Stop kills all servers.
func (c *Cluster) Stop() { killAll(c.Servers) }

func (c *Cluster) abandon(err error) error {
	c.Stop()
	return err
}
