package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// Sizes of the part redis.
const (
	redisViewers = 10_000 // on all gateways together
	redisRounds  = 5      // bursts that count, after one that does not
)

// redisRuns are what is measured: how the server keeps what it is given, and over
// how many gateways it is given it.
var redisRuns = []struct {
	fsync    string
	level    interact.Level
	gateways int
}{
	{"everysec", interact.LevelMemory, 1},
	{"everysec", interact.LevelMemory, 2},
	{"everysec", interact.LevelMemory, 5},
	{"always", interact.LevelLog, 1},
	{"always", interact.LevelLog, 2},
	{"always", interact.LevelLog, 5},
}

// redisFigures are what answers cost that are kept in Redis, over some bursts.
type redisFigures struct {
	answers int
	took    time.Duration
	server  time.Duration // CPU time of redis-server
	nodes   time.Duration // CPU time of gateways, replicas and the viewers that feed them
	calls   uint64        // of functions
	all     uint64        // operations of any kind
	casts   uint64
}

// measureRedis has viewers in memory answer over several gateways, each with a
// replica of its own, into one redis-server, and holds every receipt against the
// tally.
func measureRedis(ctx context.Context, _ settings, w io.Writer) error {
	fmt.Fprintf(w, "\nAnswers into Redis: %d viewers in memory, every one answers %d cues at once, through gateways and replicas into one redis-server;\n"+
		"every receipt is held against its answer and the tally\n\n", redisViewers, redisSlots)
	fmt.Fprintf(w, "| appendfsync | gateways | answers/s | CPU redis-server, µs/answer | CPU gateways and viewers, µs/answer | function calls/answer | operations/answer | answers/cast |\n"+
		"| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, run := range redisRuns {
		f, err := redisRun(ctx, run.fsync, run.level, run.gateways)
		if err != nil {
			return fmt.Errorf("appendfsync %s, %d gateways: %w", run.fsync, run.gateways, err)
		}
		n := float64(f.answers)
		fmt.Fprintf(w, "| %s | %d | %.0f | %.2f | %.2f | %.4f | %.4f | %.0f |\n", run.fsync, run.gateways, n/f.took.Seconds(),
			float64(f.server.Nanoseconds())/n/1e3, float64(f.nodes.Nanoseconds())/n/1e3,
			float64(f.calls)/n, float64(f.all)/n, n/float64(f.casts))
	}
	return nil
}

func redisRun(ctx context.Context, fsync string, level interact.Level, gateways int) (f redisFigures, err error) {
	dir, err := os.MkdirTemp("", "cuelight-bench-redis")
	if err != nil {
		return f, fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server, err := redisproc.Start(ctx, redisproc.Options{Dir: dir, Args: []string{"--appendonly", "yes", "--appendfsync", fsync, "--save", ""}})
	if err != nil {
		return f, err
	}
	defer server.Stop()
	v, err := openVenue(ctx, server.Addr, level, gateways, redisViewers)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	for round := range redisRounds + 1 {
		if err := v.burst(ctx, server, &f); err != nil {
			return f, err
		}
		if round == 0 {
			f = redisFigures{}
		}
	}
	return f, nil
}

// burst is one answer of every viewer to every cue.
func (s *venue) burst(ctx context.Context, server *redisproc.Server, f *redisFigures) error {
	cues, err := s.take(ctx)
	if err != nil {
		return err
	}
	if err := s.load(cues); err != nil {
		return err
	}
	before, err := s.usage(ctx, server)
	if err != nil {
		return err
	}
	n := len(s.viewers) * redisSlots
	if err := s.fire(ctx, n); err != nil {
		return err
	}
	after, err := s.usage(ctx, server)
	if err != nil {
		return err
	}
	f.answers += n
	f.took += after.at.Sub(before.at)
	f.server += after.server - before.server
	f.nodes += after.own - before.own
	f.calls += after.functions - before.functions
	f.all += after.all - before.all
	f.casts += after.casts - before.casts
	return s.audit(ctx, cues, n)
}

// usage is what was used up to a moment.
type usage struct {
	at             time.Time
	server, own    time.Duration
	functions, all uint64
	casts          uint64
}

func (s *venue) usage(ctx context.Context, server *redisproc.Server) (u usage, err error) {
	if u.functions, u.all, err = redisOperations(ctx, server); err != nil {
		return u, err
	}
	if u.server, err = cpuTime(server.PID()); err != nil {
		return u, err
	}
	if u.own, err = cpuTime(os.Getpid()); err != nil {
		return u, err
	}
	for _, n := range s.nodes {
		u.casts += n.replica.Stats().Casts
	}
	u.at = time.Now()
	return u, nil
}

// redisOperations returns how many functions a server has run, and how many
// commands in all, those inside the functions too.
func redisOperations(ctx context.Context, server *redisproc.Server) (functions, all uint64, err error) {
	reply, err := server.Do(ctx, "INFO", "commandstats")
	if err != nil {
		return 0, 0, fmt.Errorf("ask redis-server: %w", err)
	}
	text, _ := reply.(string)
	return operationsIn(text)
}

// operationsIn reads the command statistics of INFO.
func operationsIn(text string) (functions, all uint64, err error) {
	for line := range strings.Lines(text) {
		name, figures, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || !strings.HasPrefix(name, "cmdstat_") {
			continue
		}
		calls, _, _ := strings.Cut(strings.TrimPrefix(figures, "calls="), ",")
		n, err := strconv.ParseUint(calls, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("command statistics say %q", line)
		}
		if all += n; strings.HasPrefix(name, "cmdstat_fcall") {
			functions += n
		}
	}
	return functions, all, nil
}
