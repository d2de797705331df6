package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cuelight/cuelight/packager/hlstest"
)

type probeCommand struct {
	HLS probeHLSCommand `cmd:"" name:"hls" help:"Hold a live HLS server, of any make, against the rules. Ends with 0 if all that must hold does, 1 if not, 2 if it could not be probed."`
}

type probeHLSCommand struct {
	URL   string        `arg:"" name:"url" help:"Multivariant or media playlist."`
	For   time.Duration `default:"60s" placeholder:"TIME" help:"How long to watch, at least 10s. Default 60s."`
	JSON  bool          `name:"json" help:"Print the report as JSON."`
	Apple bool          `help:"Demand what Apple's authoring specification demands too."`
}

// leastProbe is the shortest time that shows anything of a live stream.
const leastProbe = 10 * time.Second

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// exitCode is what the process ends with.
func exitCode(err error) int {
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	if err != nil {
		return 1
	}
	return 0
}

// Exit codes of probe.
const (
	exitBroken  = 1 // a rule that must hold does not
	exitUnknown = 2 // nothing could be found out
)

// Run probes a server and prints what was found.
//
// Errors: *exitError with exitBroken or exitUnknown.
func (c probeHLSCommand) Run(ctx context.Context, p *program) error {
	if c.For < leastProbe {
		return &exitError{exitUnknown, fmt.Errorf("for: %v is less than %v", c.For, leastProbe)}
	}
	cfg := hlstest.Config{URL: c.URL, For: c.For, Apple: c.Apple}
	shown := isTerminal(p.stderr)
	if shown {
		cfg.Progress = func(x hlstest.Progress) {
			fmt.Fprintf(p.stderr, "\r%3.0f of %.0f s, %d requests, %.1f MB ", x.Elapsed.Seconds(), x.For.Seconds(), x.Requests, float64(x.Bytes)/1e6)
		}
	}
	report, err := hlstest.Probe(ctx, cfg)
	if shown {
		fmt.Fprint(p.stderr, "\r\x1b[K")
	}
	if err != nil {
		return &exitError{exitUnknown, fmt.Errorf("probe: %w", err)}
	}
	if err := c.print(p.stdout, report); err != nil {
		return &exitError{exitUnknown, fmt.Errorf("print the report: %w", err)}
	}
	if !report.OK() {
		return &exitError{exitBroken, fmt.Errorf("%d rules that must hold do not", report.Failed)}
	}
	return nil
}

func (c probeHLSCommand) print(w io.Writer, r *hlstest.Report) error {
	if !c.JSON {
		return r.Write(w)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// isTerminal reports whether somebody watches what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
