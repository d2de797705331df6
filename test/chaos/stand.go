package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/cuelight/cuelight/internal/nodeproc"
	"github.com/cuelight/cuelight/internal/postgresproc"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// plan is what a stand is made of.
type plan struct {
	// redis is how Redis runs: "single", "sentinel" or "cluster".
	redis string
	// level is what receipts promise.
	level string
	// lines puts a line that can be slowed between every node and Redis.
	lines bool
	// postgres keeps history there.
	postgres bool
	// settings are of channels and tenants. Default: one channel, show.
	settings string
	// direct has the crowd come to the gateways without the balancer.
	direct bool
	// host is where everything listens. Default 127.0.0.1.
	host string
	// far is the command before the second gateway, which then listens on farHost.
	far     []string
	farHost string
}

// stand is a show's nodes with all they need.
type stand struct {
	plan     plan
	dir      string
	program  string
	redis    *redisproc.Server   // of "single"
	sentinel *redisproc.Sentinel // of "sentinel"
	cluster  *redisproc.Cluster  // of "cluster"
	postgres *postgresproc.Server
	line     *line
	leaders  []*nodeproc.Node // engine, studio, ingest, origin
	gateways []*nodeproc.Node
	viewers  *balancer // over gateways
	studio   *balancer // over leaders
	token    string
}

// secret is what the nodes of one run share.
var secret = rand.Text() + rand.Text()

func build(ctx context.Context, p plan, program, dir string) (_ *stand, err error) {
	if p.host == "" {
		p.host = "127.0.0.1"
	}
	s := &stand{plan: p, dir: dir, program: program}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := s.startRedis(ctx); err != nil {
		return nil, err
	}
	if p.postgres {
		if s.postgres, err = postgresproc.Start(ctx, postgresproc.Options{}); err != nil {
			return nil, err
		}
	}
	if err := s.startNodes(ctx); err != nil {
		return nil, err
	}
	s.token, err = s.leaders[0].Token(ctx)
	return s, err
}

func (s *stand) startRedis(ctx context.Context) (err error) {
	dir := filepath.Join(s.dir, "redis")
	args := append(redisproc.Durable(), "--save", "")
	switch s.plan.redis {
	case "sentinel":
		s.sentinel, err = redisproc.StartSentinel(ctx, redisproc.SentinelOptions{Dir: dir, Args: args, Replicas: 2})
	case "cluster":
		s.cluster, err = redisproc.StartCluster(ctx, redisproc.ClusterOptions{Dir: dir, Args: args})
	default:
		s.redis, err = redisproc.Start(ctx, redisproc.Options{Dir: dir, Args: args})
	}
	if err != nil {
		return err
	}
	if s.plan.lines {
		s.line, err = newLine(s.plan.host, s.redis.Addr)
	}
	return err
}

// redisAt is where nodes find Redis, and what else they have to know of it.
func (s *stand) redisAt() (addresses []string, more string) {
	switch {
	case s.sentinel != nil:
		return s.sentinel.Addresses(), fmt.Sprintf("master: %q", s.sentinel.Name)
	case s.cluster != nil:
		for _, server := range s.cluster.Servers {
			addresses = append(addresses, server.Addr)
		}
		return addresses, "cluster: true"
	case s.line != nil:
		return []string{s.line.addr}, ""
	default:
		return []string{s.redis.Addr}, ""
	}
}

func (s *stand) options(name string, roles ...string) nodeproc.Options {
	more := fmt.Sprintf("durability: %s\n%s\ncapacity: {answers: 1000000, per_address: 20000}\n", s.plan.level, cmp.Or(s.plan.settings, "channels: {show: {}}"))
	if s.postgres != nil {
		more += fmt.Sprintf("postgres: {dsn: %q}\n", s.postgres.DSN("postgres"))
	}
	addresses, redis := s.redisAt()
	return nodeproc.Options{
		Program: s.program, Dir: filepath.Join(s.dir, name), Name: name, Roles: roles, Host: s.plan.host,
		Redis: addresses, RedisMore: redis, Secret: secret, More: more,
	}
}

func (s *stand) startNodes(ctx context.Context) error {
	for _, name := range []string{"leader-1", "leader-2"} {
		n, err := nodeproc.Launch(ctx, s.options(name, "engine", "studio", "ingest", "origin"))
		if err != nil {
			return err
		}
		s.leaders = append(s.leaders, n)
	}
	for i, name := range []string{"gateway-1", "gateway-2"} {
		o := s.options(name, "gateway")
		if i == 1 && s.plan.far != nil {
			o.Wrap, o.Host = s.plan.far, s.plan.farHost
		}
		n, err := nodeproc.Launch(ctx, o)
		if err != nil {
			return err
		}
		s.gateways = append(s.gateways, n)
	}
	for _, n := range s.nodes() {
		if err := n.AwaitReady(ctx); err != nil {
			return err
		}
	}
	var err error
	if s.viewers, err = newBalancer(s.plan.host, webs(s.gateways)...); err != nil {
		return err
	}
	s.studio, err = newBalancer(s.plan.host, webs(s.leaders)...)
	return err
}

func webs(nodes []*nodeproc.Node) (all []string) {
	for _, n := range nodes {
		all = append(all, n.Web)
	}
	return all
}

func (s *stand) nodes() []*nodeproc.Node {
	return append(append([]*nodeproc.Node(nil), s.leaders...), s.gateways...)
}

func (s *stand) close() {
	for _, b := range []*balancer{s.viewers, s.studio} {
		if b != nil {
			b.close()
		}
	}
	for _, n := range s.nodes() {
		n.Kill()
	}
	if s.line != nil {
		s.line.close()
	}
	if s.redis != nil {
		s.redis.Kill()
	}
	if s.sentinel != nil {
		s.sentinel.Stop()
	}
	if s.cluster != nil {
		s.cluster.Stop()
	}
	if s.postgres != nil {
		_ = s.postgres.Stop() // its folder is removed
	}
}

// holder returns the node whose metrics say that it leads: the channel, or the
// clock.
func (s *stand) holder(ctx context.Context, metric string) (*nodeproc.Node, error) {
	for _, n := range s.nodes() {
		text, err := get(ctx, n.Admin+"/metrics", "")
		if err != nil {
			continue
		}
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if base, _, _ := strings.Cut(name, "{"); base == metric && value == "1" {
				return n, nil
			}
		}
	}
	return nil, errors.New("no node says that it leads: " + metric)
}

func get(ctx context.Context, url, token string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, data)
	}
	return string(data), err
}
