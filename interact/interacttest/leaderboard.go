package interacttest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact"
)

// TestLeaderboard checks the rules LB1… of interact/SPEC.md. Open returns a
// leaderboard without points that only this test uses.
func TestLeaderboard(t *testing.T, open func(t *testing.T) interact.Leaderboard) {
	t.Run("LB1 points of all cues are summed up", func(t *testing.T) { boardSums(t, open(t)) })
	t.Run("LB2 points for a cue take the place of those before", func(t *testing.T) { boardCorrects(t, open(t)) })
	t.Run("LB3 as many points share a rank", func(t *testing.T) { boardTies(t, open(t)) })
	t.Run("LB4 the top of many", func(t *testing.T) { boardMany(t, open(t)) })
	t.Run("LB5 who was given nothing has no rank", func(t *testing.T) { boardNobody(t, open(t)) })
	t.Run("LB6 shows and channels are strangers", func(t *testing.T) { boardStrangers(t, open(t)) })
	t.Run("LB7 what nobody would take", func(t *testing.T) { boardInvalid(t, open(t)) })
	t.Run("LB8 a board ends as a whole after its time", func(t *testing.T) { boardEnds(t, open(t)) })
	t.Run("LB8 a board that is let go", func(t *testing.T) { boardExpires(t, open(t)) })
	t.Run("LB9 an ended context gives nothing", func(t *testing.T) { boardEnded(t, open(t)) })
	t.Run("LB10 given at the same time", func(t *testing.T) { boardTogether(t, open(t)) })
	t.Run("LB11 as a plain sum has it", func(t *testing.T) { boardModel(t, open(t)) })
}

var quiz = interact.Board{Channel: "show", Show: "s1"}

func give(t testing.TB, l interact.Leaderboard, b interact.Board, cue string, points map[string]int64) {
	t.Helper()
	if err := l.Give(t.Context(), b, cue, points); err != nil {
		t.Fatal(err)
	}
}

func wantTop(t *testing.T, l interact.Leaderboard, b interact.Board, n int, want ...interact.Standing) {
	t.Helper()
	got, err := l.Top(t.Context(), b, n)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("top %d is %v, %v, want %v", n, got, err, want)
	}
}

func wantRank(t *testing.T, l interact.Leaderboard, b interact.Board, who string, points, rank int64) {
	t.Helper()
	got, ok, err := l.Rank(t.Context(), b, who)
	if want := (interact.Standing{Participant: who, Points: points, Rank: rank}); err != nil || !ok || got != want {
		t.Errorf("%s is %v, %v, %v, want %v", who, got, ok, err, want)
	}
}

func wantNoRank(t *testing.T, l interact.Leaderboard, b interact.Board, who string) {
	t.Helper()
	if got, ok, err := l.Rank(t.Context(), b, who); err != nil || ok || got != (interact.Standing{}) {
		t.Errorf("%s is %v, %v, %v, want no rank", who, got, ok, err)
	}
}

func boardSums(t *testing.T, l interact.Leaderboard) {
	points := map[string]int64{"ann": 3, "bob": 5, "cid": -2}
	give(t, l, quiz, "c1", points)
	clear(points) // it is the caller's again
	give(t, l, quiz, "c2", map[string]int64{"ann": 4, "dan": 0})
	wantTop(t, l, quiz, 10,
		interact.Standing{Participant: "ann", Points: 7, Rank: 1}, interact.Standing{Participant: "bob", Points: 5, Rank: 2},
		interact.Standing{Participant: "dan", Points: 0, Rank: 3}, interact.Standing{Participant: "cid", Points: -2, Rank: 4})
	wantTop(t, l, quiz, 1, interact.Standing{Participant: "ann", Points: 7, Rank: 1})
	wantRank(t, l, quiz, "cid", -2, 4)
	most := map[string]int64{"eve": interact.MaxPoints}
	for i := range 9 {
		give(t, l, quiz, fmt.Sprint("m", i), most)
	}
	wantRank(t, l, quiz, "eve", 9*interact.MaxPoints, 1)
}

