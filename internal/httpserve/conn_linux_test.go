package httpserve_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cuelight/cuelight/internal/httpserve"
)

// TestAnswerIsSentAtOnce counts the segments in which answers arrive. On
// loopback one holds 64 KiB less a header, and is one write.
func TestAnswerIsSentAtOnce(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Path[1:])
		if err != nil {
			t.Error(err)
			return
		}
		w.Header().Set("Content-Type", "video/mp4")
		w.Header().Set("Content-Length", strconv.Itoa(n))
		w.Write(pattern(n))
	}), httpserve.Config{})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	before := segments(t, conn)
	for _, n := range []int{100, 2049, 3900, 4096, 5000, 40_000} {
		fmt.Fprintf(conn, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", n)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.Copy(io.Discard, resp.Body); err != nil || got != int64(n) {
			t.Fatalf("%d bytes of %d: %v", got, n, err)
		}
		now := segments(t, conn)
		if came := now - before; came != 1 {
			t.Errorf("%d bytes came in %d segments, want 1", n, came)
		}
		before = now
	}
}

// segments is how many with data have come.
func segments(t *testing.T, c net.Conn) uint32 {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info *unix.TCPInfo
	var failed error
	err = raw.Control(func(fd uintptr) {
		info, failed = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return info.Data_segs_in
}
