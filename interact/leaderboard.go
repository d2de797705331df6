package interact

import (
	"context"
	"strings"
	"time"
)

// Limits of a leaderboard.
const (
	// MaxPoints is the most, plus or minus, that a participant can have for one
	// cue. The sum of any nine million cues is exact.
	MaxPoints = 1_000_000_000
	// MaxGiven is how many participants can be given points in one call.
	MaxGiven = 1 << 20
	// MaxTop is how many the top of a leaderboard can be.
	MaxTop = 1000
	// MaxBoardName is the longest channel, show or cue of a leaderboard, in bytes.
	MaxBoardName = 128
	// DefaultBoardKeep and MaxBoardKeep are how long a leaderboard is kept after
	// points were last given.
	DefaultBoardKeep = 24 * time.Hour
	MaxBoardKeep     = 31 * 24 * time.Hour
)

// Board names the leaderboard of one show. Shows, channels and so tenants, to
// whom channels belong, are strangers.
type Board struct {
	// Channel and Show are 1 to MaxBoardName bytes without slashes, braces and
	// control characters.
	Channel, Show string
	// Keep is how long all of it is kept after points were last given, so that the
	// board of a show that nobody ends does not stay. Zero is DefaultBoardKeep, at
	// least 1 ms and at most MaxBoardKeep.
	Keep time.Duration
}

// Standing is where a participant is.
type Standing struct {
	Participant string
	// Points are the sum of what was given for all cues.
	Points int64
	// Rank is 1 for the most points; those with as many share it, and the next one
	// is as many further.
	Rank int64
}

// Leaderboard keeps who has how many points in a show. Implementations pass
// interacttest.TestLeaderboard; the rules are LB… in SPEC.md.
//
// It is safe for concurrent use.
type Leaderboard interface {
	// Give gives participants points for a cue, in the place of what each had for
	// that cue: done again it changes nothing, and done with other points it
	// corrects. Who is given zero points is on the board. When it returns nil, it
	// is as durable as Level says. Of one that failed it is not known who has the
	// points: give them again. It keeps no reference to the map.
	//
	// Errors: *Error with CodeInvalid or CodeUnavailable; ctx's.
	Give(ctx context.Context, b Board, cue string, points map[string]int64) error

	// Top returns those with the most points, n of 1 to MaxTop or as many as there
	// are, by name where they have as many.
	//
	// Errors: *Error with CodeInvalid or CodeUnavailable; ctx's.
	Top(ctx context.Context, b Board, n int) ([]Standing, error)

	// Rank returns where a participant is, false if it was given nothing. While
	// points are given it may be off by those who are passing.
	//
	// Errors: *Error with CodeInvalid or CodeUnavailable; ctx's.
	Rank(ctx context.Context, b Board, participant string) (Standing, bool, error)

	// Expire lets everything of the board be deleted after a while instead of after
	// Keep; zero deletes now. Points that are given later keep it for Keep again.
	//
	// Errors: *Error with CodeInvalid or CodeUnavailable; ctx's.
	Expire(ctx context.Context, b Board, after time.Duration) error

	// Level is what Give promises.
	Level() Level
}

// Kept is Keep, or the default.
func (b Board) Kept() time.Duration {
	if b.Keep == 0 {
		return DefaultBoardKeep
	}
	return b.Keep
}

// Validate reports why no Leaderboard would know of b.
//
// Errors: *Error with CodeInvalid.
func (b Board) Validate() error {
	switch {
	case !boardName(b.Channel):
		return Errorf(CodeInvalid, "leaderboard of channel %.40q: 1 to %d bytes without slashes and braces fit", b.Channel, MaxBoardName)
	case !boardName(b.Show):
		return Errorf(CodeInvalid, "leaderboard of show %.40q: 1 to %d bytes without slashes and braces fit", b.Show, MaxBoardName)
	case b.Kept() < time.Millisecond || b.Kept() > MaxBoardKeep:
		return Errorf(CodeInvalid, "leaderboard kept for %v: 1ms to %v fit", b.Keep, MaxBoardKeep)
	}
	return nil
}

func boardName(s string) bool {
	return s != "" && len(s) <= MaxBoardName && !strings.ContainsAny(s, "/{}") &&
		!strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// ValidateGiven reports why no Leaderboard would take points.
//
// Errors: *Error with CodeInvalid.
func (b Board) ValidateGiven(cue string, points map[string]int64) error {
	if err := b.Validate(); err != nil {
		return err
	}
	switch {
	case !boardName(cue):
		return Errorf(CodeInvalid, "points for cue %.40q: 1 to %d bytes without slashes and braces fit", cue, MaxBoardName)
	case len(points) > MaxGiven:
		return Errorf(CodeInvalid, "points for %d participants at once: %d fit", len(points), MaxGiven)
	}
	for who, n := range points {
		if err := validateRanked(who); err != nil {
			return err
		}
		if n > MaxPoints || n < -MaxPoints {
			return Errorf(CodeInvalid, "%d points: between -%d and %d fit", n, MaxPoints, MaxPoints)
		}
	}
	return nil
}

// ValidateTop reports why no Leaderboard would return n of its top.
//
// Errors: *Error with CodeInvalid.
func (b Board) ValidateTop(n int) error {
	if n < 1 || n > MaxTop {
		return Errorf(CodeInvalid, "the top %d of a leaderboard: 1 to %d fit", n, MaxTop)
	}
	return b.Validate()
}

// ValidateRank reports why no Leaderboard would look for a participant.
//
// Errors: *Error with CodeInvalid.
func (b Board) ValidateRank(participant string) error {
	if err := validateRanked(participant); err != nil {
		return err
	}
	return b.Validate()
}

func validateRanked(who string) error {
	if who == "" || len(who) > MaxParticipant {
		return Errorf(CodeInvalid, "points of a participant of %d bytes: 1 to %d fit", len(who), MaxParticipant)
	}
	return nil
}
