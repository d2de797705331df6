package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/cuelight/cuelight/internal/loadgen"
	"github.com/cuelight/cuelight/internal/nodeproc"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// settings are what is rehearsed.
type settings struct {
	program  string
	gateways int
	viewers  int // of each gateway
	share    float64
	timing   string
	cues     int
	level    string
	fsync    string
	out      string
}

func main() {
	var s settings
	flag.StringVar(&s.program, "program", "bin/cuelight", "the cuelight program")
	flag.IntVar(&s.gateways, "gateways", 5, "gateway processes")
	flag.IntVar(&s.viewers, "viewers", 19_000, "viewers of each gateway")
	flag.Float64Var(&s.share, "share", 0.85, "share of the viewers that answers")
	flag.StringVar(&s.timing, "timing", "spread:1000", "when they answer, as cuelight bench has it")
	flag.IntVar(&s.cues, "cues", 1, "cues, one after another")
	flag.StringVar(&s.level, "level", "log", "what a receipt promises: memory or log")
	flag.StringVar(&s.fsync, "appendfsync", "", "how Redis writes its log; default always for log, everysec for memory")
	flag.StringVar(&s.out, "json", "", "file for the report in JSON, besides")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, s)
	if err != nil {
		fmt.Fprintln(os.Stderr, "flash:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run reports whether every receipt agrees with the tally.
func run(ctx context.Context, s settings) (ok bool, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	dir, err := os.MkdirTemp("", "cuelight-flash-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if s.program, err = filepath.Abs(s.program); err != nil {
		return false, err
	}
	say("starting Redis and %d nodes", s.gateways+1)
	c, err := start(ctx, s, dir)
	if err != nil {
		return false, err
	}
	defer c.stop()
	watching := watch(c.processes())
	report, err := c.rehearse(ctx, s, filepath.Join(dir, "report.json"))
	looks := watching()
	if err != nil {
		return false, err
	}
	found := newFindings(s, report, looks)
	found.write(os.Stdout)
	if s.out != "" {
		data, err := json.MarshalIndent(found, "", "  ")
		if err != nil {
			return false, err
		}
		return report.OK(), os.WriteFile(s.out, data, 0o644)
	}
	return report.OK(), nil
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// crew is what the crowd comes to.
type crew struct {
	redis    *redisproc.Server
	leader   *nodeproc.Node
	gateways []*nodeproc.Node
}

func start(ctx context.Context, s settings, dir string) (_ *crew, err error) {
	c := new(crew)
	defer func() {
		if err != nil {
			c.stop()
		}
	}()
	args := []string{"--appendonly", "yes", "--appendfsync", s.appendfsync(), "--save", ""}
	if c.redis, err = redisproc.Start(ctx, redisproc.Options{Dir: filepath.Join(dir, "redis"), Args: args}); err != nil {
		return nil, err
	}
	node := func(name, more string, roles ...string) (*nodeproc.Node, error) {
		return nodeproc.Launch(ctx, nodeproc.Options{
			Program: s.program, Dir: filepath.Join(dir, name), Name: name, Roles: roles,
			Redis: []string{c.redis.Addr}, Secret: secret, More: common(s) + more,
		})
	}
	if c.leader, err = node("leader", "", "engine", "studio", "ingest", "origin"); err != nil {
		return nil, err
	}
	for i := range s.gateways {
		g, err := node("gateway-"+strconv.Itoa(i+1), fmt.Sprintf("capacity: {sockets: %d, answers: 1000000}\n", s.viewers+200), "gateway")
		if err != nil {
			return nil, err
		}
		c.gateways = append(c.gateways, g)
	}
	for _, n := range append([]*nodeproc.Node{c.leader}, c.gateways...) {
		if err := n.AwaitReady(ctx); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// secret is what the nodes of one run share.
var secret = rand.Text() + rand.Text()

func common(s settings) string {
	return fmt.Sprintf("durability: %s\nlog_level: warn\nchannels: {show: {}}\n", s.level)
}

func (s settings) appendfsync() string {
	switch {
	case s.fsync != "":
		return s.fsync
	case s.level == "memory":
		return "everysec"
	default:
		return "always"
	}
}

func (c *crew) stop() {
	for _, n := range append([]*nodeproc.Node{c.leader}, c.gateways...) {
		if n != nil {
			n.Kill()
		}
	}
	if c.redis != nil {
		c.redis.Kill()
	}
}

// rehearse brings the crowd, with the program's own load generator.
func (c *crew) rehearse(ctx context.Context, s settings, report string) (*loadgen.Report, error) {
	token, err := c.leader.Token(ctx)
	if err != nil {
		return nil, err
	}
	args := []string{
		"bench", "answers", "--url", c.leader.Web, "--viewers", strconv.Itoa(s.gateways * s.viewers), "--admin", "off",
		"--timing", s.timing, "--share", fmt.Sprint(s.share), "--cues", strconv.Itoa(s.cues), "--settle", "5s", "--json", report,
	}
	for _, g := range c.gateways {
		args = append(args, "--gateway", g.Web)
	}
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Env = append(os.Environ(), "CUELIGHT_TOKEN="+token)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	ran := cmd.Run()
	data, err := os.ReadFile(report)
	if err != nil {
		return nil, errors.Join(ran, fmt.Errorf("no report: %w", err))
	}
	var r loadgen.Report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	return &r, nil // what differs is in it
}
