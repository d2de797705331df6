package postgresproc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a running server: the postmaster and its children.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when the postmaster is gone
	err   error         // how it ended; set before ended is closed
}

// start runs the postmaster. Its thread stays, because the kernel ends a child
// when the thread that made it does.
func start(binary string, args []string, dir string, as *account) (*process, error) {
	p := &process{log: filepath.Join(dir, "log"), ended: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p.cmd = exec.Command(binary, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = dir, out, out, as.attributes()
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := errors.Join(p.cmd.Start(), out.Close())
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.ended)
		}
	}()
	return p, <-started
}

// family is the postmaster and its children: they have sessions of their own,
// so that a signal to a process group does not reach them.
func (p *process) family() []int {
	pids := []int{p.cmd.Process.Pid}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return pids
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		pid, parent := parentOf(string(stat))
		if parent == pids[0] {
			pids = append(pids, pid)
		}
	}
	return pids
}

// parentOf reads pid and parent from /proc/PID/stat, whose second field is a
// name in brackets that may hold anything.
func parentOf(stat string) (pid, parent int) {
	pid, err := strconv.Atoi(stat[:max(strings.IndexByte(stat, ' '), 0)])
	if err != nil {
		return 0, 0
	}
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, 0
	}
	parent, err = strconv.Atoi(fields[1])
	if err != nil {
		return 0, 0
	}
	return pid, parent
}

// signalAll tells every process, the postmaster first, so that it makes no more.
func (p *process) signalAll(sig syscall.Signal) error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	if err := signal(p.cmd.Process.Pid, sig); err != nil {
		return err
	}
	for _, pid := range p.family()[1:] {
		if err := signal(pid, sig); err != nil {
			return err
		}
	}
	return nil
}

func signal(pid int, sig syscall.Signal) error {
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %v to process %d: %w", sig, pid, err)
	}
	return nil
}

// end ends the server with sig and waits until all its processes are gone.
func (p *process) end(sig syscall.Signal) error {
	if sig == syscall.SIGKILL {
		return p.kill()
	}
	if err := signal(p.cmd.Process.Pid, sig); err != nil {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopWithin):
		return p.kill()
	}
}

func (p *process) kill() error {
	if err := p.signalAll(syscall.SIGSTOP); err != nil {
		return err
	}
	family := p.family()
	for _, pid := range family {
		if err := signal(pid, syscall.SIGKILL); err != nil {
			return err
		}
	}
	<-p.ended
	return gone(family)
}

// gone waits until processes have ended: while one is left, the next server
// does not start.
func gone(pids []int) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	late := time.After(stopWithin)
	for _, pid := range pids {
		for alive(pid) {
			select {
			case <-look.C:
			case <-late:
				return fmt.Errorf("process %d does not end", pid)
			}
		}
	}
	return nil
}

// alive says whether a process runs; one that waits to be reaped does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	rest := stat[bytes.LastIndexByte(stat, ')')+1:]
	return !bytes.HasPrefix(bytes.TrimSpace(rest), []byte("Z"))
}

// tail is the end of the server's log.
func (p *process) tail() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}
