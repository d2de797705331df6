package hlstest

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a playlist.
const (
	maxPlaylist = 8 << 20
	maxLines    = 200_000
	maxFaults   = 50
	maxLine     = 64 << 10
)

// ErrNotPlaylist means that a text does not begin with #EXTM3U.
var ErrNotPlaylist = errors.New("this is not an HLS playlist: it does not begin with #EXTM3U")

// IsMultivariant reports whether a playlist names other playlists.
func IsMultivariant(text []byte) bool {
	s := string(text)
	return strings.Contains(s, "\n#EXT-X-STREAM-INF:") || strings.Contains(s, "\n#EXT-X-MEDIA:")
}

// ParsePlaylist reads a media playlist. What breaks a rule of the grammar is noted
// in Faults and read as far as it makes sense.
//
// Errors: ErrNotPlaylist, or a text beyond 8 MiB, 200000 lines or 64 KiB a line.
func ParsePlaylist(text []byte) (*Playlist, error) {
	lines, faults, err := splitLines(text)
	if err != nil {
		return nil, err
	}
	r := &reader{p: &Playlist{Faults: faults}, seen: map[string]bool{}}
	for i, line := range lines {
		r.line = i + 1
		r.read(line)
	}
	r.finish()
	return r.p, nil
}

// splitLines takes a playlist apart and judges it as a text (C1).
// Spec: rfc8216bis §4.
func splitLines(text []byte) (lines []string, faults []Fault, err error) {
	if len(text) > maxPlaylist {
		return nil, nil, fmt.Errorf("a playlist of %d bytes is longer than %d", len(text), maxPlaylist)
	}
	s := string(text)
	fault := func(line int, what string) { faults = append(faults, Fault{"C1", line, what}) }
	if rest, bom := strings.CutPrefix(s, "\ufeff"); bom {
		fault(1, "begins with a byte order mark")
		s = rest
	}
	if !strings.HasPrefix(s, "#EXTM3U") {
		return nil, nil, ErrNotPlaylist
	}
	if !utf8.ValidString(s) {
		fault(1, "is not UTF-8")
	}
	if strings.Count(s, "\n") > maxLines {
		return nil, nil, fmt.Errorf("a playlist of more than %d lines", maxLines)
	}
	lines = strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
		if len(lines[i]) > maxLine {
			return nil, nil, fmt.Errorf("line %d of the playlist is longer than %d bytes", i+1, maxLine)
		}
	}
	if lines[0] != "#EXTM3U" {
		fault(1, fmt.Sprintf("the first line is %.40q", lines[0]))
	}
	return lines[1:], faults, nil
}

// reader is the state of a reader of a media playlist.
type reader struct {
	p    *Playlist
	line int
	seen map[string]bool // tags that come once

	segment  Segment // the one that comes
	inf      bool    // it has its EXTINF
	begun    bool    // it has a tag
	mapText  string
	mapURI   string
	key      string
	numbered bool // a segment or part was met: what counts them comes too late now
	cut      uint64
	skipped  uint64
}

func (r *reader) fault(rule, format string, args ...any) {
	if len(r.p.Faults) < maxFaults {
		// Lines are counted from the one after #EXTM3U.
		r.p.Faults = append(r.p.Faults, Fault{rule, r.line + 1, fmt.Sprintf(format, args...)})
	}
}

// must notes a fault of the grammar.
func (r *reader) must(err error) {
	if err != nil {
		r.fault("C1", "%v", err)
	}
}

func (r *reader) read(line string) {
	switch {
	case line == "":
	case !strings.HasPrefix(line, "#"):
		r.uri(line)
	case strings.HasPrefix(line, "#EXT"):
		name, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(line) != line {
			r.fault("C1", "white space around %s", name)
		}
		r.tag(name, value)
	}
}

// once are tags that a playlist may have once (C3).
var once = map[string]bool{
	"#EXT-X-VERSION": true, "#EXT-X-TARGETDURATION": true, "#EXT-X-MEDIA-SEQUENCE": true,
	"#EXT-X-DISCONTINUITY-SEQUENCE": true, "#EXT-X-SERVER-CONTROL": true, "#EXT-X-PART-INF": true,
	"#EXT-X-PLAYLIST-TYPE": true, "#EXT-X-ENDLIST": true, "#EXT-X-INDEPENDENT-SEGMENTS": true, "#EXT-X-START": true,
	"#EXT-X-I-FRAMES-ONLY": true,
}

