package readers_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

const channel = "show"

// broadcast starts the real server and an encoder, and returns the address of
// the multivariant playlist once there is media.
func broadcast(t *testing.T) string {
	t.Helper()
	binary := build(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "cuelight.yaml")
	if err := os.WriteFile(config, []byte("channels:\n  "+channel+":\n    open: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	web, rtmp := freeAddr(t), freeAddr(t)
	run(t, binary, "serve", "--config", config, "--data", dir, "--http", web, "--rtmp", rtmp, "--srt", "off", "--rtsp", "off",
		"--webrtc", "off", "--admin", "off", "--log-level", "warn")
	await(t, "http://"+web+"/")
	push(t, rtmp)
	index := "http://" + web + "/hls/" + channel + "/index.m3u8"
	await(t, index)
	return index
}

// build makes the program, as far as it is not in the cache.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "cuelight")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/cuelight")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

// push encodes 30 pictures a second, two of three of them B-frames, and sound.
func push(t *testing.T, rtmp string) {
	t.Helper()
	run(t, "ffmpeg", "-hide_banner", "-loglevel", "warning", "-nostats", "-re",
		"-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-f", "lavfi", "-i", "sine=frequency=220:sample_rate=48000",
		"-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-b_strategy", "0", "-g", "30", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-b:a", "64k", "-f", "flv", "rtmp://"+rtmp+"/live/"+channel)
}

// run starts a program that lives as long as the test. What it said is shown
// if the test fails.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	said := new(output)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s (make tools installs it): %v", name, err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		impatient := time.AfterFunc(10*time.Second, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		cmd.Wait() // it was told to end
		impatient.Stop()
		if t.Failed() {
			t.Logf("%s:\n%s", name, said)
		}
	})
}

// output keeps what a program says.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// await waits until url is answered with 200.
func await(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		if answer, err := http.Get(url); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s is not answered", url)
		case <-poll.C:
		}
	}
}
