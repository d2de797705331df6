package embedded_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/embedded"
	"github.com/cuelight/cuelight/interact/interacttest"
)

func openBoards(t *testing.T, path string) *embedded.Boards {
	t.Helper()
	b, err := embedded.OpenBoards(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestLeaderboard(t *testing.T) {
	interacttest.TestLeaderboard(t, func(t *testing.T) interact.Leaderboard {
		return openBoards(t, filepath.Join(t.TempDir(), "boards.db"))
	})
}

func TestBoardsStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in", "boards.db")
	b := openBoards(t, path)
	at := interact.Board{Channel: "show", Show: "s1"}
	if err := b.Give(t.Context(), at, "c1", map[string]int64{"ann": 3, "b\x00b\xff": 5}); err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.OpenBoards(t.Context(), path); !errors.Is(err, embedded.ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Give(t.Context(), at, "c1", map[string]int64{"ann": 4}); interact.CodeOf(err) != interact.CodeUnavailable {
		t.Errorf("given to a closed file: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file %v, %v", info, err)
	}
	got, err := openBoards(t, path).Top(t.Context(), at, 2)
	if want := (interact.Standing{Participant: "b\x00b\xff", Points: 5, Rank: 1}); err != nil || len(got) != 2 || got[0] != want {
		t.Errorf("afterwards %v, %v", got, err)
	}
}

func TestBoardsThatAreNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "boards.db")
	if err := os.WriteFile(path, []byte("this is a text, and no database at all: nothing of it can be read"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.OpenBoards(t.Context(), path); !errors.Is(err, embedded.ErrDamaged) {
		t.Errorf("opened a text: %v", err)
	}
}
