package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const deployed = "../../deploy/nginx"

// TestPlaces: what a test changes in the edge's configuration is there.
func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	if err := configure(deployed, dir, "127.0.0.1:2", "127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, files[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"server 127.0.0.1:1;", "listen 127.0.0.1:2;", dir + "/playlists ", dir + "/media "} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q", want)
		}
	}
	if _, err := placed("listen 80;", places("", "", "")); err == nil {
		t.Error("a configuration without an origin was taken")
	}
}

// TestAgeTable: every pair of seconds has its distance.
func TestAgeTable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(deployed, "cuelight-age.conf"))
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`\b(\d\d)(\d\d) (\d+);`).FindAllStringSubmatch(string(text), -1)
	seen := map[string]bool{}
	for _, row := range rows {
		born, _ := strconv.Atoi(row[1])
		now, _ := strconv.Atoi(row[2])
		if age := strconv.Itoa((now - born + 60) % 60); row[3] != age {
			t.Errorf("%s, want %s", row[0], age)
		}
		seen[row[1]+row[2]] = true
	}
	if len(rows) != 3600 || len(seen) != 3600 {
		t.Errorf("%d rows of %d pairs, want 3600", len(rows), len(seen))
	}
}

// TestTimeoutsOutlastTheOrigin: the edge waits for longer than a reload is
// held, three target durations of 2 s, and so do those who wait for the same.
func TestTimeoutsOutlastTheOrigin(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(deployed, files[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"proxy_read_timeout", "proxy_cache_lock_timeout", "proxy_cache_lock_age"} {
		for _, m := range regexp.MustCompile(name+`\s+(\d+)s;`).FindAllStringSubmatch(string(text), -1) {
			if s, _ := strconv.Atoi(m[1]); s < 3*2+4 {
				t.Errorf("N5 %s is %d s", name, s)
			}
		}
		if !strings.Contains(string(text), name) {
			t.Errorf("N5 %s is not set: nginx's own is shorter", name)
		}
	}
}
