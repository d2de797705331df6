package hlstest

import (
	"fmt"
	"strings"
	"time"
)

var deliveryRules = []rule{
	{Rule{"B1", Must, "6.2.5.2", "_HLS_msn alone is held until that segment is whole"}, needBlock | needSliding, checkBlockSegment},
	{Rule{"B2", Must, "6.2.5.2", "_HLS_msn with _HLS_part is held until that part is listed"}, needBlock | needParts | needSliding, checkBlockPart},
	{Rule{"B3", Must, "6.2.5.2", "a part past the end of a segment means the first of the next"}, needBlock | needParts | needSliding, checkBeyond},
	{Rule{"B4", Must, "6.2.5.2", "a segment that is gone gets the current playlist at once"}, needBlock | needSliding, checkGone},
	{Rule{"B5", Must, "6.2.5.2", "_HLS_part without _HLS_msn is 400"}, needBlock | needSliding, func(l *look) { l.refused(TrialPartAlone, Must) }},
	{Rule{"B6", Should, "6.2.5.2", "more than two segments, or the advance part limit, ahead is 400"}, needBlock | needSliding, checkTooFar},
	{Rule{"B7", Should, "6.2.5.2", "what does not come within three target durations is 503"}, needBlock | needSliding, checkGivenUp},
	{Rule{"B8", Must, "6.2.5", "directives mean nothing after EXT-X-ENDLIST"}, 0, checkEndedDirectives},
	{Rule{"B9", Profile, "B.1", "the same request gets the same bytes, without cookies"}, 0, checkSame},
	{Rule{"S1", Must, "6.2.4", "EXT-X-SERVER-CONTROL is identical in all playlists"}, needSliding, checkControl},
	{Rule{"S2", Must, "4.4.3.8", "PART-HOLD-BACK is there and at least twice, better three times, PART-TARGET"}, needParts | needSliding, checkPartHoldBack},
	{Rule{"S3", Must, "4.4.3.8", "HOLD-BACK is at least 3, CAN-SKIP-UNTIL at least 6 target durations; CAN-SKIP-DATERANGES comes with CAN-SKIP-UNTIL"}, needSliding, checkHoldBack},
}

// answered tells a trial that was answered with a playlist from one that was
// not, and notes the latter.
func (l *look) answered(t *Trial, want string) bool {
	if t.Status == 0 {
		return false // no answer: the probe ended, or the connection did
	}
	l.held()
	if t.Playlist == nil {
		l.breaks(l.name(t.Rendition)+" "+t.query(), fmt.Sprintf("status %d", t.Status), want)
		return false
	}
	return true
}

// query is how a finding names a request.
func (t *Trial) query() string {
	_, q, _ := strings.Cut(t.URL, "?")
	return "?" + q
}

func checkBlockSegment(l *look) {
	l.not("no request for a segment alone was answered")
	for t := range l.trials(TrialSegment) {
		if !l.answered(t, "the playlist, when the segment is whole") || t.Playlist.Ended {
			continue
		}
		if closed, ok := t.Playlist.Closed(); !ok || closed < t.Asked.MSN {
			l.breaks(l.name(t.Rendition)+" "+t.query(), fmt.Sprintf("an answer with segment %d not whole", t.Asked.MSN), "an answer when it is")
		}
	}
}

func checkBlockPart(l *look) {
	l.not("no request for a part was answered")
	for _, r := range l.Renditions {
		for i := range r.Reloads {
			p := &r.Reloads[i]
			if !p.Asked.HasPart || p.Status == 0 || p.Status == 503 {
				continue // 503 is B7's
			}
			l.held()
			what := fmt.Sprintf("%s ?_HLS_msn=%d&_HLS_part=%d", r.URI, p.Asked.MSN, p.Asked.Part)
			switch {
			case p.Status != 200:
				l.breaks(what, fmt.Sprintf("status %d", p.Status), "the playlist, when the part is listed")
			case p.Playlist != nil && !p.Playlist.Ended && !p.Playlist.holds(p.Asked.Position()):
				edge, _ := p.Playlist.Edge()
				l.breaks(what, fmt.Sprintf("an answer that ends with %d.%d", edge.MSN, edge.Part), "an answer when the part is listed")
			}
		}
	}
}

