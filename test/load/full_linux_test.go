package load_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/embedded"
)

// inNamespace says that this process has mounts of its own.
const inNamespace = "CUELIGHT_TEST_OWN_MOUNTS"

// ownMounts runs the test once more in a process whose mounts nobody else sees,
// and says whether it is that process.
func ownMounts(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inNamespace) != "" {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("a small file system can only be mounted by root: run this test as root to see what a full disk does")
	}
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=3m")
	again.Env = append(os.Environ(), inNamespace+"=1", builtAlready+"="+program)
	again.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := again.CombinedOutput()
	if errors.Is(err, unix.EPERM) {
		t.Skipf("this machine does not let root mount anything (%v): a full disk cannot be had here", err)
	}
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	t.Logf("%s", out)
	return false
}

// TestDiskFull runs the server on a file system of 6 MiB and fills it.
func TestDiskFull(t *testing.T) {
	if !ownMounts(t) {
		return
	}
	data := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("cuelight-test", data, "tmpfs", 0, "size=6m,mode=0700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(data, unix.MNT_DETACH) })
	s := serverIn(t, data, plain)
	c := gather(t, s, 40)
	early, late := c.all[:20], c.all[20:]
	cue := s.onAir("", onAir)
	s.untilOpen(cue.ID)
	for i, v := range early {
		v.answer(cue.ID, cue.Rev, i%options)
	}
	for _, v := range early {
		v.receipt(t, cue.ID)
	}

	filler := fill(t, data)
	for i, v := range late {
		v.answer(cue.ID, cue.Rev, i%options)
	}
	for _, v := range late {
		if got := v.refusal(t, cue.ID); got != interact.CodeUnavailable {
			t.Errorf("ST29 %s is refused with %q", v.participant, got)
		}
	}
	status, text := s.try(http.MethodPost, "/cues", question("other", time.Minute))
	if status != http.StatusServiceUnavailable || !strings.Contains(string(text), string(interact.CodeUnavailable)) {
		t.Errorf("ST29 a command: %d %s", status, text)
	}
	if _, text := s.try(http.MethodGet, "", nil); !strings.Contains(string(text), "Answers cannot be saved") {
		t.Errorf("ST29 a producer is not told: %s", text)
	}
	if got := s.recorded(cue.ID); got != len(early) {
		t.Errorf("ST29 the log of the full disk has %d answers, %d were receipted", got, len(early))
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for i, v := range late {
		v.answer(cue.ID, cue.Rev, i%options) // the same as before
	}
	for _, v := range late {
		v.receipt(t, cue.ID)
	}
	if _, text := s.try(http.MethodGet, "", nil); strings.Contains(string(text), "Answers cannot be saved") {
		t.Errorf("ST29 a producer is still told: %s", text)
	}
	s.kill()
	s.start()
	c.connected(t)
	for _, v := range c.all {
		v.answer(cue.ID, cue.Rev, 3)
	}
	for _, v := range c.all {
		v.wait(t, "the receipt again", func() bool { _, owed := v.owed[cue.ID]; return !owed })
	}
	s.call(http.MethodPost, "/"+cue.ID+"/close", nil, &cue)
	tally := s.final(cue.ID)
	s.kill()
	c.compare(t, cue.ID, s.logged(cue.ID), tally, 0)
}

// fill leaves no byte free and returns the file that takes the room.
func fill(t *testing.T, folder string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(folder, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, unix.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return f.Name()
}

// recorded reads a copy of the log while the server runs but does not write,
// and returns how many answers of the cue it has.
func (s *server) recorded(cue string) int {
	s.t.Helper()
	copied := &server{t: s.t, data: s.copied()}
	report, err := embedded.Check(s.t.Context(), filepath.Join(copied.data, logFile))
	if err != nil || !report.Whole() {
		s.t.Errorf("ST29 the log of the full disk: %+v, %v", report, err)
	}
	return len(copied.logged(cue))
}