func (r *reader) tag(name, value string) {
	if once[name] {
		if r.seen[name] {
			r.fault("C3", "%s a second time", name)
			return
		}
		r.seen[name] = true
	}
	r.p.uses = max(r.p.uses, demands(name, value))
	switch name {
	case "#EXT-X-VERSION":
		n, err := parseInteger(value)
		r.must(err)
		r.p.Version = int(min(n, 1000))
	case "#EXT-X-TARGETDURATION":
		n, err := parseInteger(value)
		if err == nil && n == 0 {
			err = errors.New("a target duration of 0")
		}
		r.must(err)
		r.p.Target = time.Duration(min(n, uint64(longest/time.Second))) * time.Second
	case "#EXT-X-MEDIA-SEQUENCE":
		r.p.MediaSequence = r.number(name, value)
	case "#EXT-X-DISCONTINUITY-SEQUENCE":
		r.p.Discontinuities, r.p.HasDiscontinuity = r.number(name, value), true
	case "#EXT-X-PLAYLIST-TYPE":
		r.p.Type = value
		if value != "EVENT" && value != "VOD" {
			r.fault("C1", "EXT-X-PLAYLIST-TYPE:%.20s", value)
		}
	case "#EXT-X-SERVER-CONTROL":
		r.control(value)
	case "#EXT-X-PART-INF":
		a := r.attributes(value)
		d, err := a.seconds("PART-TARGET")
		if err == nil && d == 0 {
			err = errors.New("EXT-X-PART-INF without PART-TARGET")
		}
		r.must(err)
		r.p.PartTarget, r.p.HasPartInf = d, true
	case "#EXT-X-ENDLIST":
		r.p.Ended = true
	case "#EXT-X-SKIP":
		r.skip(value)
	case "#EXT-X-DATERANGE":
		r.dateRange(value)
	case "#EXT-X-PRELOAD-HINT":
		r.hint(value)
	case "#EXT-X-RENDITION-REPORT":
		r.report(value)
	default:
		r.segmentTag(name, value)
	}
}

// demands is the version that a tag needs wherever it stands; 0 for most.
// Spec: rfc8216bis §8.
func demands(name, value string) int {
	switch {
	case name == "#EXT-X-DEFINE" && strings.Contains(value, "QUERYPARAM="):
		return 11
	case name == "#EXT-X-DEFINE":
		return 8
	case name == "#EXT-X-STREAM-INF" && strings.Contains(value, "REQ-VIDEO-LAYOUT="):
		return 12
	case name == "#EXT-X-MEDIA" && strings.Contains(value, `INSTREAM-ID="SERVICE`):
		return 7
	case name == "#EXT-X-I-FRAMES-ONLY":
		return 4
	}
	return 0
}

// number reads a tag that counts segments, which has to come before them.
func (r *reader) number(name, value string) uint64 {
	if r.numbered {
		r.fault("C3", "%s after the first segment", name)
	}
	n, err := parseInteger(value)
	r.must(err)
	return n
}

func (r *reader) attributes(value string) attributes {
	a, err := parseAttributes(value)
	r.must(err)
	return a
}

func (r *reader) control(value string) {
	a := r.attributes(value)
	c := &Control{Text: value}
	var errs [5]error
	c.CanBlock, errs[0] = a.yes("CAN-BLOCK-RELOAD")
	c.CanSkipRanges, errs[1] = a.yes("CAN-SKIP-DATERANGES")
	c.PartHoldBack, errs[2] = a.seconds("PART-HOLD-BACK")
	c.HoldBack, errs[3] = a.seconds("HOLD-BACK")
	c.CanSkipUntil, errs[4] = a.seconds("CAN-SKIP-UNTIL")
	r.must(errors.Join(errs[:]...))
	r.p.Control = c
}

func (r *reader) skip(value string) {
	if r.p.Skip != nil {
		r.fault("D2", "EXT-X-SKIP a second time")
		return
	}
	a := r.attributes(value)
	n, err := a.integer("SKIPPED-SEGMENTS")
	if err == nil && !a.has("SKIPPED-SEGMENTS") {
		err = errors.New("EXT-X-SKIP without SKIPPED-SEGMENTS")
	}
	r.must(err)
	if n > 1_000_000_000 {
		r.fault("C1", "SKIPPED-SEGMENTS=%d", n)
		n = 0
	}
	removed, err := a.quoted("RECENTLY-REMOVED-DATERANGES")
	r.must(err)
	r.p.Skip = &Skip{Segments: n, HasRemoved: a.has("RECENTLY-REMOVED-DATERANGES")}
	if removed != "" {
		r.p.Skip.Removed = strings.Split(removed, "\t")
	}
	if r.numbered {
		r.fault("D2", "EXT-X-SKIP after the first segment")
	}
	r.skipped = n
}

func (r *reader) hint(value string) {
	a := r.attributes(value)
	kind, err := a.word("TYPE")
	uri, err2 := a.quoted("URI")
	r.must(errors.Join(err, err2))
	if kind == "" || uri == "" {
		r.fault("C1", "EXT-X-PRELOAD-HINT without TYPE and URI")
	}
	r.p.Hints = append(r.p.Hints, Hint{kind, uri})
}

func (r *reader) report(value string) {
	a := r.attributes(value)
	var t RenditionReport
	var errs [3]error
	t.URI, errs[0] = a.quoted("URI")
	t.MSN, errs[1] = a.integer("LAST-MSN")
	t.Part, errs[2] = a.integer("LAST-PART")
	r.must(errors.Join(errs[:]...))
	t.HasMSN, t.HasPart = a.has("LAST-MSN"), a.has("LAST-PART")
	r.p.Reports = append(r.p.Reports, t)
}
