package httpserve_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/httpserve"
)

// start serves h on loopback and returns its address and a func that stops it
// and waits.
func start(t *testing.T, h http.Handler, cfg httpserve.Config) (addr string, stop func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	srv := httpserve.New(ln, h, cfg)
	go func() { done <- srv.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { stop() })
	return srv.Addr().String(), stop
}

func get(t *testing.T, url string, header http.Header) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestHeaders(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/embed" {
			w.Header().Set("Content-Security-Policy", "frame-ancestors *")
		}
	}), httpserve.Config{FrameAncestors: "'none'"})
	for path, frames := range map[string]string{"/": "frame-ancestors 'none'", "/embed": "frame-ancestors *"} {
		h := get(t, "http://"+addr+path, nil).Header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" ||
			h.Get("Content-Security-Policy") != frames {
			t.Errorf("%s: headers %v, want %q", path, h, frames)
		}
	}
}

// TestMediaHasNoHeadersOfPages looks at answers that begin in every way there
// is.
func TestMediaHasNoHeadersOfPages(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kind := r.URL.Query().Get("type"); kind != "" {
			w.Header().Set("Content-Type", kind)
		}
		switch r.URL.Path {
		case "/status":
			w.WriteHeader(http.StatusNotModified)
		case "/write":
			io.WriteString(w, "body")
		case "/copy":
			io.Copy(w, strings.NewReader("body"))
		case "/flush":
			http.NewResponseController(w).Flush()
		case "/early":
			w.WriteHeader(http.StatusEarlyHints)
		}
	}), httpserve.Config{})
	for _, path := range []string{"/status", "/write", "/copy", "/flush", "/early", "/nothing"} {
		for kind, page := range map[string]bool{
			"": true, "text/html": true, "application/json": true,
			"video/mp4": false, "audio/mp4": false, "application/vnd.apple.mpegurl": false,
		} {
			h := get(t, "http://"+addr+path+"?type="+kind, nil).Header
			for _, key := range []string{"X-Content-Type-Options", "Referrer-Policy", "Content-Security-Policy"} {
				if got := len(h[key]) == 1; got != page {
					t.Errorf("%s of type %q: %s %q", path, kind, key, h[key])
				}
			}
		}
	}
}

func TestStopEndsHeldRequests(t *testing.T) {
	held := make(chan struct{})
	addr, stop := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(held)
		<-r.Context().Done()
		w.WriteHeader(http.StatusServiceUnavailable)
	}), httpserve.Config{})
	status := make(chan int, 1)
	go func() {
		resp, err := http.Get("http://" + addr)
		if err != nil {
			status <- -1
			return
		}
		resp.Body.Close()
		status <- resp.StatusCode
	}()
	<-held
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := <-status; got != http.StatusServiceUnavailable {
		t.Errorf("held request got %d, want its own answer 503", got)
	}
}

func TestStopCutsOffWhatDoesNotEnd(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	addr, stop := start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(held)
		<-release
	}), httpserve.Config{Drain: time.Millisecond})
	defer close(release)
	failed := make(chan error, 1)
	go func() {
		resp, err := http.Get("http://" + addr)
		if err == nil {
			resp.Body.Close()
		}
		failed <- err
	}()
	<-held
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Error("a request that never ends was answered")
	}
}

func TestRunReportsABrokenListener(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	err = httpserve.New(ln, http.NotFoundHandler(), httpserve.Config{}).Run(t.Context())
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("err = %v, want the listener's", err)
	}
}

func TestHTTP2WithoutTLS(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Proto)
	}), httpserve.Config{})
	var h2 http.Protocols
	h2.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: &h2}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Get("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "HTTP/2.0" {
		t.Errorf("spoke %s, want HTTP/2.0", body)
	}
}

