package history

import (
	"cmp"
	"errors"
	"log/slog"
	"time"
)

// Config says where the history is.
type Config struct {
	// DSN is how to reach PostgreSQL: "postgres://user:password@host/database?…"
	// or "host=… user=…". It is a secret, and never part of an error or a log.
	DSN string
	// Path is the file of SQLite, made if there is none. Either this or DSN.
	Path string
	// Timeout bounds a statement, and the wait for a connection. Default 30 s.
	Timeout time.Duration
	// Connections is how many there are to PostgreSQL at most, at least 2.
	// Default 4.
	Connections int
	// Log is told of migrations and of settings that may lose data. Nil discards.
	Log *slog.Logger
}

// Limits and defaults of a Config.
const (
	defaultTimeout     = 30 * time.Second
	defaultConnections = 4
	shortestTimeout    = 100 * time.Millisecond
	longestTimeout     = 10 * time.Minute
	mostConnections    = 100
)

// Validate reports everything that is wrong with c; each problem starts with the
// setting's name.
func (c Config) Validate() error {
	var errs []error
	if (c.DSN == "") == (c.Path == "") {
		errs = append(errs, errors.New("dsn, path: give one of them, the address of PostgreSQL or a file of SQLite"))
	}
	if c.Timeout != 0 && (c.Timeout < shortestTimeout || c.Timeout > longestTimeout) {
		errs = append(errs, errors.New("timeout: between 100ms and 10m"))
	}
	if c.Connections != 0 && (c.Connections < 2 || c.Connections > mostConnections) {
		errs = append(errs, errors.New("connections: between 2 and 100"))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.Connections = cmp.Or(c.Connections, defaultConnections)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
