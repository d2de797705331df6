package nodeproc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cuelight/cuelight/internal/freeport"
)

// Options say what node to start.
type Options struct {
	// Program is the cuelight binary, Dir a folder of the node's own.
	Program, Dir string
	// Name is its id, Roles what it is to the others; none: everything.
	Name  string
	Roles []string
	// Redis is where the nodes meet, Secret what all of them share.
	Redis  []string
	Secret string
	// RedisMore is what else is to be known of Redis, such as "cluster: true".
	RedisMore string
	// More is appended to the node's configuration file.
	More string
	// Wrap comes before the program's name on the command line, such as a
	// command that enters a network namespace.
	Wrap []string
	// Host is where the node listens. Default 127.0.0.1.
	Host string
}

// Node is a cuelight process. Its methods are safe for concurrent use.
type Node struct {
	opt Options // all but Program is fixed
	// Web, Admin and Internal are addresses with scheme; RTMP is where encoders
	// push to, empty if the node takes none.
	Web, Admin, Internal, RTMP string

	mu   sync.Mutex // protects what follows, and opt.Program
	cmd  *exec.Cmd
	gone chan struct{} // closed when the process is over
}

const (
	// starting is how long a node may take until it is ready, stopping how long
	// until it is gone when it is asked to end.
	starting = 60 * time.Second
	stopping = 60 * time.Second
	look     = 50 * time.Millisecond
)

// Start starts a node and waits until it is ready. It is killed when ctx ends.
//
// Errors: a node that ends or is not ready within a minute, with the end of its
// log; ctx's.
func Start(ctx context.Context, opt Options) (*Node, error) {
	n, err := Launch(ctx, opt)
	if err != nil {
		return nil, err
	}
	if err := n.AwaitReady(ctx); err != nil {
		n.Kill()
		return nil, err
	}
	return n, nil
}

// Launch is Start without waiting.
func Launch(ctx context.Context, opt Options) (*Node, error) {
	if opt.Host == "" {
		opt.Host = "127.0.0.1"
	}
	n := &Node{opt: opt}
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("node %s: %w", opt.Name, err)
	}
	if err := n.configure(); err != nil {
		return nil, fmt.Errorf("node %s: %w", opt.Name, err)
	}
	return n, n.Restart(ctx)
}

// configure takes ports and writes the configuration file.
func (n *Node) configure() error {
	ports, err := n.ports(4)
	if err != nil {
		return err
	}
	n.Web, n.Admin, n.Internal = "http://"+ports[0], "http://"+ports[1], "http://"+ports[2]
	roles := ""
	if len(n.opt.Roles) > 0 {
		roles = "roles: [" + strings.Join(n.opt.Roles, ", ") + "]\n"
	}
	more := ""
	if n.opt.RedisMore != "" {
		more = ", " + n.opt.RedisMore
	}
	rtmp := "off"
	if roles == "" || strings.Contains(roles, "ingest") {
		rtmp, n.RTMP = ports[3], "rtmp://"+ports[3]+"/live"
	}
	text := fmt.Sprintf(`%ssecret: %q
node: {id: %s, listen: %q, url: %q, public: %q}
redis: {addresses: ["%s"]%s}
http: %q
admin: %q
rtmp: %q
srt: "off"
rtsp: "off"
webrtc: "off"
%s`, roles, n.opt.Secret, n.opt.Name, ports[2], n.Internal, n.Web, strings.Join(n.opt.Redis, `", "`), more, ports[0], ports[1], rtmp, n.opt.More)
	return os.WriteFile(n.file("node.yaml"), []byte(text), 0o600)
}

func (n *Node) file(name string) string { return filepath.Join(n.opt.Dir, name) }

