package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/lease"
	"github.com/cuelight/cuelight/packager/edge"
)

// cluster is this process as one node of several. A server that is alone has
// none.
type cluster struct {
	srv *server
	log *slog.Logger

	id   string        // this node's, as long as its data folder is there
	boot string        // this process's
	beat atomic.Uint64 // times that it said that it is there
	url  string        // how other nodes reach it

	redis   *redisstore.Client
	ballots interact.Ballots
	bus     interact.Bus
	slate   interact.Slate
	leases  lease.Store

	peers     peers
	transport http.RoundTripper // to other nodes
	directory *directory
	crowds    *crowds
	seats     map[string]*seat
	media     http.Handler // what is packaged here
	edge      *edge.Edge   // what is packaged elsewhere
	shelves   *shelves     // what was recorded elsewhere
	replayer  *replayer

	leadsClock  atomic.Bool
	clockHolder atomic.Pointer[string] // last node that was seen to lead the clock
	able        readiness              // all that has to be so before anybody is let in
	opened      atomic.Bool            // it has been so once
}

// openTimeout bounds the start: connecting to Redis, loading its functions.
const openTimeout = 20 * time.Second

// openCluster connects to where the nodes meet. Nothing runs.
func (srv *server) openCluster(ctx context.Context) (err error) {
	s := srv.settings
	if !s.clustered() {
		return nil
	}
	c := &cluster{srv: srv, log: srv.log, boot: rand.Text(), seats: make(map[string]*seat)}
	srv.cluster = c
	if c.id, err = nodeName(s); err != nil {
		return err
	}
	c.url = s.nodeURL(srv.open.node.Addr())
	if c.peers, err = newPeers(srv.tokens); err != nil {
		return err
	}
	c.transport = signing{c.peers, &http.Transport{
		DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
		MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: 30 * time.Second,
	}}
	cfg, err := s.Redis.config(s.level(), srv.log)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if c.redis, err = redisstore.Open(ctx, cfg); err != nil {
		return err
	}
	c.ballots, c.bus, c.slate, c.leases = c.redis.Ballots(), c.redis.Bus(), c.redis.Slate(), c.redis.Leases()
	if err := c.enlist(ctx); err != nil {
		return err
	}
	c.directory = &directory{nodes: c.redis.Nodes(), own: c.self, log: srv.log}
	c.shelves = newShelves(c.askShelves, srv.log)
	c.replayer = newReplayer(c.findReplay, c.shelves.forget, c.transport, srv.log)
	srv.log.Info("this is a node of several", "node", c.id, "roles", strings.Join(s.Roles, ","), "level", string(s.level()))
	return nil
}

// close lets go of Redis.
func (c *cluster) close() error {
	if c == nil || c.redis == nil {
		return nil
	}
	return c.redis.Close()
}

// self is what this node says of itself.
func (c *cluster) self() redisstore.Node {
	s := c.srv.settings
	here := c.srv.gateway.Load()
	load := nodeLoad{
		nodeIdentity: nodeIdentity{Boot: c.boot, Beat: c.beat.Add(1), Mark: markOf(c.peers)},
		Clock:        c.srv.clock.lead.Candidate(), Draining: c.srv.gateway.Draining(),
		Operating: here.Operating.Now, Bound: here.Operating.Bound, Connections: here.Connections,
		Answers: here.Rates.Answers, Messages: here.Rates.In + here.Rates.Out,
	}
	return redisstore.Node{
		ID: c.id, URL: c.url, Public: s.Node.Public, Roles: s.Roles, Clock: c.clockAddress(), Version: nodeVersion, Load: packed(load),
	}
}

// clockAddress is where others follow this node's clock.
func (c *cluster) clockAddress() string {
	host, _, err := net.SplitHostPort(strings.TrimPrefix(strings.TrimPrefix(c.url, "https://"), "http://"))
	if err != nil {
		host = strings.TrimPrefix(strings.TrimPrefix(c.url, "https://"), "http://")
	}
	_, port, err := net.SplitHostPort(c.srv.open.clock.LocalAddr().String())
	if err != nil {
		return ""
	}
	return net.JoinHostPort(host, port)
}

