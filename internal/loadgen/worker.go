package loadgen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// MaxSockets is how many sockets one worker holds, which leaves room for other
// files in a process that may open 20000.
const MaxSockets = 18_000

// Serve is a worker: it carries out the orders that come on in, one after
// another, and writes its findings to out. It ends when in ends, or ctx, with
// every socket closed; the reading of in ends with in.
//
// Errors: an order that cannot be read, and out that cannot be written.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	orders := make(chan order)
	go func() {
		dec := json.NewDecoder(in)
		for {
			var o order
			if err := dec.Decode(&o); err != nil {
				cancel(ended(err))
				return
			}
			select {
			case orders <- o:
			case <-ctx.Done():
				return
			}
		}
	}()
	w := worker{leave: func() {}}
	defer func() { w.leave() }()
	enc := json.NewEncoder(out)
	for {
		select {
		case o := <-orders:
			if err := enc.Encode(w.carryOut(ctx, &o)); err != nil {
				return fmt.Errorf("report to the parent: %w", err)
			}
		case <-ctx.Done():
			if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		}
	}
}

// ended is nil for a parent that has nothing more to say.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
		return context.Canceled
	}
	return fmt.Errorf("read an order: %w", err)
}

// worker has a crowd once it was told to connect.
type worker struct {
	crowd *crowd
	leave func()
}

func (w *worker) carryOut(ctx context.Context, o *order) finding {
	f, err := w.do(ctx, o)
	if err != nil {
		f.Err = err.Error()
	}
	if w.crowd != nil {
		f.Differences, f.Differing = w.crowd.takeDifferences()
	}
	return f
}

func (w *worker) do(ctx context.Context, o *order) (f finding, err error) {
	if (o.Do == doConnect) != (w.crowd == nil) {
		return f, fmt.Errorf("order %q: connect comes first, and once", o.Do)
	}
	switch {
	case o.Do == doConnect && o.Assignment != nil:
		if err := w.start(ctx, *o.Assignment); err != nil {
			return f, err
		}
		f.Connected, err = w.crowd.connectAll(ctx)
	case o.Do == doAnswer && o.Answer != nil:
		f.Answered, err = w.crowd.answer(ctx, o.Answer)
	case o.Do == doArrivals && o.Arrivals != nil:
		f.Arrived, err = w.crowd.reached(ctx, o.Arrivals)
	case o.Do == doCut:
		f.Resumed = w.crowd.cut(ctx)
	case o.Do == doAudit:
		f.Skipped = w.crowd.audit()
	default:
		err = fmt.Errorf("order %q: it is not known, or not complete", o.Do)
	}
	return f, err
}

func (w *worker) start(ctx context.Context, a Assignment) error {
	c, err := newCrowd(a)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var run sync.WaitGroup
	run.Go(func() { c.run(ctx) })
	w.crowd, w.leave = c, func() { cancel(); run.Wait() }
	return nil
}

// takeDifferences returns what was noted since the last time.
func (c *crowd) takeDifferences() ([]string, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, n := c.differences, c.differing
	c.differences, c.differing = nil, 0
	return d, n
}