func checkBeyond(l *look) {
	l.not("no part beyond a segment was asked for")
	for t := range l.trials(TrialBeyond) {
		if !l.answered(t, "the playlist with the first part of the next segment") || t.Playlist.Ended {
			continue
		}
		if first := (Position{MSN: t.Asked.MSN + 1}); !t.Playlist.holds(first) {
			l.breaks(l.name(t.Rendition)+" "+t.query(), fmt.Sprintf("an answer without %d.0", first.MSN), "part 0 of the next segment")
		}
	}
}

// atOnce is how long an answer may take that waits for nothing.
func (c *Capture) atOnce(p *Playlist) time.Duration {
	unit := p.PartTarget
	if unit == 0 {
		unit = p.Target
	}
	return unit/2 + 4*c.RoundTrip
}

func checkGone(l *look) {
	l.not("no segment was gone")
	for t := range l.trials(TrialGone) {
		if !l.answered(t, "the current playlist") {
			continue
		}
		if d := t.took(); d > l.atOnce(t.Playlist) {
			l.breaks(l.name(t.Rendition)+" "+t.query(), fmt.Sprintf("an answer after %v", d.Round(time.Millisecond)), "the current playlist at once")
		}
	}
}

// refused judges trials that have to be answered 400.
func (l *look) refused(kind TrialKind, level Level) {
	if l.why == "" {
		l.not("no such request was answered")
	}
	for t := range l.trials(kind) {
		if t.Status == 0 || t.Playlist != nil && t.Playlist.Ended {
			continue // after the end directives mean nothing
		}
		l.held()
		if t.Status != 400 {
			l.breaksAt(level, l.name(t.Rendition)+" "+t.query(), fmt.Sprintf("status %d", t.Status), "400")
		}
	}
}

func checkTooFar(l *look) {
	l.refused(TrialFarSegment, Should)
	l.refused(TrialFarPart, Should)
}

func checkGivenUp(l *look) {
	l.not("no request had to wait for three target durations")
	for _, r := range l.Renditions {
		for p := range r.answers() {
			known := r.first()
			if !p.Asked.HasMSN || known == nil {
				continue
			}
			limit := 3 * known.Target
			d := p.FirstByte.Sub(p.Sent)
			if p.Status == 0 {
				d = p.Received.Sub(p.Sent)
			}
			if d < limit && p.Status != 503 {
				continue
			}
			l.held()
			if p.Status != 503 && d > limit+l.patience(known.PartTarget) {
				l.breaks(r.URI, fmt.Sprintf("status %d after %v", p.Status, d.Round(time.Millisecond)), fmt.Sprintf("503 after %v", limit))
			}
		}
	}
}

// answers are all reloads, and last the one that had no answer when the probe
// ended.
func (r *Rendition) answers() func(func(*Reload) bool) {
	return func(yield func(*Reload) bool) {
		for i := range r.Reloads {
			if !yield(&r.Reloads[i]) {
				return
			}
		}
		if !r.Pending.Sent.IsZero() {
			yield(&r.Pending)
		}
	}
}

func checkEndedDirectives(l *look) {
	l.not("the stream did not end")
	for t := range l.trials(TrialEnded) {
		if !l.answered(t, "the playlist, whatever the directives") {
			continue
		}
		if !t.Playlist.Ended || t.took() > l.atOnce(t.Playlist)+time.Second {
			l.breaks(l.name(t.Rendition)+" "+t.query(), fmt.Sprintf("another answer, after %v", t.took().Round(time.Millisecond)), "the same playlist at once")
		}
		if t.Playlist.Skip != nil {
			l.breaks(l.name(t.Rendition)+" "+t.query(), "a delta update", "the whole playlist")
		}
	}
}

