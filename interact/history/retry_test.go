package history

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
)

func TestRetryAfter(t *testing.T) {
	last := time.Duration(0)
	for failed := 1; failed < 100; failed++ {
		low, high := retryAfter(failed, 0), retryAfter(failed, 1)
		if low < last/2 || high > longestWait || low < firstRetry/2 || high != 2*low {
			t.Fatalf("HI11 after %d failures between %v and %v", failed, low, high)
		}
		last = high
	}
	if last != longestWait {
		t.Errorf("HI11 in the end %v", last)
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"", "ann", `\`, `\\`, "\x00", `\x00`, "\xff", `\xff`, `a\`, "ü\xc3", "\xed\xa0\x80"} {
		if got := nameOf(nameText(name)); got != name {
			t.Errorf("HI6 %q came back as %q", name, got)
		}
	}
	for _, text := range []string{`\x`, `\x0`, `\xzz`, `\`, `\q`} { // nobody wrote these
		nameOf(text)
	}
}

func FuzzNames(f *testing.F) {
	for _, seed := range []string{"ann", `\x00`, "\x00\xff\\", `\xg0`} {
		f.Add(seed, "bob")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		nameOf(a)
		if got := nameOf(nameText(a)); got != a {
			t.Errorf("HI6 %q came back as %q", a, got)
		}
		if (nameText(a) == nameText(b)) != (a == b) {
			t.Errorf("HI6 %q and %q are one", a, b)
		}
	})
}

// FuzzDeed reads records of any bytes: none may stop the others.
func FuzzDeed(f *testing.F) {
	for _, seed := range []string{`{"v":3,"id":"c1","action":"take","at_us":5,"cue":{"rev":2}}`, `{"participant":"p","lifted":true}`, `{`, `[]`} {
		for kind := range uint8(9) {
			f.Add(kind, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		d, ok := deedOf(interact.Record{Seq: 7, Kind: interact.RecordKind(kind), Cue: "c1", Data: data})
		if ok && d.seq != 7 || ok && d.role == "" {
			t.Errorf("HI10 %+v", d)
		}
	})
}

// TestRedact has a driver that quotes what it was given.
func TestRedact(t *testing.T) {
	const password = "p@ss w:rd"
	dsn := "postgres://ann:p%40ss%20w%3Ard@db.internal/history"
	d, err := New(Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	for _, text := range []string{password, url.QueryEscape(password), url.PathEscape(password), dsn} {
		err := d.explain("open history", errors.New("dial\n with "+text+" went wrong"))
		if got := err.Error(); strings.Contains(got, text) || !strings.Contains(got, "dial with xxxxx went wrong") || !errors.Is(err, ErrUnreachable) {
			t.Errorf("HI12 %q", got)
		}
	}
}
