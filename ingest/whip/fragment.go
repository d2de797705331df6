package whip

import (
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/cuelight/cuelight/ingest"
)

const (
	maxFragmentLines = 512
	maxFragmentLine  = 1024
)

// fragment is the body of a PATCH. Spec: RFC 8840 §9; RFC 9725 §4.3.
type fragment struct {
	ufrag, pwd string // empty when it does not say
	candidates []candidate
	complete   bool // there will be no more
}

// candidate is one line of a fragment, without "a=".
type candidate struct {
	mid, text string
}

// parseFragment reads what it knows and skips the rest.
//
// Errors: *ingest.Error for text that is no SDP, or too much of it.
func parseFragment(text string) (fragment, error) {
	var f fragment
	mid, lines := "", 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		if lines++; lines > maxFragmentLines || len(line) > maxFragmentLine {
			return fragment{}, ingest.Errorf(ingest.CodeMalformed, "the fragment is too long")
		}
		if len(line) < 2 || line[1] != '=' {
			return fragment{}, ingest.Errorf(ingest.CodeMalformed, "the body is not an SDP fragment: send a=candidate lines")
		}
		if line[0] == 'm' {
			mid = ""
		}
		if line[0] == 'a' {
			f.attribute(line[2:], &mid)
		}
	}
	if len(f.candidates) > maxCandidates {
		return fragment{}, ingest.Errorf(ingest.CodeMalformed, "%d candidates: send at most %d", len(f.candidates), maxCandidates)
	}
	if (f.ufrag == "") != (f.pwd == "") || !isCredential(f.ufrag) || !isCredential(f.pwd) {
		return fragment{}, ingest.Errorf(ingest.CodeMalformed, "ice-ufrag and ice-pwd come together, of letters, digits, + and /")
	}
	return f, nil
}

// attribute takes one in. All media are bundled on one connection, so the first
// credentials are everybody's.
func (f *fragment) attribute(text string, mid *string) {
	key, value, _ := strings.Cut(text, ":")
	switch key {
	case "mid":
		*mid = value
	case "ice-ufrag":
		if f.ufrag == "" {
			f.ufrag = value
		}
	case "ice-pwd":
		if f.pwd == "" {
			f.pwd = value
		}
	case "candidate":
		f.candidates = append(f.candidates, candidate{mid: *mid, text: text})
	case "end-of-candidates":
		f.complete = true
	}
}

// isCredential keeps what goes into a description from being more than one
// line of it. Spec: RFC 8839 §5.4 (ice-char).
func isCredential(s string) bool {
	const longest = 256
	return len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '/'
	})
}

// fragmentOf is our side's ICE as an answer to a restart: that of the first
// media description, which all are bundled on.
func fragmentOf(local string) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(local); err != nil || len(d.MediaDescriptions) == 0 {
		return "", fmt.Errorf("read our own answer: %w", err)
	}
	m := d.MediaDescriptions[0]
	var b strings.Builder
	b.WriteString("a=ice-options:trickle ice2\r\n")
	if group, ok := d.Attribute("group"); ok {
		fmt.Fprintf(&b, "a=group:%s\r\n", group)
	}
	fmt.Fprintf(&b, "m=%s\r\n", m.MediaName.String())
	for _, key := range []string{"mid", "ice-ufrag", "ice-pwd", "candidate"} {
		for _, v := range valuesOf(m, key) {
			fmt.Fprintf(&b, "a=%s:%s\r\n", key, v)
		}
	}
	b.WriteString("a=end-of-candidates\r\n")
	return b.String(), nil
}

// restarted is an offer with other credentials and candidates: what the
// publisher would offer now.
func restarted(offer string, f fragment) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(offer); err != nil {
		return "", fmt.Errorf("read the offer again: %w", err)
	}
	d.Attributes = withoutICE(d.Attributes)
	for i, m := range d.MediaDescriptions {
		m.Attributes = withoutICE(m.Attributes)
		m.WithICECredentials(f.ufrag, f.pwd)
		if i > 0 {
			continue
		}
		for _, c := range f.candidates {
			m.WithCandidate(strings.TrimPrefix(c.text, "candidate:"))
		}
	}
	text, err := d.Marshal()
	if err != nil {
		return "", fmt.Errorf("write the offer again: %w", err)
	}
	return string(text), nil
}

func withoutICE(attributes []sdp.Attribute) []sdp.Attribute {
	var kept []sdp.Attribute
	for _, a := range attributes {
		switch a.Key {
		case "ice-ufrag", "ice-pwd", "candidate", "end-of-candidates":
		default:
			kept = append(kept, a)
		}
	}
	return kept
}
