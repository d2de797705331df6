package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cuelight/cuelight/interact"
)

// Report is what is readable of a log.
type Report struct {
	// Schema is the layout's version.
	Schema int
	// Unfinished is how many pages of a write that was never acknowledged were
	// dropped from the end. That is no damage.
	Unfinished int
	Channels   []Finding
	// Damage is everything that is wrong, in words. Empty: the log is whole.
	Damage []string
}

// Finding is what is readable of one channel.
type Finding struct {
	Channel string
	// Records are readable, from the channel's first on; Bytes is their data.
	Records int
	Bytes   int64
	// Damage says what ends them, empty if nothing does. LeftOut is how many
	// there are from there on, as far as one can tell.
	Damage  string
	LeftOut int
}

// Whole says that every record is there and as it was written.
func (r Report) Whole() bool { return len(r.Damage) == 0 }

// Check reads the whole log at path and says what is wrong with it. It works on
// a copy in the folder for temporary files, so nothing at path changes. Nobody
// may have the log open.
//
// Errors: ErrLocked, ErrNewer; ErrDamaged if nothing at all can be read; one
// from the file system.
func Check(ctx context.Context, path string) (Report, error) {
	return examine(ctx, path, os.TempDir(), func(interact.Record) error { return nil })
}

// Salvage copies what Check finds readable into a new log at to: of every
// channel the records up to its first damaged one. The log at path stays as it
// is. The report says what was left out.
//
// Errors: those of Check; fs.ErrExist if there is something at to. What was
// copied until then is removed.
func Salvage(ctx context.Context, path, to string) (report Report, err error) {
	for _, there := range []string{to, to + "-wal"} {
		if _, err := os.Lstat(there); !errors.Is(err, fs.ErrNotExist) {
			return Report{}, fmt.Errorf("salvage to %s: %w", there, errors.Join(fs.ErrExist, err))
		}
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return Report{}, fmt.Errorf("salvage to %s: %w", to, err)
	}
	store, err := Open(ctx, to, nil)
	if err != nil {
		return Report{}, err
	}
	defer func() {
		err = errors.Join(err, store.Close())
		if err != nil {
			err = errors.Join(err, os.Remove(to))
		}
	}()
	return examine(ctx, path, filepath.Dir(to), func(r interact.Record) error {
		return store.Append(ctx, []interact.Record{r})
	})
}

// examine visits all that is readable of the log at path, working in a folder
// that it makes in scratch.
func examine(ctx context.Context, path, scratch string, visit func(interact.Record) error) (_ Report, err error) {
	if _, err := os.Stat(path); err != nil {
		return Report{}, fmt.Errorf("check log: %w", err)
	}
	lock, err := Lock(path)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	dir, err := os.MkdirTemp(scratch, "cuelight-log-*")
	if err != nil {
		return Report{}, fmt.Errorf("check log %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	copied := filepath.Join(dir, "log.db")
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(path+suffix, copied+suffix); err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return Report{}, fmt.Errorf("check log %s: %w", path, err)
		}
	}
	report, err := inspect(ctx, copied, visit)
	if err != nil {
		return report, fmt.Errorf("check log %s: %w", path, err)
	}
	return report, nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() // only read from
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
