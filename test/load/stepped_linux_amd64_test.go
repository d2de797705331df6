package load_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// steppedClock shows the programs that it launches another wall clock than this
// machine's, which stays as it is.
//
// Linux answers most questions for the time in the process itself, through a
// page whose address is in the auxiliary vector. That entry is struck out when
// the program begins, so it asks by system calls. A seccomp filter stops those
// that ask for the wall clock, and only them, and the tracer answers.
type steppedClock struct {
	shift atomic.Int64 // ns, added to the wall clock
	asked atomic.Int64 // times that somebody asked for it
}

func (c *steppedClock) step(to time.Duration) { c.shift.Store(int64(to)) }

const steppedAct = "stepped"

func init() { acts[steppedAct] = execStepped }

// execStepped installs the filter and becomes the program that the arguments name.
func execStepped() error {
	runtime.LockOSThread() // the filter is this thread's, and so is what it becomes
	program := wallClockFilter()
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up privileges: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog))); errno != 0 {
		return fmt.Errorf("filter system calls: %w", errno)
	}
	runtime.KeepAlive(program)
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, actAs+"=") {
			env = append(env, v)
		}
	}
	return unix.Exec(os.Args[1], os.Args[1:], env)
}

// Layout of what a filter sees, and what it can say. See seccomp(2).
const (
	seenNumber   = 0
	seenArch     = 4
	seenArg0     = 16
	archX8664    = 0xc000003e
	sayTrace     = 0x7ff00000
	sayAllow     = 0x7fff0000
	load         = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	jumpIfEqual  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	say          = unix.BPF_RET | unix.BPF_K
	instructions = 11
)

// wallClockFilter stops clock_gettime of the wall clock, gettimeofday and time.
func wallClockFilter() [instructions]unix.SockFilter {
	return [instructions]unix.SockFilter{
		{Code: load, K: seenArch},
		{Code: jumpIfEqual, K: archX8664, Jf: 7}, // to allow
		{Code: load, K: seenNumber},
		{Code: jumpIfEqual, K: unix.SYS_GETTIMEOFDAY, Jt: 6}, // to trace
		{Code: jumpIfEqual, K: unix.SYS_TIME, Jt: 5},
		{Code: jumpIfEqual, K: unix.SYS_CLOCK_GETTIME, Jf: 3},
		{Code: load, K: seenArg0},
		{Code: jumpIfEqual, K: unix.CLOCK_REALTIME, Jt: 2},
		{Code: jumpIfEqual, K: unix.CLOCK_REALTIME_COARSE, Jt: 1},
		{Code: say, K: sayAllow},
		{Code: say, K: sayTrace},
	}
}

// launch starts the program under the tracer.
func (c *steppedClock) launch(program string, args []string, log *os.File) (func(), error) {
	began, ended := make(chan error, 1), make(chan struct{})
	pid := 0
	go func() {
		defer close(ended)
		runtime.LockOSThread() // who traces is a thread; it ends with this goroutine
		var err error
		pid, err = c.begin(program, args, log)
		began <- err
		if err == nil {
			c.trace(pid)
		}
	}()
	if err := <-began; err != nil {
		return nil, err
	}
	return func() {
		unix.Kill(pid, unix.SIGKILL)
		<-ended
	}, nil
}

// begin starts this test's program, traced from its first instruction on; it
// turns into the other one.
func (c *steppedClock) begin(program string, args []string, log *os.File) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	pid, err := syscall.ForkExec(self, append([]string{self, program}, args...), &syscall.ProcAttr{
		Env:   append(os.Environ(), actAs+"="+steppedAct),
		Files: []uintptr{log.Fd(), log.Fd(), log.Fd()},
		Sys:   &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return 0, fmt.Errorf("start traced: %w", err)
	}
	var ws unix.WaitStatus
	if _, err := unix.Wait4(pid, &ws, unix.WALL, nil); err != nil {
		return 0, fmt.Errorf("wait for the traced program: %w", err)
	}
	const options = unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK |
		unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(pid, options); err != nil {
		return 0, fmt.Errorf("trace: %w", err)
	}
	return pid, unix.PtraceCont(pid, 0)
}

// trace answers until the process has ended.
func (c *steppedClock) trace(pid int) {
	known := map[int]bool{pid: true}
	for {
		var ws unix.WaitStatus
		// Only what this thread traces: other children are other tests' business.
		tid, err := unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return
		case ws.Exited() || ws.Signaled():
			if tid == pid {
				return
			}
			continue
		}
		unix.PtraceCont(tid, c.stopped(tid, ws, known)) // a thread that was killed meanwhile is waited for next
	}
}

// stopped deals with a thread that has stopped and returns the signal that it is
// to go on with.
func (c *steppedClock) stopped(tid int, ws unix.WaitStatus, known map[int]bool) int {
	first := !known[tid]
	known[tid] = true
	signal := ws.StopSignal()
	switch event := int(ws) >> 16; {
	case event == unix.PTRACE_EVENT_SECCOMP:
		c.answer(tid)
		return 0
	case event == unix.PTRACE_EVENT_EXEC:
		hideTimePage(tid)
		return 0
	case event != 0, first && signal == unix.SIGSTOP: // a new thread begins
		return 0
	}
	return int(signal)
}

// answer writes the stepped time where the thread wants it, and skips its call.
func (c *steppedClock) answer(tid int) {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &regs) != nil {
		return // it was killed
	}
	c.asked.Add(1)
	now := time.Now().UnixNano() + c.shift.Load()
	result := uint64(0)
	switch regs.Orig_rax {
	case unix.SYS_CLOCK_GETTIME:
		poke(tid, regs.Rsi, now/1e9, now%1e9)
	case unix.SYS_GETTIMEOFDAY:
		poke(tid, regs.Rdi, now/1e9, now%1e9/1e3)
	case unix.SYS_TIME:
		result = uint64(now / 1e9)
		if regs.Rdi != 0 {
			poke(tid, regs.Rdi, now/1e9)
		}
	}
	regs.Orig_rax, regs.Rax = ^uint64(0), result
	unix.PtraceSetRegs(tid, &regs)
}

func poke(tid int, at uint64, values ...int64) {
	if at == 0 {
		return
	}
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	unix.PtracePokeData(tid, uintptr(at), b)
}

// Entries of the auxiliary vector. See getauxval(3).
const (
	auxNull     = 0
	auxIgnore   = 1
	auxTimePage = 33 // AT_SYSINFO_EHDR
)

// hideTimePage strikes the page out that answers questions for the time. The
// stack of a program that begins holds argc, argv, 0, environment, 0, and pairs.
func hideTimePage(pid int) {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(pid, &regs) != nil {
		return
	}
	word := func(at uint64) uint64 {
		var b [8]byte
		unix.PtracePeekData(pid, uintptr(at), b[:])
		return binary.LittleEndian.Uint64(b[:])
	}
	at := regs.Rsp + 8*(word(regs.Rsp)+2)
	for ; word(at) != 0; at += 8 {
	}
	for at += 8; word(at) != auxNull; at += 16 {
		if word(at) == auxTimePage {
			poke(pid, at, auxIgnore)
		}
	}
}
