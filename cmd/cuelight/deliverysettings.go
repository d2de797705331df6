package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/cuelight/cuelight/internal/certs"
	"github.com/cuelight/cuelight/packager/origin"
)

// tlsSettings say where the server's certificate comes from: files, or ACME.
type tlsSettings struct {
	Cert string       `yaml:"cert"` // PEM file with the chain
	Key  string       `yaml:"key"`  // PEM file
	ACME acmeSettings `yaml:"acme"`
	// Redirect sends viewers from http to https.
	Redirect bool `yaml:"redirect"`
}

type acmeSettings struct {
	Hosts     []string `yaml:"hosts"`     // names to get certificates for
	Email     string   `yaml:"email"`     // told of problems with them
	Directory string   `yaml:"directory"` // of another authority than Let's Encrypt
	Root      string   `yaml:"root"`      // PEM file with that authority's own root
}

func (t tlsSettings) on() bool { return t.Cert != "" || len(t.ACME.Hosts) > 0 }

// playbackSettings are for channels that are protected.
type playbackSettings struct {
	Rotate span `yaml:"rotate"` // how often the path of media changes
	Valid  span `yaml:"valid"`  // how long a path is good for
}

func (p *playbackSettings) setDefaults() {
	p.Rotate = cmp.Or(p.Rotate, span{time.Hour})
	p.Valid = cmp.Or(p.Valid, span{12 * time.Hour})
}

// hlsSettings limit viewers who wait for media.
type hlsSettings struct {
	MaxHeld           int `yaml:"max_held"`
	MaxHeldPerAddress int `yaml:"max_held_per_address"`
}

func (h *hlsSettings) setDefaults() {
	h.MaxHeld = cmp.Or(h.MaxHeld, 20_000)
	h.MaxHeldPerAddress = cmp.Or(h.MaxHeldPerAddress, 5_000)
}

// withTLS is a default address of a listener that needs a certificate.
func (s *settings) withTLS(addr string) string {
	if s.TLS.on() {
		return addr
	}
	return off
}

func (s settings) validateDelivery() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if s.TLS.on() || s.TLS.Key != "" {
		if err := s.certificates(nil).Validate(); err != nil {
			bad("tls: %w", err)
		}
	}
	for name, addr := range map[string]string{"rtmps": s.RTMPS, "https": s.HTTPS} {
		if addr != off && !s.TLS.on() {
			bad("%s: needs a certificate: give tls.cert and tls.key, or tls.acme.hosts", name)
		}
	}
	if s.TLS.Redirect && s.HTTPS == off {
		bad("tls.redirect: there is no https to redirect to")
	}
	if err := s.origin().Validate(); err != nil {
		bad("playback, hls: %w", err)
	}
	return errors.Join(errs...)
}

func (s settings) certificates(log *slog.Logger) certs.Config {
	return certs.Config{
		Cert: s.TLS.Cert, Key: s.TLS.Key, Log: log,
		ACME: certs.ACME{
			Hosts: s.TLS.ACME.Hosts, Email: s.TLS.ACME.Email, Directory: s.TLS.ACME.Directory, Root: s.TLS.ACME.Root,
			Dir: filepath.Join(cmp.Or(s.Data, "."), "acme"),
		},
	}
}

// origin is how media are delivered, but for who may play what.
func (s settings) origin() origin.Config {
	return origin.Config{
		MaxHeld: s.HLS.MaxHeld, MaxHeldPerAddress: s.HLS.MaxHeldPerAddress,
		Playback: origin.Playback{Rotate: s.Playback.Rotate.Duration, Valid: s.Playback.Valid.Duration},
	}
}

// protects reports whether any channel needs a token.
func (s settings) protects() bool {
	for _, c := range s.Channels {
		if c.Protected {
			return true
		}
	}
	return false
}
