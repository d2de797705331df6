package main

import (
	"bytes"
	"fmt"
	"strconv"
)

// tip is what a player needs of a media playlist to follow it.
type tip struct {
	msn, part uint64   // of the part to wait for
	parts     []string // URIs of the parts listed, in order
	init      string   // URI of the last init section named, if any is
}

var (
	tagSequence = []byte("#EXT-X-MEDIA-SEQUENCE:")
	tagSkip     = []byte("#EXT-X-SKIP:SKIPPED-SEGMENTS=")
	tagSegment  = []byte("#EXTINF:")
	tagPart     = []byte("#EXT-X-PART:")
	tagMap      = []byte("#EXT-X-MAP:")
)

// tipOf reads a media playlist or a delta update.
//
// Errors: no sequence number, or a number or a URI that is none.
// Spec: rfc8216bis §4.4.3.2, §4.4.4.9, §4.4.5.2.
func tipOf(playlist []byte) (tip, error) {
	var t tip
	sequence := false
	for len(playlist) > 0 {
		var line []byte
		line, playlist, _ = bytes.Cut(playlist, []byte("\n"))
		var n uint64
		var err error
		switch {
		case bytes.HasPrefix(line, tagSequence):
			n, err = number(line[len(tagSequence):])
			sequence = true
		case bytes.HasPrefix(line, tagSkip):
			n, err = number(line[len(tagSkip):])
		case bytes.HasPrefix(line, tagSegment):
			n, t.part = 1, 0
		case bytes.HasPrefix(line, tagMap):
			t.init, err = uri(line)
		case bytes.HasPrefix(line, tagPart):
			var u string
			if u, err = uri(line); u != "" {
				t.parts = append(t.parts, u)
			}
			t.part++
		}
		if err != nil {
			return tip{}, fmt.Errorf("playlist: %s: %w", line, err)
		}
		t.msn += n
	}
	if !sequence {
		return tip{}, fmt.Errorf("playlist without a sequence number: %.60q", playlist)
	}
	return t, nil
}

// number reads the decimal number that b begins with.
func number(b []byte) (uint64, error) {
	end := 0
	for end < len(b) && b[end] >= '0' && b[end] <= '9' {
		end++
	}
	return strconv.ParseUint(string(b[:end]), 10, 64)
}

// uri is the URI attribute of a tag.
func uri(line []byte) (string, error) {
	_, rest, ok := bytes.Cut(line, []byte(`URI="`))
	value, _, closed := bytes.Cut(rest, []byte(`"`))
	if !ok || !closed || len(value) == 0 {
		return "", fmt.Errorf("no URI")
	}
	return string(value), nil
}

// after returns the parts that follow the one called last: all that a player
// still has to load. A player that has none, or has fallen out of the list,
// takes the newest.
func (t tip) after(last string) []string {
	for i := len(t.parts) - 1; i >= 0; i-- {
		if t.parts[i] == last {
			return t.parts[i+1:]
		}
	}
	return t.parts[max(0, len(t.parts)-1):]
}

// directives ask for the playlist that has the next part.
func (t tip) directives() string {
	return "?_HLS_msn=" + strconv.FormatUint(t.msn, 10) + "&_HLS_part=" + strconv.FormatUint(t.part, 10) + "&_HLS_skip=YES"
}
