package certs_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/internal/certs"
)

// pair makes a certificate for a name, and its key, in PEM.
func pair(t *testing.T, name string, end time.Time) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: end.Add(-365 * 24 * time.Hour), NotAfter: end,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// folder is where a test's certificate lies.
type folder struct {
	t         *testing.T
	cert, key string
}

func newFolder(t *testing.T) folder {
	dir := t.TempDir()
	return folder{t: t, cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
}

// put replaces the files as renewers do: in one step each. Nil leaves one.
func (f folder) put(cert, key []byte) {
	f.t.Helper()
	for path, text := range map[string][]byte{f.cert: cert, f.key: key} {
		if text == nil {
			continue
		}
		if err := os.WriteFile(path+".new", text, 0o600); err != nil {
			f.t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			f.t.Fatal(err)
		}
	}
}

// served returns the name in the certificate that a client gets.
func served(t *testing.T, cfg *tls.Config, client *tls.Config) (string, tls.ConnectionState, error) {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer theirs.Close()
		_ = tls.Server(theirs, cfg).HandshakeContext(t.Context()) // the client tells
	}()
	client.InsecureSkipVerify = true
	conn := tls.Client(ours, client)
	err := conn.HandshakeContext(t.Context())
	ours.Close()
	<-done
	if err != nil {
		return "", tls.ConnectionState{}, err
	}
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName, conn.ConnectionState(), nil
}

func year() time.Time { return time.Now().Add(300 * 24 * time.Hour) }

func TestFilesAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t)
		f.put(pair(t, "first", year()))
		var log strings.Builder
		c, err := certs.Open(certs.Config{Cert: f.cert, Key: f.key, Poll: 3 * time.Second, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		cfg := c.TLS() // made once: listeners keep it
		expect := func(rule, want string) {
			t.Helper()
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if got, _, err := served(t, cfg, &tls.Config{}); got != want {
				t.Errorf("%s: served %q, %v; want %q", rule, got, err, want)
			}
		}
		expect("CE1 unchanged", "first")
		f.put(pair(t, "second", year()))
		expect("CE1 a new pair", "second")

		thirdCert, thirdKey := pair(t, "third", year())
		f.put(thirdCert, nil)
		expect("CE2 the key is not there yet", "second")
		expect("CE2 still not", "second")
		if n := strings.Count(log.String(), "not reloaded"); n != 1 {
			t.Errorf("CE2 said %d times, want once:\n%s", n, log.String())
		}
		f.put(nil, thirdKey)
		expect("CE1 now it is", "third")

		f.put([]byte("nonsense"), nil)
		expect("CE2 no certificate", "third")
		f.put(thirdCert, nil)
		expect("CE1 the same again", "third")
		if err := os.Remove(f.key); err != nil {
			t.Fatal(err)
		}
		expect("CE2 no key", "third")
		f.put(pair(t, "fourth", time.Now().Add(24*time.Hour)))
		expect("CE1 after all that", "fourth")
		if !strings.Contains(log.String(), "ends soon") {
			t.Errorf("no warning of a certificate that ends tomorrow:\n%s", log.String())
		}
		if strings.Contains(log.String(), "PRIVATE") {
			t.Error("the log holds a key")
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestTLSIsNotOld(t *testing.T) {
	f := newFolder(t)
	f.put(pair(t, "a", year()))
	c, err := certs.Open(certs.Config{Cert: f.cert, Key: f.key})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := served(t, c.TLS(), &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		t.Error("N1 TLS 1.1 was accepted")
	}
	if _, state, err := served(t, c.TLS(), &tls.Config{MaxVersion: tls.VersionTLS12}); err != nil || state.Version != tls.VersionTLS12 {
		t.Errorf("N1 TLS 1.2: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	f := newFolder(t)
	cert, key := pair(t, "a", year())
	_, other := pair(t, "b", year())
	open := t.TempDir()
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	hosts := func(names ...string) certs.Config {
		return certs.Config{ACME: certs.ACME{Hosts: names, Dir: filepath.Join(t.TempDir(), "acme")}}
	}
	with := func(c certs.Config, change func(*certs.Config)) certs.Config { change(&c); return c }
	for _, tc := range []struct {
		name      string
		cert, key []byte
		cfg       certs.Config
		want      string
	}{
		{"CE3 a key of another certificate", cert, other, certs.Config{Cert: f.cert, Key: f.key}, "private key does not match"},
		{"CE3 no certificate", []byte("x"), key, certs.Config{Cert: f.cert, Key: f.key}, "cert.pem"},
		{"CE3 no file", cert, key, certs.Config{Cert: f.cert, Key: f.key + ".none"}, "private key: "},
		{"half", cert, key, certs.Config{Cert: f.cert}, "cert, key: give both"},
		{"nothing", cert, key, certs.Config{}, "cert, acme.hosts"},
		{"both", cert, key, with(hosts("a.example.org"), func(c *certs.Config) { c.Cert, c.Key = f.cert, f.key }), "not both|one of them"},
		{"poll", cert, key, certs.Config{Cert: f.cert, Key: f.key, Poll: -1}, "poll:"},
		{"CE4 a wildcard", nil, nil, hosts("*.example.org"), "DNS challenge"},
		{"CE4 an address", nil, nil, hosts("192.0.2.1"), "is an address"},
		{"CE4 no full name", nil, nil, hosts("localhost"), "not a full name"},
		{"CE4 a URL", nil, nil, hosts("https://a.example.org/"), "not a full name"},
		{"CE4 too many", nil, nil, hosts(strings.Split(strings.Repeat("a.example.org,", 33), ",")[:33]...), "too many"},
		{"an address that is none", nil, nil, with(hosts("a.example.org"), func(c *certs.Config) { c.ACME.Email = "me" }), "acme.email"},
		{"a directory in the clear", nil, nil, with(hosts("a.example.org"), func(c *certs.Config) { c.ACME.Directory = "http://x/dir" }), "acme.directory"},
		{"no root", nil, nil, with(hosts("a.example.org"), func(c *certs.Config) { c.ACME.Root = f.key + ".none" }), "acme.root"},
		{"CE6 a folder that others read", nil, nil, with(hosts("a.example.org"), func(c *certs.Config) { c.ACME.Dir = open }), "chmod 700"},
		{"CE6 no folder", nil, nil, with(hosts("a.example.org"), func(c *certs.Config) { c.ACME.Dir = "" }), "folder"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f.put(tc.cert, tc.key)
			_, err := certs.Open(tc.cfg)
			if err == nil || !containsAny(err.Error(), tc.want) {
				t.Errorf("err = %v, want it to say %q", err, tc.want)
			}
		})
	}
}

func containsAny(s, wants string) bool {
	for want := range strings.SplitSeq(wants, "|") {
		if strings.Contains(s, want) {
			return true
		}
	}
	return false
}

func TestACMEIsAskedForListedHostsOnly(t *testing.T) {
	asked := make(chan struct{}, 100)
	directory := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		w.WriteHeader(http.StatusTeapot)
	}))
	defer directory.Close()
	root := filepath.Join(t.TempDir(), "root.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: directory.Certificate().Raw})
	if err := os.WriteFile(root, text, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "acme")
	c, err := certs.Open(certs.Config{ACME: certs.ACME{
		Hosts: []string{"Live.Example.org"}, Dir: dir, Directory: directory.URL, Root: root,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("CE6 the folder: %v, %v", info, err)
	}
	if _, _, err := served(t, c.TLS(), &tls.Config{ServerName: "other.example.org"}); err == nil || len(asked) != 0 {
		t.Errorf("CE4 another host: %v, %d requests", err, len(asked))
	}
	for _, name := range []string{"live.example.org", "", "LIVE.example.org"} { // CE7 the empty one
		if _, _, err := served(t, c.TLS(), &tls.Config{ServerName: name}); err == nil {
			t.Error("a certificate from a teapot")
		}
	}
	if len(asked) != 1 {
		t.Errorf("CE5 the ACME server was asked %d times after it refused, want once", len(asked))
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://live.example.org/watch", nil)
	c.HTTP(http.NotFoundHandler()).ServeHTTP(w, r)
	if w.Code != http.StatusNotFound {
		t.Errorf("a request that is no challenge: %d", w.Code)
	}
}

// TestStopEndsWhatIsAsked has an ACME server that never answers.
func TestStopEndsWhatIsAsked(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	directory := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(reached)
		<-release
	}))
	defer directory.Close()
	defer close(release)
	root := filepath.Join(t.TempDir(), "root.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: directory.Certificate().Raw})
	if err := os.WriteFile(root, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := certs.Open(certs.Config{ACME: certs.ACME{
		Hosts: []string{"a.example.org"}, Dir: filepath.Join(t.TempDir(), "acme"), Directory: directory.URL, Root: root,
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	<-reached
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("still running 10 s after the stop")
	}
}
