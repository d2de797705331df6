package redisproc

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// SentinelOptions say what set of servers to start.
type SentinelOptions struct {
	// Dir is where they write, each in a folder of its own. Needed.
	Dir string
	// Replicas is how many there are of the primary. Default 1.
	Replicas int
	// Args are for primary and replicas, as in Options.
	Args []string
}

// Sentinel is a primary with replicas, watched by three Sentinels that make a
// replica the primary when it is gone for a second and a half.
type Sentinel struct {
	// Name is what the Sentinels call the set.
	Name string
	// Servers are the primary of the start and its replicas.
	Servers []*Server
	// Watchers are the Sentinels.
	Watchers []*Server
}

// watchers is how many Sentinels there are, agreed how many have to agree.
const watchers, agreed = 3, 2

const (
	// downAfter is after how many ms without an answer a server is gone. Sentinel
	// sends the first ping to a new primary a second after it has become that, or
	// downAfter if that is less: with a second or less it takes every new primary
	// for gone and makes another one.
	downAfter = 1500
	// failoverTimeout bounds the steps of a failover, in ms. Where votes are split, the
	// next attempt comes after twice that. A replica tells its new role once a
	// second, so it needs more than that.
	failoverTimeout = 2000
)

// StartSentinel starts a set and waits until every Sentinel knows all of it.
//
// Errors: as Start.
func StartSentinel(ctx context.Context, opt SentinelOptions) (*Sentinel, error) {
	set := &Sentinel{Name: "cuelight"}
	for i := range max(opt.Replicas, 1) + 1 {
		o := Options{Dir: filepath.Join(opt.Dir, fmt.Sprint("redis", i)), Args: opt.Args}
		if i > 0 {
			o.ReplicaOf = set.Servers[0].Addr
		}
		s, err := Start(ctx, o)
		if err != nil {
			return nil, set.abandon(err)
		}
		set.Servers = append(set.Servers, s)
	}
	for i := range watchers {
		s, err := set.watcher(ctx, filepath.Join(opt.Dir, fmt.Sprint("sentinel", i)))
		if err != nil {
			return nil, set.abandon(err)
		}
		set.Watchers = append(set.Watchers, s)
	}
	for _, w := range set.Watchers {
		if err := set.awaitWatching(ctx, w); err != nil {
			return nil, set.abandon(err)
		}
	}
	return set, nil
}

// watcher starts a Sentinel. It writes what it learns into its configuration.
func (set *Sentinel) watcher(ctx context.Context, dir string) (*Server, error) {
	host, port, err := net.SplitHostPort(set.Servers[0].Addr)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("start sentinel: %w", err)
	}
	path := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor %[1]s %[2]s %[3]s %[4]d\nsentinel down-after-milliseconds %[1]s %[5]d\n"+
		"sentinel failover-timeout %[1]s %[6]d\nsentinel parallel-syncs %[1]s 1\n", set.Name, host, port, agreed, downAfter, failoverTimeout)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("start sentinel: %w", err)
	}
	return start(ctx, Options{Dir: dir}, func(s *Server) error {
		s.conf = path
		return nil
	})
}

// awaitWatching waits until a Sentinel knows the others and the replicas.
func (set *Sentinel) awaitWatching(ctx context.Context, w *Server) error {
	return await(ctx, "sentinel on "+w.Addr, func() (bool, error) {
		out, err := w.Do(ctx, "SENTINEL", "MASTER", set.Name)
		if err != nil {
			return false, err
		}
		known := pairs(out)
		return known["num-other-sentinels"] == strconv.Itoa(watchers-1) &&
			known["num-slaves"] == strconv.Itoa(len(set.Servers)-1) && known["flags"] == "master", nil
	})
}

// Addresses are those of the Sentinels.
func (set *Sentinel) Addresses() []string { return addresses(set.Watchers) }

// Primary returns the server that the Sentinels call the primary now.
func (set *Sentinel) Primary(ctx context.Context) (*Server, error) {
	var last error
	for _, w := range set.Watchers {
		out, err := w.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", set.Name)
		if err != nil {
			last = err
			continue
		}
		if at, ok := out.([]any); ok && len(at) == 2 {
			for _, s := range set.Servers {
				if s.Addr == net.JoinHostPort(fmt.Sprint(at[0]), fmt.Sprint(at[1])) {
					return s, nil
				}
			}
		}
	}
	return nil, fmt.Errorf("no sentinel knows the primary: %w", last)
}

// Stop kills all of them.
func (set *Sentinel) Stop() {
	killAll(set.Watchers)
	killAll(set.Servers)
}

func (set *Sentinel) abandon(err error) error {
	set.Stop()
	return err
}

func killAll(servers []*Server) {
	for _, s := range servers {
		s.Kill()
	}
}

func addresses(servers []*Server) []string {
	var out []string
	for _, s := range servers {
		out = append(out, s.Addr)
	}
	return out
}

// pairs reads a list of names and values.
func pairs(out any) map[string]string {
	known := make(map[string]string)
	list, _ := out.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		known[fmt.Sprint(list[i])] = fmt.Sprint(list[i+1])
	}
	return known
}
