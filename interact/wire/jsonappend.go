package wire

import (
	"encoding/json"
	"strconv"
)

func appendAnswer(b []byte, m *Answer) []byte {
	b = appendText(append(b, `{"t":"answer","id":`...), m.ID)
	b = appendText(append(b, `,"cue":`...), m.Cue)
	b = appendInt(append(b, `,"rev":`...), int64(m.Rev))
	b = appendChoice(append(b, `,"choice":`...), m.Choice)
	if m.At != 0 {
		b = appendInt(append(b, `,"at_us":`...), int64(m.At))
	}
	if m.Dispersion != 0 {
		b = appendInt(append(b, `,"disp_us":`...), m.Dispersion)
	}
	return append(b, '}')
}

func appendReceipt(b []byte, m *Receipt) []byte {
	b = append(b, `{"t":"receipt",`...)
	if m.ID != "" {
		b = append(appendText(append(b, `"id":`...), m.ID), ',')
	}
	b = appendText(append(b, `"cue":`...), m.Cue)
	b = appendChoice(append(b, `,"choice":`...), m.Choice)
	b = strconv.AppendUint(append(b, `,"seq":`...), m.Seq, 10)
	b = appendInt(append(b, `,"at_us":`...), int64(m.At))
	b = appendText(append(b, `,"level":`...), m.Level)
	if m.Changes != 0 {
		b = appendInt(append(b, `,"changes":`...), int64(m.Changes))
	}
	return append(b, '}')
}

func appendRefused(b []byte, m *Refused) []byte {
	b = appendText(append(b, `{"t":"refused","id":`...), m.ID)
	b = appendText(append(b, `,"cue":`...), m.Cue)
	b = appendText(append(b, `,"code":`...), m.Code)
	b = appendText(append(b, `,"message":`...), m.Message)
	return append(b, '}')
}

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// appendText writes s as encoding/json does.
func appendText(b []byte, s string) []byte {
	if !asIs(s) {
		quoted, _ := json.Marshal(s) // cannot fail for a string
		return append(b, quoted...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// asIs says that encoding/json would write s without an escape.
func asIs(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

func appendChoice(b []byte, choice []int) []byte {
	if choice == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, option := range choice {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendInt(b, int64(option))
	}
	return append(b, ']')
}
