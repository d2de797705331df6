package ingesttest

import (
	"bytes"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// Encoder is a running ffmpeg.
type Encoder struct {
	cmd    *exec.Cmd
	output *syncBuffer
	done   chan struct{} // closed when it has ended
}

var _ Client = (*Encoder)(nil)

// Start runs ffmpeg with these arguments until the test ends.
func Start(t *testing.T, args ...string) *Encoder {
	t.Helper()
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Fatalf("the suite publishes with real encoders: install ffmpeg (apt-get install ffmpeg): %v", err)
	}
	e := &Encoder{output: new(syncBuffer), done: make(chan struct{})}
	e.cmd = exec.Command(path, append([]string{"-hide_banner", "-nostdin", "-nostats", "-loglevel", "info", "-threads", "1"}, args...)...)
	e.cmd.Stdout, e.cmd.Stderr = e.output, e.output
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = e.cmd.Wait() // its outcome is read from ProcessState
		close(e.done)
	}()
	t.Cleanup(e.Kill)
	return e
}

// Kill cuts the publisher off, as a crash or a pulled cable would, and waits.
func (e *Encoder) Kill() {
	_ = e.cmd.Process.Kill()
	<-e.done
}

// Stop ends the encoder as its user would, and waits.
func (e *Encoder) Stop(t *testing.T) {
	t.Helper()
	_ = e.cmd.Process.Signal(os.Interrupt)
	e.Wait(t)
}

// Wait returns ffmpeg's exit code and what it printed.
func (e *Encoder) Wait(t *testing.T) (code int, output string) {
	t.Helper()
	select {
	case <-e.done:
		return e.cmd.ProcessState.ExitCode(), e.output.String()
	case <-time.After(patience):
		e.Kill()
		t.Fatalf("ffmpeg still runs after %v:\n%s", patience, e.output.String())
		return 0, ""
	}
}

// Running reports whether ffmpeg has not ended.
func (e *Encoder) Running() bool {
	select {
	case <-e.done:
		return false
	default:
		return true
	}
}

// syncBuffer is written by ffmpeg and by loggers while tests read it.
type syncBuffer struct {
	mu  sync.Mutex // protects buf
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
