package embedded_test

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/embedded"
)

// schema1 is the first layout, word for word.
const schema1 = `
CREATE TABLE record (
	seq     INTEGER PRIMARY KEY,
	channel TEXT    NOT NULL,
	kind    INTEGER NOT NULL,
	cue     TEXT    NOT NULL,
	data    BLOB    NOT NULL,
	crc     INTEGER NOT NULL
) STRICT;
CREATE INDEX record_channel ON record (channel);
PRAGMA user_version = 1;`

// firstLayout makes a log of the first layout.
func firstLayout(t *testing.T, texts ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "interact.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("PRAGMA journal_mode = WAL;" + schema1); err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		b := binary.BigEndian.AppendUint64(nil, uint64(i+1))
		b = append(b, 1, 4)
		b = append(b, "showc1"+text...)
		crc := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
		if _, err := db.Exec("INSERT INTO record VALUES (?, 'show', 1, 'c1', ?, ?)", i+1, []byte(text), crc); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOlderLayout(t *testing.T) {
	big := strings.Repeat("x", 3<<20>>1)
	t.Run("ST26 its records are there", func(t *testing.T) {
		path := firstLayout(t, "one", "two", "three")
		s := open(t, path)
		if got := texts(t, s); got != "one two three" {
			t.Errorf("replays %q", got)
		}
		appendText(t, s, "four")
		replace(t, s, 2, "1+2")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got := texts(t, open(t, path)); got != "1+2 three four" {
			t.Errorf("goes on as %q", got)
		}
	})
	t.Run("ST26 its space can be given back", func(t *testing.T) {
		path := firstLayout(t, big, big, big, big)
		s := open(t, path)
		replace(t, s, 4, "short")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if size := fileSize(t, path); size > 4<<20 {
			t.Errorf("ST25 the file has %d KiB", size>>10)
		}
	})
	t.Run("ST26 damage in it is found", func(t *testing.T) {
		path := firstLayout(t, "one", "two", "three")
		edit(t, path, "DELETE FROM record WHERE seq = 2")
		if _, err := embedded.Open(t.Context(), path, nil); !errors.Is(err, embedded.ErrDamaged) {
			t.Errorf("err = %v, want damaged", err)
		}
	})
	t.Run("ST28 it is checked and salvaged as it is", func(t *testing.T) {
		path := firstLayout(t, "one", "two", "three")
		flip(t, path, "two")
		report, err := embedded.Check(t.Context(), path)
		if err != nil || report.Whole() || report.Schema != 1 {
			t.Fatalf("report %+v, %v", report, err)
		}
		to := filepath.Join(t.TempDir(), "new.db")
		if _, err := embedded.Salvage(t.Context(), path, to); err != nil {
			t.Fatal(err)
		}
		if got := texts(t, open(t, to)); got != "one" {
			t.Errorf("salvaged %q", got)
		}
	})
}

func TestNewerKindsFit(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "interact.db"))
	for _, kind := range []interact.RecordKind{interact.RecordBan, interact.RecordSnapshot, interact.RecordLink, interact.RecordTally, interact.RecordLead} {
		r := interact.Record{Channel: "show", Kind: kind, Cue: "c1", Data: []byte("{}")}
		if err := s.Append(t.Context(), []interact.Record{r}); err != nil {
			t.Errorf("ST1 kind %d: %v", kind, err)
		}
	}
}
