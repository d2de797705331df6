package interact

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// Kind names what is asked.
type Kind string

// The kinds of question.
const (
	KindPoll   Kind = "poll"   // an opinion: no option is right
	KindTrivia Kind = "trivia" // exactly one option is right
)

// Results says when viewers see the bars.
type Results string

// The policies for results.
const (
	ResultsLive   Results = "live"   // while people answer
	ResultsReveal Results = "reveal" // only once the producer reveals
)

// Limits of a question. A studio enforces the same ones while typing.
const (
	MinOptions     = 2
	MaxOptions     = 8
	MaxTitleRunes  = 280
	MaxOptionRunes = 100
	MinWindow      = 3 * time.Second
	MaxWindow      = cue.MaxWindow
	DefaultWindow  = 20 * time.Second
)

// Question is what a producer prepares.
type Question struct {
	Kind    Kind
	Title   string
	Options []string
	// Correct is the index of the right option of a trivia question. A poll
	// has none and Correct is -1.
	Correct int
	Results Results
	// Changes lets a participant change its answer until C; the last one counts.
	Changes bool
	// Window is how long answers count. Default DefaultWindow.
	Window time.Duration
	// Policy says what opens it on a viewer's screen. Default cue.Wall.
	Policy cue.Policy
	// Slot is the place on screen: 1 to 32 of a-z, 0-9 and "-". Default SlotMain.
	Slot string
	// MaxLag is how long after O a playhead cue may open: up to 10 s, default
	// 2 s. Zero for other policies.
	MaxLag time.Duration
}

// SlotMain is the place on screen unless another is named.
const SlotMain = "main"

// WithDefaults returns q with spaces trimmed and empty settings filled in:
// polls show results live, trivia at reveal.
func (q Question) WithDefaults() Question {
	q.Title = strings.TrimSpace(q.Title)
	options := make([]string, len(q.Options))
	for i, o := range q.Options {
		options[i] = strings.TrimSpace(o)
	}
	q.Options = options
	if q.Window == 0 {
		q.Window = DefaultWindow
	}
	if q.Results == "" {
		q.Results = ResultsLive
		if q.Kind == KindTrivia {
			q.Results = ResultsReveal
		}
	}
	if q.Kind == KindPoll {
		q.Correct = -1
	}
	q.Policy, q.Slot = q.Policy.Or(), cmp.Or(q.Slot, SlotMain)
	if q.Policy == cue.Playhead && q.MaxLag == 0 {
		q.MaxLag = cue.DefaultMaxLag
	}
	return q
}

// Validate reports everything that is wrong with q, in words a producer can
// act on; each problem starts with the field's name.
func (q Question) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if q.Kind != KindPoll && q.Kind != KindTrivia {
		bad("kind: %q is neither poll nor trivia", q.Kind)
	}
	if q.Results != ResultsLive && q.Results != ResultsReveal {
		bad("results: %q is neither live nor reveal", q.Results)
	}
	if q.Kind == KindTrivia && q.Results == ResultsLive {
		bad("results: live bars would give a trivia answer away; use reveal")
	}
	if q.Kind == KindTrivia && (q.Correct < 0 || q.Correct >= len(q.Options)) {
		bad("correct: mark which of the %d options is right", len(q.Options))
	}
	if q.Window < MinWindow || q.Window > MaxWindow {
		bad("window: %v is not between %v and %v", q.Window, MinWindow, MaxWindow)
	}
	errs = append(errs, q.validatePlace(), q.validateText())
	return errors.Join(errs...)
}

var slotName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

func (q Question) validatePlace() error {
	var errs []error
	if !q.Policy.Known() {
		errs = append(errs, fmt.Errorf("policy: %.32q is none of wall, playhead, archive", q.Policy))
	}
	if q.Slot != "" && !slotName.MatchString(q.Slot) {
		errs = append(errs, fmt.Errorf("slot: %.40q is not 1 to 32 of a-z, 0-9 and -", q.Slot))
	}
	switch {
	case q.MaxLag != 0 && q.Policy != cue.Playhead:
		errs = append(errs, errors.New("max_lag: only a playhead cue has one"))
	case q.MaxLag < 0 || q.MaxLag > cue.LongestMaxLag:
		errs = append(errs, fmt.Errorf("max_lag: %v is not between 0 and %v", q.MaxLag, cue.LongestMaxLag))
	}
	return errors.Join(errs...)
}

func (q Question) validateText() error {
	var errs []error
	if err := checkText("title", q.Title, MaxTitleRunes); err != nil {
		errs = append(errs, err)
	}
	if n := len(q.Options); n < MinOptions || n > MaxOptions {
		errs = append(errs, fmt.Errorf("options: %d given, between %d and %d are needed", n, MinOptions, MaxOptions))
	}
	seen := make(map[string]bool, len(q.Options))
	for i, o := range q.Options {
		if err := checkText(fmt.Sprintf("options[%d]", i), o, MaxOptionRunes); err != nil {
			errs = append(errs, err)
		} else if seen[o] {
			errs = append(errs, fmt.Errorf("options[%d]: %q is there twice", i, o))
		}
		seen[o] = true
	}
	return errors.Join(errs...)
}

func checkText(field, s string, limit int) error {
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s):
		return fmt.Errorf("%s: not valid UTF-8", field)
	case n == 0:
		return fmt.Errorf("%s: empty", field)
	case n > limit:
		return fmt.Errorf("%s: %d characters, at most %d fit on a phone", field, n, limit)
	}
	return nil
}

// Spot is where a cue is taken. The zero Spot is the newest picture.
type Spot struct {
	// At is the instant P of the picture that the producer was looking at, Open
	// the O that the producer wants; at most one of them. Both are on R.
	At, Open clock.Instant
	// Anyway opens a cue by the clock alone whose picture has stopped.
	Anyway bool
}

// Key opens the seal of a cue's text.
type Key struct {
	// Key is base64url of 32 bytes.
	Key string
	// Open is O of its cue. It is fixed when the key comes out, so that a viewer
	// who missed a change of it does not open too early.
	Open clock.Instant
}
