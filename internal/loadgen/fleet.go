package loadgen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Process is a worker that runs.
type Process struct {
	// In takes orders; closing it ends the worker. Out has its findings.
	In  io.WriteCloser
	Out io.Reader
	// Wait returns when the worker is over, with why if it did not end well.
	Wait func() error
}

// Spawn starts a worker. The worker ends with ctx at the latest.
type Spawn func(ctx context.Context) (*Process, error)

// fleet is all workers of a rehearsal.
type fleet struct {
	workers []*station
	stop    context.CancelFunc
	// differences and differing are what the workers have noted.
	differences []string
	differing   int
}

// station is the parent's end of one worker.
type station struct {
	proc *Process
	enc  *json.Encoder
	dec  *json.Decoder
}

// launch starts n workers.
func launch(ctx context.Context, spawn Spawn, n int) (*fleet, error) {
	ctx, stop := context.WithCancel(ctx)
	f := &fleet{stop: stop}
	for range n {
		p, err := spawn(ctx)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start a worker: %w", err), f.close())
		}
		f.workers = append(f.workers, &station{p, json.NewEncoder(p.In), json.NewDecoder(p.Out)})
	}
	return f, nil
}

// each gives every worker an order at once and waits for all findings.
//
// Errors: a worker that did not carry its order out, or is gone.
func (f *fleet) each(ctx context.Context, what func(i int) order) ([]finding, error) {
	found := make([]finding, len(f.workers))
	errs := make([]error, len(f.workers))
	unhook := context.AfterFunc(ctx, f.hush)
	defer unhook()
	var work sync.WaitGroup
	for i, s := range f.workers {
		work.Go(func() { found[i], errs[i] = s.ask(what(i)) })
	}
	work.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for i, r := range found {
		f.note(r)
		if errs[i] == nil && r.Err != "" {
			errs[i] = errors.New(r.Err)
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("worker %d: %w", i+1, errs[i])
		}
	}
	return found, errors.Join(errs...)
}

func (f *fleet) note(r finding) {
	f.differing += r.Differing
	room := max(0, maxDifferences-len(f.differences))
	f.differences = append(f.differences, r.Differences[:min(room, len(r.Differences))]...)
}

func (s *station) ask(o order) (finding, error) {
	if err := s.enc.Encode(o); err != nil {
		return finding{}, fmt.Errorf("give the order to %s: %w", o.Do, err)
	}
	var found finding
	if err := s.dec.Decode(&found); err != nil {
		return finding{}, fmt.Errorf("hear of the order to %s: %w", o.Do, err)
	}
	return found, nil
}

// hush ends what the workers say and hear: whoever waits for one goes on.
func (f *fleet) hush() {
	for _, s := range f.workers {
		s.proc.In.Close()
	}
	f.stop()
}

// close ends all workers and waits for them.
func (f *fleet) close() error {
	for _, s := range f.workers {
		s.proc.In.Close()
	}
	var errs []error
	for i, s := range f.workers {
		if err := s.proc.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("worker %d: %w", i+1, err))
		}
	}
	f.stop()
	return errors.Join(errs...)
}
