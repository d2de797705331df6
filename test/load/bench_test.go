package load_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/loadgen"
)

// rehearsed is what `cuelight bench` has said and ended with.
type rehearsed struct {
	report loadgen.Report
	code   int
	out    string
}

// rehearse runs `cuelight bench` against the server. It may be called from any
// goroutine.
func (s *server) rehearse(ctx context.Context, folder string, args ...string) (rehearsed, error) {
	file := filepath.Join(folder, "report.json")
	cmd := exec.CommandContext(ctx, s.binary, append(append([]string{"bench"}, args...),
		"--url", "http://"+s.http, "--channel", channel, "--admin", s.admin, "--json", file, "--settle", "100ms")...)
	cmd.Env = append(os.Environ(), "CUELIGHT_TOKEN="+s.token)
	out, err := cmd.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		return rehearsed{}, err
	}
	r := rehearsed{code: cmd.ProcessState.ExitCode(), out: string(out)}
	text, err := os.ReadFile(file)
	if err != nil {
		return r, fmt.Errorf("no report: %w\n%s", err, out)
	}
	return r, json.Unmarshal(text, &r.report)
}

// TestRehearsal puts every scenario on the real server, from real processes.
func TestRehearsal(t *testing.T) {
	s := newServer(t)
	const viewers = 200
	size := []string{"--viewers", "200", "--processes", "2"}
	for i, args := range [][]string{
		{"answers", "--cues", "2", "--share", "1"},
		{"answers", "--cues", "1", "--share", "1", "--timing", "worst", "--codec", "msgpack"},
		{"connect"},
		{"broadcast", "--cues", "2"},
		{"resume"},
	} {
		t.Run("LG1 "+strings.Join(args, " "), func(t *testing.T) {
			r, err := s.rehearse(t.Context(), t.TempDir(), append(args, size...)...)
			if err != nil {
				t.Fatal(err)
			}
			report, out := &r.report, r.out
			if !report.OK() || r.code != 0 {
				t.Fatalf("exit code %d: %s", r.code, out)
			}
			// Those after the first find memory that the viewers before them left.
			if c := report.Connect; c == nil || c.Rate <= 0 || i == 0 && c.Memory <= 0 {
				t.Errorf("connect: %+v", c)
			}
			if a := report.Answers; a != nil && (a.Sent != viewers*a.Polls || a.Receipts != a.Sent || a.Lost != 0) {
				t.Errorf("answers: %+v", a)
			}
			if b := report.Broadcast; b != nil && b.Deliveries != 2*viewers {
				t.Errorf("broadcast: %+v", b)
			}
			if r := report.Resume; r != nil && (r.Resumed != viewers || r.Reset != 0 || r.Lost != 0) {
				t.Errorf("resume: %+v", r)
			}
			if strings.Contains(out, s.token) {
				t.Error("LG8 the token is in the output")
			}
			t.Logf("%s", out)
		})
	}
}

// TestRehearsalSeesAStranger: an answer that is not one of its own makes the
// rehearsal say so, and end with 1.
func TestRehearsalSeesAStranger(t *testing.T) {
	s := newServer(t)
	type ended struct {
		rehearsed
		err error
	}
	done := make(chan ended, 1)
	folder := t.TempDir()
	go func() {
		r, err := s.rehearse(t.Context(), folder, "answers", "--cues", "1", "--viewers", "20", "--processes", "2", "--timing", "spread:3000")
		done <- ended{r, err}
	}()
	s.stranger(t)
	e := <-done
	if e.err != nil || e.code != 1 || e.report.OK() || !strings.Contains(e.out, "the final tally has counted") {
		t.Errorf("exit code %d, %v, differences %q\n%s", e.code, e.err, e.report.Differences, e.out)
	}
}

// stranger answers the first poll that opens.
func (s *server) stranger(t *testing.T) {
	t.Helper()
	v := newVoter(s)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { v.run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	var open wire.Cue
	await(t, "a poll to be open", func() bool {
		var known struct {
			Cues []wire.Cue `json:"cues"`
		}
		s.call(http.MethodGet, "", nil, &known)
		i := slices.IndexFunc(known.Cues, func(c wire.Cue) bool { return c.State == wire.StateOpen })
		if i >= 0 {
			open = known.Cues[i]
		}
		return i >= 0
	})
	asked := false
	await(t, "the stranger's receipt", func() bool {
		v.mu.Lock()
		_, has := v.receipts[open.ID]
		again := !asked || v.refused[open.ID] != "" // quicker than a person
		v.mu.Unlock()
		if !has && again {
			v.answer(open.ID, open.Rev, 0)
			asked = true
		}
		return has
	})
}
