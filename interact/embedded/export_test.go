package embedded

import (
	"bufio"
	"io"
)

// Limit runs a pragma on the store's own connection: how a test makes a disk
// full or read-only.
func Limit(s *Store, pragma string) error {
	_, err := s.db.Exec(pragma)
	return err
}

// ReadTail reads r as a write-ahead log.
func ReadTail(r io.Reader) (frames, commits int, err error) {
	w, ok := openWAL(bufio.NewReader(r))
	if !ok {
		return 0, 0, nil
	}
	t, err := w.tail()
	return t.frames, t.commits, err
}

// Path is where the store's file lies.
func (s *Store) Path() string { return s.path }

// Step makes a Replace take smaller steps.
func Step(s *Store, bytes int) { s.stepBytes = bytes }

// Fold makes the write-ahead log be folded earlier.
func Fold(s *Store, from, all int) { s.folds.from, s.folds.all = from, all }