func checkSame(l *look) {
	l.not("no request was made twice")
	for t := range l.trials(TrialSame) {
		if t.Again == nil || !t.OK() || !t.Again.OK() || t.Body == nil || t.Again.Body == nil {
			continue
		}
		l.held()
		if withoutReports(t.Body) != withoutReports(t.Again.Body) && sameEdge(t.Body, t.Again.Body) {
			l.breaks(l.name(t.Rendition)+" "+t.query(), "two answers with the same newest part that differ", "the same bytes")
		}
	}
	for r, p := range l.playlists() {
		if c := p.Header.Get("Set-Cookie"); c != "" {
			l.breaks(r.URI, "Set-Cookie", "answers that do not depend on who asks")
			break
		}
	}
}

// withoutReports leaves out the lines that change with other renditions.
func withoutReports(text []byte) string {
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#EXT-X-RENDITION-REPORT:") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// sameEdge reports whether nothing was added between two answers.
func sameEdge(a, b []byte) bool {
	p, err := ParsePlaylist(a)
	q, err2 := ParsePlaylist(b)
	if err != nil || err2 != nil {
		return false
	}
	x, ok := p.Edge()
	y, ok2 := q.Edge()
	return ok && ok2 && x == y && p.MediaSequence == q.MediaSequence && p.Next() == q.Next()
}

func checkControl(l *look) {
	var first *string
	for r, p := range l.playlists() {
		if p.Playlist.Ended {
			continue
		}
		text := ""
		if p.Playlist.Control != nil {
			text = p.Playlist.Control.Text
		}
		if first == nil {
			first = &text
		}
		l.held()
		if text != *first {
			l.breaks(r.URI, "EXT-X-SERVER-CONTROL:"+text, *first+", as elsewhere")
		}
	}
}

func checkPartHoldBack(l *look) {
	var longest time.Duration
	for _, p := range l.playlists() {
		longest = max(longest, p.Playlist.PartTarget)
	}
	for r, p := range l.playlists() {
		if !p.Playlist.HasPartInf || p.Playlist.Ended {
			continue
		}
		l.held()
		var back time.Duration
		if c := p.Playlist.Control; c != nil {
			back = c.PartHoldBack
		}
		switch target := p.Playlist.PartTarget; {
		case back == 0:
			l.breaks(r.URI, "no PART-HOLD-BACK", "one, with EXT-X-PART-INF")
		case back < 2*target:
			l.breaks(r.URI, fmt.Sprintf("PART-HOLD-BACK %v", back), fmt.Sprintf("at least %v", 2*target))
		case back < 3*target:
			level := Should
			if l.Apple {
				level = Apple
			}
			l.breaksAt(level, r.URI, fmt.Sprintf("PART-HOLD-BACK %v", back), fmt.Sprintf("at least %v", 3*target))
		case back < 3*longest:
			l.breaksAt(Should, r.URI, fmt.Sprintf("PART-HOLD-BACK %v", back), fmt.Sprintf("at least %v, three times the longest PART-TARGET", 3*longest))
		}
	}
}

func checkHoldBack(l *look) {
	for r, p := range l.playlists() {
		c := p.Playlist.Control
		if c == nil || p.Playlist.Ended {
			continue
		}
		l.held()
		switch target := p.Playlist.Target; {
		case c.HoldBack > 0 && c.HoldBack < 3*target:
			l.breaks(r.URI, fmt.Sprintf("HOLD-BACK %v", c.HoldBack), fmt.Sprintf("at least %v", 3*target))
		case c.CanSkipUntil > 0 && c.CanSkipUntil < 6*target:
			l.breaks(r.URI, fmt.Sprintf("CAN-SKIP-UNTIL %v", c.CanSkipUntil), fmt.Sprintf("at least %v", 6*target))
		case c.CanSkipRanges && c.CanSkipUntil == 0:
			l.breaks(r.URI, "CAN-SKIP-DATERANGES alone", "with CAN-SKIP-UNTIL")
		case c.CanSkipUntil == 0 && p.Playlist.length() > 2*time.Minute:
			l.breaksAt(Apple, r.URI, fmt.Sprintf("no CAN-SKIP-UNTIL with %v listed", p.Playlist.length()), "delta updates")
		}
	}
	if l.result.Checked == 0 {
		l.not("no EXT-X-SERVER-CONTROL")
	}
}
