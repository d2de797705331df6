package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrFull means that the disk has less room than KeepFree leaves to others.
var ErrFull = errors.New("the disk is full")

// temporary is what names of files begin with that are not whole yet.
const temporary = ".new-"

// doomed is what names of folders begin with that are being deleted.
const doomed = ".gone-"

// create writes a file so that it is either whole or not there, whatever
// becomes of the process. A power cut can still empty it.
func create(path string, pieces ...[]byte) error { return write(path, false, pieces) }

// createDurably does so whatever becomes of the machine.
func createDurably(path string, pieces ...[]byte) error { return write(path, true, pieces) }

func write(path string, durably bool, pieces [][]byte) error {
	dir, name := filepath.Split(path)
	draft := filepath.Join(dir, temporary+name)
	f, err := os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for _, p := range pieces {
		if err == nil {
			_, err = f.Write(p)
		}
	}
	if err == nil && durably {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(draft, path)
	}
	if err != nil {
		_ = os.Remove(draft) // the next one of the name overwrites it
	}
	return err
}

// share gives the file at path a second name, or a copy where the disk has no
// links.
func share(path, also string, pieces [][]byte) error {
	err := os.Link(path, also)
	if err == nil || errors.Is(err, os.ErrExist) {
		return nil
	}
	return create(also, pieces...)
}

// remove deletes a folder. From the first moment on its name is gone.
func remove(dir string) error {
	parent, name := filepath.Split(dir)
	away := filepath.Join(parent, doomed+name)
	if err := os.Rename(dir, away); err != nil {
		return err
	}
	return os.RemoveAll(away)
}

// room reports ErrFull when less than keep bytes are free where dir is.
func room(dir string, keep int64) error {
	if keep <= 0 {
		return nil
	}
	have, known := free(dir)
	if known && have < keep {
		return fmt.Errorf("%w: %d MiB are free, %d MiB are to stay so", ErrFull, have>>20, keep>>20)
	}
	return nil
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
