// Command cuelight takes in a live stream, serves it as low-latency HLS and
// runs the interactions beside it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cuelight:", err)
		os.Exit(exitCode(err))
	}
}

// errHelp means that help was printed and nothing else was asked for.
var errHelp = errors.New("help shown")

// run is the program without the process: a test gives it its own context,
// arguments and environment, and cancels the context to stop it.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	command, err := parse(args, getenv, stdout, stderr)
	switch {
	case errors.Is(err, errHelp):
		return nil
	case err != nil:
		return err
	}
	return command(ctx)
}