func boardCorrects(t *testing.T, l interact.Leaderboard) {
	for range 3 { // again and again
		give(t, l, quiz, "c1", map[string]int64{"ann": 3, "bob": 5})
		give(t, l, quiz, "c2", map[string]int64{"ann": 1})
	}
	wantRank(t, l, quiz, "ann", 4, 2)
	give(t, l, quiz, "c1", map[string]int64{"ann": 6}) // bob keeps his
	give(t, l, quiz, "c1", map[string]int64{})
	wantRank(t, l, quiz, "ann", 7, 1)
	wantRank(t, l, quiz, "bob", 5, 2)
	give(t, l, quiz, "c1", map[string]int64{"ann": 0, "bob": 0})
	wantTop(t, l, quiz, 2, interact.Standing{Participant: "ann", Points: 1, Rank: 1}, interact.Standing{Participant: "bob", Points: 0, Rank: 2})
}

func boardTies(t *testing.T, l interact.Leaderboard) {
	give(t, l, quiz, "c1", map[string]int64{"dan": 2, "ann": 5, "cid": 5, "bob": 5, "eve": 2, "fay": 1})
	wantTop(t, l, quiz, 5,
		interact.Standing{Participant: "ann", Points: 5, Rank: 1}, interact.Standing{Participant: "bob", Points: 5, Rank: 1},
		interact.Standing{Participant: "cid", Points: 5, Rank: 1}, interact.Standing{Participant: "dan", Points: 2, Rank: 4},
		interact.Standing{Participant: "eve", Points: 2, Rank: 4})
	wantRank(t, l, quiz, "eve", 2, 4)
	wantRank(t, l, quiz, "fay", 1, 6)
}

func boardMany(t *testing.T, l interact.Leaderboard) {
	const many = 3000
	points := make(map[string]int64)
	for i := range many {
		points[fmt.Sprint("p", i)] = int64(i)
	}
	for range 2 {
		give(t, l, quiz, "c1", points)
	}
	got, err := l.Top(t.Context(), quiz, interact.MaxTop)
	if err != nil || len(got) != interact.MaxTop {
		t.Fatalf("top of %d, %v", len(got), err)
	}
	for i, s := range got {
		if want := (interact.Standing{Participant: fmt.Sprint("p", many-1-i), Points: int64(many - 1 - i), Rank: int64(i + 1)}); s != want {
			t.Fatalf("place %d is %v, want %v", i, s, want)
		}
	}
	wantRank(t, l, quiz, "p10", 10, many-10)
}

func boardNobody(t *testing.T, l interact.Leaderboard) {
	wantNoRank(t, l, quiz, "ann")
	wantTop(t, l, quiz, 3)
	give(t, l, quiz, "c1", nil)
	wantTop(t, l, quiz, 3)
	give(t, l, quiz, "c1", map[string]int64{"bob": 1})
	wantNoRank(t, l, quiz, "ann")
}

func boardStrangers(t *testing.T, l interact.Leaderboard) {
	boards := []interact.Board{
		quiz, {Channel: "show", Show: "s2"}, {Channel: "other", Show: "s1"}, {Channel: "s1", Show: "show"},
		{Channel: "show:s1", Show: "s"}, {Channel: "show", Show: "s1:s"}, {Channel: "show s", Show: "1"},
	}
	for i, b := range boards {
		give(t, l, b, "c1", map[string]int64{"ann": int64(i + 1)})
	}
	for i, b := range boards {
		wantTop(t, l, b, 2, interact.Standing{Participant: "ann", Points: int64(i + 1), Rank: 1})
	}
	if err := l.Expire(t.Context(), quiz, 0); err != nil {
		t.Fatal(err)
	}
	wantTop(t, l, quiz, 2)
	wantRank(t, l, boards[1], "ann", 2, 1)
	give(t, l, boards[1], "c", map[string]int64{"1/ann": 1}) // not ann's for c/1
	give(t, l, boards[1], "1", map[string]int64{"ann": 0})
	wantRank(t, l, boards[1], "ann", 2, 1)
	wantRank(t, l, boards[1], "1/ann", 1, 2)
}

