package edge

import (
	"errors"
	"net/http"
	"strings"

	"github.com/cuelight/cuelight/packager"
)

// address is a path below /hls/, taken apart: /hls/{channel}/{file}, or
// /hls/{channel}/{secret}/{file} on a protected channel.
type address struct {
	channel, secret string
	name            packager.Name
	known           bool // name is a file that packagers make
}

// longest are names that anybody uses.
const (
	longestChannel = 64
	longestSecret  = 64
)

// parseAddress returns false for a path that names no file of a channel.
func parseAddress(path string) (a address, ok bool) {
	rest, ok := strings.CutPrefix(path, "/hls/")
	if !ok {
		return a, false
	}
	var file string
	if a.channel, file, ok = strings.Cut(rest, "/"); !ok || !plain(a.channel, longestChannel) {
		return a, false
	}
	if first, second, nested := strings.Cut(file, "/"); nested {
		if a.secret, file = first, second; !plain(a.secret, longestSecret) {
			return a, false
		}
	}
	a.name, a.known = packager.ParseName(file)
	return a, true
}

// plain says that s can stand in a path as it is and means nothing there.
func plain(s string, longest int) bool {
	if len(s) == 0 || len(s) > longest || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == '~':
		default:
			return false
		}
	}
	return true
}

var (
	errNumber   = errors.New("_HLS_msn and _HLS_part are decimal numbers without leading zeros, once each")
	errPartOnly = errors.New("_HLS_part needs _HLS_msn")
)

// directives returns those of a raw query in one order and one spelling, so that
// one object has one key. All else is left out.
//
// Errors: what an origin would refuse (B5).
func directives(query string) (string, error) {
	if query == "" {
		return "", nil
	}
	var msn, part, skip string
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		ok := true
		switch key {
		case "_HLS_msn":
			ok = number(&msn, value)
		case "_HLS_part":
			ok = number(&part, value)
		case "_HLS_skip":
			if skip = ""; value == "YES" || value == "v2" {
				skip = value
			}
		}
		if !ok {
			return "", errNumber
		}
	}
	if part != "" && msn == "" {
		return "", errPartOnly
	}
	var b strings.Builder
	for _, d := range [...][2]string{{"_HLS_msn=", msn}, {"_HLS_part=", part}, {"_HLS_skip=", skip}} {
		if d[1] == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(d[0])
		b.WriteString(d[1])
	}
	return b.String(), nil
}

// number takes a value that may be given once.
func number(into *string, value string) bool {
	_, ok := packager.ParseNumber(value)
	ok = ok && *into == ""
	*into = value
	return ok
}

// acceptsGzip reports whether the request allows gzip.
func acceptsGzip(h http.Header) bool {
	for _, line := range h["Accept-Encoding"] {
		for line != "" {
			var item string
			item, line, _ = strings.Cut(line, ",")
			coding, weight, _ := strings.Cut(item, ";")
			if c := strings.TrimSpace(coding); c != "gzip" && c != "*" {
				continue
			}
			if q, ok := strings.CutPrefix(strings.TrimSpace(weight), "q="); ok && strings.Trim(q, "0.") == "" {
				return false
			}
			return true
		}
	}
	return false
}

// tokened reports whether a request shows something that decides who may see
// the answer.
func tokened(r *http.Request) bool {
	if r.Header.Get("Authorization") != "" {
		return true
	}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if strings.HasPrefix(pair, "token=") {
			return true
		}
	}
	return false
}
