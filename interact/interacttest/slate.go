package interacttest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// TestSlate checks the rules SL1… of interact/SPEC.md. Open returns an empty
// slate that only this test uses.
func TestSlate(t *testing.T, open func(t *testing.T) interact.Slate) {
	for _, rule := range []struct {
		name string
		test func(t *testing.T, s interact.Slate)
	}{
		{"SL1 the latest is read", testLatest},
		{"SL1 data are the caller's again", testSlateOwnership},
		{"SL2 ends with its time", testSlateTTL},
		{"SL2 nil erases", testErase},
		{"SL3 a lower fence is refused", testSlateFence},
		{"SL4 what nobody would take", testSlateInvalid},
		{"SL4 takes the largest", testSlateLargest},
		{"SL5 an ended context writes and reads nothing", testSlateContext},
	} {
		t.Run(rule.name, func(t *testing.T) { rule.test(t, open(t)) })
	}
}

func write(t *testing.T, s interact.Slate, channel, name, data string) {
	t.Helper()
	if err := s.Write(t.Context(), channel, name, 0, []byte(data), time.Hour); err != nil {
		t.Fatal(err)
	}
}

func wantWritten(t *testing.T, s interact.Slate, channel, name, want string) {
	t.Helper()
	got, err := s.Read(t.Context(), channel, name)
	if err != nil || string(got) != want {
		t.Errorf("%s of %s reads %q (%v), want %q", name, channel, got, err, want)
	}
}

func testLatest(t *testing.T, s interact.Slate) {
	if got, err := s.Read(t.Context(), "show", "timeline"); got != nil || err != nil {
		t.Errorf("before anything: %q, %v", got, err)
	}
	write(t, s, "show", "timeline", "one")
	write(t, s, "show", "presence:n-1", "\x00\n\xff")
	write(t, s, "other", "timeline", "other's")
	write(t, s, "show", "timeline", "two")
	wantWritten(t, s, "show", "timeline", "two")
	wantWritten(t, s, "show", "presence:n-1", "\x00\n\xff")
	wantWritten(t, s, "show", "presence:n-2", "")
	wantWritten(t, s, "other", "timeline", "other's")
}

func testSlateOwnership(t *testing.T, s interact.Slate) {
	data := []byte("mine")
	if err := s.Write(t.Context(), "show", "x", 0, data, time.Hour); err != nil {
		t.Fatal(err)
	}
	copy(data, "YOUR")
	got, err := s.Read(t.Context(), "show", "x")
	if err != nil {
		t.Fatal(err)
	}
	copy(got, "HERS")
	wantWritten(t, s, "show", "x", "mine")
}

func testSlateTTL(t *testing.T, s interact.Slate) {
	write(t, s, "show", "long", "stays")
	if err := s.Write(t.Context(), "show", "short", 0, []byte("goes"), 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	wantWritten(t, s, "show", "short", "goes")
	for began := time.Now(); ; {
		got, err := s.Read(t.Context(), "show", "short")
		if err != nil {
			t.Fatal(err)
		}
		if got == nil {
			break
		}
		if time.Since(began) > patience {
			t.Fatal("does not go")
		}
	}
	wantWritten(t, s, "show", "long", "stays")
	write(t, s, "show", "short", "again") // a longer one takes the place of a shorter
	wantWritten(t, s, "show", "short", "again")
}

func testErase(t *testing.T, s interact.Slate) {
	write(t, s, "show", "a", "one")
	write(t, s, "show", "b", "two")
	for range 2 {
		if err := s.Write(t.Context(), "show", "a", 0, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Read(t.Context(), "show", "a"); got != nil || err != nil {
		t.Errorf("erased: %q, %v", got, err)
	}
	wantWritten(t, s, "show", "b", "two")
}

func testSlateFence(t *testing.T, s interact.Slate) {
	const high = 1<<52 + 1
	for i, step := range []struct {
		fence  interact.Fence
		data   []byte
		fenced bool
	}{
		{5, []byte("0"), false}, {4, []byte("1"), true}, {0, []byte("2"), false}, {4, []byte("3"), true}, {high, []byte("4"), false},
		{high - 1, nil, true}, {high, nil, false}, {high - 1, []byte("7"), true}, {high, []byte("8"), false},
	} {
		err := s.Write(t.Context(), "show", "x", step.fence, step.data, time.Hour)
		if errors.Is(err, interact.ErrFenced) != step.fenced || !step.fenced && err != nil {
			t.Errorf("step %d: %v", i, err)
		}
		wantWritten(t, s, "show", "x", []string{"0", "0", "2", "2", "4", "4", "", "", "8"}[i])
	}
	if err := s.Write(t.Context(), "show", "y", 1, []byte("y"), time.Hour); err != nil {
		t.Errorf("the fence of another name: %v", err)
	}
}

func testSlateInvalid(t *testing.T, s interact.Slate) {
	long := strings.Repeat("a", 65)
	for name, bad := range map[string]struct {
		channel, name string
		data          []byte
		ttl           time.Duration
	}{
		"no channel":  {"", "x", []byte("x"), time.Hour},
		"no name":     {"show", "", []byte("x"), time.Hour},
		"a long name": {"show", long, []byte("x"), time.Hour},
		"a bad name":  {"show", "X y", []byte("x"), time.Hour},
		"no time":     {"show", "x", []byte("x"), 0},
		"less":        {"show", "x", []byte("x"), -time.Second},
		"for ever":    {"show", "x", []byte("x"), 1 << 62},
		"too much":    {"show", "x", make([]byte, interact.MaxSnapshot+1), time.Hour},
	} {
		if err := s.Write(t.Context(), bad.channel, bad.name, 1, bad.data, bad.ttl); interact.CodeOf(err) != interact.CodeInvalid {
			t.Errorf("%s: err = %v, want invalid", name, err)
		}
	}
	wantWritten(t, s, "show", "x", "")
}

func testSlateLargest(t *testing.T, s interact.Slate) {
	data := make([]byte, interact.MaxSnapshot)
	for i := range data {
		data[i] = byte(i % 251)
	}
	write(t, s, "show", long64, string(data))
	if got, err := s.Read(t.Context(), "show", long64); err != nil || string(got) != string(data) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
}

const long64 = "abcdefghijklmnopqrstuvwxyz-0123456789:abcdefghijklmnopqrstuvwxyz"

func testSlateContext(t *testing.T, s interact.Slate) {
	write(t, s, "show", "x", "one")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Write(ctx, "show", "x", 0, []byte("two"), time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("write: %v", err)
	}
	if _, err := s.Read(ctx, "show", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
	wantWritten(t, s, "show", "x", "one")
}
