package acme_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"github.com/cuelight/cuelight/internal/certs"
	"github.com/cuelight/cuelight/internal/httpserve"
)

const host = "live.example.org"

// patience is how long anything may take before a test gives up.
const patience = 60 * time.Second

// pebble is a real ACME server that finds every host on this machine.
type pebble struct {
	directory string
	root      string         // file with what vouches for the directory
	issued    *x509.CertPool // what vouches for the certificates it issues
	close     func()
}

// startPebble validates at the given ports. Certificates are valid for so long.
func startPebble(t *testing.T, httpPort, tlsPort int, lasts time.Duration) pebble {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	authority := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{
		"default": {Description: "the only one", ValidityPeriod: uint64(lasts / time.Second)},
	})
	validator := va.New(quiet, httpPort, tlsPort, true, resolver(t), store)
	front := wfe.New(quiet, store, validator, authority, []string{"pebble.letsencrypt.org"}, true, false, 1, 1)
	server := httptest.NewTLSServer(front.Handler())
	t.Cleanup(server.Close)
	root := filepath.Join(t.TempDir(), "root.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(root, text, 0o600); err != nil {
		t.Fatal(err)
	}
	issued := x509.NewCertPool()
	if !issued.AppendCertsFromPEM(authority.GetRootCert(0).PEM()) {
		t.Fatal("the authority has no certificate")
	}
	return pebble{directory: server.URL + wfe.DirectoryPath, root: root, issued: issued, close: server.Close}
}

// resolver is a name server to which every name is on this machine.
func resolver(t *testing.T) string {
	t.Helper()
	ln := listen(t)
	server := &dns.Server{Listener: ln, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			answer.Answer = []dns.RR{&dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1},
				A:   net.IPv4(127, 0, 0, 1),
			}}
		}
		_ = w.WriteMsg(answer) // whoever asked has left
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.ActivateAndServe() // ends with its listener
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func port(ln net.Listener) int { return ln.Addr().(*net.TCPAddr).Port }

// site is a server as people run it: a plain listener, one with TLS, and
// certificates that come by themselves.
type site struct {
	plain, secure net.Listener
	said          notes
	stop          func()
}

// notes are the messages that the server logged.
type notes chan string

func (n notes) Enabled(context.Context, slog.Level) bool { return true }
func (n notes) WithAttrs([]slog.Attr) slog.Handler       { return n }
func (n notes) WithGroup(string) slog.Handler            { return n }
func (n notes) Handle(_ context.Context, r slog.Record) error {
	n <- r.Message
	return nil
}

// Messages that tests wait for.
const (
	ready   = "certificate by ACME is ready"
	refused = "no certificate by ACME; ports 80 and 443 of the host must lead here"
)

// await waits for the next message, which has to be this one.
func (n notes) await(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-n:
		if got != want {
			t.Fatalf("the server logged %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("the server never logged %q", want)
	}
}

// open serves until the test ends or stop is called.
func open(t *testing.T, plain, secure net.Listener, cfg certs.Config) site {
	t.Helper()
	said := make(notes, 100)
	cfg.Log = slog.New(said)
	c, err := certs.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello by "+r.Proto) })
	web := httpserve.New(plain, c.HTTP(httpserve.RequireTLS(hello, port(secure))), httpserve.Config{})
	tls := httpserve.New(secure, hello, httpserve.Config{TLS: c.TLS()})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, run := range []func(context.Context) error{web.Run, tls.Run, c.Run} {
		wg.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	stop := sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(stop)
	return site{plain: plain, secure: secure, said: said, stop: stop}
}

// get loads the page over TLS as a viewer does who trusts the authority.
func (s site) get(t *testing.T, p pebble) (body string, serial *big.Int, err error) {
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	transport := &http.Transport{
		Protocols:       &protocols,
		TLSClientConfig: &tls.Config{RootCAs: p.issued},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.secure.Addr().String())
		},
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	answer, err := client.Get("https://" + host + "/")
	if err != nil {
		return "", nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), answer.TLS.PeerCertificates[0].SerialNumber, err
}

func config(t *testing.T, p pebble) certs.Config {
	return certs.Config{ACME: certs.ACME{
		Hosts: []string{host}, Email: "ops@example.org", Directory: p.directory, Root: p.root,
		Dir: filepath.Join(t.TempDir(), "acme"),
	}}
}

const month = 30 * 24 * time.Hour

func TestChallenges(t *testing.T) {
	for _, tc := range []struct {
		name      string
		plain, at bool // which listener the authority reaches
	}{
		{"CE5 TLS-ALPN-01", false, true},
		{"CE5 HTTP-01", true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			plain, secure, nobody := listen(t), listen(t), listen(t)
			nobody.Close()
			httpPort, tlsPort := port(nobody), port(nobody)
			if tc.plain {
				httpPort = port(plain)
			}
			if tc.at {
				tlsPort = port(secure)
			}
			p := startPebble(t, httpPort, tlsPort, month)
			cfg := config(t, p)
			s := open(t, plain, secure, cfg)
			s.said.await(t, ready) // before anybody came
			body, serial, err := s.get(t, p)
			if err != nil || body != "hello by HTTP/2.0" {
				t.Fatalf("%q, %v", body, err)
			}
			s.stop()
			checkFolder(t, cfg.ACME.Dir)

			p.close() // a restart needs nobody
			s = open(t, listen(t), listen(t), cfg)
			if _, again, err := s.get(t, p); err != nil || again.Cmp(serial) != 0 {
				t.Errorf("CE5 after a restart: another certificate, %v", err)
			}
		})
	}
}

// checkFolder expects an account and a certificate that nobody else can read.
func checkFolder(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("CE6 %d files, %v", len(files), err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("CE6 %s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

// TestRenews waits for a second certificate; the first one's time is short.
func TestRenews(t *testing.T) {
	plain, secure := listen(t), listen(t)
	p := startPebble(t, port(plain), port(secure), 15*time.Second)
	s := open(t, plain, secure, config(t, p))
	s.said.await(t, ready)
	_, first, err := s.get(t, p)
	if err != nil {
		t.Fatal(err)
	}
	end := time.After(patience)
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		_, serial, err := s.get(t, p)
		if err != nil {
			t.Fatalf("CE5 a viewer was refused while the certificate is renewed: %v", err)
		}
		if serial.Cmp(first) != 0 {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("CE5 no other certificate")
		}
	}
}

// TestRefusal has an authority that reaches nobody.
func TestRefusal(t *testing.T) {
	plain, secure, nobody := listen(t), listen(t), listen(t)
	nobody.Close()
	p := startPebble(t, port(nobody), port(nobody), month)
	s := open(t, plain, secure, config(t, p))
	s.said.await(t, refused)
	for range 3 { // at once, without asking the authority again
		if _, _, err := s.get(t, p); err == nil {
			t.Error("a certificate for a host that does not lead here")
		}
	}
	s.stop()
	if n := len(s.said); n != 0 {
		t.Errorf("CE5 said %d things more, starting with %q", n, <-s.said)
	}
}

// TestPlainRedirects leads from the plain listener to the one with TLS.
func TestPlainRedirects(t *testing.T) {
	plain, secure := listen(t), listen(t)
	p := startPebble(t, port(plain), port(secure), month)
	s := open(t, plain, secure, config(t, p))
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Get("http://" + s.plain.Addr().String() + "/watch/show")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	want := "https://" + (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port(secure)}).String() + "/watch/show"
	if got := answer.Header.Get("Location"); answer.StatusCode != http.StatusTemporaryRedirect || got != want {
		t.Errorf("%d to %s, want %s", answer.StatusCode, got, want)
	}
}
