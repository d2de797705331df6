package certs

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/crypto/acme"
)

// Config says where certificates come from: files or ACME, not both.
type Config struct {
	// Cert and Key are PEM files: the chain, the server's own certificate
	// first, and its private key.
	Cert, Key string
	// ACME is used when it names hosts.
	ACME ACME
	// Poll is how often the files are looked at. Default 5s.
	Poll time.Duration
	// Log receives what people should know of certificates. Nil discards.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Poll = cmp.Or(c.Poll, 5*time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	return c
}

// Validate reports every setting that cannot be used, each beginning with the
// name of the setting. It reads no file.
func (c Config) Validate() error {
	var errs []error
	files, automatic := c.Cert != "" || c.Key != "", len(c.ACME.Hosts) > 0
	switch {
	case (c.Cert == "") != (c.Key == ""):
		errs = append(errs, errors.New("cert, key: give both"))
	case files && automatic:
		errs = append(errs, errors.New("cert, acme.hosts: give one of them: certificates come from files or from ACME"))
	case !files && !automatic:
		errs = append(errs, errors.New("cert, acme.hosts: give one of them: there is no TLS without a certificate"))
	}
	if c.Poll < 0 {
		errs = append(errs, fmt.Errorf("poll: %v is less than nothing", c.Poll))
	}
	if automatic {
		errs = append(errs, c.ACME.Validate())
	}
	return errors.Join(errs...)
}

// source is what certificates come from.
type source interface {
	certificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	run(context.Context)
}

// Certificates hands out the certificate of the moment. It is safe for
// concurrent use.
type Certificates struct {
	from source
	acme *automatic // nil with files
}

// Open loads the files, or what ACME issued before. Nothing is asked of an
// ACME server yet.
//
// Errors: every problem of cfg; files that are no usable pair (CE3); a folder
// that others may read or that cannot be written (CE6).
func Open(cfg Config) (*Certificates, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if len(cfg.ACME.Hosts) == 0 {
		f, err := openFiles(cfg)
		if err != nil {
			return nil, err
		}
		return &Certificates{from: f}, nil
	}
	a, err := openACME(cfg.ACME, cfg.Log)
	if err != nil {
		return nil, err
	}
	return &Certificates{from: a, acme: a}, nil
}

// TLS returns the configuration for a listener of any protocol: at least TLS
// 1.2, the certificate of the moment in every handshake, and the answer to
// ACME's TLS-ALPN-01 (RFC 8737). The caller may change it, and should name its
// protocols in NextProtos if it has several; an http.Server does so itself.
func (c *Certificates) TLS() *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.from.certificate}
	if c.acme == nil {
		return cfg
	}
	// Only validators are told of this protocol: a list that holds nothing else
	// would turn clients away that offer others.
	challenge := cfg.Clone()
	challenge.NextProtos = []string{acme.ALPNProto}
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if isChallenge(hello) {
			return challenge, nil
		}
		return nil, nil
	}
	return cfg
}

// HTTP returns a handler for the plain listener: it answers ACME's HTTP-01
// (RFC 8555 §8.3) and leaves everything else to next. With files it is next.
// Call it before Run. The ACME server comes to port 80.
func (c *Certificates) HTTP(next http.Handler) http.Handler {
	if c.acme == nil {
		return next
	}
	return c.acme.manager.HTTPHandler(next)
}

// Run keeps the certificates fresh until ctx ends: it looks for changed files,
// or has ACME issue what is missing. The listeners have to be up while it runs.
func (c *Certificates) Run(ctx context.Context) error {
	c.from.run(ctx)
	return nil
}
