package gatewaytest_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact/gateway/gatewaytest"
)

func TestBytesArriveAsTheyWereSent(t *testing.T) {
	near, far := gatewaytest.Pipe(300)
	sent := make([]byte, 100_000)
	for i := range sent {
		sent[i] = byte(rand.Uint32())
	}
	done := make(chan error, 1)
	go func() {
		defer near.Close()
		for rest := sent; len(rest) > 0; {
			n := min(1+rand.IntN(700), len(rest))
			if _, err := near.Write(rest[:n]); err != nil {
				done <- err
				return
			}
			rest = rest[n:]
		}
		done <- nil
	}()
	got, err := io.ReadAll(far)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes of %d arrived alike: %v", len(got), len(sent), err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := far.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("write to who has closed: %v", err)
	}
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
}

func TestTryWriteTakesWhatFits(t *testing.T) {
	near, far := gatewaytest.Pipe(10)
	for _, want := range []int{7, 3, 0} {
		if n, err := near.TryWrite(make([]byte, 7)); n != want || err != nil {
			t.Errorf("TryWrite = %d, %v, want %d", n, err, want)
		}
	}
	if n, err := far.Read(make([]byte, 4)); n != 4 || err != nil {
		t.Errorf("Read = %d, %v", n, err)
	}
	if n, err := near.TryWrite(make([]byte, 7)); n != 4 || err != nil {
		t.Errorf("TryWrite after a read = %d, %v, want 4", n, err)
	}
	far.Close()
	if _, err := near.TryWrite([]byte("x")); err == nil {
		t.Error("TryWrite to who has closed gave no error")
	}
}

func TestTapHearsAll(t *testing.T) {
	near, far := gatewaytest.Pipe(100)
	far.Write([]byte("before "))
	var heard []byte
	near.Tap(func(b []byte) { heard = append(heard, b...) })
	far.Write(bytes.Repeat([]byte("x"), 1000)) // more than the buffer: nothing waits
	if want := "before " + string(bytes.Repeat([]byte("x"), 1000)); string(heard) != want {
		t.Errorf("heard %q", heard)
	}
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := gatewaytest.Pipe(4)
		start := time.Now()
		near.SetReadDeadline(start.Add(3 * time.Second))
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("read ended after %v with %v", time.Since(start), err)
		}
		near.SetReadDeadline(time.Now().Add(time.Second))
		near.SetReadDeadline(time.Time{}) // takes it back
		time.AfterFunc(5*time.Second, func() { far.Write([]byte("ok")) })
		if n, err := near.Read(make([]byte, 4)); n != 2 || err != nil {
			t.Errorf("read = %d, %v", n, err)
		}
		start = time.Now()
		near.SetWriteDeadline(start.Add(time.Second))
		if n, err := near.Write([]byte("too long")); n != 4 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("write = %d, %v after %v", n, err, time.Since(start))
		}
		near.Close()
		far.Close()
	})
}

func TestFrames(t *testing.T) {
	for _, n := range []int{0, 125, 126, 65535, 65536} {
		payload := bytes.Repeat([]byte{7}, n)
		frame := gatewaytest.AppendFrame(nil, 2, 0, payload) // a mask of zero changes nothing
		head := len(frame) - n - 4
		server := append(frame[:head:head], payload...)
		server[1] &= 0x7f
		for _, cut := range []int{0, 1, head - 1, len(server) - 1} {
			if _, _, _, ok := gatewaytest.CutFrame(server[:min(cut, len(server)-1)]); ok {
				t.Errorf("%d of %d bytes are a frame", cut, len(server))
			}
		}
		opcode, got, rest, ok := gatewaytest.CutFrame(append(server, 9))
		if !ok || opcode != 2 || !bytes.Equal(got, payload) || len(rest) != 1 {
			t.Errorf("%d bytes: opcode %d, %d bytes, %d more, %v", n, opcode, len(got), len(rest), ok)
		}
	}
}
