package wire

import "github.com/cuelight/cuelight/sync/clock"

func packAnswer(b []byte, m *Answer) []byte {
	n := byte(5)
	if m.At != 0 {
		n++
	}
	if m.Dispersion != 0 {
		n++
	}
	b = append(append(b, packFixMap|n), "\xa1t\xa6answer\xa2id"...)
	b = packText(b, m.ID)
	b = packText(append(b, "\xa3cue"...), m.Cue)
	b = packInt(append(b, "\xa3rev"...), int64(m.Rev))
	b = packChoice(append(b, "\xa6choice"...), m.Choice)
	if m.At != 0 {
		b = packInt(append(b, "\xa5at_us"...), int64(m.At))
	}
	if m.Dispersion != 0 {
		b = packInt(append(b, "\xa7disp_us"...), m.Dispersion)
	}
	return b
}

func packReceipt(b []byte, m *Receipt) []byte {
	n := byte(6)
	if m.ID != "" {
		n++
	}
	if m.Changes != 0 {
		n++
	}
	b = append(append(b, packFixMap|n), "\xa1t\xa7receipt"...)
	if m.ID != "" {
		b = packText(append(b, "\xa2id"...), m.ID)
	}
	b = packText(append(b, "\xa3cue"...), m.Cue)
	b = packChoice(append(b, "\xa6choice"...), m.Choice)
	b = packUint(append(b, "\xa3seq"...), m.Seq)
	b = packInt(append(b, "\xa5at_us"...), int64(m.At))
	b = packText(append(b, "\xa5level"...), m.Level)
	if m.Changes != 0 {
		b = packInt(append(b, "\xa7changes"...), int64(m.Changes))
	}
	return b
}

func packRefused(b []byte, m *Refused) []byte {
	b = append(append(b, packFixMap|5), "\xa1t\xa7refused\xa2id"...)
	b = packText(b, m.ID)
	b = packText(append(b, "\xa3cue"...), m.Cue)
	b = packText(append(b, "\xa4code"...), m.Code)
	return packText(append(b, "\xa7message"...), m.Message)
}

// unpackAnswer reads an answer as this package and the player write it: fields
// in their order, texts of plain ASCII. It is false for anything else, which
// unpack then judges; what both accept they read alike.
func unpackAnswer(data []byte) (*Answer, bool) {
	s := packedScan{all: data}
	n := s.members()
	s.want("\xa1t\xa6answer\xa2id")
	id := s.text()
	s.want("\xa3cue")
	cue := s.text()
	s.want("\xa3rev")
	m := newAnswer()
	m.Rev = s.index()
	s.want("\xa6choice")
	m.Choice = s.choice(m.Choice)
	n -= 5
	if s.has("\xa5at_us") {
		m.At = clock.Instant(s.integer())
		n--
	}
	if s.has("\xa7disp_us") {
		m.Dispersion = s.integer()
		n--
	}
	if !s.done() || n != 0 {
		return nil, false
	}
	m.ID, m.Cue = both(data, id, cue)
	return m, true
}

// unpackReceipt is unpackAnswer for receipts.
func unpackReceipt(data []byte) (*Receipt, bool) {
	s := packedScan{all: data}
	n := s.members()
	s.want("\xa1t\xa7receipt")
	var id span
	if s.has("\xa2id") {
		id = s.text()
		n--
	}
	s.want("\xa3cue")
	cue := s.text()
	s.want("\xa6choice")
	m := newReceipt()
	m.Choice = s.choice(m.Choice)
	s.want("\xa3seq")
	m.Seq = s.natural()
	s.want("\xa5at_us")
	m.At = clock.Instant(s.integer())
	s.want("\xa5level")
	level := s.text()
	n -= 6
	if s.has("\xa7changes") {
		m.Changes = s.index()
		n--
	}
	if !s.done() || n != 0 {
		return nil, false
	}
	m.ID, m.Cue = both(data, id, cue)
	m.Level = levelOf(level.of(data))
	return m, true
}
