package httpserve_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/httpserve"
)

// pattern is so many bytes, of which no two places look alike.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8)
	}
	return b
}

// TestAnswersOfAnySize asks for answers around all the buffers that they go
// through, with and without their length said beforehand.
func TestAnswersOfAnySize(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Path[1:])
		if err != nil {
			t.Error(err)
			return
		}
		w.Header().Set("Content-Type", "video/mp4")
		if r.URL.RawQuery != "chunked" {
			w.Header().Set("Content-Length", strconv.Itoa(n))
		}
		if r.URL.RawQuery == "longhead" {
			w.Header().Set("X-Long", string(bytes.Repeat([]byte("x"), 5000)))
		}
		body := pattern(n)
		w.Write(body[:n/3])
		w.Write(body[n/3:])
	}), httpserve.Config{})
	for _, n := range []int{0, 1, 2047, 2048, 2049, 3072, 3073, 3700, 3900, 4095, 4096, 4097, 6144, 6145, 12_288, 1 << 20} {
		for _, query := range []string{"", "?chunked", "?longhead"} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				url := fmt.Sprintf("http://%s/%d%s", addr, n, query)
				want := pattern(n)
				if method == http.MethodHead {
					want = nil
				}
				resp, body := ask(t, method, url)
				if resp.StatusCode != http.StatusOK || !bytes.Equal(body, want) {
					t.Errorf("%s %s: %s with %d bytes", method, url, resp.Status, len(body))
				}
				if query == "" && resp.ContentLength != int64(n) {
					t.Errorf("%s %s: length %d", method, url, resp.ContentLength)
				}
			}
		}
	}
}

func ask(t *testing.T, method, url string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return resp, body
}

// TestSlowReaderKeepsItsDeadline has a viewer that reads nothing of an answer
// that is larger than all buffers.
func TestSlowReaderKeepsItsDeadline(t *testing.T) {
	const size = 64 << 20
	body := pattern(size)
	failed := make(chan error, 1)
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "video/mp4")
		w.Header().Set("Content-Length", strconv.Itoa(size))
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Error(err)
		}
		n, err := w.Write(body)
		if n < 0 || n >= size {
			t.Errorf("%d bytes of %d were taken", n, size)
		}
		failed <- err
	}), httpserve.Config{})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := <-failed; !os.IsTimeout(err) {
		t.Errorf("the write ended with %v, want its deadline", err)
	}
}

// TestHijackedConnectionIsTheSocket matters to those that set its buffers.
func TestHijackedConnectionIsTheSocket(t *testing.T) {
	kind := make(chan string, 1)
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		kind <- fmt.Sprintf("%T", conn)
	}), httpserve.Config{})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if got := <-kind; got != "*net.TCPConn" {
		t.Errorf("got a %s", got)
	}
}
