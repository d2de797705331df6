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
	tagSkip     = []byte("#EXT-X-SKIP:")
	skipCount   = []byte("SKIPPED-SEGMENTS=")
	uriBegin    = []byte(`URI="`)
)

// tipOf reads a media playlist, however its files are called.
//
// Errors: a playlist without a sequence number or without a part.
func tipOf(playlist []byte) (tip, error) {
	var t tip
	var last []byte
	next, err := eachPart(playlist, func(at position, uri []byte) { t.newest, last = at, uri })
	if err != nil {
		return t, err
	}
	if last == nil {
		return t, fmt.Errorf("playlist has no part")
	}
	t.next, t.part = next, string(last)
	return t, nil
}

// eachPart calls found for every part of a full playlist or a delta update, in
// order, and returns the position of the part that comes next. The URI is part
// of the playlist.
//
// Errors: a playlist without a sequence number, or with one that is none.
// Spec: rfc8216bis §4.4.3.2, §4.4.4.9, §4.4.5.2.
func eachPart(playlist []byte, found func(at position, uri []byte)) (next position, err error) {
	sequence := false
	for len(playlist) > 0 {
		var line []byte
		line, playlist, _ = bytes.Cut(playlist, []byte("\n"))
		number, counts := []byte(nil), false
		switch {
		case bytes.HasPrefix(line, tagPart):
			if _, uri, ok := bytes.Cut(line, uriBegin); ok {
				uri, _, _ = bytes.Cut(uri, []byte(`"`))
				found(next, uri)
			}
			next.Part++
		case bytes.HasPrefix(line, tagSegment):
			next = position{MSN: next.MSN + 1}
		case bytes.HasPrefix(line, tagSequence):
			number, counts = line[len(tagSequence):], true
			sequence = true
		case bytes.HasPrefix(line, tagSkip):
			_, after, _ := bytes.Cut(line, skipCount)
			number, _, _ = bytes.Cut(after, []byte(","))
			counts = true
		}
		if !counts {
			continue
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(number)), 10, 63)
		if err != nil {
			return next, fmt.Errorf("playlist: %s: %w", line, err)
		}
		next.MSN += n
	}
	if !sequence {
		return next, fmt.Errorf("playlist has no sequence number")
	}
	return next, nil
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
