package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// peer is a server process that is measured.
type peer struct {
	name string
	url  string // http://HOST:PORT
	pid  int

	cmd   *exec.Cmd
	stdin io.Closer
	read  sync.WaitGroup // the goroutine that reads its output
}

const (
	startWait = 20 * time.Second
	stopWait  = 5 * time.Second
)

// startPeer starts a program and waits until it has printed a line in which
// find sees its address.
func startPeer(ctx context.Context, name string, find func(line string) (url string, ok bool), program string, args ...string) (*peer, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopWait
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // nothing outlives a bench that was killed
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &peer{name: name, pid: cmd.Process.Pid, cmd: cmd, stdin: stdin}
	found := make(chan string, 1)
	p.read.Go(func() { scan(stdout, find, found) })
	select {
	case url, ok := <-found:
		if ok {
			p.url = url
			return p, nil
		}
		err = errors.New("ended without saying its address")
	case <-time.After(startWait):
		err = fmt.Errorf("did not say its address within %v", startWait)
	}
	return nil, fmt.Errorf("start %s: %w", name, errors.Join(err, p.stop()))
}

// startRole starts this program again in one of its roles.
func startRole(ctx context.Context, name, role string, flags ...string) (*peer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	address := func(line string) (string, bool) { return line, strings.HasPrefix(line, "http://") }
	return startPeer(ctx, name, address, self, append([]string{"-role", role}, flags...)...)
}

// scan sends the address on found, or closes it, and reads to the end, so that
// the other side never waits for us.
func scan(r io.Reader, find func(string) (string, bool), found chan<- string) {
	defer close(found)
	lines := bufio.NewScanner(r)
	sent := false
	for lines.Scan() {
		if url, ok := find(lines.Text()); ok && !sent {
			sent = true
			found <- url
		}
	}
}

// stop ends the process and waits for it: politely first.
func (p *peer) stop() error {
	p.stdin.Close()                       // a role ends by this alone
	p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	kill := time.AfterFunc(stopWait, func() { p.cmd.Process.Kill() })
	defer kill.Stop()
	p.read.Wait()
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	return nil
}
