package load_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/embedded"
	"github.com/cuelight/cuelight/interact/wire"
)

const (
	kills   = 20
	rooms   = 4 // cues on air at once, each in a place of its own
	voters  = 300
	within  = 80 * time.Millisecond // of a burst; the kill falls into it
	onAir   = 5 * time.Minute       // longer than the test: it is closed by hand
	vanishs = 10                    // one voter in so many leaves after it has sent
)

// TestKilledAgainAndAgain kills the server in the middle of twenty bursts.
// Whatever anybody was ever told is in the log, in the counts, and told again.
func TestKilledAgainAndAgain(t *testing.T) {
	began, seed := time.Now(), uint64(20)
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	s := newServer(t)
	c := gather(t, s, voters)
	var cues []wire.Cue
	for i := range rooms {
		cues = append(cues, s.onAir(fmt.Sprint("place-", i), onAir))
	}
	s.untilOpen(cues[rooms-1].ID)
	gone := make(map[string]int) // voters who left without a word, by cue
	var middle, untold int       // kills that fell between receipts; answers counted that nobody was told of
	order := random.Perm(voters)
	for round := range kills {
		cue := cues[round%rooms]
		cohort := order[round/rooms*voters/(kills/rooms):][:voters/(kills/rooms)]
		var expected []*voter
		for _, i := range cohort {
			v, option, after := c.all[i], random.IntN(options), time.Duration(random.Int64N(int64(within)))
			if random.IntN(vanishs) == 0 {
				gone[cue.ID]++
				time.AfterFunc(after, func() { v.vanish(cue.ID, cue.Rev, option) })
				continue
			}
			expected = append(expected, v)
			time.AfterFunc(after, func() { v.answer(cue.ID, cue.Rev, option) })
		}
		moment := time.NewTimer(time.Duration(random.Int64N(int64(within))))
		<-moment.C
		s.kill()
		told, log := c.told(cue.ID), s.peek(cue.ID)
		for participant, r := range told {
			if is, ok := log[participant]; !ok || is.seq != r.Seq {
				t.Errorf("ST30 round %d: %s has receipt %d, the log has %+v", round, participant, r.Seq, is)
			}
		}
		untold += len(log) - len(told)
		if n := len(told) - round/rooms*len(cohort); n > 0 && n < len(expected) {
			middle++
		}
		s.start()
		for _, v := range expected {
			v.receipt(t, cue.ID)
		}
		if got := s.cue(cue.ID); got.Open != cue.Open || got.Close != cue.Close || got.State != wire.StateOpen {
			t.Fatalf("ST30 round %d: %s is %s from %v to %v, was open from %v to %v", round, cue.ID, got.State, got.Open, got.Close, cue.Open, cue.Close)
		}
	}
	t.Logf("%d kills in %v, %d of them between two receipts; %d answers were counted and nobody was told", kills, time.Since(began).Round(time.Millisecond), middle, untold)
	if middle == 0 {
		t.Error("no kill fell into a burst: the test shows nothing")
	}
	c.connected(t)
	c.askAgain(t, cues, random)
	for _, cue := range cues {
		s.call(http.MethodPost, "/"+cue.ID+"/close", nil, &cue)
	}
	tallies := make(map[string]wire.Tally)
	for _, cue := range cues {
		tallies[cue.ID] = s.final(cue.ID)
	}
	s.kill()
	for _, cue := range cues {
		c.compare(t, cue.ID, s.logged(cue.ID), tallies[cue.ID], gone[cue.ID])
	}
	t.Logf("all of it took %v", time.Since(began).Round(time.Millisecond))
}

// told returns the receipts of a cue by participant.
func (c *crowd) told(cue string) map[string]wire.Receipt {
	out := make(map[string]wire.Receipt)
	for _, v := range c.all {
		v.mu.Lock()
		if r, ok := v.receipts[cue]; ok {
			out[v.participant] = r
		}
		v.mu.Unlock()
	}
	return out
}

// askAgain lets everybody who has a receipt answer once more, something else.
// The voters themselves notice another receipt.
func (c *crowd) askAgain(t *testing.T, cues []wire.Cue, random *rand.Rand) {
	for _, cue := range cues {
		var asked []*voter
		for _, v := range c.all {
			v.mu.Lock()
			_, told := v.receipts[cue.ID]
			v.mu.Unlock()
			if told {
				v.answer(cue.ID, cue.Rev, random.IntN(options))
				asked = append(asked, v)
			}
		}
		for _, v := range asked {
			v.wait(t, "the receipt again", func() bool { _, owed := v.owed[cue.ID]; return !owed })
		}
	}
}

// counted is an answer as the log has it.
type counted struct {
	seq    uint64
	option interact.Selection
}

// peek is logged of a copy, so that the server finds what it left.
func (s *server) peek(cue string) map[string]counted {
	s.t.Helper()
	copied := &server{t: s.t, data: s.copied()}
	return copied.logged(cue)
}

// copied returns a folder with a copy of the log.
func (s *server) copied() string {
	s.t.Helper()
	folder := s.t.TempDir()
	for _, name := range []string{logFile, logFile + "-wal"} {
		text, err := os.ReadFile(filepath.Join(s.data, name))
		if err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	return folder
}

const logFile = "answers.db"

// logged reads the log of a server that does not run: the answers of a cue by
// participant.
func (s *server) logged(cue string) map[string]counted {
	s.t.Helper()
	store, err := embedded.Open(s.t.Context(), filepath.Join(s.data, logFile), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer store.Close()
	out := make(map[string]counted)
	err = store.Replay(s.t.Context(), channel, func(r interact.Record) error {
		if r.Kind != interact.RecordAnswers || r.Cue != cue {
			return nil
		}
		entries, err := interact.ParseBatch(r.Data)
		for _, e := range entries {
			if _, twice := out[e.Participant]; twice {
				s.t.Errorf("ST30 %s is in the log twice", e.Participant)
			}
			out[e.Participant] = counted{seq: uint64(len(out) + 1), option: e.Choice}
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// compare holds what was promised against what is in the log and in the counts.
func (c *crowd) compare(t *testing.T, cue string, log map[string]counted, tally wire.Tally, gone int) {
	t.Helper()
	promised := 0
	for _, v := range c.all {
		v.mu.Lock()
		r, told := v.receipts[cue]
		v.mu.Unlock()
		if !told {
			continue
		}
		promised++
		is, ok := log[v.participant]
		if !ok || is.seq != r.Seq || !slices.Equal(is.option.Indices(), r.Choice) || r.Level != "log" {
			t.Errorf("ST30 %s has receipt %+v, the log has %+v", v.participant, r, is)
		}
	}
	counts := make([]uint64, options)
	for _, is := range log {
		counts[is.option.Indices()[0]]++
	}
	if tally.Total != uint64(len(log)) || !slices.Equal(tally.Counts, counts) {
		t.Errorf("ST30 the tally is %+v, the log has %d: %v", tally, len(log), counts)
	}
	if len(log) < promised || len(log) > promised+gone {
		t.Errorf("ST30 %d counted, %d have a receipt and %d left before they could be told", len(log), promised, gone)
	}
}
