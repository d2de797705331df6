package sntp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// Bounds of a configuration.
const (
	// MinServers is how many it takes for two to outvote one that lies.
	MinServers = 3
	// MaxServers are asked at most.
	MaxServers = 16
	// MinEvery keeps a public server's owner content.
	MinEvery = time.Minute
)

const ntpPort = "123"

// Config is what a Checker asks whom.
type Config struct {
	// Servers are 3 to 16 time servers: HOST, HOST:PORT or an IP address, which
	// should not depend on each other. The port is 123 unless given. Servers
	// that smear leap seconds must not be mixed with others.
	Servers []string
	// Room is the clock to compare.
	Room *clock.Room
	// Every is how often. Default 10m, at least 1m.
	Every time.Duration
	// Wait is how long one answer may take. Default 2s.
	Wait time.Duration
	// Samples are taken of each server in a check, Gap apart; the least delayed
	// counts. Default 3 and 2s.
	Samples int
	Gap     time.Duration
	// Idle says whether R may be slewed towards UTC just now: nobody watches.
	// nil: R is only watched. It is called from Run, about once a second.
	Idle func() bool
	// Log is where the check reports. Default: nowhere.
	Log *slog.Logger
	// Dial opens a packet connection. Default: UDP.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Validate reports every setting that cannot be, by its name.
func (c Config) Validate() error {
	var errs []error
	if n := len(c.Servers); n < MinServers || n > MaxServers {
		errs = append(errs, fmt.Errorf("ntp: %d servers: name %d to %d, because one that is wrong has to be outvoted", n, MinServers, MaxServers))
	}
	for i, s := range c.Servers {
		if _, err := address(s); err != nil {
			errs = append(errs, err)
		}
		if slices.Contains(c.Servers[:i], s) {
			errs = append(errs, fmt.Errorf("ntp: %s is there twice and would vote twice", s))
		}
	}
	if c.Every != 0 && c.Every < MinEvery {
		errs = append(errs, fmt.Errorf("check: %v is too often: at least %v", c.Every, MinEvery))
	}
	if c.Wait < 0 || c.Gap < 0 || c.Samples < 0 || c.Samples > 8 {
		errs = append(errs, errors.New("check: wait, gap and samples (at most 8) are not negative"))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	c.Every = or(c.Every, 10*time.Minute)
	c.Wait = or(c.Wait, 2*time.Second)
	c.Gap = or(c.Gap, 2*time.Second)
	c.Samples = or(c.Samples, 3)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Dial == nil {
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", address)
		}
	}
	return c
}

func or[T comparable](v, otherwise T) T {
	if v == *new(T) {
		return otherwise
	}
	return v
}

// address adds the port that time servers have to a server without one.
func address(server string) (string, error) {
	if ip, err := netip.ParseAddr(strings.Trim(server, "[]")); err == nil {
		return net.JoinHostPort(ip.String(), ntpPort), nil
	}
	host, port := server, ntpPort
	if strings.Contains(server, ":") {
		var err error
		if host, port, err = net.SplitHostPort(server); err != nil {
			return "", fmt.Errorf("ntp: %q is no HOST or HOST:PORT", server)
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" || strings.ContainsAny(host, " /") {
		return "", fmt.Errorf("ntp: %q is no HOST or HOST:PORT", server)
	}
	return net.JoinHostPort(host, port), nil
}
