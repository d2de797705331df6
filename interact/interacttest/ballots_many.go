package interacttest

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// ballotsGateways lets several gateways cast the votes of the same people, each its
// own choice: one of them counts, and everybody is told the same.
func ballotsGateways(t *testing.T, b interact.Ballots) {
	const gateways, people, batch = 4, 1200, 100
	marks := make([][]interact.Mark, gateways)
	var fresh atomic.Int64
	var wg sync.WaitGroup
	for g := range gateways {
		marks[g] = make([]interact.Mark, people)
		wg.Go(func() {
			for from := 0; from < people; from += batch {
				votes, out := make([]interact.Vote, batch), make([]interact.Outcome, batch)
				for i := range votes {
					votes[i] = voteOf(fmt.Sprint("viewer", from+i), g, clock.Instant(1_000*g+i+1))
				}
				if err := b.Cast(t.Context(), ballotShow, votes, out); err != nil {
					t.Error(err)
				}
				for i, o := range out {
					if o.Fresh {
						fresh.Add(1)
					}
					if marks[g][from+i] = o.Mark; o.Code != "" {
						t.Errorf("BA1 %s", o.Code)
					}
				}
			}
		})
	}
	wg.Wait()
	counts := make([]uint64, gateways)
	for i := range people {
		m := marks[0][i]
		for g := range marks {
			if marks[g][i] != m {
				t.Fatalf("viewer %d was told %+v and %+v", i, m, marks[g][i])
			}
		}
		counts[m.Choice.Indices()[0]]++
	}
	wantCounts(t, tallyOf(t, b, ballotShow), counts...)
	if fresh.Load() != people {
		t.Errorf("%d votes of %d people are fresh", fresh.Load(), people)
	}
}

// ballotsSealAmongCasts seals while votes are cast and tallies are read: what came
// out as counted is in the final counts, and nothing else.
func ballotsSealAmongCasts(t *testing.T, b interact.Ballots) {
	const gateways, batches, batch = 4, 30, 20
	var counted, closed atomic.Int64
	begun := make(chan struct{}, gateways*batches)
	var wg sync.WaitGroup
	for g := range gateways {
		wg.Go(func() {
			for n := range batches {
				votes, out := make([]interact.Vote, batch), make([]interact.Outcome, batch)
				for i := range votes {
					votes[i] = voteOf(fmt.Sprintf("viewer%d.%d.%d", g, n, i), 2, 1)
				}
				if err := b.Cast(t.Context(), ballotShow, votes, out); err != nil {
					t.Error(err)
				}
				for _, o := range out {
					switch o.Code {
					case "":
						counted.Add(1)
					case interact.CodeClosed:
						closed.Add(1)
					default:
						t.Errorf("came out as %+v", o)
					}
				}
				begun <- struct{}{}
			}
		})
	}
	var last interact.Tally
	for range gateways * batches / 4 {
		<-begun
		now := tallyOf(t, b, ballotShow)
		if now.Version < last.Version || now.Version == last.Version && !slices.Equal(now.Counts, last.Counts) && last.Counts != nil {
			t.Errorf("BA6 %+v after %+v", now, last)
		}
		last = now
	}
	final := sealOf(t, b, ballotShow)
	wg.Wait()
	if after := tallyOf(t, b, ballotShow); !reflect.DeepEqual(after, final) {
		t.Errorf("after the seal %+v, sealed as %+v", after, final)
	}
	if final.Total != uint64(counted.Load()) || final.Counts[2] != final.Total || counted.Load()+closed.Load() != gateways*batches*batch {
		t.Errorf("sealed as %+v, but %d counted and %d closed", final, counted.Load(), closed.Load())
	}
}

// ballotModel is a poll as one ledger in one process counts it.
type ballotModel struct {
	ledger *interact.Ledger
	sheet  *interact.Sheet
	poll   interact.Poll
	sealed bool
	seqs   map[uint32]uint32 // number here to number there
}

