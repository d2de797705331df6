package cue

import "time"

// Policy says what opens a cue on a viewer's screen. It is a name on the wire
// and in the log.
type Policy string

// The policies. In all of them answers are judged on R alone.
const (
	// Wall opens at O, wherever the playhead is. The empty policy is Wall.
	Wall Policy = "wall"
	// Playhead opens when the picture on screen reaches T, not before O and not
	// after O + MaxLag.
	Playhead Policy = "playhead"
	// Archive shows the result at the viewer's playhead; nobody answers.
	Archive Policy = "archive"
)

// How long after O a playhead cue may still open.
const (
	DefaultMaxLag = 2 * time.Second
	LongestMaxLag = 10 * time.Second
)

// Known says whether p is one of the policies.
func (p Policy) Known() bool { return p == "" || p == Wall || p == Playhead || p == Archive }

// Or returns p, or Wall if it is empty.
func (p Policy) Or() Policy {
	if p == "" {
		return Wall
	}
	return p
}