// nodeURL is how other nodes reach the listener at addr.
func (s settings) nodeURL(addr net.Addr) string {
	if s.Node.URL != "" {
		return strings.TrimSuffix(s.Node.URL, "/")
	}
	return "http://" + addr.String()
}

const nodeFile = "node.id"

// nodeName is the node's ID: from the settings, or one that is made once.
func nodeName(s settings) (string, error) {
	if s.Node.ID != "" {
		return s.Node.ID, nil
	}
	file := filepath.Join(s.Data, nodeFile)
	id, err := readSecret(file)
	if errors.Is(err, os.ErrNotExist) {
		id = "n-" + strings.ToLower(rand.Text()[:10])
		err = os.WriteFile(file, []byte(id+"\n"), 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("node.id: %w", err)
	}
	if !nodeID.MatchString(id) {
		return "", fmt.Errorf("node.id: %s holds %.50q, which is no name: delete it to have a new one made", file, id)
	}
	return id, nil
}

// config is what the store is opened with.
func (r redisSettings) config(level interact.Level, log *slog.Logger) (redisstore.Config, error) {
	password, err := r.password()
	if err != nil {
		return redisstore.Config{}, err
	}
	cfg := redisstore.Config{
		Addresses: r.Addresses, Master: r.Master, Cluster: r.Cluster, Username: r.Username, Password: password,
		Prefix: r.Prefix, Shards: r.Shards, Replicas: r.Replicas, Level: level, Log: log,
	}
	if !r.TLS.On {
		return cfg, nil
	}
	cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if r.TLS.Cert != "" {
		own, err := tls.LoadX509KeyPair(r.TLS.Cert, r.TLS.Key)
		if err != nil {
			return cfg, fmt.Errorf("redis.tls.cert: %w", err)
		}
		cfg.TLS.Certificates = []tls.Certificate{own}
	}
	if r.TLS.CA == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(r.TLS.CA)
	if err != nil {
		return cfg, fmt.Errorf("redis.tls.ca: %w", err)
	}
	cfg.TLS.RootCAs = x509.NewCertPool()
	if !cfg.TLS.RootCAs.AppendCertsFromPEM(pem) {
		return cfg, fmt.Errorf("redis.tls.ca: there is no certificate in %s: give a PEM file", r.TLS.CA)
	}
	return cfg, nil
}

// find says where a request of a producer is answered.
//
// Errors: errNobody.
func (c *cluster) find(ctx context.Context, channel string, to target) (string, error) {
	s := c.seats[channel]
	switch {
	case s == nil: // the API says that there is no such channel
		return "", nil
	case to == homeTarget:
		return c.findHome(s)
	case s.leader.Load() != nil:
		return "", nil
	}
	holder, err := c.leases.Holder(ctx, engineLease(channel))
	if err != nil {
		return "", fmt.Errorf("ask who leads: %w", err)
	}
	if holder.Owner == "" || holder.Owner == c.id {
		return "", errNobody
	}
	return c.urlOf(holder.Owner)
}

// findHome is where the media of a channel are. Where nobody has any, this node
// says so.
func (c *cluster) findHome(s *seat) (string, error) {
	if home := s.homeNode(c.id); home != c.id && home != "" {
		return c.urlOf(home)
	}
	return "", nil
}

func (c *cluster) urlOf(node string) (string, error) {
	p, ok := c.directory.find(node)
	if !ok {
		return "", errNobody
	}
	return p.URL, nil
}

// redisReady says what is missing of Redis.
func (c *cluster) redisReady(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if c.redis.Ping(ctx) != nil {
		return "no answer"
	}
	return ""
}

// seatsReady says which channels are not known yet.
func (c *cluster) seatsReady(context.Context) string {
	var waits []string
	for _, name := range c.srv.settings.sortedChannels() {
		select {
		case <-c.seats[name].Ready():
		default:
			waits = append(waits, name)
		}
	}
	if len(waits) == 0 {
		return ""
	}
	return "not known yet: " + strings.Join(waits, ", ")
}
