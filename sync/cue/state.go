package cue

import "fmt"

// State is where a cue is in its life. Within one revision it only grows in
// rank (CU1).
type State uint8

// The states, in their order.
const (
	Draft     State = iota + 1 // prepared, not taken
	Scheduled                  // O is known, viewers are not told yet
	Armed                      // viewers know O; the text is withheld
	Keyed                      // the text is out, the window not open yet
	Open                       // answers count
	Paused                     // answers do not count for a while
	Closing                    // C has passed, grace runs
	Closed                     // the tally is final
	Revealed                   // result, and right answer if any, are public
	Cancelled                  // withdrawn before anybody saw it
	Void                       // withdrawn after it may have been seen
)

// String returns the state's name on the wire.
func (s State) String() string {
	switch s {
	case Draft:
		return "draft"
	case Scheduled:
		return "scheduled"
	case Armed:
		return "armed"
	case Keyed:
		return "keyed"
	case Open:
		return "open"
	case Paused:
		return "paused"
	case Closing:
		return "closing"
	case Closed:
		return "closed"
	case Revealed:
		return "revealed"
	case Cancelled:
		return "cancelled"
	case Void:
		return "void"
	default:
		return fmt.Sprintf("state(%d)", uint8(s))
	}
}

// Rank is the place of s in the order of states. Open and Paused have the same:
// a window goes from one to the other and back.
func (s State) Rank() int {
	if s == Paused {
		return int(Open)
	}
	return int(s)
}

// Live says that a cue in this state holds the channel: it has been taken and
// its tally is not final.
func (s State) Live() bool { return s >= Scheduled && s <= Closing }

// Over says that nothing can be counted for a cue in this state any more.
func (s State) Over() bool { return s >= Closed }

// Sight is what viewers may be shown of a cue.
type Sight struct {
	Cue     bool // that it exists, and its O and C
	Seal    bool // title and options, sealed
	Text    bool // the key to them
	Tally   bool // the counts
	Correct bool // which option is right
}

// Sight returns what viewers may be shown of a cue in state s (CU5). live is
// the cue's policy for results: bars while people answer, or only at reveal.
func (s State) Sight(live bool) Sight {
	return Sight{
		Cue:     s >= Armed,
		Seal:    s >= Armed && s <= Revealed,
		Text:    s >= Keyed && s <= Revealed,
		Tally:   s == Revealed || live && s >= Open && s <= Closed,
		Correct: s == Revealed,
	}
}
