package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/embedded"
)

// victim names the log that a process of this test writes until it is killed.
const victim = "CUELIGHT_TEST_VICTIM"

func TestMain(m *testing.M) {
	if path := os.Getenv(victim); path != "" {
		fmt.Println(writeUntilKilled(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeUntilKilled counts: record after record holds the next number, and every
// 20th is followed by a snapshot of all before. It prints every number that is
// acknowledged.
func writeUntilKilled(path string) error {
	ctx := context.Background()
	s, err := embedded.Open(ctx, path, nil)
	if err != nil {
		return err
	}
	next, seq, err := countUp(ctx, s)
	if err != nil {
		return err
	}
	filler := strings.Repeat(" ", 10<<10)
	for ; ; next++ {
		records := snapshot(strconv.Itoa(next) + filler)
		if err := s.Append(ctx, records); err != nil {
			return err
		}
		seq = records[0].Seq
		fmt.Println(next)
		if next%20 == 0 {
			folded := snapshot("sum"+strings.Repeat(filler, 60), "sum"+strings.Repeat(filler, 60), "sum "+strconv.Itoa(next))
			if err := s.Replace(ctx, "show", seq, folded); err != nil {
				return err
			}
		}
	}
}

// countUp reads what writeUntilKilled wrote and returns the number that comes
// next: after a whole snapshot, if there is one, no number may be missing.
func countUp(ctx context.Context, s *embedded.Store) (next int, seq uint64, err error) {
	next, sums := 1, 0
	err = s.Replay(ctx, "show", func(r interact.Record) error {
		seq = r.Seq
		text := strings.TrimSpace(string(r.Data))
		if sum, ok := strings.CutPrefix(text, "sum"); ok {
			if sums++; sums < 3 {
				return nil
			}
			n, err := strconv.Atoi(strings.TrimSpace(sum))
			next = n + 1
			return err
		}
		if sums%3 != 0 || text != strconv.Itoa(next) {
			return fmt.Errorf("record %d holds %.20q after %d of 3 parts of a snapshot, want %d", r.Seq, text, sums, next)
		}
		next++
		return nil
	})
	return next, seq, err
}

func TestKilledWhileReplacing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "interact.db")
	random := rand.New(rand.NewPCG(6, 23))
	acknowledged := 0
	for round := range 8 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		writer := exec.CommandContext(ctx, os.Args[0])
		writer.Env = append(os.Environ(), victim+"="+path)
		out, err := writer.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		killed := false
		for stop := 20*(1+random.IntN(2)) + random.IntN(3) - 1; lines.Scan(); stop-- {
			if acknowledged, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatalf("the writer says %s", lines.Text())
			}
			if stop <= 0 && !killed {
				killed = true
				// Somewhere in what follows, which is often a snapshot.
				time.AfterFunc(time.Duration(random.IntN(12))*time.Millisecond, func() { writer.Process.Kill() })
			}
		}
		writer.Wait() // it was killed: there is no other outcome
		cancel()
		s := open(t, path)
		next, _, err := countUp(t.Context(), s)
		if err != nil || next <= acknowledged || next > acknowledged+2 {
			t.Fatalf("ST23 round %d: goes on with %d after %d was acknowledged, %v", round, next, acknowledged, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
