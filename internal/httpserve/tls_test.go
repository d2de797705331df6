package httpserve_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/httpserve"
)

// certificate is one for localhost, and what trusts it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS10}, pool
}

func TestTLSNegotiates(t *testing.T) {
	server, pool := certificate(t)
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Proto+" "+r.URL.Scheme)
	}), httpserve.Config{TLS: server})
	for _, tc := range []struct {
		name  string
		http2 bool
		want  string
	}{
		{"N1 HTTP/2", true, "HTTP/2.0 https"},
		{"N1 a client without HTTP/2", false, "HTTP/1.1 https"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var protocols http.Protocols
			protocols.SetHTTP1(true)
			protocols.SetHTTP2(tc.http2)
			tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, Protocols: &protocols}
			defer tr.CloseIdleConnections()
			resp, err := (&http.Client{Transport: tr}).Get("https://" + addr)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if body, _ := io.ReadAll(resp.Body); string(body) != tc.want {
				t.Errorf("spoke %s, want %s", body, tc.want)
			}
		})
	}
	old := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if conn, err := tls.Dial("tcp", addr, old); err == nil {
		conn.Close()
		t.Error("N1 TLS 1.1 was accepted")
	}
	resp, err := http.Get("http://" + addr)
	if err == nil {
		defer resp.Body.Close()
	}
	if err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("HTTP on the TLS port: %v %v, want 400", resp, err)
	}
}

func TestRequireTLS(t *testing.T) {
	inner := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "in") })
	loopback := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // httptest's client
	for _, tc := range []struct {
		name, host, target string
		port               int
		proto              string
		want               string // Location, or the status
	}{
		{"default port", "live.example.org", "/watch/show?x=1", 443, "", "https://live.example.org/watch/show?x=1"},
		{"another port", "live.example.org:8080", "/", 8443, "", "https://live.example.org:8443/"},
		{"IPv6", "[2001:db8::1]:8080", "/", 443, "", "https://[2001:db8::1]/"},
		{"a path that looks like a host", "a.example.org", "//evil.example.org/", 443, "", "https://a.example.org//evil.example.org/"},
		{"a host that is none", "a.example.org/..\\", "/", 443, "", "400"},
		{"no host", "", "/", 443, "", "400"},
		{"TLS up to the proxy", "live.example.org", "/", 443, "https", "200"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := httpserve.Wrap(httpserve.RequireTLS(inner, tc.port), httpserve.Config{TrustedProxies: loopback})
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://x"+tc.target, nil)
			r.Host = tc.host
			if tc.proto != "" {
				r.Header.Set("X-Forwarded-Proto", tc.proto)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if strings.HasPrefix(tc.want, "https:") {
				if w.Code != http.StatusTemporaryRedirect || w.Header().Get("Location") != tc.want {
					t.Errorf("%d to %q, want %s", w.Code, w.Header().Get("Location"), tc.want)
				}
			} else if got := map[int]string{200: "200", 400: "400"}[w.Code]; got != tc.want {
				t.Errorf("%d, want %s", w.Code, tc.want)
			}
		})
	}
}

func TestRedactsPaths(t *testing.T) {
	var log syncBuffer
	h := httpserve.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }), httpserve.Config{
		Log:    slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Redact: func(path string) string { return strings.ReplaceAll(path, "hunter2", "-") },
	})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/hls/hunter2/x?token=hunter2", nil))
	out := log.String()
	if strings.Contains(out, "hunter2") || strings.Count(out, "path=/hls/-/x") != 2 {
		t.Errorf("logged %s", out)
	}
}

// nothing is a response that costs nothing.
type nothing struct{ h http.Header }

func (n nothing) Header() http.Header         { return n.h }
func (n nothing) Write(b []byte) (int, error) { return len(b), nil }
func (n nothing) WriteHeader(int)             {}

// TestCostsNoMemory keeps the path to every handler free of garbage.
func TestCostsNoMemory(t *testing.T) {
	body := []byte("x")
	inner := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.Write(body)
	})
	seen := 0
	for _, tc := range []struct {
		name    string
		cfg     httpserve.Config
		forward string
		most    float64
	}{
		{"direct", httpserve.Config{}, "", 0},
		{"counted", httpserve.Config{Observe: func(httpserve.Request) { seen++ }}, "", 0},
		{"by a proxy, whose word becomes RemoteAddr", httpserve.Config{
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		}, "198.51.100.7", 1},
	} {
		h := httpserve.Wrap(inner, tc.cfg)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/hls/show/video.m3u8", nil)
		if tc.forward != "" {
			r.Header.Set("X-Forwarded-For", tc.forward)
		}
		peer, w := r.RemoteAddr, nothing{h: http.Header{}}
		n := testing.AllocsPerRun(500, func() {
			r.RemoteAddr = peer
			h.ServeHTTP(w, r)
		})
		if n > tc.most {
			t.Errorf("%s: %v allocations, want at most %v", tc.name, n, tc.most)
		}
		if tc.forward != "" && !strings.HasPrefix(r.RemoteAddr, tc.forward+":") {
			t.Errorf("RemoteAddr is %s", r.RemoteAddr)
		}
	}
	if seen == 0 {
		t.Error("nobody was told of requests")
	}
}
