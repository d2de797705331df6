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

const wantID = "use publish:CHANNEL:KEY as the stream id"

// accessControl begins the key-value form of a stream id.
const accessControl = "#!::"

// parseStreamID reads what a caller wants.
//
// Errors: *ingest.Error with CodeMode or CodeMalformed; its sentence holds
// nothing of the stream id.
func parseStreamID(id string) (channel string, key ingest.Secret, err error) {
	if id == "" {
		return "", "", ingest.Errorf(ingest.CodeMalformed, "there is no stream id: %s", wantID)
	}
	// Some versions of ffmpeg hand the URL's text on as it is. Names and keys
	// have no %, so undoing that cannot change them.
	if plain, err := url.PathUnescape(id); err == nil {
		id = plain
	}
	if rest, ok := strings.CutPrefix(id, accessControl); ok {
		return parseAccessControl(rest)
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

func errMode() error {
	return ingest.Errorf(ingest.CodeMode, "this port only takes streams in: %s", wantID)
}

// parseAccessControl reads r=CHANNEL,m=publish,s=KEY. Other keys (u, h, t) are
// ignored. Without m, the mode is request.
func parseAccessControl(text string) (channel string, key ingest.Secret, err error) {
	values := make(map[string]string)
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return "", "", ingest.Errorf(ingest.CodeMalformed, "the stream id has a part without =: use #!::r=CHANNEL,m=publish,s=KEY")
		}
		values[strings.TrimSpace(name)] = strings.TrimSpace(value)
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
