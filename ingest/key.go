package ingest

import (
	"log/slog"
	"net/url"
	"strings"
)

// Secret is a stream key. Printed or logged it is hidden; string(s) is the key.
type Secret string

const hidden = "[hidden]"

// String hides the key.
func (Secret) String() string { return hidden }

// GoString hides the key from %#v.
func (Secret) GoString() string { return hidden }

// LogValue hides the key from log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// Request is what a publisher asks for before any media.
type Request struct {
	Channel  string // empty when the publisher gave only a key
	Key      Secret
	Protocol string // "rtmp", "rtmps", "srt", "rtsp", "whip" or "hls"
	Remote   string // host:port
	// Own marks a stream that this server fetches itself: no key is asked for.
	Own bool
}

// maxStreamKey bounds what is looked at. Channel names and keys are far shorter.
const maxStreamKey = 512

// ParseKey splits a stream key as people paste it into an encoder:
//
//	show:SECRET   show/SECRET   show?key=SECRET   SECRET
//
// The last form gives an empty channel. What follows "?" and is not key= is
// ignored, as is a leading slash. Text longer than 512 bytes gives nothing.
func ParseKey(text string) (channel string, key Secret) {
	if len(text) > maxStreamKey {
		return "", ""
	}
	text, query, _ := strings.Cut(strings.TrimPrefix(text, "/"), "?")
	if at := strings.IndexAny(text, ":/"); at >= 0 {
		return text[:at], Secret(text[at+1:])
	}
	if values, err := url.ParseQuery(query); err == nil && values.Has("key") {
		return text, Secret(values.Get("key"))
	}
	return "", Secret(text)
}
