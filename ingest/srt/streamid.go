package srt

import (
	"net/url"
	"strings"

	"github.com/cuelight/cuelight/ingest"
)

// modes that a stream id may begin with; only publish is ours.
var modes = map[string]bool{
	"publish": true, "request": false, "read": false, "play": false, "subscribe": false, "bidirectional": false,
}

const (
	wantID        = "use publish:CHANNEL:KEY as the stream id"
	wantAccessKey = "use #!::r=CHANNEL,m=publish,s=KEY as the stream id"
)

const (
	// accessControl begins the key-value form of a stream id, and nested the one
	// in braces.
	accessControl = "#!::"
	nested        = "#!:"
	// maxStreamID is the protocol's limit.
	maxStreamID = 512
	// maxPairs is how many keys the key-value form may have; SRT names seven.
	maxPairs = 16
)

// parseStreamID reads what a caller wants (rule IG51).
//
// Errors: *ingest.Error with CodeMode or CodeMalformed; its sentence holds
// nothing of the stream id.
func parseStreamID(id string) (channel string, key ingest.Secret, err error) {
	switch {
	case id == "":
		return "", "", ingest.Errorf(ingest.CodeMalformed, "there is no stream id: %s", wantID)
	case len(id) > maxStreamID:
		return "", "", ingest.Errorf(ingest.CodeMalformed, "the stream id has more than %d bytes: %s", maxStreamID, wantID)
	}
	if !strings.HasPrefix(id, nested) {
		// Some versions of ffmpeg hand the URL's text on as it is. Names and keys
		// have no %, so undoing that cannot change them.
		id = unescape(id)
	}
	if rest, ok := strings.CutPrefix(id, accessControl); ok {
		return parseAccessControl(rest)
	}
	if strings.HasPrefix(id, nested) {
		return "", "", ingest.Errorf(ingest.CodeMalformed, "this form of stream id is not known: %s", wantAccessKey)
	}
	mode, rest, cut := strings.Cut(id, ":")
	publishes, known := modes[mode]
	switch {
	case !known || !cut:
		channel, key = ingest.ParseKey(id)
	case !publishes:
		return "", "", errMode()
	default:
		channel, key = ingest.ParseKey(rest)
	}
	return channel, key, nil
}

// unescape undoes percent-encoding, where it is one.
func unescape(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

func errMode() error {
	return ingest.Errorf(ingest.CodeMode, "this port only takes streams in: %s", wantID)
}

// parseAccessControl reads r=CHANNEL,m=publish,s=KEY in any order. Other keys
// (u, h, t) are ignored. Without m, the mode is request.
// Spec: SRT Access Control, "General syntax".
func parseAccessControl(text string) (channel string, key ingest.Secret, err error) {
	values := make(map[string]string)
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if _, twice := values[name]; !ok || twice || len(values) == maxPairs {
			return "", "", ingest.Errorf(ingest.CodeMalformed, "the stream id has a part without = or one twice: %s", wantAccessKey)
		}
		values[name] = unescape(strings.TrimSpace(value))
	}
	if values["m"] != "publish" {
		return "", "", errMode()
	}
	if s, ok := values["s"]; ok {
		return values["r"], ingest.Secret(s), nil
	}
	channel, key = ingest.ParseKey(values["r"])
	return channel, key, nil
}
