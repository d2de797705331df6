package hlstest

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// attributes is an attribute list. Spec: rfc8216bis §4.2.
type attributes struct {
	names  []string
	values map[string]attribute
}

type attribute struct {
	text   string // without the quotes
	quoted bool
}

// parseAttributes reads an attribute list and refuses what the grammar does
// not allow. What could be read before the fault is returned with it.
func parseAttributes(s string) (attributes, error) {
	a := attributes{values: map[string]attribute{}}
	for s != "" {
		name, rest, ok := strings.Cut(s, "=")
		if !ok || !isAttributeName(name) {
			return a, fmt.Errorf("attribute name %.40q", name)
		}
		if _, twice := a.values[name]; twice {
			return a, fmt.Errorf("attribute %s twice", name)
		}
		var v attribute
		if v, s, ok = cutValue(rest); !ok {
			return a, fmt.Errorf("value of attribute %s: %.40q", name, rest)
		}
		a.names = append(a.names, name)
		a.values[name] = v
		if s == "," {
			return a, fmt.Errorf("a comma at the end")
		}
		s = strings.TrimPrefix(s, ",")
	}
	return a, nil
}

// cutValue takes the first value from s; what follows it begins with a comma or
// is empty.
func cutValue(s string) (v attribute, rest string, ok bool) {
	if strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s[1:], '"')
		if end < 0 {
			return v, "", false
		}
		v, rest = attribute{s[1 : 1+end], true}, s[end+2:]
		return v, rest, rest == "" || rest[0] == ','
	}
	end := strings.IndexByte(s, ',')
	if end < 0 {
		end = len(s)
	}
	v.text = s[:end]
	return v, s[end:], v.text != "" && !strings.ContainsAny(v.text, "\" \t")
}

func isAttributeName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != ""
}

func (a attributes) has(name string) bool { _, ok := a.values[name]; return ok }

// quoted returns a quoted string, with an error if it is there and not quoted.
func (a attributes) quoted(name string) (string, error) {
	v, ok := a.values[name]
	if ok && !v.quoted {
		return v.text, fmt.Errorf("%s=%s without quotes", name, v.text)
	}
	return v.text, nil
}

// word returns an enumerated string.
func (a attributes) word(name string) (string, error) {
	v, ok := a.values[name]
	if ok && v.quoted {
		return v.text, fmt.Errorf("%s=%q in quotes", name, v.text)
	}
	return v.text, nil
}

// yes reports whether the attribute says YES.
func (a attributes) yes(name string) (bool, error) {
	w, err := a.word(name)
	if err == nil && w != "" && w != "YES" && w != "NO" {
		err = fmt.Errorf("%s=%s", name, w)
	}
	return w == "YES", err
}

// seconds returns a decimal number of seconds.
func (a attributes) seconds(name string) (time.Duration, error) {
	v, ok := a.values[name]
	if !ok {
		return 0, nil
	}
	if v.quoted {
		return 0, fmt.Errorf("%s=%q in quotes", name, v.text)
	}
	d, err := parseSeconds(v.text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

// integer returns a decimal integer.
func (a attributes) integer(name string) (uint64, error) {
	v, ok := a.values[name]
	if !ok {
		return 0, nil
	}
	n, err := parseInteger(v.text)
	if err != nil || v.quoted {
		return 0, fmt.Errorf("%s=%.30s is no decimal integer", name, v.text)
	}
	return n, nil
}

// parseInteger reads a decimal-integer: digits only.
func parseInteger(s string) (uint64, error) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, fmt.Errorf("%.30q is no decimal integer", s)
	}
	return strconv.ParseUint(s, 10, 64)
}

// longest is the longest duration that a playlist may name: ten years.
const longest = 10 * 365 * 24 * time.Hour

// parseSeconds reads a decimal-floating-point that is not negative.
func parseSeconds(s string) (time.Duration, error) {
	if s == "" || strings.Trim(s, "0123456789.") != "" || strings.Count(s, ".") > 1 {
		return 0, fmt.Errorf("%.30q is no decimal number", s)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f > longest.Seconds() {
		return 0, fmt.Errorf("%.30q is no decimal number of seconds", s)
	}
	return time.Duration(math.Round(f * float64(time.Second))), nil
}
