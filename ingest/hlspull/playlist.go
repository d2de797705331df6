package hlspull

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
	"github.com/bluenviron/gohlslib/v2/pkg/playlist/primitives"

	"github.com/cuelight/cuelight/ingest"
)

var (
	errMalformed = ingest.Errorf(ingest.CodeMalformed, "this is not an HLS playlist: check the source's URL")
	errEncrypted = ingest.Errorf(ingest.CodeMalformed, "the source's segments are encrypted: use a source without EXT-X-KEY")
	errEnded     = errors.New("the source has ended")
)

// open marks the segment that is still being written: the parser knows only
// finished ones.
const open = "cuelight:open"

// unneeded are tags that say nothing here, some in versions that the parser refuses.
var unneeded = []string{"#EXT-X-VERSION", "#EXT-X-PRELOAD-HINT", "#EXT-X-RENDITION-REPORT", "#EXT-X-START", "#EXT-X-BITRATE"}

// listing is a media playlist.
type listing struct {
	target     time.Duration
	partTarget time.Duration // 0 without parts
	blocks     bool          // a reload can wait for what is new
	ended      bool
	segments   []segment // at least one
}

// segment is one of a listing, the last one perhaps still being written.
type segment struct {
	msn      int
	epoch    int // discontinuity sequence number
	piece    location
	init     location // of its initialisation section; none in MPEG-TS
	duration time.Duration
	date     time.Time // of its first sample; zero when not known
	dated    bool      // by itself, not by those before it
	gap      bool      // the source has no media for it
	open     bool
	parts    []part
}

type part struct {
	piece       location
	duration    time.Duration
	independent bool
	gap         bool
}

// location is where bytes are; the zero value is nowhere.
type location struct {
	uri   string
	piece byteRange
}

// readMedia reads a media playlist.
//
// Errors: errMalformed, errEncrypted.
func readMedia(text []byte) (*listing, error) {
	lines, inits, err := prepare(string(text))
	if err != nil {
		return nil, err
	}
	var m playlist.Media
	if err := m.Unmarshal([]byte(lines)); err != nil || len(m.Segments) != len(inits) {
		return nil, errMalformed
	}
	l := &listing{target: time.Duration(m.TargetDuration) * time.Second, ended: m.Endlist}
	if m.PartInf != nil {
		l.partTarget = m.PartInf.PartTarget
	}
	l.blocks = m.ServerControl != nil && m.ServerControl.CanBlockReload
	return l, l.add(&m, inits)
}

// prepare drops what is not needed, closes the last segment and finds each
// segment's initialisation section.
func prepare(text string) (lines string, inits []location, err error) {
	if !strings.HasPrefix(text, "#EXTM3U") {
		return "", nil, errMalformed
	}
	var b strings.Builder
	var current location
	for line := range strings.Lines(text + "\n#EXTINF:1,\n" + open + "\n") {
		line = strings.TrimSpace(line)
		if attributes, ok := strings.CutPrefix(line, "#EXT-X-MAP:"); ok {
			if current, err = readMap(attributes); err != nil {
				return "", nil, err
			}
		}
		if isUnneeded(line) {
			continue
		}
		if line != "" && line[0] != '#' {
			inits = append(inits, current)
		}
		b.WriteString(line + "\n")
	}
	return b.String(), inits, nil
}

func isUnneeded(line string) bool {
	for _, tag := range unneeded {
		if strings.HasPrefix(line, tag) {
			return true
		}
	}
	return false
}

func readMap(attributes string) (location, error) {
	var a primitives.Attributes
	if a.Unmarshal(attributes) != nil || a["URI"] == "" {
		return location{}, errMalformed
	}
	l := location{uri: a["URI"]}
	if text, ok := a["BYTERANGE"]; ok {
		var r primitives.ByteRange
		if r.Unmarshal(text) != nil {
			return location{}, errMalformed
		}
		l.piece = rangeOf(&r.Length, r.Start, location{})
	}
	return l, nil
}

