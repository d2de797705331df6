package hlstest

import (
	"fmt"
	"slices"
	"strings"
)

// Level says who demands a rule.
type Level string

// The levels. M fails a server, the others warn, except A if it was asked for.
const (
	Must    Level = "M" // MUST of the draft
	Should  Level = "S" // SHOULD of the draft
	Profile Level = "P" // Low-Latency Server Configuration Profile, appendix B.1
	Player  Level = "J" // players need it in fact
	Apple   Level = "A" // HLS authoring specification for Apple devices
)

// Rule is one rule as people read it.
type Rule struct {
	ID      string `json:"id"`
	Level   Level  `json:"level"` // the strictest of its parts
	Section string `json:"section,omitempty"`
	Text    string `json:"text"`
}

// rule is a rule and its check.
type rule struct {
	Rule
	needs need
	check func(*look)
}

// need is what a stream has to have for a rule to mean anything.
type need uint8

const (
	needParts   need = 1 << iota // low latency
	needBoxes                    // fragmented MP4
	needSliding                  // live
	needSkip                     // delta updates are offered
	needSeveral                  // more than one media playlist
	needIndex                    // a multivariant playlist
	needBlock                    // blocking reload is offered
)

// Rules returns all rules in the order in which they are checked.
func Rules() []Rule {
	list := make([]Rule, len(rules))
	for i := range rules {
		list[i] = rules[i].Rule
	}
	return list
}

// rules is the registry. It is never changed.
var rules = slices.Concat(playlistRules, partRules, deliveryRules, deltaRules, renditionRules, timeRules, mediaRules, httpRules)

// Status is how a rule fared.
type Status string

// The statuses.
const (
	Pass          Status = "pass"
	Fail          Status = "fail" // a MUST, or what Apple demands if that was asked for
	Warn          Status = "warn"
	Untested      Status = "untested" // nothing was seen that the rule speaks of
	NotApplicable Status = "not_applicable"
)

// Result is how one rule fared.
type Result struct {
	Rule    string `json:"rule"`
	Level   Level  `json:"level"` // of the worst finding; otherwise of the rule
	Status  Status `json:"status"`
	Text    string `json:"text"`
	Checked int    `json:"checked"` // how often the rule was held against something
	Broken  int    `json:"broken"`  // how often it did not hold
	// Seen are the first different findings: where, what was seen, what was wanted.
	Seen []string `json:"seen,omitempty"`
	// Why says why the rule was not exercised or does not apply, or what of a rule
	// that holds was not seen.
	Why string `json:"why,omitempty"`
}

// maxSeen is how many findings a result lists.
const maxSeen = 5

// Check judges a capture by all rules. It is pure: the same capture gets the
// same results, in the order of Rules.
func Check(c Capture) []Result {
	has := c.offers()
	list := make([]Result, 0, len(rules))
	for i := range rules {
		list = append(list, rules[i].judge(&c, has))
	}
	return list
}

func (r *rule) judge(c *Capture, has need) Result {
	l := &look{Capture: c, result: Result{Rule: r.ID, Level: r.Level, Text: r.Text}, level: r.Level}
	if missing := r.needs &^ has; missing != 0 {
		l.result.Status, l.result.Why = NotApplicable, missing.String()
		return l.result
	}
	r.check(l)
	return l.finish()
}

// offers tells what the observed stream has.
func (c *Capture) offers() need {
	var n need
	if c.lowLatency() {
		n |= needParts
	}
	if c.live() {
		n |= needSliding
	}
	if c.container() == FMP4 {
		n |= needBoxes
	}
	if len(c.Renditions) > 1 {
		n |= needSeveral
	}
	if c.Multivariant != nil {
		n |= needIndex
	}
	for _, r := range c.Renditions {
		if p := r.first(); p != nil && p.Control != nil {
			if p.Control.CanSkipUntil > 0 {
				n |= needSkip
			}
			if p.Control.CanBlock {
				n |= needBlock
			}
		}
	}
	return n
}

