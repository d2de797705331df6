package interact

import (
	"context"
	"time"
)

// Reach says whom a post is for. Values are part of what nodes of neighbouring
// releases tell each other.
type Reach uint8

// The reaches. A post for viewers and producers is two posts.
const (
	ReachViewers   Reach = 1 // a wire message; it has an offset in the channel's log
	ReachProducers Reach = 2 // a wire message
	ReachNodes     Reach = 3 // for the nodes themselves
)

// Post is something that the engine of a channel tells every node.
type Post struct {
	// N numbers the posts of a channel from 1, ascending by 1. The bus sets it.
	N uint64
	// Offset numbers those for viewers, from 1, ascending by 1, zero for others.
	// The bus sets it.
	Offset uint64
	Reach  Reach
	// Once, if not empty, names what may be posted once only, whoever posts it.
	Once string
	// Data are a wire message in JSON, or what nodes understand; at most MaxPost.
	Data []byte
}

// MaxPost is the largest Data of a post, in bytes.
const MaxPost = 64 << 10

// Place is how far somebody has followed a channel's posts.
type Place struct {
	// Epoch names the numbering. Another one means that everything is new.
	Epoch string
	N     uint64
	// Offset is that of the last post for viewers up to N.
	Offset uint64
}

// Snapshot is what a node has to know that begins to follow a channel.
type Snapshot struct {
	Place
	// Data are the poster's, at most MaxSnapshot bytes. Empty if there is none yet.
	Data []byte
}

// MaxSnapshot is the largest Data of a snapshot, in bytes.
const MaxSnapshot = 1 << 20

// Fence is the number of a lease. Who writes with a lower one than somebody
// else has written with is refused: it has lost its lease and does not know yet.
type Fence uint64

// Errors of a Bus and of leases.
var (
	// ErrFenced means that another node has taken over.
	ErrFenced = Errorf(CodeUnavailable, "another node has taken over")
	// ErrLost means that the posts after a place are not kept any more, or are of
	// another epoch: take a snapshot.
	ErrLost = Errorf(CodeUnavailable, "the posts after that place are gone")
)

// Bus tells all nodes what the engine of a channel says, in one order, and lets
// nodes tell each other what is worth nothing a moment later. Implementations
// pass interacttest.TestBus; the rules are BU… in SPEC.md.
//
// It is safe for concurrent use.
type Bus interface {
	// Post appends posts to those of the channel, all or none, with a snapshot of
	// what is true after them unless its Data are nil. A post with a Once that was
	// posted before is left out. fence is the poster's; zero posts without one,
	// which only posts with Once may.
	//
	// Errors: ErrFenced; *Error with CodeUnavailable or CodeInvalid; ctx's.
	Post(ctx context.Context, channel string, fence Fence, posts []Post, snapshot []byte) error

	// Snapshot returns the latest one. Its place is where to follow from.
	//
	// Errors: *Error with CodeUnavailable; ctx's.
	Snapshot(ctx context.Context, channel string) (Snapshot, error)

	// Recent returns the kept posts after a place, oldest first: at least the last
	// 2,048 of a channel, and those of the last five minutes as far as 16,384 hold
	// them.
	//
	// Errors: *Error with CodeUnavailable; ctx's.
	Recent(ctx context.Context, channel string, after uint64) ([]Post, error)

	// Follow gives to listener what is posted after the place and what is
	// whispered from now on, until ctx ends. It makes good for what a broken
	// connection missed, posts in order and each once; whispers may be lost.
	// listener's methods are called by one goroutine.
	//
	// Errors: ErrLost; ctx's.
	Follow(ctx context.Context, channel string, from Place, listener Listener) error

	// Whisper tells whoever follows now. Nothing is kept.
	//
	// Errors: *Error with CodeUnavailable or CodeInvalid; ctx's.
	Whisper(ctx context.Context, channel string, whisper Whisper) error
}

// Listener hears what a Bus says. Data belong to the listener.
type Listener interface {
	Posted(p Post)
	Whispered(w Whisper)
}

// Whisper is what is told once and not kept.
type Whisper struct {
	// Kind says what Data are, 1 to 32 of a-z and -.
	Kind string
	// Node is who says it.
	Node string
	// Data are at most MaxPost bytes.
	Data []byte
}

// Slate keeps the latest of what nodes know of a channel, for those who come
// later or take over: where its timeline is, who is connected where. It is safe
// for concurrent use.
type Slate interface {
	// Write replaces what is written under a name of 1 to 64 of a-z, 0-9, - and :
	// for ttl, by whoever holds the fence; zero fences nothing. Nil data erase.
	//
	// Errors: ErrFenced; *Error with CodeUnavailable or CodeInvalid; ctx's.
	Write(ctx context.Context, channel, name string, fence Fence, data []byte, ttl time.Duration) error

	// Read returns what is written under a name, nil if nothing is.
	//
	// Errors: *Error with CodeUnavailable; ctx's.
	Read(ctx context.Context, channel, name string) ([]byte, error)
}
