package interact

import "context"

// RecordKind says what a record's data are.
type RecordKind uint8

// The kinds of record. The values are part of the log's format.
const (
	RecordCue     RecordKind = 1 // one revision of a cue, JSON
	RecordAnswers RecordKind = 2 // a batch of counted answers, see AppendBatch
	RecordLatency RecordKind = 3 // another target latency of the channel, JSON
	// RecordBan bans a participant or lifts a ban, JSON.
	RecordBan RecordKind = 4
	// RecordSnapshot is what a room was when its log was compacted, JSON. What
	// the other kinds can say, such as receipts, follows it in those kinds.
	RecordSnapshot RecordKind = 5
	// RecordLink says who owns one-time links, JSON.
	RecordLink RecordKind = 6
	// RecordTally says how far the counting of a cue by Ballots has come to its
	// end, and what it came to, JSON.
	RecordTally RecordKind = 7
	// RecordLead says that another node leads the channel from here on, JSON.
	RecordLead RecordKind = 8
)

// Record is one entry of a channel's log.
type Record struct {
	// Seq orders the records of a channel, ascending, with gaps. The store sets
	// it, whatever it was.
	Seq     uint64
	Channel string
	Kind    RecordKind
	// Cue is the cue it belongs to, empty for a record of the whole channel.
	Cue  string
	Data []byte
}

// MaxRecord is the largest Data a store has to take, in bytes: a full batch of
// the longest participants fits.
const MaxRecord = 2 << 20

// Store keeps the logs of channels, each in the order it was written.
// Implementations pass interacttest.TestStore; the rules are ST… in SPEC.md.
//
// It is safe for concurrent use; appends of one channel by one goroutine are
// replayed in the order they were made.
type Store interface {
	// Append writes all records or none. When it returns nil they are as
	// durable as Level says, after one sync for all of them, and it has set
	// their Seq. It keeps no reference to the data.
	//
	// Errors: *Error with CodeUnavailable if the log cannot be written, with
	// CodeInvalid for a record that no log would take. Nothing was written then.
	Append(ctx context.Context, records []Record) error

	// Replay calls visit for every record of the channel, oldest first. The
	// data belong to visit. It stops at the first error and returns it.
	//
	// Errors: visit's; ctx's; one that says which record is damaged.
	Replay(ctx context.Context, channel string, visit func(Record) error) error

	// Replace compacts the log of a channel: in one step it deletes the records
	// with Seq up to upTo and puts records in their place, in their order. They
	// are replayed first, with numbers up to upTo; there may not be more of them
	// than were deleted. A crash leaves either the old records or the new ones.
	//
	// Errors: as Append. Nothing has changed then.
	Replace(ctx context.Context, channel string, upTo uint64, records []Record) error

	// Level is what Append promises.
	Level() Level
}

// Validate reports why no log would take r.
//
// Errors: *Error with CodeInvalid.
func (r Record) Validate() error {
	switch {
	case r.Channel == "" || r.Cue == "" && (r.Kind == RecordCue || r.Kind == RecordAnswers || r.Kind == RecordTally):
		return Errorf(CodeInvalid, "record without channel or cue")
	case r.Kind < RecordCue || r.Kind > RecordLead:
		return Errorf(CodeInvalid, "record of unknown kind %d", r.Kind)
	case len(r.Data) == 0 || len(r.Data) > MaxRecord:
		return Errorf(CodeInvalid, "record of %d bytes: between 1 and %d fit", len(r.Data), MaxRecord)
	}
	return nil
}
