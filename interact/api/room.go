package api

import (
	"context"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/admission"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// Room is a channel's engine as the API needs it. Safe for concurrent use.
//
// Cues are returned in the producer's view. Errors are *interact.Error for
// what the producer did wrong; anything else is our fault. A command given
// again with the same idempotency key, if it is not empty, returns what it
// returned the first time and does nothing.
type Room interface {
	// Cues returns all cues, drafts included, and the tallies of those taken.
	Cues(ctx context.Context) ([]wire.Cue, []wire.Tally, error)
	// Prepare adds a draft.
	Prepare(ctx context.Context, q interact.Question) (wire.Cue, error)
	// Edit replaces the question of a draft, or of a cue whose O can still move.
	Edit(ctx context.Context, id string, q interact.Question) (wire.Cue, error)
	// Remove deletes a draft.
	Remove(ctx context.Context, id string) error
	// TakeAt asks a draft's question at a picture, or at an instant.
	TakeAt(ctx context.Context, id string, at interact.Spot, idempotency string) (wire.Cue, error)
	// Move shifts the opening of a window.
	Move(ctx context.Context, id string, by time.Duration, idempotency string) (wire.Cue, error)
	// Pause stops the counting of answers for a while, Resume ends that.
	Pause(ctx context.Context, id, idempotency string) (wire.Cue, error)
	Resume(ctx context.Context, id, idempotency string) (wire.Cue, error)
	// Extend makes an open window longer.
	Extend(ctx context.Context, id string, by time.Duration, idempotency string) (wire.Cue, error)
	// CloseNow ends an open window early.
	CloseNow(ctx context.Context, id, idempotency string) (wire.Cue, error)
	// Reveal publishes the result of a closed cue.
	Reveal(ctx context.Context, id, idempotency string) (wire.Cue, error)
	// RevealWhenClear publishes it as soon as all windows are closed.
	RevealWhenClear(ctx context.Context, id, idempotency string) (wire.Cue, error)
	// Cancel withdraws a cue.
	Cancel(ctx context.Context, id, idempotency string) (wire.Cue, error)
	// Tally returns the count so far.
	Tally(ctx context.Context, id string) (wire.Tally, error)
	// SetLatency changes the target latency and returns from when on it holds.
	SetLatency(ctx context.Context, latency time.Duration) (clock.Instant, error)
	// Key returns the key of a sealed text once it is out.
	Key(keyID string) (interact.Key, error)
	// Answer judges and stores a. It calls done exactly once, from any
	// goroutine, with the receipt once the answer is durable or with an error.
	// done does not block.
	Answer(a interact.Answer, done func(interact.Receipt, error))
	// Ban keeps a participant out until an instant, zero for good. It returns
	// when that is durable.
	Ban(ctx context.Context, participant string, until clock.Instant, reason string) error
	// Unban lets a participant in again.
	Unban(ctx context.Context, participant string) error
	// Bans returns the bans in force.
	Bans(ctx context.Context) ([]interact.Ban, error)
}

// Desk says who viewers are. Safe for concurrent use. Errors are
// *admission.Refusal; any other is our fault.
type Desk interface {
	// Admit lets a viewer in, as a new participant unless hello's token says who
	// it is.
	Admit(hello wire.Hello, channel string, now time.Time) (admission.Ticket, error)
	// Identify returns whose token tok is. It makes nobody a participant.
	Identify(tok, channel string, now time.Time) (admission.Ticket, error)
	// Links returns codes of n new one-time links.
	Links(channel string, n int, expires, now time.Time) ([]string, error)
}

// Crowd is who is connected. Safe for concurrent use.
type Crowd interface {
	// Roster returns a random sample of at most n viewers.
	Roster(channel string, n int) *wire.Roster
	// Remove closes the connections of a participant and returns how many.
	Remove(channel, participant string, code wire.CloseCode) int
}
