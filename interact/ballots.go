package interact

import (
	"context"
	"time"
)

// MaxCast is the largest number of votes in one Cast.
const MaxCast = 4096

// Poll names a cue whose answers are kept by Ballots, with what has to be known
// to keep them. All nodes give the same for the same cue.
type Poll struct {
	Channel, Cue string
	// Options is how many options the question has.
	Options int
	// Changes says that answers may be changed (IN9).
	Changes bool
}

// Vote is an answer on its way into Ballots.
type Vote struct {
	Entry
	// Refused is the code with which the answer is refused unless it repeats one
	// that was counted (IN3). Empty for one that may count.
	Refused Code
}

// Outcome is what became of a vote.
type Outcome struct {
	// Code is empty if the vote is counted, now or before.
	Code Code
	// Mark is what is kept of it if Code is empty. Its Seq is unique in the cue,
	// from 1, with gaps.
	Mark Mark
	// Fresh says that this vote has changed the counts, and is no repetition.
	Fresh bool
}

// Ballots keeps the answers of cues that many gateways take at the same time.
// In one process the log and a Ledger do that. Implementations pass
// interacttest.TestBallots; the rules are BA… in SPEC.md.
//
// It is safe for concurrent use.
type Ballots interface {
	// Cast counts votes for a cue, at most MaxCast, as IN1, IN3 and IN9 have it,
	// and writes into outcomes[i] what became of votes[i]. Votes of one participant
	// in a batch are cast in their order. When it returns nil, what is counted is
	// as durable as Level says. A vote that is new to a sealed cue comes out as
	// CodeClosed. A vote whose shard cannot be reached comes out as
	// CodeUnavailable: whether it counts is not known, and casting it again is
	// safe. It keeps no reference to the slices.
	//
	// Errors: *Error with CodeInvalid for what nobody would take; ctx's.
	Cast(ctx context.Context, p Poll, votes []Vote, outcomes []Outcome) error

	// Receipts returns the receipts of a participant for those of the polls that
	// it has answered, in their order.
	//
	// Errors: *Error with CodeUnavailable; ctx's.
	Receipts(ctx context.Context, polls []Poll, participant string) ([]Receipt, error)

	// Tally returns the counts, len(Counts) is p.Options. While the cue is not
	// sealed, votes that are cast meanwhile may be in it or not; later calls never
	// return a lower Version, and equal versions have equal counts.
	//
	// Errors: *Error with CodeUnavailable; ctx's.
	Tally(ctx context.Context, p Poll) (Tally, error)

	// Seal ends the counting and returns the final counts. No vote that is new is
	// counted after it has returned, or after a call of it that failed has taken
	// effect. Done again it returns the same.
	//
	// Errors: *Error with CodeUnavailable; ctx's.
	Seal(ctx context.Context, p Poll) (Tally, error)

	// Entries visits every participant's answer that counts, in no order. Of a
	// cue that is not sealed it may miss what is cast meanwhile.
	//
	// Errors: visit's; *Error with CodeUnavailable; ctx's.
	Entries(ctx context.Context, p Poll, visit func(Entry, Mark) error) error

	// Expire lets everything of the cue be deleted after a while; a second call
	// takes the place of the first. Zero deletes now.
	//
	// Errors: *Error with CodeUnavailable; ctx's.
	Expire(ctx context.Context, p Poll, after time.Duration) error

	// Level is what Cast promises.
	Level() Level
}

// Validate reports why no Ballots would take votes for p.
//
// Errors: *Error with CodeInvalid.
func (p Poll) Validate() error {
	switch {
	case p.Channel == "" || p.Cue == "":
		return Errorf(CodeInvalid, "poll without channel or cue")
	case p.Options < 1 || p.Options > MaxOptions:
		return Errorf(CodeInvalid, "poll with %d options: 1 to %d fit", p.Options, MaxOptions)
	}
	return nil
}

// ValidateCast reports why no Ballots would take votes for p.
//
// Errors: *Error with CodeInvalid.
func (p Poll) ValidateCast(votes []Vote, outcomes []Outcome) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if len(votes) > MaxCast || len(outcomes) != len(votes) {
		return Errorf(CodeInvalid, "%d votes with %d outcomes: as many, at most %d, fit", len(votes), len(outcomes), MaxCast)
	}
	for i := range votes {
		v := &votes[i]
		switch {
		case v.Participant == "" || len(v.Participant) > MaxParticipant:
			return Errorf(CodeInvalid, "vote of a participant of %d bytes: 1 to %d fit", len(v.Participant), MaxParticipant)
		case v.Refused == "" && (v.Choice == 0 || v.Choice >= 1<<p.Options):
			return Errorf(CodeInvalid, "vote for options %v of %d", v.Choice.Indices(), p.Options)
		}
	}
	return nil
}
