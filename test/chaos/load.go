package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/loadgen"
)

// client opens a connection for each request: nodes come and go.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

const requestWait = 3 * time.Second

// load is a burst that is under way.
type load struct {
	stand  *stand
	size   size
	report string
	done   chan error
}

// size is how large the crowd is.
type size struct {
	viewers int
	// over is how long answers come, evenly.
	over time.Duration
	// cues are answered one after another. Default 1.
	cues int
}

// startLoad brings the crowd. Everybody answers, through the balancer, and comes
// back through it.
func (s *stand) startLoad(ctx context.Context, z size) (*load, error) {
	l := &load{stand: s, size: z, report: filepath.Join(s.dir, "report.json"), done: make(chan error, 1)}
	args := []string{"bench", "answers", "--url", s.studio.url, "--admin", "off"}
	gateways := []string{s.viewers.url}
	if s.plan.direct {
		gateways = webs(s.gateways)
	}
	for _, g := range gateways {
		args = append(args, "--gateway", g)
	}
	cmd := exec.CommandContext(ctx, s.program, append(args,
		"--viewers", strconv.Itoa(z.viewers), "--processes", strconv.Itoa(len(gateways)), "--share", "1", "--cues", strconv.Itoa(max(z.cues, 1)), "--window", (z.over+25*time.Second).String(),
		"--timing", fmt.Sprintf("spread:%d", z.over.Milliseconds()), "--json", l.report)...)
	cmd.Env = append(os.Environ(), "CUELIGHT_TOKEN="+s.token)
	out, err := os.Create(filepath.Join(s.dir, "load.txt"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { l.done <- cmd.Wait() }()
	return l, nil
}

// height waits until so many of the answers are counted.
func (l *load) height(ctx context.Context, answers int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		counted, err := l.stand.counted(ctx)
		if err == nil && counted >= uint64(answers) {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-l.done:
			l.done <- err
			return fmt.Errorf("the crowd left before the burst was at its height: %w\n%s", err, l.said())
		case <-ctx.Done():
			return fmt.Errorf("wait for the height of the burst: %w (%v)\n%s", context.Cause(ctx), err, l.said())
		}
	}
}

func (l *load) said() string {
	text, err := os.ReadFile(filepath.Join(l.stand.dir, "load.txt"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// counted is how many answers the running cue has, as producers are told.
func (s *stand) counted(ctx context.Context) (uint64, error) {
	text, err := get(ctx, s.studio.url+"/api/v1/channels/show/cues", s.token)
	if err != nil {
		return 0, err
	}
	var all struct {
		Tallies []wire.Tally `json:"tallies"`
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return 0, err
	}
	var most uint64
	for _, t := range all.Tallies {
		most = max(most, t.Total)
	}
	return most, nil
}

// finish waits for the end of the burst and returns what became of it.
func (l *load) finish(ctx context.Context) (*loadgen.Report, error) {
	var ran error
	select {
	case ran = <-l.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	data, err := os.ReadFile(l.report)
	if err != nil {
		return nil, errors.Join(ran, errors.New(l.said()))
	}
	r := new(loadgen.Report)
	return r, json.Unmarshal(data, r)
}

// led waits until a producer's command is carried out again, and says how long
// that took.
func (s *stand) led(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	for {
		err := s.prepare(ctx)
		if err == nil {
			return time.Since(began), nil
		}
		if ctx.Err() != nil {
			return time.Since(began), fmt.Errorf("wait for somebody to lead: %w (%v)", context.Cause(ctx), err)
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// prepare adds a draft, which only the node that leads can do.
func (s *stand) prepare(ctx context.Context) error {
	return s.order(ctx, s.token, http.MethodPost, "/show/cues", map[string]any{
		"kind": "poll", "title": "Still there?", "options": []string{"Yes", "No"}, "results": "reveal", "window_ms": 20_000,
	}, nil)
}
