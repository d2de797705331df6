package whip

import "strings"

const maxEncoder = 64

// products are the parts of a User-Agent that say which program it is. Others
// stand beside them for compatibility, so the first of these counts.
var products = [...]string{"OBS-Studio/", "Edg/", "Firefox/", "HeadlessChrome/", "Chrome/", "Version/"}

// encoderName is what the publisher calls itself, in at most 64 printable
// characters.
func encoderName(agent string) string {
	agent = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, agent)
	words := strings.FieldsFunc(agent, func(r rune) bool { return strings.ContainsRune(" ();,", r) })
	for _, p := range products {
		for _, w := range words {
			if strings.HasPrefix(w, p) {
				return short(w)
			}
		}
	}
	return short(agent)
}

func short(s string) string { return strings.TrimSpace(s[:min(len(s), maxEncoder)]) }
