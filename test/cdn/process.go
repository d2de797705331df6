package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is a program of ours, in a process group of its own.
type process struct {
	name string
	cmd  *exec.Cmd
	gone chan struct{} // closed when it has ended
	once sync.Once

	mu   sync.Mutex
	tail []byte
}

// tailLimit is how much of what a program says is kept.
const tailLimit = 8192

// grace is how long a program may take to end.
const grace = 10 * time.Second

// start runs a program. What it says is kept for when something fails.
func start(name string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(name, args...), gone: make(chan struct{})}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.gone)
		p.cmd.Wait() // how it ends is of no interest once it is told to
	}()
	return p, nil
}

// Write keeps the end of what the program says.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tail = append(p.tail, b...)
	p.tail = p.tail[max(0, len(p.tail)-tailLimit):]
	return len(b), nil
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.tail)
}

// stop ends the program and waits for it. It may be called more than once.
func (p *process) stop() {
	p.once.Do(func() {
		syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
		patience := time.NewTimer(grace)
		defer patience.Stop()
		select {
		case <-p.gone:
		case <-patience.C:
			syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		}
	})
	<-p.gone
}

// await waits until url is answered with 200.
func await(ctx context.Context, url string, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(r); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-poll.C:
		case <-p.gone:
			return fmt.Errorf("%s has ended: %s", p.name, p.said())
		case <-ctx.Done():
			return fmt.Errorf("%s is not answered: %w", url, context.Cause(ctx))
		}
	}
}

// freeAddr is an address on which nobody listens now.
func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// freeAddrs fills each of addrs with an address of its own.
func freeAddrs(addrs ...*string) (err error) {
	for _, a := range addrs {
		var one error
		*a, one = freeAddr()
		err = errors.Join(err, one)
	}
	return err
}
