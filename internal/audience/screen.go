package audience

import (
	"slices"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// lateLimit is how long before the close a joiner is still let in.
	lateLimit = 3 * time.Second
	// retryAfter is how long an answer waits for its receipt.
	retryAfter = 2 * time.Second
	// maxShows is how many cues a viewer keeps in mind.
	maxShows = 64
)

// order is the order of a cue's states within one revision.
var order = [...]wire.State{
	wire.StateDraft, wire.StateScheduled, wire.StateArmed, wire.StateKeyed, wire.StateOpen,
	wire.StateClosing, wire.StateClosed, wire.StateRevealed, wire.StateCancelled, wire.StateVoid,
}

// applies is rule W5: a higher revision, or the same with a state not earlier.
func applies(have, got wire.Cue) bool {
	if got.Rev != have.Rev {
		return got.Rev > have.Rev
	}
	return rank(got.State) >= rank(have.State)
}

// rank is a state's place in the order. Open and paused have the same.
func rank(s wire.State) int {
	if s == wire.StatePaused {
		s = wire.StateOpen
	}
	return slices.Index(order[:], s)
}

// show is one cue on a viewer's screen.
type show struct {
	cue  wire.Cue
	late bool // the viewer joined inside its window
	text *wire.Text
	key  *wire.Key // that came for a seal which is not known yet

	closed bool // the window closed on this screen
	toldOf bool // and the server knows

	opened *wire.Opened // set when the window opened
	told   bool         // opened was sent

	tap     clock.Local // when the viewer will answer, 0 if it will not
	choice  []int
	answer  *wire.Answer // set when it did
	tries   int
	retry   clock.Local // when to send the answer (again)
	settled bool        // there is a receipt, or a refusal for good
}

// screen holds the cues that a viewer knows, oldest first.
type screen []*show

func (s screen) find(cue string) *show {
	for _, sh := range s {
		if sh.cue.ID == cue {
			return sh
		}
	}
	return nil
}

// apply takes a cue as it was sent and returns its show, or nil if what is
// known is newer.
func (s *screen) apply(cue wire.Cue) *show {
	sh := s.find(cue.ID)
	switch {
	case sh == nil:
		sh = &show{cue: cue}
		*s = append(*s, sh)
		if len(*s) > maxShows {
			*s = slices.Delete(*s, 0, len(*s)-maxShows)
		}
	case !applies(sh.cue, cue):
		return nil
	default:
		if cue.Close > sh.cue.Close {
			sh.closed, sh.toldOf = false, false
		}
		if cue.Seal == nil || sh.cue.Seal == nil || *cue.Seal != *sh.cue.Seal {
			sh.text = nil
		}
		sh.cue = cue
	}
	if cue.State == wire.StateVoid || cue.State == wire.StateCancelled {
		sh.tap, sh.settled = 0, true
	}
	return sh
}

// read opens the seal of the cue, if the key is known.
func (sh *show) read(channel string) error {
	key := sh.cue.Key
	if key == "" && sh.key != nil && sh.cue.Seal != nil && sh.key.KeyID == sh.cue.Seal.KeyID {
		key = sh.key.Key
	}
	if sh.text != nil || sh.cue.Seal == nil || key == "" {
		return nil
	}
	text, err := unseal(channel, sh.cue, key)
	if err != nil {
		return err
	}
	sh.text = text
	return nil
}

// mayOpen says whether the cue has a window that this viewer could open: who
// has no key cannot.
func (sh *show) mayOpen() bool {
	switch sh.cue.State {
	case wire.StateScheduled, wire.StateArmed, wire.StateKeyed, wire.StateOpen, wire.StatePaused:
		return sh.opened == nil && !sh.settled && sh.cue.Open != 0 && sh.text != nil && sh.cue.Policy != wire.PolicyArchive
	default:
		return false
	}
}

// halted says that the window is, or will be, paused without a known end.
func (sh *show) halted() bool { return sh.cue.Pause != 0 && sh.cue.Resume == 0 }

// pausedAt says whether answers do not count at an instant of R.
func (sh *show) pausedAt(at clock.Instant) bool {
	return sh.cue.Pause != 0 && at >= sh.cue.Pause && (sh.cue.Resume == 0 || at < sh.cue.Resume)
}

// closesFor is when the window no longer opens for this viewer.
func (sh *show) closesFor() clock.Instant {
	if sh.late {
		return sh.cue.Close.Add(-lateLimit)
	}
	return sh.cue.Close
}

// again says whether a refusal may turn into a receipt later.
func again(code string) bool {
	switch interact.Code(code) {
	case interact.CodeBusy, interact.CodeUnavailable, interact.CodeTooMany:
		return true
	default:
		return false
	}
}
