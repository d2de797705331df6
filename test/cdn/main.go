// Command cdn puts the edge of deploy/nginx in front of the real server and
// lets a crowd watch through it: players that wait for every part of pictures
// and sound, as low-latency HLS players do. Nginx logs what it asked of the
// origin; nobody may have asked for the same object twice.
//
// Before the crowd comes, every property that docs/cdn.md claims of the edge is
// looked at with single requests; after it, the origin is taken away.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cdn:", err)
		os.Exit(1)
	}
}

// options are what the command may be told.
type options struct {
	binary  string
	config  string
	viewers int
	watch   time.Duration
}

// most is how many viewers fit: each has two sockets.
const most = 1500

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("cdn", flag.ContinueOnError)
	flags.StringVar(&o.binary, "binary", "bin/cuelight", "the server's program")
	flags.StringVar(&o.config, "config", "deploy/nginx", "folder of the edge's configuration")
	flags.IntVar(&o.viewers, "viewers", 1000, "players at the edge")
	flags.DurationVar(&o.watch, "for", 20*time.Second, "how long they watch once all have joined")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.viewers < 1 || o.viewers > most {
		return fmt.Errorf("-viewers %d is not between 1 and %d", o.viewers, most)
	}
	if o.watch < time.Second || o.watch > 10*time.Minute {
		return fmt.Errorf("-for %v is not between 1s and 10m", o.watch)
	}
	ctx, cancel := context.WithTimeout(ctx, o.watch+3*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "cuelight-cdn-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return show(ctx, o, dir, out)
}

// show runs origin, publisher and edge, and everything that is asked of them.
func show(ctx context.Context, o options, dir string, out io.Writer) (err error) {
	origin, err := startOrigin(ctx, o.binary, dir)
	if err != nil {
		return err
	}
	defer origin.stop()
	push, err := startPush(origin.rtmp)
	if err != nil {
		return err
	}
	defer push.stop()
	edge, err := startEdge(ctx, o.config, dir, origin.http)
	if err != nil {
		return err
	}
	defer edge.stop()
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\norigin:\n%s\nedge:\n%s\nffmpeg:\n%s", err, origin.said(), edge.said(), push.said())
		}
	}()
	if err := await(ctx, "http://"+edge.addr+playlistPath, origin.process); err != nil {
		return err
	}
	failed := check(ctx, out, "one request", edge, liveClaims)
	before, err := edge.asked(ctx)
	if err != nil {
		return err
	}
	crowd, held, err := watchBoth(ctx, edge, origin, o)
	if err != nil {
		return err
	}
	asked, err := edge.asked(ctx)
	if err != nil {
		return err
	}
	failed = errors.Join(failed, crowd.print(out), asked.since(before).print(out, crowd.took))
	fmt.Fprintf(out, "  %-29s %17d at most\n", "requests that wait", held)
	if held > heldMost {
		failed = errors.Join(failed, fmt.Errorf("%d requests waited at the origin at once, want at most %d", held, heldMost))
	}

	push.stop()
	failed = errors.Join(failed, check(ctx, out, "the publisher is gone", edge, silentClaims))
	origin.stop()
	return errors.Join(failed, check(ctx, out, "the origin is gone", edge, deadClaims))
}

// watchBoth lets the crowd watch, and watches the origin meanwhile.
func watchBoth(ctx context.Context, e *edge, origin *origin, o options) (c *crowd, held int, err error) {
	during, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() {
		var err error
		held, err = origin.watchHeld(during)
		done <- err
	}()
	c, err = watch(ctx, e.addr, o.viewers, o.watch)
	stop()
	err = errors.Join(err, <-done) // held is known from here on
	return c, held, err
}
