package sntp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"
	"time"

	"github.com/cuelight/cuelight/sync/sntp"
)

// chronyd starts the time server that Debian ships on loopback. It serves this
// machine's own clock and leaves that alone (-x). It ends with the test.
func chronyd(t *testing.T) string {
	t.Helper()
	path := findChronyd(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	port := freePort(t)
	conf := filepath.Join(dir, "chrony.conf")
	text := fmt.Sprintf("port %d\ncmdport 0\nbindcmdaddress /\nbindaddress 127.0.0.1\nallow 127.0.0.1\nlocal stratum 8\npidfile %s/pid\n", port, dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "-U", "-u", me.Username, "-x", "-d", "-f", conf)
	var log bytes.Buffer
	cmd.Stderr, cmd.Stdout = &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
		if t.Failed() {
			t.Logf("chronyd: %s", log.String())
		}
	})
	address := fmt.Sprintf("127.0.0.1:%d", port)
	awaitTime(t, address)
	return address
}

// findChronyd also looks where make tools unpacks it.
func findChronyd(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chronyd", "/usr/sbin/chronyd", "../../bin/tools/usr/sbin/chronyd"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("chronyd is not there and so not asked: run make tools, which fetches it through apt")
	return ""
}

func freePort(t *testing.T) int {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).Port
}

// awaitTime asks until the server gives a time.
func awaitTime(t *testing.T, address string) {
	t.Helper()
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	last := errors.New("no answer")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		conn.SetDeadline(time.Now().Add(100 * time.Millisecond))
		conn.Write(sntp.AppendRequest(nil, nonce))
		b := make([]byte, 1024)
		n, err := conn.Read(b)
		if err != nil {
			<-tick.C // a port that is not open yet is refused at once
			continue
		}
		r, err := sntp.ParseReply(b[:n])
		if err == nil {
			err = r.Check(nonce)
		}
		if err == nil {
			return
		}
		last = err
	}
	t.Fatalf("chronyd gives no time: %v", last)
}

func TestChrony(t *testing.T) {
	const ms = time.Millisecond
	for _, by := range []time.Duration{0, 120 * ms, -time.Hour} {
		check := first(t, roomOff(by), chronyd(t), chronyd(t), timeServer(t, off(time.Hour)), chronyd(t), timeServer(t, silent))
		if check.Agree != 3 || check.Answered != 4 || !check.Known() {
			t.Fatalf("CL13 %d of %d agree: %+v", check.Agree, check.Answered, check.Sources)
		}
		if d := (check.Error - by).Abs(); d > check.Bound || check.Bound > 50*ms {
			t.Errorf("CL13 error %v ± %v, want %v", check.Error, check.Bound, by)
		}
		if check.Off() != (by != 0) {
			t.Errorf("CL14 off = %v at %v", check.Off(), check.Error)
		}
		t.Logf("R off by %v: error %v ± %v, spread %v, stratum %d", by, check.Error, check.Bound, check.Spread, check.Sources[0].Stratum)
	}
}
