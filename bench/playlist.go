package main

import (
	"bytes"
	"fmt"
	"strconv"
)

// tip is what a player needs of a playlist to ask for the next one.
type tip struct {
	newest position // the last part listed
	next   position // the part to wait for
	part   string   // URI of the newest part
}

var (
	tagSequence = []byte("#EXT-X-MEDIA-SEQUENCE:")
	tagSegment  = []byte("#EXTINF:")
	tagPart     = []byte("#EXT-X-PART:")
	uriBegin    = []byte(`URI="`)
)

// tipOf reads a full media playlist, however its files are called.
//
// Errors: a playlist without a sequence number or without a part.
// Spec: rfc8216bis §4.4.3.2, §4.4.4.9.
func tipOf(playlist []byte) (tip, error) {
	var t tip
	var msn, parts, before uint64
	var last []byte
	sequence := false
	for len(playlist) > 0 {
		var line []byte
		line, playlist, _ = bytes.Cut(playlist, []byte("\n"))
		switch {
		case bytes.HasPrefix(line, tagPart):
			parts++
			last = line
		case bytes.HasPrefix(line, tagSegment):
			msn++
			before, parts = parts, 0
		case bytes.HasPrefix(line, tagSequence):
			first, err := strconv.ParseUint(string(bytes.TrimSpace(line[len(tagSequence):])), 10, 64)
			if err != nil {
				return t, fmt.Errorf("playlist: %s: %w", line, err)
			}
			msn += first
			sequence = true
		}
	}
	_, uri, ok := bytes.Cut(last, uriBegin)
	if !sequence || !ok || msn == 0 && parts == 0 {
		return t, fmt.Errorf("playlist has no sequence number or no part")
	}
	uri, _, _ = bytes.Cut(uri, []byte(`"`))
	t.part = string(uri)
	t.next = position{msn, parts}
	t.newest = position{msn, parts - 1}
	if parts == 0 {
		t.newest = position{msn - 1, before - 1}
	}
	return t, nil
}

// firstURI returns the first variant of a multivariant playlist.
func firstURI(playlist []byte) (string, error) {
	for line := range bytes.Lines(playlist) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return string(line), nil
		}
	}
	return "", fmt.Errorf("multivariant playlist has no variant")
}
