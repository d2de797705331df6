package main

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func withChannel(data string, c channelSettings) settings {
	return settings{Data: data, Channels: map[string]channelSettings{"show": c}}
}

func TestStreamKeyIsMadeOnce(t *testing.T) {
	data := t.TempDir()
	keys := make([]string, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			key, err := streamKey(withChannel(data, channelSettings{}), "show")
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	wg.Wait()
	for _, key := range keys {
		if key == "" || key != keys[0] {
			t.Fatalf("keys differ: %q", keys)
		}
	}
	info, err := os.Stat(filepath.Join(data, "keys", "show"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		t.Errorf("key file is %v: others can read it", info.Mode())
	}
}

func TestStreamKeySources(t *testing.T) {
	data := t.TempDir()
	file := filepath.Join(data, "k")
	if err := os.WriteFile(file, []byte("from-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		c    channelSettings
		want string
	}{
		"given":        {channelSettings{Key: "abcdefgh"}, "abcdefgh"},
		"from a file":  {channelSettings{KeyFile: file}, "from-a-file"},
		"open channel": {channelSettings{Open: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := streamKey(withChannel(data, tc.c), "show")
			if err != nil || got != tc.want {
				t.Errorf("key = %q, %v; want %q", got, err, tc.want)
			}
		})
	}
	if _, err := streamKey(withChannel(data, channelSettings{KeyFile: filepath.Join(data, "missing")}), "show"); err == nil {
		t.Error("a missing key file was accepted")
	}
}