func (m *ballotModel) cast(v interact.Vote) interact.Outcome {
	h := interact.HashOf(v.Participant)
	if !m.poll.Changes {
		v.Attempt = 0
	}
	before, voted := m.sheet.Find(h, v.Participant)
	if old, again := m.sheet.Attempt(h, v.Participant, v.Attempt); again {
		return interact.Outcome{Mark: old}
	}
	switch {
	case voted && v.Attempt == 0:
		return interact.Outcome{Mark: before}
	case v.Refused != "":
		return interact.Outcome{Code: v.Refused}
	case m.sealed:
		return interact.Outcome{Code: interact.CodeClosed}
	case voted && m.sheet.Attempts(before) >= interact.MaxAttempts:
		return interact.Outcome{Code: interact.CodeTooMany}
	}
	now, _ := m.sheet.ApplyHashed(h, v.Entry)
	return interact.Outcome{Mark: now, Fresh: !voted || now.Choice != before.Choice}
}

// same says whether an outcome is the model's. Numbers may be others, as long as
// each stands for one.
func (m *ballotModel) same(got, want interact.Outcome) bool {
	if n := want.Mark.Seq; n != 0 {
		if _, ok := m.seqs[n]; !ok {
			m.seqs[n] = got.Mark.Seq
		}
		want.Mark.Seq = m.seqs[n]
	}
	return got == want
}

func drawVote(t *rapid.T) interact.Vote {
	at := clock.Instant(rapid.Int64Range(1, 1<<52).Draw(t, "credited"))
	v := voteOf(rapid.StringMatching("[a-f]").Draw(t, "participant"), rapid.IntRange(0, 2).Draw(t, "option"), at)
	if id := rapid.IntRange(0, 5).Draw(t, "attempt"); id > 0 {
		v.Attempt = uint64(id) << 56
	}
	if rapid.IntRange(0, 5).Draw(t, "refused") == 0 {
		v.Refused = interact.CodeLate
	}
	return v
}

// ballotsModel casts batches of few people and seals at any time, and wants what a
// ledger makes of it.
func ballotsModel(t *testing.T, b interact.Ballots) {
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		m := &ballotModel{ledger: interact.NewLedger(b.Level()), seqs: make(map[uint32]uint32)}
		m.poll = interact.Poll{Channel: "model", Cue: fmt.Sprint("run", runs), Options: 3, Changes: rapid.Bool().Draw(rt, "changes")}
		m.sheet = m.ledger.Sheet(m.poll.Cue)
		for range rapid.IntRange(1, 4).Draw(rt, "batches") {
			votes := rapid.SliceOfN(rapid.Custom(drawVote), 0, 20).Draw(rt, "votes")
			out := make([]interact.Outcome, len(votes))
			if err := b.Cast(t.Context(), m.poll, votes, out); err != nil {
				rt.Fatal(err)
			}
			for i, v := range votes {
				if want := m.cast(v); !m.same(out[i], want) {
					rt.Fatalf("vote %d, %+v, came out as %+v, want %+v", i, v, out[i], want)
				}
			}
			if rapid.IntRange(0, 3).Draw(rt, "seal") == 0 {
				m.sealed = true
				m.ledger.Seal(m.poll.Cue)
				if _, err := b.Seal(t.Context(), m.poll); err != nil {
					rt.Fatal(err)
				}
			}
			got, err := b.Tally(t.Context(), m.poll)
			if want := m.ledger.Tally(m.poll.Cue, m.poll.Options); err != nil || !reflect.DeepEqual(got, want) {
				rt.Fatalf("tally %+v, %v, want %+v", got, err, want)
			}
		}
		seen := 0
		err := b.Entries(t.Context(), m.poll, func(e interact.Entry, mark interact.Mark) error {
			want, _ := m.sheet.Find(interact.HashOf(e.Participant), e.Participant)
			if !m.same(interact.Outcome{Mark: mark}, interact.Outcome{Mark: want}) || e.Choice != want.Choice || e.Credited != want.Credited {
				rt.Fatalf("entry %+v, %+v, want %+v", e, mark, want)
			}
			seen++
			return nil
		})
		if total := m.ledger.Tally(m.poll.Cue, 3).Total; err != nil || seen != int(total) {
			rt.Fatalf("%d entries of %d, %v", seen, total, err)
		}
	})
}
