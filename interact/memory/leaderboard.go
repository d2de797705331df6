package memory

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// Leaderboard keeps points in this process. The zero value is empty and ready. It
// is safe for concurrent use.
type Leaderboard struct {
	mu     sync.Mutex // protects boards and what they hold
	boards map[boardName]*board
}

var _ interact.Leaderboard = (*Leaderboard)(nil)

type boardName struct{ channel, show string }

// board is what is kept of a show.
type board struct {
	ends  time.Time
	given map[string]map[string]int64 // points by cue and participant
	sums  map[string]int64            // by participant
}

// Level is memory.
func (l *Leaderboard) Level() interact.Level { return interact.LevelMemory }

// at returns what is kept of a show, nil if nothing is; the caller holds the lock.
func (l *Leaderboard) at(b interact.Board) *board {
	name := boardName{b.Channel, b.Show}
	o := l.boards[name]
	if o == nil || time.Now().Before(o.ends) {
		return o
	}
	delete(l.boards, name)
	return nil
}

// Give gives participants points for a cue.
//
// Errors: *interact.Error with CodeInvalid; ctx's.
func (l *Leaderboard) Give(ctx context.Context, b interact.Board, cue string, points map[string]int64) error {
	if err := errors.Join(b.ValidateGiven(cue, points), ctx.Err()); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	o := l.at(b)
	if o == nil {
		if len(points) == 0 {
			return nil
		}
		o = l.begin(b)
	}
	o.ends = time.Now().Add(b.Kept())
	had := o.given[cue]
	if had == nil {
		had = make(map[string]int64)
		o.given[cue] = had
	}
	for who, n := range points {
		o.sums[who] += n - had[who]
		had[who] = n
	}
	return nil
}

func (l *Leaderboard) begin(b interact.Board) *board {
	if l.boards == nil {
		l.boards = make(map[boardName]*board)
	}
	o := &board{given: make(map[string]map[string]int64), sums: make(map[string]int64)}
	l.boards[boardName{b.Channel, b.Show}] = o
	return o
}

// sweep lets go of the boards whose time is over.
func (l *Leaderboard) sweep() {
	now := time.Now()
	for name, o := range l.boards {
		if !now.Before(o.ends) {
			delete(l.boards, name)
		}
	}
}

// Top returns those with the most points.
//
// Errors: *interact.Error with CodeInvalid; ctx's.
func (l *Leaderboard) Top(ctx context.Context, b interact.Board, n int) ([]interact.Standing, error) {
	if err := errors.Join(b.ValidateTop(n), ctx.Err()); err != nil {
		return nil, err
	}
	all := l.standings(b)
	slices.SortFunc(all, func(a, b interact.Standing) int {
		return cmp.Or(cmp.Compare(b.Points, a.Points), cmp.Compare(a.Participant, b.Participant))
	})
	for i := range all {
		all[i].Rank = int64(i + 1)
		if i > 0 && all[i].Points == all[i-1].Points {
			all[i].Rank = all[i-1].Rank
		}
	}
	return slices.Clip(all[:min(n, len(all))]), nil
}

// standings are everybody's, without ranks.
func (l *Leaderboard) standings(b interact.Board) []interact.Standing {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.at(b)
	if o == nil {
		return nil
	}
	all := make([]interact.Standing, 0, len(o.sums))
	for who, n := range o.sums {
		all = append(all, interact.Standing{Participant: who, Points: n})
	}
	return all
}

// Rank returns where a participant is.
//
// Errors: *interact.Error with CodeInvalid; ctx's.
func (l *Leaderboard) Rank(ctx context.Context, b interact.Board, participant string) (interact.Standing, bool, error) {
	if err := errors.Join(b.ValidateRank(participant), ctx.Err()); err != nil {
		return interact.Standing{}, false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.at(b)
	if o == nil {
		return interact.Standing{}, false, nil
	}
	own, ok := o.sums[participant]
	if !ok {
		return interact.Standing{}, false, nil
	}
	s := interact.Standing{Participant: participant, Points: own, Rank: 1}
	for _, n := range o.sums {
		if n > own {
			s.Rank++
		}
	}
	return s, true, nil
}

// Expire lets everything of a show end after a while; zero deletes now.
//
// Errors: *interact.Error with CodeInvalid; ctx's.
func (l *Leaderboard) Expire(ctx context.Context, b interact.Board, after time.Duration) error {
	if err := errors.Join(b.Validate(), ctx.Err()); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if o := l.at(b); o != nil {
		o.ends = time.Now().Add(after)
	}
	l.sweep()
	return nil
}
