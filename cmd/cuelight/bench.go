package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cuelight/cuelight/internal/loadgen"
)

type benchCommand struct {
	Answers   benchAnswersCommand   `cmd:"" help:"Viewers answer polls. Counts sent, receipts, retries, refusals by code and answers without a reply, measures the time to the receipt, and holds every receipt against the final tally."`
	Connect   benchConnectCommand   `cmd:"" help:"Viewers come. Measures connects a second and the time to the welcome, and counts refusals by status."`
	Broadcast benchBroadcastCommand `cmd:"" help:"A poll is extended while everybody is connected. Measures the time to the first and to the last viewer."`
	Resume    benchResumeCommand    `cmd:"" help:"All connections are cut at once and come back with full jitter. Measures the time until they have resumed, and checks that no message was lost or seen twice."`
	Worker    benchWorkerCommand    `cmd:"" hidden:"" help:"One of the processes of a bench; takes its orders on standard input."`
}

// benchFlags are shared by all scenarios.
type benchFlags struct {
	URL       string        `name:"url" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server. Default http://127.0.0.1:8080."`
	Gateways  []string      `name:"gateway" placeholder:"URL" help:"Where viewers connect, if that is not --url; again for each of several nodes, over which they are spread evenly."`
	Channel   string        `default:"show" placeholder:"NAME" help:"Channel. Default show."`
	TokenFile string        `placeholder:"FILE" help:"File with a producer's token, - for standard input. Without it the token is taken from CUELIGHT_TOKEN; connect needs none."`
	Viewers   int           `default:"1000" placeholder:"N" help:"Viewers, each with a socket. Default 1000."`
	Processes int           `placeholder:"N" help:"Processes that hold them, at most 18000 viewers each. Default 2, or more."`
	Codec     string        `default:"json" placeholder:"NAME" help:"json or msgpack. Default json."`
	Ramp      float64       `placeholder:"N" help:"Viewers that come in a second. Default: as fast as they can."`
	Settle    time.Duration `default:"2s" placeholder:"TIME" help:"How long the server is left alone before its memory is read. Default 2s."`
	ServerPID int           `name:"server-pid" placeholder:"PID" help:"The server's process on this machine, to read its CPU time and memory."`
	Admin     string        `placeholder:"ADDR" help:"The server's admin address (127.0.0.1:9090), to read the same from its metrics."`
	JSON      string        `name:"json" placeholder:"FILE" help:"Write the report as JSON too, - for standard output instead of the text."`
	Seed      uint64        `default:"1" placeholder:"N" help:"Makes choices and reactions repeatable. Default 1."`
}

type benchAnswersCommand struct {
	benchFlags
	Timing string        `default:"human" placeholder:"KIND" help:"human: as people react, three of four within a second; worst: all at the same moment; spread:MS: evenly over so many milliseconds. Default human."`
	Share  float64       `default:"0.85" placeholder:"SHARE" help:"Share of the viewers that answers. Default 0.85."`
	Cues   int           `default:"3" placeholder:"N" help:"Polls, one after another. Default 3."`
	Window time.Duration `placeholder:"TIME" help:"How long each may be answered. Default 10s, or what the timing needs."`
}

type benchConnectCommand struct {
	benchFlags
}

type benchBroadcastCommand struct {
	benchFlags
	Cues int `default:"5" placeholder:"N" help:"Messages to everybody. Default 5."`
}

type benchResumeCommand struct {
	benchFlags
}

type benchWorkerCommand struct{}

// Run rehearses answers. Errors, of all four: see rehearse.
func (c benchAnswersCommand) Run(ctx context.Context, p *program) error {
	timing, err := loadgen.ParseTiming(c.Timing)
	if err != nil {
		return &exitError{exitUnknown, err}
	}
	return c.rehearse(ctx, p, loadgen.Answers, loadgen.Config{Timing: timing, Share: c.Share, Cues: c.Cues, Window: c.Window})
}