// Restart starts the node's process, again if it has ended, with the same ports
// and folder. It does not wait until the node is ready.
func (n *Node) Restart(ctx context.Context) error {
	n.Kill()
	log, err := os.OpenFile(n.file("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("node %s: %w", n.opt.Name, err)
	}
	defer log.Close()
	args := append(append([]string{}, n.opt.Wrap...), n.program(), "serve", "--config", n.file("node.yaml"), "--data", n.file("data"))
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("node %s: %w", n.opt.Name, err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = cmd.Wait() // how it ended is in its log
	}()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cmd, n.gone = cmd, gone
	return nil
}

// AwaitReady waits until the node says that it may be sent viewers.
func (n *Node) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, starting)
	defer cancel()
	_, gone := n.process()
	for {
		said, ok := n.ready(ctx)
		if ok {
			return nil
		}
		select {
		case <-gone:
			return fmt.Errorf("node %s ended:\n%s", n.opt.Name, n.Said())
		case <-ctx.Done():
			return fmt.Errorf("node %s is not ready (%s): %w\n%s", n.opt.Name, said, context.Cause(ctx), n.Said())
		case <-time.After(look):
		}
	}
}

func (n *Node) ready(ctx context.Context) (said string, ok bool) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.Admin+"/readyz", nil)
	if err != nil {
		return err.Error(), false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error(), false
	}
	defer resp.Body.Close()
	text := make([]byte, 512)
	size, _ := resp.Body.Read(text)
	return strings.TrimSpace(string(text[:size])), resp.StatusCode == http.StatusOK
}

// Said is the end of what the node has logged.
func (n *Node) Said() string {
	text, err := os.ReadFile(n.file("log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4096):])
}

func (n *Node) program() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.opt.Program
}

func (n *Node) process() (*exec.Cmd, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cmd, n.gone
}

// Name is the node's id.
func (n *Node) Name() string { return n.opt.Name }

// Data is the node's data folder.
func (n *Node) Data() string { return n.file("data") }

// PID is the number of the process, 0 before it was started.
func (n *Node) PID() int {
	if cmd, _ := n.process(); cmd != nil {
		return cmd.Process.Pid
	}
	return 0
}

// Gone is closed when the process is over.
func (n *Node) Gone() <-chan struct{} {
	_, gone := n.process()
	return gone
}

// Kill ends the node as a power cut would, and waits until it is gone.
func (n *Node) Kill() { n.end(syscall.SIGKILL) }

// Stop asks the node to end and waits until it is gone. One that takes longer
// than a minute is killed.
//
// Errors: that it was killed.
func (n *Node) Stop() error {
	cmd, gone := n.process()
	if cmd == nil {
		return nil
	}
	_ = cmd.Process.Signal(syscall.SIGTERM) // one that is gone already is what is wanted
	select {
	case <-gone:
		return nil
	case <-time.After(stopping):
		n.Kill()
		return errors.New("node " + n.opt.Name + " did not end within a minute:\n" + n.Said())
	}
}

// Freeze stops the process where it is, Thaw lets it go on.
func (n *Node) Freeze() error { return n.signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (n *Node) Thaw() error { return n.signal(syscall.SIGCONT) }

func (n *Node) signal(sig syscall.Signal) error {
	cmd, _ := n.process()
	if cmd == nil {
		return errors.New("node " + n.opt.Name + " was not started")
	}
	return cmd.Process.Signal(sig)
}

func (n *Node) end(sig syscall.Signal) {
	cmd, gone := n.process()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(sig)
	<-gone
}

// Use makes program the one that the next Restart starts, such as that of
// another release.
func (n *Node) Use(program string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.opt.Program = program
}

// Token returns a producer's token, made by the program from the node's own
// configuration. More are flags of the command, such as "--tenant", "red".
func (n *Node) Token(ctx context.Context, more ...string) (string, error) {
	args := append([]string{"token", "producer", "--config", n.file("node.yaml"), "--data", n.Data()}, more...)
	out, err := exec.CommandContext(ctx, n.program(), args...).Output()
	if err != nil {
		return "", fmt.Errorf("make a producer's token: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// ports returns addresses to listen on. In a network of the node's own nobody
// else listens.
func (n *Node) ports(count int) ([]string, error) {
	if len(n.opt.Wrap) == 0 {
		return freePorts(n.opt.Host, count)
	}
	var addresses []string
	for i := range count {
		addresses = append(addresses, net.JoinHostPort(n.opt.Host, strconv.Itoa(20001+i)))
	}
	return addresses, nil
}

// freePorts returns n addresses on host on which nobody listens.
func freePorts(host string, n int) ([]string, error) {
	var addresses []string
	for range n {
		addr, err := freeport.Addr(host)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, addr)
	}
	return addresses, nil
}
