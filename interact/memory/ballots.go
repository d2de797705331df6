package memory

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// Ballots keeps answers in this process. It is what others are held against: it
// counts one vote after the other with an interact.Ledger. The zero value is empty
// and ready. It is safe for concurrent use.
type Ballots struct {
	mu    sync.Mutex // protects polls and what they hold
	polls map[pollName]*poll
}

var _ interact.Ballots = (*Ballots)(nil)

type pollName struct{ channel, cue string }

// poll is what is kept of a cue.
type poll struct {
	ledger *interact.Ledger
	sheet  *interact.Sheet
	sealed bool
	ends   time.Time                 // zero for never
	last   map[string]interact.Entry // by participant, as it counts
}

// Level is memory.
func (b *Ballots) Level() interact.Level { return interact.LevelMemory }

// at returns what is kept of a cue; the caller holds the lock.
func (b *Ballots) at(p interact.Poll) *poll {
	name := pollName{p.Channel, p.Cue}
	if q := b.polls[name]; q != nil && (q.ends.IsZero() || time.Now().Before(q.ends)) {
		return q
	}
	if b.polls == nil {
		b.polls = make(map[pollName]*poll)
	}
	ledger := interact.NewLedger(interact.LevelMemory)
	q := &poll{ledger: ledger, sheet: ledger.Sheet(p.Cue), last: make(map[string]interact.Entry)}
	b.polls[name] = q
	return q
}

// Cast counts votes, one after the other.
//
// Errors: *interact.Error with CodeInvalid; ctx's.
func (b *Ballots) Cast(ctx context.Context, p interact.Poll, votes []interact.Vote, outcomes []interact.Outcome) error {
	if err := p.ValidateCast(votes, outcomes); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.at(p)
	for i, v := range votes {
		if !p.Changes {
			v.Attempt = 0
		}
		outcomes[i] = q.cast(v)
	}
	return nil
}

func (q *poll) cast(v interact.Vote) interact.Outcome {
	h := interact.HashOf(v.Participant)
	m, voted := q.sheet.Find(h, v.Participant)
	if voted && v.Attempt == 0 {
		return interact.Outcome{Mark: m}
	}
	if old, again := q.sheet.Attempt(h, v.Participant, v.Attempt); again {
		return interact.Outcome{Mark: old}
	}
	switch {
	case v.Refused != "":
		return interact.Outcome{Code: v.Refused}
	case q.sealed:
		return interact.Outcome{Code: interact.CodeClosed}
	case voted && q.sheet.Attempts(m) >= interact.MaxAttempts:
		return interact.Outcome{Code: interact.CodeTooMany}
	}
	now, _ := q.sheet.ApplyHashed(h, v.Entry)
	fresh := !voted || now.Choice != m.Choice
	if !fresh { // worth what it was
		was := q.last[v.Participant]
		v.Credited, v.Received = was.Credited, was.Received
	}
	q.last[v.Participant] = v.Entry
	return interact.Outcome{Mark: now, Fresh: fresh}
}

// Receipts returns receipts of a participant.
//
// Errors: ctx's.
func (b *Ballots) Receipts(ctx context.Context, polls []interact.Poll, participant string) ([]interact.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []interact.Receipt
	for _, p := range polls {
		if r, ok := b.at(p).ledger.Receipt(p.Cue, participant); ok {
			out = append(out, r)
		}
	}
	return out, nil
}

// Tally returns the counts.
//
// Errors: *interact.Error with CodeInvalid; ctx's.
func (b *Ballots) Tally(ctx context.Context, p interact.Poll) (interact.Tally, error) {
	if err := errors.Join(p.Validate(), ctx.Err()); err != nil {
		return interact.Tally{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at(p).ledger.Tally(p.Cue, p.Options), nil
}

// Seal ends the counting.
//
// Errors: *interact.Error with CodeInvalid; ctx's.
func (b *Ballots) Seal(ctx context.Context, p interact.Poll) (interact.Tally, error) {
	if err := errors.Join(p.Validate(), ctx.Err()); err != nil {
		return interact.Tally{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.at(p)
	q.sealed = true
	q.ledger.Seal(p.Cue)
	return q.ledger.Tally(p.Cue, p.Options), nil
}

// Entries visits the answers as they were when it began.
//
// Errors: visit's; *interact.Error with CodeInvalid; ctx's.
func (b *Ballots) Entries(ctx context.Context, p interact.Poll, visit func(interact.Entry, interact.Mark) error) error {
	if err := errors.Join(p.Validate(), ctx.Err()); err != nil {
		return err
	}
	entries, marks := b.entries(p)
	for i := range entries {
		if err := errors.Join(ctx.Err(), visit(entries[i], marks[i])); err != nil {
			return err
		}
	}
	return nil
}

func (b *Ballots) entries(p interact.Poll) (entries []interact.Entry, marks []interact.Mark) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.at(p)
	for who, e := range q.last {
		m, _ := q.sheet.Find(interact.HashOf(who), who)
		entries, marks = append(entries, e), append(marks, m)
	}
	return entries, marks
}

// Expire lets everything of a cue end after a while; zero deletes now.
//
// Errors: *interact.Error with CodeInvalid; ctx's.
func (b *Ballots) Expire(ctx context.Context, p interact.Poll, after time.Duration) error {
	if err := errors.Join(p.Validate(), ctx.Err()); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.at(p).ends = now.Add(after)
	for name, q := range b.polls {
		if !q.ends.IsZero() && !now.Before(q.ends) {
			delete(b.polls, name)
		}
	}
	return nil
}
