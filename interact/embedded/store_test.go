package embedded_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/embedded"
	"github.com/cuelight/cuelight/interact/interacttest"
)

func open(t testing.TB, path string) *embedded.Store {
	t.Helper()
	s, err := embedded.Open(context.Background(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	interacttest.TestStore(t, func(t *testing.T) interact.Store {
		return open(t, filepath.Join(t.TempDir(), "interact.db"))
	})
}

func appendText(t testing.TB, s *embedded.Store, texts ...string) {
	t.Helper()
	for _, text := range texts {
		r := interact.Record{Channel: "show", Kind: interact.RecordCue, Cue: "c1", Data: []byte(text)}
		if err := s.Append(t.Context(), []interact.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
}

func texts(t testing.TB, s *embedded.Store) string {
	t.Helper()
	var out []string
	err := s.Replay(t.Context(), "show", func(r interact.Record) error {
		out = append(out, string(r.Data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

// crash copies the files of a store that is still open: what a killed process
// leaves behind. The last cut bytes of the write-ahead log never reached the disk.
func crash(t *testing.T, path string, cut int) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "interact.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if suffix == "-wal" {
			data = data[:len(data)-cut]
		}
		if err := os.WriteFile(to+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func TestStoreAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "interact.db")
	s := open(t, path)
	appendText(t, s, "one", "two", "three")

	t.Run("ST11 what was appended is there after a kill", func(t *testing.T) {
		back := open(t, crash(t, path, 0))
		if got := texts(t, back); got != "one two three" {
			t.Errorf("replays %q", got)
		}
		appendText(t, back, "four")
		if got := texts(t, back); got != "one two three four" {
			t.Errorf("goes on as %q", got)
		}
	})
	t.Run("ST12 a torn end is dropped, and said", func(t *testing.T) {
		var log bytes.Buffer
		back, err := embedded.Open(t.Context(), crash(t, path, 1), slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		defer back.Close()
		if got := texts(t, back); got != "one two" {
			t.Errorf("replays %q", got)
		}
		if !strings.Contains(log.String(), "unfinished write") {
			t.Errorf("log says %q", log.String())
		}
	})
	t.Run("ST12 a whole end is not called torn", func(t *testing.T) {
		var log bytes.Buffer
		back, err := embedded.Open(t.Context(), crash(t, path, 0), slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		defer back.Close()
		if log.Len() > 0 {
			t.Errorf("log says %q", log.String())
		}
	})
	t.Run("ST13 damage before the last commit is refused", func(t *testing.T) {
		to := crash(t, path, 0)
		flip(t, to+"-wal", "two")
		if _, err := embedded.Open(t.Context(), to, nil); !errors.Is(err, embedded.ErrDamaged) {
			t.Errorf("err = %v, want damaged", err)
		}
	})
}

// flip changes one bit of the first place in the file where text stands.
func flip(t *testing.T, path, text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte(text))
	if at < 0 {
		t.Fatalf("%q is not in %s", text, path)
	}
	data[at] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestStoreNoticesDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "interact.db")
	write := func() {
		os.Remove(path)
		s := open(t, path)
		appendText(t, s, "one", "two", "three")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("ST13 a changed byte", func(t *testing.T) {
		write()
		flip(t, path, "two")
		s := open(t, path)
		defer s.Close()
		err := s.Replay(t.Context(), "show", func(r interact.Record) error { return nil })
		if !errors.Is(err, embedded.ErrDamaged) || !strings.Contains(err.Error(), "record 2") {
			t.Errorf("err = %v, want record 2 named", err)
		}
	})
	t.Run("ST13 a record gone", func(t *testing.T) {
		write()
		edit(t, path, "DELETE FROM record WHERE seq = 2")
		if _, err := embedded.Open(t.Context(), path, nil); !errors.Is(err, embedded.ErrDamaged) {
			t.Errorf("err = %v, want damaged", err)
		}
	})
	t.Run("ST13 records that changed places", func(t *testing.T) {
		write()
		edit(t, path, "UPDATE record SET seq = -seq; UPDATE record SET seq = 4 + seq")
		s := open(t, path)
		defer s.Close()
		err := s.Replay(t.Context(), "show", func(r interact.Record) error { return nil })
		if !errors.Is(err, embedded.ErrDamaged) {
			t.Errorf("err = %v, want damaged", err)
		}
	})
}

// edit changes a closed log with SQL of its own.
func edit(t *testing.T, path, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(query); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Run("ST14 a second process", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "interact.db")
		first := open(t, path)
		if _, err := embedded.Open(t.Context(), path, nil); !errors.Is(err, embedded.ErrLocked) {
			t.Fatalf("err = %v, want locked", err)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		open(t, path)
	})
	t.Run("ST15 a newer schema", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "interact.db")
		open(t, path).Close()
		edit(t, path, "PRAGMA user_version = 99")
		if _, err := embedded.Open(t.Context(), path, nil); !errors.Is(err, embedded.ErrNewer) {
			t.Errorf("err = %v, want newer", err)
		}
	})
	t.Run("ST16 a file that is no log", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "interact.db")
		if err := os.WriteFile(path, bytes.Repeat([]byte("not a database "), 100), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := embedded.Open(t.Context(), path, nil); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("err = %v, want the path named", err)
		}
	})
	t.Run("ST16 a folder that cannot be made", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := embedded.Open(t.Context(), filepath.Join(file, "interact.db"), nil); err == nil {
			t.Error("opened inside a file")
		}
	})
}

func TestStoreCannotWrite(t *testing.T) {
	unavailable := func(t *testing.T, s *embedded.Store) {
		t.Helper()
		big := interact.Record{Channel: "show", Kind: interact.RecordAnswers, Cue: "c1", Data: make([]byte, 1<<20)}
		small := interact.Record{Channel: "show", Kind: interact.RecordAnswers, Cue: "c1", Data: []byte("small")}
		err := s.Append(t.Context(), []interact.Record{small, big})
		if interact.CodeOf(err) != interact.CodeUnavailable {
			t.Errorf("err = %v, want unavailable", err)
		}
	}
	t.Run("ST17 a full disk", func(t *testing.T) {
		s := open(t, filepath.Join(t.TempDir(), "interact.db"))
		appendText(t, s, "one")
		if err := embedded.Limit(s, "PRAGMA max_page_count = 20"); err != nil {
			t.Fatal(err)
		}
		unavailable(t, s)
		appendText(t, s, "two")
		if got := texts(t, s); got != "one two" {
			t.Errorf("ST2 replays %q, want nothing of what failed", got)
		}
	})
	t.Run("ST17 a disk that became read-only", func(t *testing.T) {
		s := open(t, filepath.Join(t.TempDir(), "interact.db"))
		if err := embedded.Limit(s, "PRAGMA query_only = 1"); err != nil {
			t.Fatal(err)
		}
		unavailable(t, s)
	})
	t.Run("ST17 a closed store", func(t *testing.T) {
		s := open(t, filepath.Join(t.TempDir(), "interact.db"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		unavailable(t, s)
	})
}

func TestOddPaths(t *testing.T) {
	for _, name := range []string{"with space", "per%cent", "what?", "a#b", "ü"} {
		path := filepath.Join(t.TempDir(), name, "interact.db")
		s := open(t, path)
		appendText(t, s, "one")
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "interact.db")
	s := open(t, path)
	appendText(t, s, "one")
	for _, suffix := range []string{"", "-wal", ".lock"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("ST18 %s is readable to others: %v", info.Name(), mode)
		}
	}
}

// FuzzTail reads any file as a write-ahead log.
func FuzzTail(f *testing.F) {
	path := filepath.Join(f.TempDir(), "interact.db")
	s := open(f, path)
	appendText(f, s, "one", "two")
	data, err := os.ReadFile(path + "-wal")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add(data[:32])
	f.Add(data[:32+24+4096+30])
	f.Fuzz(func(t *testing.T, data []byte) {
		frames, commits, err := embedded.ReadTail(bytes.NewReader(data))
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		if frames < 0 || commits > frames || frames > 1+len(data)/512 {
			t.Fatalf("%d frames, %d commits in %d bytes", frames, commits, len(data))
		}
	})
}