// rangeOf reads a byte range; one without a start begins where the one before
// it in the same resource ends.
func rangeOf(length, start *uint64, before location) byteRange {
	switch {
	case length == nil:
		return byteRange{}
	case start == nil:
		return byteRange{before.piece.start + before.piece.length, *length}
	}
	return byteRange{*start, *length}
}

func (l *listing) add(m *playlist.Media, inits []location) error {
	epoch := 0
	if m.DiscontinuitySequence != nil {
		epoch = *m.DiscontinuitySequence
	}
	var date time.Time
	var before location
	for i, s := range m.Segments {
		if s.Key != nil && s.Key.Method != playlist.MediaKeyMethodNone {
			return errEncrypted
		}
		if s.Discontinuity {
			epoch++
			date = time.Time{}
		}
		if s.DateTime != nil {
			date = *s.DateTime
		}
		seg := segment{
			msn: m.MediaSequence + i, epoch: epoch, init: inits[i], duration: s.Duration,
			date: date, dated: s.DateTime != nil, gap: s.Gap, open: s.URI == open, parts: partsOf(s.Parts),
			piece: location{s.URI, rangeOf(s.ByteRangeLength, s.ByteRangeStart, before)},
		}
		before = seg.piece
		if seg.open && len(seg.parts) == 0 {
			break
		}
		l.segments = append(l.segments, seg)
		if !date.IsZero() {
			date = date.Add(s.Duration)
		}
	}
	if len(l.segments) == 0 {
		return errMalformed
	}
	return nil
}

func partsOf(listed []*playlist.MediaPart) []part {
	var parts []part
	var before location
	for _, p := range listed {
		before = location{p.URI, rangeOf(p.ByteRangeLength, p.ByteRangeStart, before)}
		parts = append(parts, part{before, p.Duration, p.Independent, p.Gap})
	}
	return parts
}

// variant is what to follow of a multivariant playlist; sound is empty when it
// is in the video's segments.
type variant struct{ uri, sound string }

// isMultivariant tells the two kinds of playlist apart.
func isMultivariant(text []byte) bool {
	return strings.Contains(string(text), "\n#EXT-X-STREAM-INF:")
}

// readMultivariant picks the variant with the most bits of which all codecs are
// taken.
//
// Errors: errMalformed; *ingest.Error naming a codec when none is.
func readMultivariant(text []byte) (variant, error) {
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); !isUnneeded(line) && line != "" {
			b.WriteString(line + "\n")
		}
	}
	var m playlist.Multivariant
	if err := m.Unmarshal([]byte(b.String())); err != nil {
		return variant{}, errMalformed
	}
	var best *playlist.MultivariantVariant
	refused := ""
	for _, v := range m.Variants {
		if codec := unsupported(v.Codecs); codec != "" {
			refused = codec
		} else if best == nil || v.Bandwidth > best.Bandwidth {
			best = v
		}
	}
	if best == nil {
		return variant{}, ingest.Unsupported(refused)
	}
	return variant{best.URI, soundOf(m.Renditions, best.Audio)}, nil
}

// soundOf returns the default rendition of an audio group, else its first.
func soundOf(renditions []*playlist.MultivariantRendition, group string) (uri string) {
	first := true
	for _, r := range renditions {
		if r.Type != playlist.MultivariantRenditionTypeAudio || r.GroupID != group {
			continue
		}
		if first || r.Default {
			first, uri = false, ""
			if r.URI != nil {
				uri = *r.URI
			}
		}
		if r.Default {
			break
		}
	}
	return uri
}

// taken are the beginnings of the names of codecs. Spec: RFC 6381.
var taken = []string{"avc1.", "avc3.", "hvc1.", "hev1.", "av01.", "mp4a.40", "opus"}

// unsupported returns the first codec that is not taken, "" when all are.
func unsupported(codecs []string) string {
	for _, c := range codecs {
		ok := false
		for _, prefix := range taken {
			ok = ok || strings.HasPrefix(strings.ToLower(strings.TrimSpace(c)), prefix)
		}
		if !ok {
			return "codec " + quote(c)
		}
	}
	return ""
}

// resolve finds what a playlist refers to.
func resolve(base *url.URL, uri string) (*url.URL, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, errMalformed
	}
	return base.ResolveReference(u), nil
}
