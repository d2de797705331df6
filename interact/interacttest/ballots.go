package interacttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// TestBallots checks the rules BA1… of interact/SPEC.md. Open returns ballots
// without answers that only this test uses.
func TestBallots(t *testing.T, open func(t *testing.T) interact.Ballots) {
	t.Run("BA1 the first vote counts, and every other is a repetition", func(t *testing.T) { ballotsFirst(t, open(t)) })
	t.Run("BA2 what is refused does not count, but may repeat", func(t *testing.T) { ballotsRefused(t, open(t)) })
	t.Run("BA3 another attempt changes an answer", func(t *testing.T) { ballotsChanges(t, open(t)) })
	t.Run("BA3 attempts end at the hundredth", func(t *testing.T) { ballotsAttempts(t, open(t)) })
	t.Run("BA4 votes of one participant in a batch go in their order", func(t *testing.T) { ballotsBatchOrder(t, open(t)) })
	t.Run("BA4 a batch of one participant", func(t *testing.T) { ballotsOnePerson(t, open(t)) })
	t.Run("BA5 numbers are unique", func(t *testing.T) { ballotsNumbers(t, open(t)) })
	t.Run("BA6 a tally is the sum of what counts", func(t *testing.T) { ballotsTally(t, open(t)) })
	t.Run("BA7 nothing new counts after the seal", func(t *testing.T) { ballotsSeal(t, open(t)) })
	t.Run("BA8 polls are strangers", func(t *testing.T) { ballotsStrangers(t, open(t)) })
	t.Run("BA9 receipts in the order of the polls", func(t *testing.T) { ballotsReceipts(t, open(t)) })
	t.Run("BA10 everybody's answer as it counts", func(t *testing.T) { ballotsEntries(t, open(t)) })
	t.Run("BA10 the visitor's error ends it", func(t *testing.T) { ballotsEntriesError(t, open(t)) })
	t.Run("BA11 what expires is gone, and only that", func(t *testing.T) { ballotsExpire(t, open(t)) })
	t.Run("BA12 a batch that nobody would take", func(t *testing.T) { ballotsInvalid(t, open(t)) })
	t.Run("BA13 an ended context casts nothing", func(t *testing.T) { ballotsEnded(t, open(t)) })
	t.Run("BA14 slices are the caller's again", func(t *testing.T) { ballotsCallers(t, open(t)) })
	t.Run("BA15 gateways cast at the same time", func(t *testing.T) { ballotsGateways(t, open(t)) })
	t.Run("BA16 a seal among casts", func(t *testing.T) { ballotsSealAmongCasts(t, open(t)) })
	t.Run("BA17 as a ledger counts", func(t *testing.T) { ballotsModel(t, open(t)) })
}

var ballotShow = interact.Poll{Channel: "show", Cue: "c1", Options: 4}

// voteOf returns somebody's vote for an option.
func voteOf(who string, option int, at clock.Instant) interact.Vote {
	return interact.Vote{Entry: interact.Entry{
		Participant: who, Choice: 1 << option, Credited: at, Received: at + 40_000,
	}}
}

func attemptOf(who string, option int, at clock.Instant, id string) interact.Vote {
	v := voteOf(who, option, at)
	v.Attempt = interact.AttemptOf(id)
	return v
}

func refusedOf(v interact.Vote, code interact.Code) interact.Vote {
	v.Refused = code
	return v
}

