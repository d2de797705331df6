package admission

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

const (
	maxKeyFile = 256 << 10 // bytes
	// lookEvery is how often the file is looked at while tokens are checked.
	lookEvery = time.Second
)

// keyFile is a file of keys, which is read again when it changes. Whoever
// replaces it renames a whole one into its place, or gets the one before for
// as long as the new one cannot be read. Safe for concurrent use.
type keyFile struct {
	path string
	read func([]byte) (keySet, error)
	log  *slog.Logger

	mu        sync.Mutex // protects everything below
	set       keySet
	is        os.FileInfo // of the file that set comes from
	looked    time.Time
	complaint string // why it could not be read last time
}

func openKeys(a Account, log *slog.Logger) (*keyFile, error) {
	f := &keyFile{log: log}
	name := ""
	switch {
	case a.SecretFile != "":
		name, f.path, f.read = "jwt.secret_file", a.SecretFile, secretSet
	case a.KeyFile != "":
		name, f.path, f.read = "jwt.key_file", a.KeyFile, pemSet
	default:
		name, f.path, f.read = "jwt.jwks_file", a.JWKSFile, jwksSet
	}
	var err error
	if f.set, f.is, err = f.load(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// current returns the keys that hold at now.
func (f *keyFile) current(now time.Time) keySet {
	f.mu.Lock()
	defer f.mu.Unlock()
	if since := now.Sub(f.looked); since >= lookEvery || since < 0 {
		f.looked = now
		f.refreshLocked()
	}
	return f.set
}

func (f *keyFile) refreshLocked() {
	is, err := os.Stat(f.path)
	if err == nil && f.complaint == "" && sameFile(is, f.is) {
		return
	}
	var set keySet
	if err == nil {
		set, is, err = f.load()
	}
	if err != nil {
		if f.complaint != err.Error() {
			f.complaint = err.Error()
			f.log.Warn("keys of sign-ins not read again, those before stay", "err", err)
		}
		return
	}
	f.complaint = ""
	if !sameFile(is, f.is) {
		f.log.Info("keys of sign-ins read again")
	}
	f.set, f.is = set, is
}

// load reads the file. It is looked at before, so that a change while it is
// read is seen the next time.
func (f *keyFile) load() (keySet, os.FileInfo, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return keySet{}, nil, err
	}
	defer file.Close()
	is, err := file.Stat()
	if err != nil {
		return keySet{}, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return keySet{}, nil, err
	}
	if len(text) > maxKeyFile {
		return keySet{}, nil, fmt.Errorf("%s: longer than %d bytes", f.path, maxKeyFile)
	}
	set, err := f.read(text)
	if err != nil {
		return keySet{}, nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return set, is, nil
}

// sameFile compares by identity too: files are often replaced by renaming ones
// that are older.
func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
