package redisproc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// errPort means that somebody was quicker to take the port.
var errPort = errors.New("the port is taken")

// stopping is how long a server may take to end when it is asked to.
const stopping = 10 * time.Second

// process is one run of redis-server.
type process struct {
	pid  int
	done chan struct{} // closed after err is set
	err  error
	log  string
}

// binary returns the path of a program: of the machine, or of bin/tools of the
// module that the working folder is in.
func binary(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if path := filepath.Join(dir, "bin", "tools", name); isFile(path) {
			return path, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not installed: apt-get install redis-server", name)
		}
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// launch starts redis-server. What it says before it has a log goes to a file
// beside the log.
func launch(ctx context.Context, args []string, log string) (*process, error) {
	path, err := binary("redis-server")
	if err != nil {
		return nil, err
	}
	os.Remove(log) // so that the log is that of this run
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = dieWithUs()
	p, started := &process{done: make(chan struct{}), log: log}, make(chan error)
	go func() {
		runtime.LockOSThread() // the kernel takes the end of this thread for ours
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		p.err = p.ended(p.err, said.String())
		close(p.done)
	}()
	return p, <-started
}

// ended says why a process is gone, with the end of what it wrote.
func (p *process) ended(err error, said string) error {
	wrote, _ := os.ReadFile(p.log)
	text := strings.TrimSpace(said + string(wrote[max(0, len(wrote)-2000):]))
	if strings.Contains(text, "Address already in use") {
		return fmt.Errorf("%w: %s", errPort, text)
	}
	return fmt.Errorf("redis-server ended (%v): %s", err, text)
}

func (p *process) kill() {
	p.send(syscall.SIGKILL)
	<-p.done
}

func (p *process) stop() {
	p.send(syscall.SIGCONT) // a frozen one hears nothing
	p.send(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopping):
		p.kill()
	}
}

// send signals a process that is not waited for yet: its number is its own.
func (p *process) send(sig syscall.Signal) {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(p.pid, sig) // it may have ended by itself
	}
}
