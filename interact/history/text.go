package history

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// PostgreSQL takes no NUL and nothing that is not UTF-8. Names that tell things
// apart are written so that different ones stay different: a backslash is two,
// and each byte that does not fit is a backslash, an x and two digits. Text for
// people has U+FFFD there.

// nameText is a name as the database has it.
func nameText(name string) string {
	if utf8.ValidString(name) && !strings.ContainsAny(name, "\x00\\") {
		return name
	}
	var b strings.Builder
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == 0, r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, name[i])
		default:
			b.WriteString(name[i : i+n])
		}
		i += n
	}
	return b.String()
}

// nameOf is the name that nameText made text of.
func nameOf(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		if v, err := strconv.ParseUint(text[i+1+1:min(i+4, len(text))], 16, 8); text[i+1] == 'x' && err == nil {
			b.WriteByte(byte(v))
			i += 3
			continue
		}
		i++
		b.WriteByte(text[i])
	}
	return b.String()
}

// prose is text for people as the database has it.
func prose(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// lastInstant is the end of the year 9999: later ones are no timestamp.
const lastInstant = 253402300799999999

// instant is NULL if i is not known.
func instant(i clock.Instant) sql.Null[int64] {
	return sql.Null[int64]{V: min(max(int64(i), 1), lastInstant), Valid: i != 0}
}

func instantOf(n sql.Null[int64]) clock.Instant { return clock.Instant(n.V) }

// choiceText writes option indices with commas between.
func choiceText(s interact.Selection) string {
	var b []byte
	for i, option := range s.Indices() {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(option), 10)
	}
	return string(b)
}

// choiceOf reads what choiceText wrote.
func choiceOf(text string) []int {
	var out []int
	for part := range strings.SplitSeq(text, ",") {
		if n, err := strconv.Atoi(part); err == nil {
			out = append(out, n)
		}
	}
	return out
}
