package rtsp

import (
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// maxEncoder is the longest name that is shown.
const maxEncoder = 64

// encoderOf is what the encoder of an ANNOUNCE calls itself: the description's
// tool, else the header.
func encoderOf(req *base.Request) string {
	for line := range strings.Lines(string(req.Body)) {
		if tool, ok := strings.CutPrefix(line, "a=tool:"); ok && printable(tool) != "" {
			return printable(tool)
		}
	}
	for _, agent := range req.Header["User-Agent"] {
		return printable(agent)
	}
	return ""
}

// printable keeps printable ASCII, at most maxEncoder characters.
func printable(text string) string {
	kept := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	return strings.TrimSpace(kept[:min(len(kept), maxEncoder)])
}