func TestPanicEndsOneRequest(t *testing.T) {
	var log syncBuffer
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/early":
			panic("boom")
		case "/half":
			io.WriteString(w, "half")
			http.NewResponseController(w).Flush()
			panic("boom")
		}
	}), httpserve.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if got := get(t, "http://"+addr+"/early", nil).StatusCode; got != http.StatusInternalServerError {
		t.Errorf("status = %d, want 500", got)
	}
	if _, err := io.ReadAll(get(t, "http://"+addr+"/half", nil).Body); err == nil {
		t.Error("a half response looked whole")
	}
	if got := get(t, "http://"+addr+"/", nil).StatusCode; got != http.StatusOK {
		t.Errorf("status after panics = %d, want 200", got)
	}
	if out := log.String(); !strings.Contains(out, "boom") || !strings.Contains(out, "server_test.go") {
		t.Errorf("log lacks the panic and its stack: %s", out)
	}
}

func TestObserveAndAccessLog(t *testing.T) {
	var log syncBuffer
	seen := make(chan httpserve.Request, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things/{id}", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "short and stout")
	})
	addr, stop := start(t, mux, httpserve.Config{
		Observe: func(r httpserve.Request) { seen <- r },
		Log:     slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	get(t, "http://"+addr+"/things/7?key=hunter2", nil)
	got := <-seen
	if got.Pattern != "GET /things/{id}" || got.Method != "GET" || got.Status != http.StatusTeapot || got.Bytes != 15 {
		t.Errorf("observed %+v", got)
	}
	stop()
	if out := log.String(); !strings.Contains(out, "path=/things/7") || strings.Contains(out, "hunter2") {
		t.Errorf("access log: %s", out)
	}
}

func TestHijack(t *testing.T) {
	seen := make(chan httpserve.Request, 1)
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "mine\n")
	}), httpserve.Config{Observe: func(r httpserve.Request) { seen <- r }})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "mine\n" {
		t.Errorf("read %q, %v", line, err)
	}
	if got := <-seen; got.Status != http.StatusSwitchingProtocols {
		t.Errorf("status = %d, want 101", got.Status)
	}
}

func TestSlowBodyIsCutOff(t *testing.T) {
	got := make(chan error, 1)
	addr, _ := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		got <- err
	}), httpserve.Config{BodyTimeout: 20 * time.Millisecond})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nthe rest never comes")
	if err := <-got; err == nil {
		t.Error("read a body that never came")
	}
}

func TestTrustedProxies(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	for _, tc := range []struct {
		name    string
		trusted []netip.Prefix
		header  http.Header
		want    string // address and scheme
	}{
		{"a stranger's word counts for nothing", nil, http.Header{"X-Forwarded-For": {"9.9.9.9"}, "X-Forwarded-Proto": {"https"}}, "127.0.0.1 "},
		{"one proxy", loopback, http.Header{"X-Forwarded-For": {"9.9.9.9"}, "X-Forwarded-Proto": {"https"}}, "9.9.9.9 https"},
		{"what the client wrote before", loopback, http.Header{"X-Forwarded-For": {"1.1.1.1, 9.9.9.9"}}, "9.9.9.9 "},
		{"two proxies", loopback, http.Header{"X-Forwarded-For": {"9.9.9.9, 10.0.0.7"}}, "9.9.9.9 "},
		{"in two header lines", loopback, http.Header{"X-Forwarded-For": {"9.9.9.9", "10.0.0.7"}}, "9.9.9.9 "},
		{"IPv6", loopback, http.Header{"X-Forwarded-For": {"2001:db8::7"}}, "2001:db8::7 "},
		{"nonsense", loopback, http.Header{"X-Forwarded-For": {"unknown"}}, "127.0.0.1 "},
		{"none", loopback, nil, "127.0.0.1 "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				host, _, err := net.SplitHostPort(r.RemoteAddr)
				if err != nil {
					t.Error(err)
				}
				fmt.Fprint(w, host, " ", r.URL.Scheme)
			}), httpserve.Config{TrustedProxies: tc.trusted})
			body, _ := io.ReadAll(get(t, "http://"+addr, tc.header).Body)
			if string(body) != tc.want {
				t.Errorf("client = %q, want %q", body, tc.want)
			}
		})
	}
}

type syncBuffer struct {
	mu  sync.Mutex
	buf strings.Builder
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