func boardInvalid(t *testing.T, l interact.Leaderboard) {
	ann := map[string]int64{"ann": 1}
	long := strings.Repeat("x", interact.MaxBoardName+1)
	for name, bad := range map[string]struct {
		b      interact.Board
		cue    string
		points map[string]int64
	}{
		"no channel":      {interact.Board{Show: "s"}, "c1", ann},
		"no show":         {interact.Board{Channel: "show"}, "c1", ann},
		"a long channel":  {interact.Board{Channel: long, Show: "s"}, "c1", ann},
		"a slash":         {interact.Board{Channel: "a/b", Show: "s"}, "c1", ann},
		"a brace":         {interact.Board{Channel: "a", Show: "s}"}, "c1", ann},
		"a line":          {interact.Board{Channel: "a", Show: "s\n"}, "c1", ann},
		"kept for ever":   {interact.Board{Channel: "a", Show: "s", Keep: interact.MaxBoardKeep + 1}, "c1", ann},
		"kept for less":   {interact.Board{Channel: "a", Show: "s", Keep: -1}, "c1", ann},
		"no cue":          {quiz, "", ann},
		"a cue's slash":   {quiz, "c/1", ann},
		"nobody":          {quiz, "c1", map[string]int64{"ann": 1, "": 1}},
		"a long name":     {quiz, "c1", map[string]int64{"ann": 1, strings.Repeat("x", interact.MaxParticipant+1): 1}},
		"too many points": {quiz, "c1", map[string]int64{"ann": interact.MaxPoints + 1}},
		"too few points":  {quiz, "c1", map[string]int64{"ann": -interact.MaxPoints - 1}},
	} {
		if err := l.Give(t.Context(), bad.b, bad.cue, bad.points); interact.CodeOf(err) != interact.CodeInvalid {
			t.Errorf("%s: err = %v, want invalid", name, err)
		}
	}
	wantTop(t, l, quiz, 1)
	for _, n := range []int{-1, 0, interact.MaxTop + 1} {
		if _, err := l.Top(t.Context(), quiz, n); interact.CodeOf(err) != interact.CodeInvalid {
			t.Errorf("top %d: err = %v, want invalid", n, err)
		}
	}
	_, _, nobody := l.Rank(t.Context(), quiz, "")
	_, _, nowhere := l.Rank(t.Context(), interact.Board{}, "ann")
	_, top := l.Top(t.Context(), interact.Board{}, 1)
	for i, err := range []error{nobody, nowhere, top, l.Expire(t.Context(), interact.Board{}, 0)} {
		if interact.CodeOf(err) != interact.CodeInvalid {
			t.Errorf("call %d: err = %v, want invalid", i, err)
		}
	}
}

// awaitEnd waits until a board is gone.
func awaitEnd(t *testing.T, l interact.Leaderboard, b interact.Board) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-look.C {
		if got, err := l.Top(t.Context(), b, 3); err != nil {
			t.Fatal(err)
		} else if len(got) == 0 {
			return
		}
	}
	t.Fatalf("board %v does not end", b)
}

func boardEnds(t *testing.T, l interact.Leaderboard) {
	short := interact.Board{Channel: "show", Show: "short", Keep: 50 * time.Millisecond}
	give(t, l, short, "c1", map[string]int64{"ann": 3, "bob": 1})
	give(t, l, short, "c2", map[string]int64{"cid": 1})
	give(t, l, quiz, "c1", map[string]int64{"ann": 3})
	awaitEnd(t, l, short)
	wantNoRank(t, l, short, "bob")
	wantRank(t, l, quiz, "ann", 3, 1)
	long := short
	long.Keep = 0
	give(t, l, long, "c1", map[string]int64{"ann": 3}) // not what was corrected
	wantTop(t, l, long, 3, interact.Standing{Participant: "ann", Points: 3, Rank: 1})
}

func boardExpires(t *testing.T, l interact.Leaderboard) {
	expire := func(b interact.Board, after time.Duration) {
		t.Helper()
		if err := l.Expire(t.Context(), b, after); err != nil {
			t.Fatal(err)
		}
	}
	other := interact.Board{Channel: "show", Show: "s2"}
	for _, b := range []interact.Board{quiz, other} {
		give(t, l, b, "c1", map[string]int64{"ann": 3})
		expire(b, 50*time.Millisecond)
	}
	give(t, l, other, "c2", map[string]int64{"bob": 1}) // it goes on
	awaitEnd(t, l, quiz)
	wantTop(t, l, other, 3, interact.Standing{Participant: "ann", Points: 3, Rank: 1}, interact.Standing{Participant: "bob", Points: 1, Rank: 2})
	expire(other, 0)
	wantTop(t, l, other, 3)
	expire(other, time.Minute) // of what is not there
	wantTop(t, l, other, 3)
	give(t, l, other, "c1", map[string]int64{"ann": 2})
	wantRank(t, l, other, "ann", 2, 1)
}

