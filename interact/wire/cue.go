package wire

import (
	"strconv"

	"github.com/cuelight/cuelight/sync/clock"
)

// State of a cue. Within one revision a cue only moves forward in this order.
type State string

// The states of a cue, in their order.
const (
	StateDraft     State = "draft"     // prepared, not taken
	StateScheduled State = "scheduled" // O is known and may still move
	StateArmed     State = "armed"     // everybody knows O; the text is withheld
	StateKeyed     State = "keyed"     // the text is out, the window not open yet
	StateOpen      State = "open"      // answers count
	StatePaused    State = "paused"    // answers do not count for a while; same rank as open
	StateClosing   State = "closing"   // C has passed, grace runs
	StateClosed    State = "closed"    // the tally is final
	StateRevealed  State = "revealed"  // result, and right answer if any, are public
	StateCancelled State = "cancelled" // withdrawn before anybody saw it
	StateVoid      State = "void"      // withdrawn after it may have been seen
)

// Text is what is asked. Viewers are not sent it before O − κ.
type Text struct {
	Title   string   `json:"title"`
	Options []string `json:"options"`
}

// Policies: what opens a cue on a viewer's screen.
const (
	// PolicyWall opens at O, wherever the playhead is.
	PolicyWall = "wall"
	// PolicyPlayhead opens when the picture on screen reaches Media, not before O
	// and not after O + MaxLag.
	PolicyPlayhead = "playhead"
	// PolicyArchive shows the result at the playhead; nobody answers.
	PolicyArchive = "archive"
)

// SlotMain is the place on screen of a cue that names none.
const SlotMain = "main"

// Cue is one interaction with its place on the timeline. A receiver applies
// it if its revision is higher than the one it has, or the same with a state
// not earlier (W5).
type Cue struct {
	ID     string `json:"id"`
	Rev    int    `json:"rev"`
	Kind   string `json:"kind"` // poll, trivia
	Policy string `json:"policy"`
	// Slot is the place on screen: 1 to 32 of a-z, 0-9 and "-". Absent: SlotMain.
	Slot  string `json:"slot,omitempty"`
	State State  `json:"state"`
	// Open and Close are [O, C) on R. Zero while a draft. While the cue is paused
	// and Resume is not known, Close is only what was planned.
	Open  clock.Instant `json:"o_us,omitempty"`
	Close clock.Instant `json:"c_us,omitempty"`
	// Media is T in channel ticks; absent if the cue hangs on R alone.
	Media clock.Ticks `json:"media,omitempty"`
	// MaxLag is how long after O a playhead cue may still open, in ms.
	MaxLag int64 `json:"max_lag_ms,omitempty"`
	// Pause is from when on answers do not count, Resume from when on they do
	// again: the last pause, absent if there was none, or no end of it yet.
	Pause  clock.Instant `json:"pause_us,omitempty"`
	Resume clock.Instant `json:"resume_us,omitempty"`
	// Remaining is the window that is left at Pause, in ms.
	Remaining int64 `json:"remaining_ms,omitempty"`
	// Window is the planned length, in ms.
	Window  int64  `json:"window_ms"`
	Choices int    `json:"choices"` // number of options
	Results string `json:"results"` // live, reveal
	// Changes says that an answer may be changed until Close.
	Changes bool `json:"changes,omitempty"`
	// Spread is over how long viewers spread their answers, 0 to 500, in ms: each
	// sends later by its own delay, which is given back to it.
	Spread int64 `json:"spread_ms,omitempty"`
	// Text is for producers. Viewers have it in Seal.
	Text *Text `json:"text,omitempty"`
	// Seal is the text as viewers get it, from armed on.
	Seal *Seal `json:"seal,omitempty"`
	// Key opens Seal. Viewers get it from keyed on: base64url of 32 bytes.
	Key string `json:"key,omitempty"`
	// Correct is the index of the right option: for viewers only once revealed.
	Correct *int `json:"correct,omitempty"`
	// Orphaned says to producers that the picture stopped before the cue could
	// be armed: it waits to be taken again, or cancelled.
	Orphaned bool `json:"orphaned,omitempty"`
	// RevealArmed says to producers that the result comes once the light is green.
	RevealArmed bool `json:"reveal_armed,omitempty"`
	// Note says to producers why a cue is as it is, in plain words.
	Note string `json:"note,omitempty"`
}

// Seal is a cue's text, encrypted with AES-256-GCM. Binary values are base64url
// without padding (RFC 4648 §5).
type Seal struct {
	// KeyID names the key: 16 random bytes.
	KeyID string `json:"kid"`
	// IV is 12 random bytes.
	IV string `json:"iv"`
	// Text is the encrypted JSON of Text, followed by the 16 bytes of the tag.
	Text string `json:"ct"`
	// Rev is the revision of the cue at which it was sealed.
	Rev int `json:"rev"`
}

// AAD is the additional data that binds a seal to its cue.
func (s *Seal) AAD(channel, cue string) []byte {
	return []byte(channel + "\n" + cue + "\n" + strconv.Itoa(s.Rev))
}

// Key tells all viewers the key of a cue's seal, κ before it opens.
type Key struct {
	Cue   string `json:"cue"`
	Rev   int    `json:"rev"` // of the cue
	KeyID string `json:"kid"`
	Key   string `json:"key"`
}

// Type returns "key".
func (*Key) Type() string { return "key" }
