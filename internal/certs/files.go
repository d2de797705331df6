package certs

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// files is a pair of files and the certificate that was last read from them.
type files struct {
	cert, key string
	poll      time.Duration
	log       *slog.Logger
	current   atomic.Pointer[tls.Certificate]
	read      stamp  // of the files that current comes from; Run's
	complaint string // why they could not be read last time; Run's
}

// stamp tells whether the files are those that were read.
type stamp struct{ cert, key os.FileInfo }

// same compares by identity too, since files are often replaced by renaming
// ones that are older.
func (s stamp) same(t stamp) bool {
	return sameFile(s.cert, t.cert) && sameFile(s.key, t.key)
}

func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

func openFiles(cfg Config) (*files, error) {
	f := &files{cert: cfg.Cert, key: cfg.Key, poll: cfg.Poll, log: cfg.Log}
	pair, at, err := f.load()
	if err != nil {
		return nil, err
	}
	f.current.Store(pair)
	f.read = at
	f.warnOfTheEnd(pair, time.Now())
	return f, nil
}

func (f *files) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.current.Load(), nil
}

func (f *files) run(ctx context.Context) {
	tick := time.NewTicker(f.poll)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			f.refresh(now)
		case <-ctx.Done():
			return
		}
	}
}

// refresh reads the files again if they changed, or could not be read before:
// certificate and key are two files, and seldom change in the same instant.
func (f *files) refresh(now time.Time) {
	at, err := f.stat()
	if err == nil && f.complaint == "" && at.same(f.read) {
		return
	}
	var pair *tls.Certificate
	if err == nil {
		pair, at, err = f.load()
	}
	if err != nil {
		if f.complaint != err.Error() {
			f.complaint = err.Error()
			f.log.Warn("certificate not reloaded, the one before stays", "err", err)
		}
		return
	}
	f.complaint = ""
	if at.same(f.read) { // an older pair came back
		return
	}
	f.read = at
	f.current.Store(pair)
	f.log.Info("certificate reloaded", "names", pair.Leaf.DNSNames, "expires", pair.Leaf.NotAfter)
	f.warnOfTheEnd(pair, now)
}

func (f *files) stat() (s stamp, err error) {
	if s.cert, err = os.Stat(f.cert); err != nil {
		return s, fmt.Errorf("certificate: %w", err)
	}
	if s.key, err = os.Stat(f.key); err != nil {
		return s, fmt.Errorf("private key: %w", err)
	}
	return s, nil
}

// load reads the pair. The stamp is taken before, so that a change while it
// reads is seen the next time.
func (f *files) load() (*tls.Certificate, stamp, error) {
	at, err := f.stat()
	if err != nil {
		return nil, at, err
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, at, fmt.Errorf("certificate %s with key %s: %w", f.cert, f.key, err)
	}
	return &pair, at, nil
}

// soon is how long before its end a certificate is worth a warning.
const soon = 7 * 24 * time.Hour

func (f *files) warnOfTheEnd(pair *tls.Certificate, now time.Time) {
	if end := pair.Leaf.NotAfter; end.Sub(now) < soon {
		f.log.Warn("certificate ends soon: put a new one in its place, it is read while the server runs", "expires", end)
	}
}