func boardEnded(t *testing.T, l interact.Leaderboard) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, top := l.Top(ctx, quiz, 1)
	_, _, rank := l.Rank(ctx, quiz, "ann")
	given := l.Give(ctx, quiz, "c1", map[string]int64{"ann": 1})
	for i, err := range []error{top, rank, given, l.Expire(ctx, quiz, 0)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("call %d: err = %v", i, err)
		}
	}
	wantTop(t, l, quiz, 1)
}

// boardTogether gives the same people points for different cues, and for the same
// cue, at the same time.
func boardTogether(t *testing.T, l interact.Leaderboard) {
	const givers, people = 6, 40
	var all sync.WaitGroup
	for g := range givers {
		all.Go(func() {
			own, same := make(map[string]int64), make(map[string]int64)
			for i := range people {
				own[fmt.Sprint("p", i)], same[fmt.Sprint("p", i)] = int64(i*(g+1)), 1000
			}
			for range 3 {
				err := errors.Join(l.Give(t.Context(), quiz, fmt.Sprint("c", g), own), l.Give(t.Context(), quiz, "same", same))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for i := range people {
		wantRank(t, l, quiz, fmt.Sprint("p", i), int64(1000+i*givers*(givers+1)/2), int64(people-i))
	}
}

// boardModel gives few people points for few cues, again and again, on few boards,
// and wants what their sums say.
func boardModel(t *testing.T, l interact.Leaderboard) {
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		var given [2]map[[2]string]int64
		boards := [2]interact.Board{{Channel: "model", Show: fmt.Sprint("a", runs)}, {Channel: "model", Show: fmt.Sprint("b", runs)}}
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			i := rapid.IntRange(0, 1).Draw(rt, "board")
			if rapid.IntRange(0, 9).Draw(rt, "expire") == 0 {
				given[i] = nil
				if err := l.Expire(t.Context(), boards[i], 0); err != nil {
					rt.Fatal(err)
				}
				continue
			}
			if given[i] == nil {
				given[i] = make(map[[2]string]int64)
			}
			cue := rapid.StringMatching("[xyz]").Draw(rt, "cue")
			points := rapid.MapOfN(rapid.StringMatching("[a-f/]{1,2}"), rapid.Int64Range(-5, 5), 0, 6).Draw(rt, "points")
			if err := l.Give(t.Context(), boards[i], cue, points); err != nil {
				rt.Fatal(err)
			}
			for who, n := range points {
				given[i][[2]string{who, cue}] = n
			}
		}
		for i, b := range boards {
			checkBoard(t, rt, l, b, standings(given[i]))
		}
	})
}

func checkBoard(t *testing.T, rt *rapid.T, l interact.Leaderboard, b interact.Board, want []interact.Standing) {
	n := rapid.IntRange(1, 8).Draw(rt, "top")
	got, err := l.Top(t.Context(), b, n)
	if err != nil || !slices.Equal(got, want[:min(n, len(want))]) {
		rt.Fatalf("top %d is %+v, %v, want of %+v", n, got, err, want)
	}
	for _, w := range want {
		if got, ok, err := l.Rank(t.Context(), b, w.Participant); err != nil || !ok || got != w {
			rt.Fatalf("rank %+v, %v, %v, want %+v", got, ok, err, w)
		}
	}
	if got, ok, err := l.Rank(t.Context(), b, "nobody"); err != nil || ok {
		rt.Fatalf("nobody has %+v, %v", got, err)
	}
}

// standings sums up what was given.
func standings(given map[[2]string]int64) []interact.Standing {
	sums := make(map[string]int64)
	for k, n := range given {
		sums[k[0]] += n
	}
	var all []interact.Standing
	for who, n := range sums {
		s := interact.Standing{Participant: who, Points: n, Rank: 1}
		for _, other := range sums {
			if other > n {
				s.Rank++
			}
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b interact.Standing) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Participant, b.Participant))
	})
	return all
}
