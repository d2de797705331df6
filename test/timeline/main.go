// Command timeline measures the channel's timeline in real time: the real
// server, a sender whose clock is wrong, a way that delays, jitters, loses and
// stalls, and the playlists that a viewer reads.
//
// Every picture that is sent carries its number in its access unit (an SEI
// message), and a picture's number says when it was captured, by the sender's
// own account. The viewer's side finds the numbers in the segments it fetched
// and compares the segments' programme dates with that account. A number inside
// the access unit cannot part from its picture: it identifies it as surely as
// the clock that is burnt into the demo's clip, and needs no decoder.
//
// A delay that is the same for the whole run is the same for every viewer, and
// is left out: the shortest way, and what the protocol buffers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "timeline:", err)
		os.Exit(1)
	}
}

// options are what the command may be told.
type options struct {
	binary    string
	duration  time.Duration
	ppm       float64
	protocols string
	artifacts string
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("timeline", flag.ContinueOnError)
	flags.StringVar(&o.binary, "binary", "bin/cuelight", "the server's program")
	flags.DurationVar(&o.duration, "duration", 3*time.Minute, "how long each sender sends")
	flags.Float64Var(&o.ppm, "ppm", 200, "by how much the sender's clock is wrong, either way")
	flags.StringVar(&o.protocols, "protocols", "srt,rtmp", "over what it sends")
	flags.StringVar(&o.artifacts, "artifacts", "artifacts", "folder for timeline.json and timeline.md")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.duration < 20*time.Second {
		return fmt.Errorf("duration %v: give at least 20s, a timeline is locked after ten", o.duration)
	}
	var results []result
	for _, protocol := range strings.Split(o.protocols, ",") {
		for _, ppm := range []float64{o.ppm, -o.ppm} {
			r, err := measure(ctx, o, protocol, ppm)
			if err != nil {
				return fmt.Errorf("%s at %+.0f ppm: %w", protocol, ppm, err)
			}
			results = append(results, r)
		}
	}
	table := tableOf(results)
	fmt.Fprint(out, table)
	if err := keep(o.artifacts, results, table); err != nil {
		return err
	}
	return judge(results)
}

// measure is one run: a server, a way, a sender and a viewer.
func measure(ctx context.Context, o options, protocol string, ppm float64) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, o.duration+time.Minute)
	defer cancel()
	srv, err := startServer(ctx, o.binary)
	if err != nil {
		return result{}, err
	}
	defer srv.stop()
	way := wayOf(protocol, o.duration, ppm)
	target, closeWay, err := way.open(protocol, srv.ingest(protocol))
	if err != nil {
		return result{}, err
	}
	defer closeWay()
	connected, err := connect(ctx, protocol, target)
	if err != nil {
		return result{}, fmt.Errorf("connect: %w", err)
	}
	log := &account{ppm: ppm}
	sending, stopSending := context.WithTimeout(ctx, o.duration)
	defer stopSending()
	sent := make(chan error, 1)
	go func() { sent <- log.send(sending, connected) }()
	seen, watchErr := watch(sending, srv)
	stopSending()
	sendErr := <-sent
	if err := errors.Join(watchErr, sendErr); err != nil {
		return result{}, fmt.Errorf("%w\nserver: %s", err, srv.log())
	}
	return compare(protocol, log, way, seen)
}

// keep writes the report to the folder.
func keep(folder string, results []result, table string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	text, err := encode(results)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "timeline.json"), text, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "timeline.md"), []byte("```\n"+table+"```\n"), 0o644)
}
