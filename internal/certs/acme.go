package certs

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/net/idna"
)

// ACME says which certificates to have issued, and by whom. Naming hosts
// accepts the terms of service of the ACME server.
type ACME struct {
	// Hosts are the names to have certificates for, up to 32. Each has to lead
	// to this server: port 80 to the plain listener or port 443 to the one with
	// TLS. Empty: no ACME.
	Hosts []string
	// Email is whom the ACME server writes when something is wrong. May be empty.
	Email string
	// Directory is the URL of the ACME server. Default Let's Encrypt.
	Directory string
	// Root is a PEM file of the certificates that vouch for the ACME server
	// itself, for a private one. Default those of the system.
	Root string
	// Dir keeps the account, the certificates and their keys. It is made with
	// mode 0700.
	Dir string
}

const (
	maxHosts = 32
	// retryAfter is how long a host is left alone after a failure. Let's Encrypt
	// counts five failed validations of a host in an hour.
	retryAfter = 15 * time.Minute
	// callTimeout is how long one request to the ACME server may take.
	callTimeout = 30 * time.Second
)

// Validate reports every setting that cannot be used.
func (a ACME) Validate() error {
	var errs []error
	if len(a.Hosts) > maxHosts {
		errs = append(errs, fmt.Errorf("acme.hosts: %d are too many, at most %d", len(a.Hosts), maxHosts))
	}
	for _, host := range a.Hosts {
		if _, err := hostName(host); err != nil {
			errs = append(errs, err)
		}
	}
	if _, err := mail.ParseAddress(a.Email); a.Email != "" && err != nil {
		errs = append(errs, fmt.Errorf("acme.email: %q is not an address", a.Email))
	}
	if u, err := url.Parse(a.Directory); a.Directory != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		errs = append(errs, errors.New("acme.directory: not an https:// URL"))
	}
	if a.Dir == "" {
		errs = append(errs, errors.New("acme: a folder for keys and certificates is needed"))
	}
	return errors.Join(errs...)
}

// hostName returns the name as clients send it.
//
// Errors: names that no ACME server issues for this way.
func hostName(host string) (string, error) {
	switch {
	case strings.Contains(host, "*"):
		return "", fmt.Errorf("acme.hosts: %q: wildcards need a DNS challenge; name each host, or give certificate files", host)
	case net.ParseIP(host) != nil:
		return "", fmt.Errorf("acme.hosts: %q is an address; give a name that leads to it", host)
	}
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(host, "."))
	if err != nil || !strings.Contains(name, ".") {
		return "", fmt.Errorf("acme.hosts: %q is not a full name such as live.example.org", host)
	}
	return name, nil
}

// automatic has an ACME server issue certificates.
type automatic struct {
	manager *autocert.Manager
	hosts   []string
	log     *slog.Logger
	quit    context.CancelFunc // ends what is being asked of the ACME server

	mu     sync.Mutex
	resume map[string]time.Time // under mu: until when a host is left alone
}

func openACME(cfg ACME, log *slog.Logger) (*automatic, error) {
	if err := privateFolder(cfg.Dir); err != nil {
		return nil, err
	}
	var hosts []string
	for _, host := range cfg.Hosts {
		name, err := hostName(host)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, name)
	}
	life, quit := context.WithCancel(context.Background())
	client, err := httpClient(life, cfg.Root)
	if err != nil {
		quit()
		return nil, err
	}
	return &automatic{
		hosts: hosts, log: log, quit: quit, resume: make(map[string]time.Time),
		manager: &autocert.Manager{
			Prompt: autocert.AcceptTOS,
			Cache:  autocert.DirCache(cfg.Dir),
			Email:  cfg.Email,
			Client: &acme.Client{
				DirectoryURL: cmp.Or(cfg.Directory, autocert.DefaultACMEDirectory),
				HTTPClient:   client, UserAgent: "cuelight",
			},
			HostPolicy: only(hosts),
		},
	}, nil
}

// only refuses hosts that are not listed. Those of HTTP-01 may have a port.
func only(hosts []string) autocert.HostPolicy {
	listed := autocert.HostWhitelist(hosts...)
	return func(ctx context.Context, host string) error {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		return listed(ctx, strings.ToLower(host))
	}
}

// privateFolder makes dir, or checks that only its owner can read it.
func privateFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("folder for ACME: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("folder for ACME: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("folder for ACME %s: mode %04o lets others read its keys; chmod 700 it", dir, mode)
	}
	draft, err := os.CreateTemp(dir, "try-*")
	if err != nil {
		return fmt.Errorf("folder for ACME: %w", err)
	}
	return errors.Join(draft.Close(), os.Remove(draft.Name()))
}

func isChallenge(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acme.ALPNProto
}

// certificate is asked in every handshake. It has one issued if there is none.
func (a *automatic) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if isChallenge(hello) {
		return a.manager.GetCertificate(hello)
	}
	if hello.ServerName == "" {
		first := *hello
		first.ServerName = a.hosts[0]
		hello = &first
	}
	host := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if err := a.rest(host); err != nil {
		return nil, err
	}
	pair, err := a.manager.GetCertificate(hello)
	if err != nil && slices.Contains(a.hosts, host) {
		a.failed(host, err)
	}
	return pair, err
}

// rest refuses a host whose certificate could not be had a short while ago.
func (a *automatic) rest(host string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if until, resting := a.resume[host]; resting && time.Now().Before(until) {
		return fmt.Errorf("no certificate for %s; the next attempt is at %s", host, until.Format(time.TimeOnly))
	}
	return nil
}

func (a *automatic) failed(host string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Now().Before(a.resume[host]) || errors.Is(err, context.Canceled) {
		return // others waited for the same attempt, or the server stops
	}
	a.resume[host] = time.Now().Add(retryAfter)
	a.log.Warn("no certificate by ACME; ports 80 and 443 of the host must lead here", "host", host, "dur", retryAfter, "err", err)
}

// run has certificates issued for hosts that have none, one after the other,
// and tries again where that failed. The manager renews them.
func (a *automatic) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() {
		for a.obtain(ctx) > 0 {
			wait := time.NewTimer(retryAfter)
			select {
			case <-wait.C:
			case <-ctx.Done():
				wait.Stop()
				return
			}
		}
	})
	<-ctx.Done()
	a.quit()
	wg.Wait()
}

// obtain returns how many hosts have no certificate afterwards.
func (a *automatic) obtain(ctx context.Context) (missing int) {
	for _, host := range a.hosts {
		if ctx.Err() != nil {
			return 0
		}
		if _, err := a.certificate(modern(host)); err != nil {
			missing++
			continue
		}
		a.log.Info("certificate by ACME is ready", "host", host)
	}
	return missing
}

// modern is what a client of today says of itself, so that the certificate is
// the one that viewers will ask for.
func modern(host string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{
		ServerName:       host,
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		SupportedCurves:  []tls.CurveID{tls.CurveP256},
		CipherSuites:     []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	}
}
