package token_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/token"
)

func open(t testing.TB, dir string) *token.Keys {
	t.Helper()
	keys, err := token.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestOpenRace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	all := make([]*token.Keys, 16)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() { all[i], _ = token.Open(dir) })
	}
	wg.Wait()
	now := time.Now()
	for i, keys := range all {
		if keys == nil {
			t.Fatalf("TK1 opener %d got nothing", i)
		}
		tok, err := keys.Mint(producer(now), now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := all[0].Verify(tok, now); err != nil {
			t.Errorf("TK1 opener %d has another secret: %v", i, err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("TK1 left %v behind (%v), want the secret alone", files, err)
	}
	info, err := files[0].Info()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("TK2 mode = %v (%v), want 0600", info.Mode(), err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"TK2 a secret others can read", strings.Repeat("ab", 32), 0o644, "chmod 600"},
		{"TK2 a short secret", "abcd", 0o600, "64 hex digits"},
		{"TK2 no hex", strings.Repeat("zz", 32), 0o600, "64 hex digits"},
		{"TK2 an empty file", "", 0o600, "64 hex digits"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "secret.key")
			if err := os.WriteFile(path, []byte(tc.text), tc.mode); err != nil {
				t.Fatal(err)
			}
			_, err := token.Open(dir)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("err = %v, want it to say %q", err, tc.want)
			}
			if tc.text != "" && strings.Contains(err.Error(), tc.text) {
				t.Error("TK7 the error quotes the secret")
			}
		})
	}
}

func TestKeysHideTheSecret(t *testing.T) {
	dir := t.TempDir()
	keys := open(t, dir)
	secret, err := os.ReadFile(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	slog.New(slog.NewTextHandler(&out, nil)).Info("keys", "keys", keys)
	fmt.Fprintf(&out, "%v %+v %#v %s", keys, keys, keys, keys)
	if strings.Contains(out.String(), strings.TrimSpace(string(secret))) || strings.Contains(out.String(), "secret:") {
		t.Errorf("TK7 printed %s", out.String())
	}
}

func TestNewParticipant(t *testing.T) {
	seen := make(map[string]bool)
	for range 10_000 {
		id := token.NewParticipant()
		if len(id) != 17 || seen[id] {
			t.Fatalf("id %q is not 17 characters or came twice", id)
		}
		seen[id] = true
	}
}

func TestParticipantOf(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	id := token.ParticipantOf(key, "https://host.example", "ann")
	if len(id) != len(token.NewParticipant()) {
		t.Errorf("TK8 id %q has another length than others", id)
	}
	if again := token.ParticipantOf(key, "https://host.example", "ann"); again != id {
		t.Errorf("TK8 the same parts gave %q and %q", id, again)
	}
	for name, other := range map[string]string{
		"other parts":         token.ParticipantOf(key, "https://host.example", "bob"),
		"text parted apart":   token.ParticipantOf(key, "https://host.examplea", "nn"),
		"text in one part":    token.ParticipantOf(key, "https://host.exampleann"),
		"another server's":    token.ParticipantOf([]byte("another"), "https://host.example", "ann"),
		"an empty part after": token.ParticipantOf(key, "https://host.example", "ann", ""),
	} {
		if other == id {
			t.Errorf("TK8 %s: the same participant", name)
		}
	}
}
