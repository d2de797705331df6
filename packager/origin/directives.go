package origin

import (
	"errors"
	"strings"

	"github.com/cuelight/cuelight/packager"
)

// Directives are the delivery directives of a playlist request.
// Spec: rfc8216bis §6.2.5.
type Directives struct {
	MSN, Part       uint64
	HasMSN, HasPart bool
	Skip            bool // a delta update will do
	SkipDates       bool // also one that leaves out date ranges
}

var (
	errNumber   = errors.New("_HLS_msn and _HLS_part are decimal numbers without leading zeros, once each")
	errPartOnly = errors.New("_HLS_part needs _HLS_msn")
)

// ParseDirectives reads the directives out of a raw query. Other parameters,
// and directives that are not known, are ignored.
//
// Errors: a value that is not a number, one given twice, or a part without its
// segment (B5).
func ParseDirectives(query string) (Directives, error) {
	var d Directives
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		ok := true
		switch key {
		case "_HLS_msn":
			twice := d.HasMSN
			d.MSN, ok = packager.ParseNumber(value)
			d.HasMSN, ok = true, ok && !twice
		case "_HLS_part":
			twice := d.HasPart
			d.Part, ok = packager.ParseNumber(value)
			d.HasPart, ok = true, ok && !twice
		case "_HLS_skip":
			d.Skip = value == "YES" || value == "v2"
			d.SkipDates = value == "v2"
		}
		if !ok {
			return Directives{}, errNumber
		}
	}
	if d.HasPart && !d.HasMSN {
		return Directives{}, errPartOnly
	}
	return d, nil
}

// position is what has to be listed before the request is answered: a whole
// segment when no part is named (B1), otherwise that part (B2).
func (d Directives) position() packager.Position {
	if !d.HasPart {
		return packager.Position{MSN: d.MSN, Part: packager.Whole}
	}
	return packager.Position{MSN: d.MSN, Part: d.Part}
}

// tooFar reports whether d asks for what no client that read the playlist can
// want yet: more than two segments beyond the last whole one, or more parts
// ahead than the limit (B6).
func (d Directives) tooFar(s *packager.Snapshot, advanceParts uint64) bool {
	if d.MSN > s.Closed+2 {
		return true
	}
	if !d.HasPart || d.MSN < s.Hint.MSN {
		return false
	}
	if d.MSN == s.Hint.MSN {
		return d.Part >= s.Hint.Part+advanceParts
	}
	return d.Part >= advanceParts
}
