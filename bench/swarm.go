package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// swarm is many keep-alive connections to one server, driven by one thread with
// epoll, without a goroutine each and without net/http: on two cores, whatever
// the generator takes is missing to the server. It belongs to one goroutine.
type swarm struct {
	to       unix.SockaddrInet4
	host     string
	epoll    int
	members  map[int32]*member // by file descriptor
	shared   []byte            // what is being read
	requests int               // answered with 200
	bytes    int64             // of their bodies
	failed   int               // answers that were not 200, and connections that ended
	failure  error             // the first of them
}

// member is one connection and who uses it.
type member struct {
	swarm *swarm
	fd    int32
	reply reply
	asked instant
	user  user
	over  bool
}

// user decides what a connection asks for. It is told of every whole answer and
// returns the next request, complete, and whether it wants the body.
type user interface {
	first() (request []byte, keep bool)
	next(r *reply, at instant) (request []byte, keep bool)
}

// newSwarm makes a swarm without members. The caller closes it.
func newSwarm(base string) (*swarm, error) {
	host := strings.TrimPrefix(base, "http://")
	to, err := netip.ParseAddrPort(host)
	if err != nil || !to.Addr().Is4() {
		return nil, fmt.Errorf("%s is not the address of a server on this machine", base)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	return &swarm{
		to: unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}, host: host,
		epoll: epoll, members: make(map[int32]*member), shared: make([]byte, 256<<10),
	}, nil
}

// join connects one more and sends its first request.
func (s *swarm) join(u user) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	m := &member{swarm: s, fd: int32(fd), user: u}
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: int64(joinWait / time.Second)})
	if err == nil {
		err = connectTo(fd, &s.to)
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err == nil {
		err = unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: m.fd})
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("connect to %s: %w", s.host, err)
	}
	s.members[m.fd] = m
	m.ask(u.first())
	return nil
}

// connectTo connects a blocking socket. A signal of the runtime may interrupt
// the call; the connection is made all the same.
func connectTo(fd int, to unix.Sockaddr) error {
	err := unix.Connect(fd, to)
	for errors.Is(err, unix.EINTR) {
		ready, poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 0
		if poll, err = unix.Poll(ready, int(joinWait/time.Millisecond)); err != nil {
			continue
		}
		if poll == 0 {
			return unix.ETIMEDOUT
		}
		code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		return err
	}
	return err
}

// ask sends a request.
func (m *member) ask(request []byte, keep bool) {
	m.reply.begin(keep)
	m.asked = now()
	n, err := rawWrite(int(m.fd), request)
	if err == nil && n < len(request) {
		err = errors.New("a request did not fit into the socket")
	}
	if err != nil {
		m.leave(fmt.Errorf("ask: %w", err))
	}
}

// leave closes the connection. A reason counts as a failure.
func (m *member) leave(why error) {
	if m.over {
		return
	}
	m.over = true
	delete(m.swarm.members, m.fd)
	unix.Close(int(m.fd))
	if why != nil {
		m.swarm.fail(why)
	}
}

func (s *swarm) fail(why error) {
	s.failed++
	if s.failure == nil {
		s.failure = why
	}
}

// run drives all members until then, or until ctx ends.
func (s *swarm) run(ctx context.Context, until instant) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const looks = 100 * time.Millisecond // at ctx, and at who waits for too long
	events := make([]unix.EpollEvent, 512)
	for at, look := now(), instant(0); at < until; at = now() {
		if at >= look {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			s.expire(at)
			look = at + instant(looks)
		}
		n, err := s.wait(events, min(looks, until.sub(at)))
		if err != nil {
			return err
		}
		for _, e := range events[:n] {
			if m := s.members[e.Fd]; m != nil {
				m.read()
			}
		}
	}
	return nil
}

// wait looks for events without giving up the thread first.
func (s *swarm) wait(events []unix.EpollEvent, most time.Duration) (int, error) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(s.epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno == 0 && n > 0 {
		return int(n), nil
	}
	got, err := unix.EpollWait(s.epoll, events, int(most/time.Millisecond)+1)
	if errors.Is(err, unix.EINTR) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("wait for answers: %w", err)
	}
	return got, nil
}

func (m *member) read() {
	for !m.over {
		n, err := rawRead(int(m.fd), m.swarm.shared)
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
			return
		case err != nil:
			m.leave(fmt.Errorf("read an answer: %w", err))
			return
		case n == 0:
			m.leave(errors.New("the server closed the connection"))
			return
		}
		done, err := m.reply.take(m.swarm.shared[:n])
		if err != nil {
			m.leave(err)
			return
		}
		if done {
			m.answered()
		}
		if n < len(m.swarm.shared) { // all that was there; epoll tells of more
			return
		}
	}
}

func (m *member) answered() {
	if m.reply.status == 200 {
		m.swarm.requests++
		m.swarm.bytes += int64(m.reply.size)
	} else {
		m.swarm.fail(fmt.Errorf("answer %d", m.reply.status))
	}
	if request, keep := m.user.next(&m.reply, now()); request != nil {
		m.ask(request, keep)
	} else {
		m.leave(nil)
	}
}

// expire ends connections that wait for longer than any server may take.
func (s *swarm) expire(at instant) {
	for _, m := range s.members {
		if waited := at.sub(m.asked); waited > answerWait {
			m.leave(fmt.Errorf("no answer for %v", waited))
		}
	}
}

// reset forgets what was counted.
func (s *swarm) reset() { s.requests, s.bytes, s.failed, s.failure = 0, 0, 0, nil }

// close ends all connections.
func (s *swarm) close() {
	for _, m := range s.members {
		m.leave(nil)
	}
	unix.Close(s.epoll)
}

// request is a GET as a browser would ask, complete.
func (s *swarm) request(path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + s.host +
		"\r\nUser-Agent: cuelight-bench\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n")
}

// The sockets never block, so the scheduler need not know of these calls.

func rawRead(fd int, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func rawWrite(fd int, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