func castAll(t *testing.T, b interact.Ballots, p interact.Poll, votes ...interact.Vote) []interact.Outcome {
	t.Helper()
	out := make([]interact.Outcome, len(votes))
	if err := b.Cast(t.Context(), p, votes, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// castOne casts a vote that has to count, now or before.
func castOne(t *testing.T, b interact.Ballots, p interact.Poll, v interact.Vote, fresh bool) interact.Mark {
	t.Helper()
	out := castAll(t, b, p, v)[0]
	if out.Code != "" || out.Fresh != fresh {
		t.Errorf("vote %+v came out as %+v, want it to count, fresh: %v", v, out, fresh)
	}
	return out.Mark
}

func wantCode(t *testing.T, b interact.Ballots, p interact.Poll, v interact.Vote, code interact.Code) {
	t.Helper()
	if got := castAll(t, b, p, v)[0]; got.Code != code || got.Fresh {
		t.Errorf("vote %+v came out as %+v, want %s", v, got, code)
	}
}

func tallyOf(t *testing.T, b interact.Ballots, p interact.Poll) interact.Tally {
	t.Helper()
	got, err := b.Tally(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func sealOf(t *testing.T, b interact.Ballots, p interact.Poll) interact.Tally {
	t.Helper()
	got, err := b.Seal(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func wantCounts(t *testing.T, got interact.Tally, want ...uint64) {
	t.Helper()
	var total uint64
	for _, n := range want {
		total += n
	}
	if !slices.Equal(got.Counts, want) || got.Total != total {
		t.Errorf("tally %+v, want %v", got, want)
	}
}

func ballotsFirst(t *testing.T, b interact.Ballots) {
	first := castOne(t, b, ballotShow, voteOf("ann", 1, 1_000), true)
	if first.Credited != 1_000 || first.Choice != 1<<1 || first.Seq == 0 || first.Changes != 0 {
		t.Errorf("counted as %+v", first)
	}
	for _, again := range []interact.Vote{voteOf("ann", 1, 1_000), voteOf("ann", 3, 9_000), attemptOf("ann", 2, 2_000, "other")} {
		if got := castOne(t, b, ballotShow, again, false); got != first {
			t.Errorf("IN3 repeated as %+v, was %+v", got, first)
		}
	}
	wantCounts(t, tallyOf(t, b, ballotShow), 0, 1, 0, 0)
}

func ballotsRefused(t *testing.T, b interact.Ballots) {
	late := refusedOf(voteOf("ann", 1, 1_000), interact.CodeLate)
	wantCode(t, b, ballotShow, late, interact.CodeLate)
	wantCode(t, b, ballotShow, refusedOf(interact.Vote{Entry: interact.Entry{Participant: "ann"}}, interact.CodeUnknownOption), interact.CodeUnknownOption)
	wantCounts(t, tallyOf(t, b, ballotShow), 0, 0, 0, 0)
	first := castOne(t, b, ballotShow, voteOf("ann", 1, 1_000), true)
	if got := castOne(t, b, ballotShow, late, false); got != first {
		t.Errorf("IN3 a retry after closing got %+v, was %+v", got, first)
	}
	out := castAll(t, b, ballotShow, refusedOf(voteOf("bob", 0, 1), interact.CodeEarly), voteOf("cid", 0, 2), refusedOf(voteOf("ann", 0, 3), interact.CodeVoid))
	if out[0].Code != interact.CodeEarly || out[1].Code != "" || !out[1].Fresh || out[2].Mark != first || out[2].Code != "" {
		t.Errorf("a mixed batch came out as %+v", out)
	}
}

func ballotsChanges(t *testing.T, b interact.Ballots) {
	p := ballotShow
	p.Changes = true
	first := castOne(t, b, p, attemptOf("ann", 1, 1_000, "a"), true)
	second := castOne(t, b, p, attemptOf("ann", 2, 2_000, "b"), true)
	if want := (interact.Mark{Credited: 2_000, Seq: first.Seq, Choice: 1 << 2, Changes: 1}); second != want {
		t.Errorf("changed to %+v, want %+v", second, want)
	}
	if got := castOne(t, b, p, attemptOf("ann", 1, 9_000, "a"), false); got != first {
		t.Errorf("the first attempt again got %+v, was %+v", got, first)
	}
	if got := castOne(t, b, p, attemptOf("ann", 2, 3_000, "c"), false); got != second {
		t.Errorf("the same choice again got %+v, want it worth what it was, %+v", got, second)
	}
	if got := castOne(t, b, p, refusedOf(attemptOf("ann", 0, 0, "b"), interact.CodeLate), false); got != second {
		t.Errorf("a retry after closing got %+v, was %+v", got, second)
	}
	if got := castOne(t, b, p, voteOf("ann", 0, 4_000), false); got != second {
		t.Errorf("a vote without attempt got %+v, want the last, %+v", got, second)
	}
	wantCode(t, b, p, refusedOf(attemptOf("ann", 0, 4_000, "d"), interact.CodeLate), interact.CodeLate)
	tally := tallyOf(t, b, p)
	wantCounts(t, tally, 0, 0, 1, 0)
	if tally.Version != 2 {
		t.Errorf("IN4 version %d, want one for the vote and one for its change", tally.Version)
	}
	sealOf(t, b, p)
	wantCode(t, b, p, attemptOf("ann", 0, 4_000, "e"), interact.CodeClosed)
	if got := castOne(t, b, p, attemptOf("ann", 0, 9_000, "c"), false); got != second {
		t.Errorf("a retry after the seal got %+v, was %+v", got, second)
	}
}

func ballotsAttempts(t *testing.T, b interact.Ballots) {
	p := ballotShow
	p.Changes = true
	marks := make([]interact.Mark, interact.MaxAttempts)
	for i := range marks {
		marks[i] = castOne(t, b, p, attemptOf("ann", i%4, clock.Instant(i), fmt.Sprint(i)), true)
	}
	wantCode(t, b, p, attemptOf("ann", 3, 1_000, "more"), interact.CodeTooMany)
	for i, want := range marks {
		if got := castOne(t, b, p, attemptOf("ann", 0, 0, fmt.Sprint(i)), false); got != want {
			t.Fatalf("attempt %d again got %+v, was %+v", i, got, want)
		}
	}
	wantCounts(t, tallyOf(t, b, p), 0, 0, 0, 1)
}

func ballotsBatchOrder(t *testing.T, b interact.Ballots) {
	out := castAll(t, b, ballotShow, refusedOf(voteOf("ann", 3, 1), interact.CodeEarly), voteOf("ann", 1, 2), voteOf("bob", 2, 3), voteOf("ann", 0, 4))
	if out[0].Code != interact.CodeEarly || !out[1].Fresh || !out[2].Fresh || out[3].Fresh || out[3].Mark != out[1].Mark || out[1].Mark.Choice != 1<<1 {
		t.Errorf("came out as %+v", out)
	}
	p := ballotShow
	p.Cue, p.Changes = "c2", true
	out = castAll(t, b, p, attemptOf("ann", 1, 1, "a"), attemptOf("ann", 2, 2, "b"), attemptOf("ann", 3, 3, "a"), attemptOf("ann", 2, 4, "c"))
	if !out[0].Fresh || !out[1].Fresh || out[2].Mark != out[0].Mark || out[3].Mark != out[1].Mark || out[3].Fresh || out[1].Mark.Changes != 1 {
		t.Errorf("changes came out as %+v", out)
	}
	wantCounts(t, tallyOf(t, b, p), 0, 0, 1, 0)
}

func ballotsOnePerson(t *testing.T, b interact.Ballots) {
	votes := make([]interact.Vote, interact.MaxCast)
	for i := range votes {
		votes[i] = voteOf("ann", i%4, clock.Instant(i+1))
	}
	out := castAll(t, b, ballotShow, votes...)
	for i, o := range out {
		if o.Code != "" || o.Fresh != (i == 0) || o.Mark != out[0].Mark {
			t.Fatalf("vote %d came out as %+v", i, o)
		}
	}
	wantCounts(t, tallyOf(t, b, ballotShow), 1, 0, 0, 0)
}

func ballotsNumbers(t *testing.T, b interact.Ballots) {
	const people = interact.MaxCast
	votes := make([]interact.Vote, people)
	for i := range votes {
		votes[i] = voteOf(fmt.Sprint("viewer", i), i%4, clock.Instant(i))
	}
	seen := make(map[uint32]bool)
	for _, part := range [][]interact.Vote{votes[:1], votes[1:100], votes[100:]} {
		for i, o := range castAll(t, b, ballotShow, part...) {
			if o.Code != "" || !o.Fresh || o.Mark.Seq == 0 || seen[o.Mark.Seq] || o.Mark.Choice != part[i].Choice {
				t.Fatalf("vote of %s came out as %+v", part[i].Participant, o)
			}
			seen[o.Mark.Seq] = true
		}
	}
	wantCounts(t, tallyOf(t, b, ballotShow), people/4, people/4, people/4, people/4)
	if castAll(t, b, ballotShow); len(seen) != people {
		t.Errorf("%d numbers", len(seen))
	}
}

func ballotsTally(t *testing.T, b interact.Ballots) {
	if got := tallyOf(t, b, ballotShow); got.Version != 0 || got.Final || got.Cue != ballotShow.Cue || len(got.Counts) != ballotShow.Options {
		t.Errorf("before anything: %+v", got)
	}
	var version uint64
	for i := range 20 {
		castOne(t, b, ballotShow, voteOf(fmt.Sprint("p", i), i%3, 1), true)
		castOne(t, b, ballotShow, voteOf(fmt.Sprint("p", i), 3, 1), false)
		got := tallyOf(t, b, ballotShow)
		if got.Version <= version || got.Total != uint64(i+1) || got.Final {
			t.Fatalf("IN4 %+v after version %d", got, version)
		}
		version = got.Version
	}
	wantCounts(t, tallyOf(t, b, ballotShow), 7, 7, 6, 0)
}

func ballotsSeal(t *testing.T, b interact.Ballots) {
	first := castOne(t, b, ballotShow, voteOf("ann", 1, 1_000), true)
	before := tallyOf(t, b, ballotShow)
	sealed := sealOf(t, b, ballotShow)
	wantCounts(t, sealed, 0, 1, 0, 0)
	if !sealed.Final || sealed.Version <= before.Version {
		t.Errorf("sealed as %+v after %+v", sealed, before)
	}
	for i := range 40 {
		wantCode(t, b, ballotShow, voteOf(fmt.Sprint("late", i), 0, 2_000), interact.CodeClosed)
	}
	wantCode(t, b, ballotShow, refusedOf(voteOf("bob", 0, 2_000), interact.CodeLate), interact.CodeLate)
	if got := castOne(t, b, ballotShow, voteOf("ann", 3, 9_000), false); got != first {
		t.Errorf("IN3 after the seal: %+v, was %+v", got, first)
	}
	for _, again := range []interact.Tally{sealOf(t, b, ballotShow), tallyOf(t, b, ballotShow)} {
		if !slices.Equal(again.Counts, sealed.Counts) || again.Version != sealed.Version || again.Total != sealed.Total || !again.Final {
			t.Errorf("later %+v, was %+v", again, sealed)
		}
	}
	empty := ballotShow
	empty.Cue = "nobody"
	if got := sealOf(t, b, empty); !got.Final || got.Total != 0 || len(got.Counts) != empty.Options {
		t.Errorf("without votes sealed as %+v", got)
	}
	wantCode(t, b, empty, voteOf("ann", 0, 1), interact.CodeClosed)
}

func ballotsStrangers(t *testing.T, b interact.Ballots) {
	polls := []interact.Poll{
		{Channel: "a", Cue: "c1", Options: 2}, {Channel: "a", Cue: "c2", Options: 8}, {Channel: "b", Cue: "c1", Options: 2},
	}
	sealOf(t, b, polls[0])
	for _, p := range polls[1:] {
		castOne(t, b, p, voteOf("ann", 1, 1), true)
	}
	castOne(t, b, polls[1], voteOf("bob", 7, 1), true)
	wantCounts(t, tallyOf(t, b, polls[0]), 0, 0)
	wantCounts(t, tallyOf(t, b, polls[1]), 0, 1, 0, 0, 0, 0, 0, 1)
	wantCounts(t, tallyOf(t, b, polls[2]), 0, 1)
}

func ballotsReceipts(t *testing.T, b interact.Ballots) {
	other, none := ballotShow, ballotShow
	other.Cue, other.Changes, none.Cue = "c2", true, "c3"
	first := castOne(t, b, ballotShow, voteOf("ann", 1, 1_000), true)
	castOne(t, b, other, attemptOf("ann", 1, 2_000, "a"), true)
	last := castOne(t, b, other, attemptOf("ann", 2, 3_000, "b"), true)
	castOne(t, b, none, voteOf("bob", 1, 1_000), true)
	got, err := b.Receipts(t.Context(), []interact.Poll{other, none, ballotShow}, "ann")
	if err != nil || len(got) != 2 {
		t.Fatalf("%d receipts, %v: want 2", len(got), err)
	}
	for i, want := range []interact.Mark{last, first} {
		r := got[i]
		if r.Cue != []string{"c2", "c1"}[i] || r.Participant != "ann" || r.ID != "" || r.Level != b.Level() || r.Seq != uint64(want.Seq) ||
			r.Credited != want.Credited || r.Changes != int(want.Changes) || !slices.Equal(r.Choice, want.Choice.Indices()) {
			t.Errorf("receipt %+v, want that of %+v", r, want)
		}
	}
	if got, err := b.Receipts(t.Context(), []interact.Poll{ballotShow}, "nobody"); err != nil || len(got) != 0 {
		t.Errorf("a stranger has %v, %v", got, err)
	}
	if got, err := b.Receipts(t.Context(), nil, "ann"); err != nil || len(got) != 0 {
		t.Errorf("of no polls: %v, %v", got, err)
	}
}

func ballotsEntries(t *testing.T, b interact.Ballots) {
	const people = 3000
	p := ballotShow
	p.Changes = true
	want := make(map[string]interact.Entry)
	for round := range 2 {
		var votes []interact.Vote
		for i := range people / (1 + round) {
			v := attemptOf(fmt.Sprint("viewer", i), (i+round)%4, clock.Instant(1_000*round+i), fmt.Sprint(round))
			votes, want[v.Participant] = append(votes, v), v.Entry
		}
		castAll(t, b, p, votes...)
	}
	sealOf(t, b, p)
	err := b.Entries(t.Context(), p, func(e interact.Entry, m interact.Mark) error {
		if e != want[e.Participant] || m.Choice != e.Choice || m.Credited != e.Credited || m.Seq == 0 {
			t.Errorf("entry %+v, %+v, want %+v", e, m, want[e.Participant])
		}
		delete(want, e.Participant)
		return nil
	})
	if err != nil || len(want) != 0 {
		t.Errorf("%d entries are missing, %v", len(want), err)
	}
}

func ballotsEntriesError(t *testing.T, b interact.Ballots) {
	castAll(t, b, ballotShow, voteOf("ann", 1, 1), voteOf("bob", 1, 1))
	enough, visits := errors.New("enough"), 0
	err := b.Entries(t.Context(), ballotShow, func(interact.Entry, interact.Mark) error {
		visits++
		return enough
	})
	if !errors.Is(err, enough) || visits != 1 {
		t.Errorf("err = %v after %d visits, want the first visit's own", err, visits)
	}
}

func ballotsExpire(t *testing.T, b interact.Ballots) {
	p := [4]interact.Poll{}
	for i := range p {
		p[i] = interact.Poll{Channel: "show", Cue: fmt.Sprint("c", i), Options: 2}
		castAll(t, b, p[i], voteOf("ann", 1, 1), voteOf("bob", 0, 1))
	}
	expire := func(i int, after time.Duration) {
		t.Helper()
		if err := b.Expire(t.Context(), p[i], after); err != nil {
			t.Fatal(err)
		}
	}
	expire(0, 0)
	if got := tallyOf(t, b, p[0]); got.Total != 0 || got.Version != 0 {
		t.Errorf("deleted, yet %+v", got)
	}
	expire(1, 20*time.Millisecond)
	expire(1, time.Hour) // takes its place
	expire(2, 40*time.Millisecond)
	castAll(t, b, p[2], voteOf("cid", 0, 1)) // goes with the others
	for deadline := time.Now().Add(10 * time.Second); tallyOf(t, b, p[2]).Total != 0; {
		if time.Now().After(deadline) {
			t.Fatal("it does not expire")
		}
	}
	for _, i := range []int{1, 3} {
		if got, err := b.Receipts(t.Context(), p[i:i+1], "ann"); err != nil || len(got) != 1 {
			t.Errorf("receipts of a poll that goes on: %v, %v", got, err)
		}
	}
	err := b.Entries(t.Context(), p[2], func(e interact.Entry, _ interact.Mark) error {
		t.Errorf("expired, yet %+v", e)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	expire(0, time.Minute) // of what is not there
}

func ballotsInvalid(t *testing.T, b interact.Ballots) {
	good := voteOf("ann", 1, 1)
	for name, bad := range map[string]struct {
		p     interact.Poll
		votes []interact.Vote
		room  int
	}{
		"no channel":        {interact.Poll{Cue: "c1", Options: 2}, []interact.Vote{good}, 1},
		"no cue":            {interact.Poll{Channel: "show", Options: 2}, []interact.Vote{good}, 1},
		"no options":        {interact.Poll{Channel: "show", Cue: "c1"}, []interact.Vote{good}, 1},
		"nobody":            {ballotShow, []interact.Vote{good, voteOf("", 1, 1)}, 2},
		"a long name":       {ballotShow, []interact.Vote{good, voteOf(strings.Repeat("x", interact.MaxParticipant+1), 1, 1)}, 2},
		"no choice":         {ballotShow, []interact.Vote{good, {Entry: interact.Entry{Participant: "bob"}}}, 2},
		"an unknown option": {ballotShow, []interact.Vote{good, voteOf("bob", 4, 1)}, 2},
		"too few outcomes":  {ballotShow, []interact.Vote{good, voteOf("bob", 1, 1)}, 1},
		"too many votes":    {ballotShow, make([]interact.Vote, interact.MaxCast+1), interact.MaxCast + 1},
	} {
		if err := b.Cast(t.Context(), bad.p, bad.votes, make([]interact.Outcome, bad.room)); interact.CodeOf(err) != interact.CodeInvalid {
			t.Errorf("%s: err = %v, want invalid", name, err)
		}
	}
	wantCounts(t, tallyOf(t, b, ballotShow), 0, 0, 0, 0)
}

func ballotsEnded(t *testing.T, b interact.Ballots) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, receipts := b.Receipts(ctx, []interact.Poll{ballotShow}, "ann")
	_, tally := b.Tally(ctx, ballotShow)
	_, seal := b.Seal(ctx, ballotShow)
	entries := b.Entries(ctx, ballotShow, func(interact.Entry, interact.Mark) error { return nil })
	cast := b.Cast(ctx, ballotShow, []interact.Vote{voteOf("ann", 1, 1)}, make([]interact.Outcome, 1))
	for i, err := range []error{receipts, tally, seal, entries, cast, b.Expire(ctx, ballotShow, 0)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("call %d: err = %v", i, err)
		}
	}
	wantCounts(t, tallyOf(t, b, ballotShow), 0, 0, 0, 0)
}

func ballotsCallers(t *testing.T, b interact.Ballots) {
	name := []byte("ann")
	votes, out := []interact.Vote{voteOf(string(name), 1, 1)}, make([]interact.Outcome, 1)
	if err := b.Cast(t.Context(), ballotShow, votes, out); err != nil {
		t.Fatal(err)
	}
	votes[0], out[0] = voteOf("bob", 2, 2), interact.Outcome{}
	wantCounts(t, tallyOf(t, b, ballotShow), 0, 1, 0, 0)
	castOne(t, b, ballotShow, voteOf("ann", 3, 3), false)
	got := tallyOf(t, b, ballotShow)
	got.Counts[1] = 7
	wantCounts(t, tallyOf(t, b, ballotShow), 0, 1, 0, 0)
}
