package wire

import (
	"bytes"

	"github.com/cuelight/cuelight/sync/clock"
)

// scanAnswer reads an answer as this package and the player write it: fields
// in their order, no space, no escape. It is false for anything else, which
// encoding/json then judges; what both accept they read alike.
func scanAnswer(data []byte) (*Answer, bool) {
	s := scan{all: data}
	s.want(`{"t":"answer","id":`)
	id := s.text()
	s.want(`,"cue":`)
	cue := s.text()
	s.want(`,"rev":`)
	rev := s.index()
	s.want(`,"choice":`)
	m := newAnswer()
	m.Choice = s.choice(m.Choice)
	if s.has(`,"at_us":`) {
		m.At = clock.Instant(s.integer())
	}
	if s.has(`,"disp_us":`) {
		m.Dispersion = s.integer()
	}
	if !s.done() {
		return nil, false
	}
	m.ID, m.Cue = both(data, id, cue)
	m.Rev = rev
	return m, true
}

// scanReceipt is scanAnswer for receipts.
func scanReceipt(data []byte) (*Receipt, bool) {
	s := scan{all: data}
	s.want(`{"t":"receipt",`)
	var id span
	if s.has(`"id":`) {
		id = s.text()
		s.want(`,`)
	}
	s.want(`"cue":`)
	cue := s.text()
	s.want(`,"choice":`)
	m := newReceipt()
	m.Choice = s.choice(m.Choice)
	s.want(`,"seq":`)
	m.Seq = s.natural()
	s.want(`,"at_us":`)
	m.At = clock.Instant(s.integer())
	s.want(`,"level":`)
	level := s.text()
	if s.has(`,"changes":`) {
		m.Changes = s.index()
	}
	if !s.done() {
		return nil, false
	}
	m.ID, m.Cue = both(data, id, cue)
	m.Level = levelOf(level.of(data))
	return m, true
}

// newAnswer makes an answer with room for the one option that most have, in
// one piece of memory.
func newAnswer() *Answer {
	m := new(struct {
		Answer
		room [1]int
	})
	m.Choice = m.room[:0]
	return &m.Answer
}

// newReceipt is newAnswer for receipts.
func newReceipt() *Receipt {
	m := new(struct {
		Receipt
		room [1]int
	})
	m.Choice = m.room[:0]
	return &m.Receipt
}

// levelOf spares a copy of the levels there are.
func levelOf(level []byte) string {
	switch string(level) {
	case "memory":
		return "memory"
	case "log":
		return "log"
	case "replicated":
		return "replicated"
	default:
		return string(level)
	}
}

// span is a piece of a message's bytes.
type span struct{ from, to int }

func (p span) of(data []byte) []byte { return data[p.from:p.to] }

// both copies two texts, the first before the second, in one piece of memory.
func both(data []byte, first, second span) (string, string) {
	if first.to == first.from {
		return "", string(second.of(data))
	}
	text := string(data[first.from:second.to])
	return text[:first.to-first.from], text[second.from-first.from:]
}

// scan reads JSON of one known form. The first byte that does not fit ends it.
type scan struct {
	all []byte
	at  int
	bad bool
}

// has reads text if that is what follows.
func (s *scan) has(text string) bool {
	if s.bad || len(s.all)-s.at < len(text) || string(s.all[s.at:s.at+len(text)]) != text {
		return false
	}
	s.at += len(text)
	return true
}

func (s *scan) want(text string) {
	if !s.has(text) {
		s.bad = true
	}
}

// done reads the end of the message and says whether all of it did fit.
func (s *scan) done() bool {
	s.want("}")
	return !s.bad && s.at == len(s.all)
}

// text reads a string of printable ASCII without escapes.
func (s *scan) text() span {
	s.want(`"`)
	if s.bad {
		return span{}
	}
	n := bytes.IndexByte(s.all[s.at:], '"')
	if n < 0 {
		s.bad = true
		return span{}
	}
	found := span{s.at, s.at + n}
	for _, c := range found.of(s.all) {
		if c < ' ' || c > '~' || c == '\\' {
			s.bad = true
			return span{}
		}
	}
	s.at = found.to + 1
	return found
}

// maxDigits keeps a number below the largest int64.
const maxDigits = 18

func (s *scan) natural() uint64 {
	var n uint64
	start := s.at
	for s.at < len(s.all) && s.all[s.at] >= '0' && s.all[s.at] <= '9' {
		n = n*10 + uint64(s.all[s.at]-'0')
		s.at++
		if s.at-start > maxDigits {
			s.bad = true
			return 0
		}
	}
	digits := s.at - start
	if digits == 0 || digits > 1 && s.all[start] == '0' {
		s.bad = true
	}
	return n
}

func (s *scan) integer() int64 {
	if s.has("-") {
		return -int64(s.natural())
	}
	return int64(s.natural())
}

// index reads an integer that fits an int on every machine.
func (s *scan) index() int {
	n := s.integer()
	if int64(int32(n)) != n {
		s.bad = true
	}
	return int(n)
}

// choice reads a list of at least one integer.
func (s *scan) choice(into []int) []int {
	s.want("[")
	for {
		into = append(into, s.index())
		if s.bad || !s.has(",") {
			break
		}
	}
	s.want("]")
	return into
}
