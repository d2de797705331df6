package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Addresses inside the networks that a partition is made of: of everything but
// the far gateway, and the far gateway's as viewers reach it.
const (
	nearHost = "10.213.1.1"
	farHost  = "10.213.2.2"
	backbone = "cl0" // between the far gateway and everything else but viewers
)

// inNetwork runs this program again in a network of its own, where it may be
// cut: the machine's own network is not touched.
//
// Errors: no permission to make one.
func inNetwork(ctx context.Context, args []string) error {
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"--net", "--", os.Args[0]}, args...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// network is a second network and its two lines to this one.
type network struct{ holder *exec.Cmd }

// newNetwork makes the far gateway's network. It is called in a network of its
// own.
func newNetwork(ctx context.Context) (*network, error) {
	holder := exec.CommandContext(ctx, "unshare", "--net", "--", "sleep", "infinity")
	holder.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := holder.Start(); err != nil {
		return nil, fmt.Errorf("make a network: %w", err)
	}
	n := &network{holder}
	pid := strconv.Itoa(holder.Process.Pid)
	if err := n.separate(ctx, pid); err != nil {
		return nil, err
	}
	far := "nsenter -t " + pid + " -n "
	for _, command := range []string{
		"ip link set lo up",
		"ip addr add " + nearHost + "/32 dev lo",
		"ip link add " + backbone + " type veth peer name cl1 netns " + pid,
		"ip addr add 10.213.0.1/24 dev " + backbone,
		"ip link set " + backbone + " up",
		"ip link add cv0 type veth peer name cv1 netns " + pid,
		"ip addr add 10.213.2.1/24 dev cv0",
		"ip link set cv0 up",
		far + "ip link set lo up",
		far + "ip addr add 10.213.0.2/24 dev cl1",
		far + "ip link set cl1 up",
		far + "ip addr add " + farHost + "/24 dev cv1",
		far + "ip link set cv1 up",
		far + "ip route add " + nearHost + "/32 via 10.213.0.1",
	} {
		if err := do(ctx, command); err != nil {
			n.close()
			return nil, err
		}
	}
	return n, nil
}

// separate waits until the holder is in a network of its own.
func (n *network) separate(ctx context.Context, pid string) error {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return err
	}
	for {
		its, err := os.Readlink("/proc/" + pid + "/ns/net")
		if err == nil && its != own {
			return nil
		}
		if !pause(ctx, 10*time.Millisecond) {
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// wrap is the command that enters the network.
func (n *network) wrap() []string {
	return []string{"nsenter", "-t", strconv.Itoa(n.holder.Process.Pid), "-n"}
}

func (n *network) close() {
	_ = n.holder.Process.Kill() // it does nothing else but be there
	_ = n.holder.Wait()
}

func do(ctx context.Context, command string) error {
	words := strings.Fields(command)
	out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, out)
	}
	return nil
}

// partition cuts the far gateway off from Redis and from all other nodes, while
// its viewers stay connected.
func partition(ctx context.Context, s *stand, _ size) (t times, err error) {
	if err := do(ctx, "ip link set "+backbone+" down"); err != nil {
		return t, err
	}
	pause(ctx, 5*time.Second)
	if err := do(ctx, "ip link set "+backbone+" up"); err != nil {
		return t, err
	}
	began := time.Now()
	if err := s.gateways[1].AwaitReady(ctx); err != nil {
		return t, err
	}
	t.note = fmt.Sprintf("gateway ready again %v after", time.Since(began).Round(time.Millisecond))
	t.led, err = s.led(ctx)
	return t, err
}