// String says what is missing.
func (n need) String() string {
	var why []string
	for _, x := range []struct {
		need need
		text string
	}{
		{needParts, "no low latency: the playlist has no parts"},
		{needBoxes, "the media is not fragmented MP4"},
		{needSliding, "the stream has ended"},
		{needSkip, "no delta updates are offered"},
		{needSeveral, "there is one media playlist only"},
		{needIndex, "the URL is that of a media playlist"},
		{needBlock, "no blocking reload is offered"},
	} {
		if n&x.need != 0 {
			why = append(why, x.text)
		}
	}
	return strings.Join(why, "; ")
}

// look is a check at work.
type look struct {
	*Capture
	result Result
	level  Level // of the rule
	worst  Status
	why    string // the rule is untested, if it is
	part   string // what was not seen of it, if it holds
	peaks  map[*Rendition]float64
}

// held counts one thing that the rule was held against.
func (l *look) held() { l.result.Checked++ }

// not says why the rule is untested, if it turns out to be.
func (l *look) not(why string) { l.why = why }

// partly says what of the rule was not seen, whether the rest holds or was not
// seen either.
func (l *look) partly(why string) { l.why, l.part = why, why }

// breaks notes a finding at the rule's own level.
func (l *look) breaks(where, seen, want string) { l.breaksAt(l.level, where, seen, want) }

// breaksAt notes a finding at a level of its own.
func (l *look) breaksAt(level Level, where, seen, want string) {
	status := Warn
	if level == Must || level == Apple && l.Apple {
		status = Fail
	} else if level == Apple {
		return // not asked for
	}
	if l.worst == "" || status == Fail && l.worst == Warn {
		l.worst, l.result.Level = status, level
	}
	l.result.Broken++
	line := fmt.Sprintf("%s: saw %s, wanted %s", where, clip(seen), clip(want))
	if len(l.result.Seen) < maxSeen && !slices.Contains(l.result.Seen, line) {
		l.result.Seen = append(l.result.Seen, line)
	}
}

// clip shortens what a server wrote to what fits a line.
func clip(s string) string {
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func (l *look) finish() Result {
	switch {
	case l.worst != "":
		l.result.Status = l.worst
		l.result.Checked = max(l.result.Checked, 1)
	case l.result.Checked > 0:
		l.result.Status, l.result.Why = Pass, l.part
	default:
		l.result.Status, l.result.Why = Untested, l.why
	}
	return l.result
}

// faults notes what the reader of playlists found against a rule.
func (l *look) faults(id string) {
	for r, p := range l.playlists() {
		l.held()
		for _, f := range p.Playlist.Faults {
			if f.Rule == id {
				l.breaks(r.URI+fmt.Sprintf(" line %d", f.Line), f.Text, "a playlist as rfc8216bis writes it")
				break // one for every reload is enough
			}
		}
	}
}

// playlists are all full playlists that were read.
func (c *Capture) playlists() func(func(*Rendition, *Reload) bool) {
	return func(yield func(*Rendition, *Reload) bool) {
		for _, r := range c.Renditions {
			for i := range r.Reloads {
				if p := &r.Reloads[i]; p.Playlist != nil && !yield(r, p) {
					return
				}
			}
		}
	}
}

// pairs are all playlists with the one before of the same rendition.
func (c *Capture) pairs() func(func(*Rendition, [2]*Reload) bool) {
	return func(yield func(*Rendition, [2]*Reload) bool) {
		for _, r := range c.Renditions {
			var was *Reload
			for i := range r.Reloads {
				p := &r.Reloads[i]
				if p.Playlist == nil {
					continue
				}
				if was != nil && !yield(r, [2]*Reload{was, p}) {
					return
				}
				was = p
			}
		}
	}
}

// trials are all requests of a kind.
func (c *Capture) trials(kind TrialKind) func(func(*Trial) bool) {
	return func(yield func(*Trial) bool) {
		for i := range c.Trials {
			if t := &c.Trials[i]; t.Kind == kind && !yield(t) {
				return
			}
		}
	}
}

// name is how a finding names a rendition.
func (c *Capture) name(i int) string {
	if i < 0 || i >= len(c.Renditions) {
		return c.URL
	}
	return c.Renditions[i].URI
}