// Run rehearses viewers that come.
func (c benchConnectCommand) Run(ctx context.Context, p *program) error {
	return c.rehearse(ctx, p, loadgen.Connect, loadgen.Config{})
}

// Run rehearses messages to everybody.
func (c benchBroadcastCommand) Run(ctx context.Context, p *program) error {
	return c.rehearse(ctx, p, loadgen.Broadcast, loadgen.Config{Cues: c.Cues})
}

// Run rehearses a network that is gone for a moment.
func (c benchResumeCommand) Run(ctx context.Context, p *program) error {
	return c.rehearse(ctx, p, loadgen.Resume, loadgen.Config{})
}

// Run is one of the processes.
func (benchWorkerCommand) Run(ctx context.Context, p *program) error {
	return loadgen.Serve(ctx, os.Stdin, p.stdout)
}

// rehearse runs a scenario and prints what was found.
//
// Errors: *exitError with exitBroken if something differs from what must be,
// with exitUnknown if nothing could be found out.
func (f benchFlags) rehearse(ctx context.Context, p *program, scenario string, cfg loadgen.Config) error {
	token, err := f.token(p, scenario)
	if err != nil {
		return &exitError{exitUnknown, err}
	}
	cfg.URL, cfg.Gateways, cfg.Channel, cfg.Token = f.URL, f.Gateways, f.Channel, token
	cfg.Viewers, cfg.Processes, cfg.Codec, cfg.Ramp = f.Viewers, f.Processes, f.Codec, f.Ramp
	cfg.Settle, cfg.ServerPID, cfg.Seed = f.Settle, f.ServerPID, f.Seed
	if f.Admin != off {
		cfg.Admin = f.Admin
	}
	cfg.Spawn = benchWorker(p)
	cfg.Progress = func(what string) { fmt.Fprintln(p.stderr, what) }
	report, err := loadgen.Run(ctx, scenario, cfg)
	if ctx.Err() != nil {
		return &exitError{exitUnknown, errors.New("interrupted")}
	}
	if err != nil {
		return &exitError{exitUnknown, fmt.Errorf("bench %s: %w", scenario, err)}
	}
	if err := f.print(p.stdout, report); err != nil {
		return &exitError{exitUnknown, fmt.Errorf("print the report: %w", err)}
	}
	if !report.OK() {
		return &exitError{exitBroken, errors.New(report.Differences[0])}
	}
	return nil
}

// maxTokenFile is far more than a token has. Units: bytes.
const maxTokenFile = 64 << 10

// token is never an argument: every user of the machine can read those.
func (f benchFlags) token(p *program, scenario string) (loadgen.Token, error) {
	if f.TokenFile == "" || scenario == loadgen.Connect {
		return loadgen.Token(strings.TrimSpace(p.getenv(envName("token")))), nil
	}
	in := io.Reader(os.Stdin)
	if f.TokenFile != "-" {
		file, err := os.Open(f.TokenFile)
		if err != nil {
			return "", fmt.Errorf("token file: %w", err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxTokenFile))
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	return loadgen.Token(strings.TrimSpace(string(text))), nil
}

func (f benchFlags) print(w io.Writer, r *loadgen.Report) error {
	if f.JSON == "" {
		return r.Write(w)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if f.JSON == "-" {
		_, err := w.Write(text)
		return err
	}
	return errors.Join(os.WriteFile(f.JSON, text, 0o644), r.Write(w))
}

// workerDrain is how long a worker may take to close its sockets.
const workerDrain = 10 * time.Second

// benchWorker starts this program again, without what is secret here.
func benchWorker(p *program) loadgen.Spawn {
	return func(ctx context.Context) (*loadgen.Process, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, self, "bench", "worker")
		cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, envPrefix) })
		cmd.Stderr = p.stderr
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.WaitDelay = workerDrain
		in, err := cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		return &loadgen.Process{In: in, Out: out, Wait: cmd.Wait}, nil
	}
}
