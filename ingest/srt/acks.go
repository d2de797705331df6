package srt

// acks keeps what was acknowledged, and measures the round trip by the
// caller's answers. Times are µs. It is pure and belongs to one goroutine.
// Spec: draft-sharabayko-srt-01 §4.8.1, §4.10.
type acks struct {
	rtt, rttVar int64
	measured    bool
	number      uint32
	sent        [64]ack // by number
	seq         int64   // acknowledged
	at          int64   // when
	confirmed   int64   // sequence number that the caller knows of
}

type ack struct {
	number uint32
	at     int64
	seq    int64
}

func newAcks() acks { return acks{rtt: 100_000, rttVar: 50_000, seq: -1, confirmed: -1} }

// due reports whether everything before seq must be acknowledged now, and the
// number to do it with.
func (a *acks) due(seq, now int64) (number uint32, ok bool) {
	if seq == a.seq && (a.confirmed == seq || now-a.at < a.rtt+4*a.rttVar) {
		return 0, false
	}
	a.number++
	if a.number == 0 {
		a.number = 1
	}
	a.seq, a.at = seq, now
	a.sent[a.number%uint32(len(a.sent))] = ack{number: a.number, at: now, seq: seq}
	return a.number, true
}

// confirm takes the caller's answer to an acknowledgement.
func (a *acks) confirm(number uint32, now int64) {
	s := a.sent[number%uint32(len(a.sent))]
	if number == 0 || s.number != number || now < s.at {
		return
	}
	a.confirmed = max(a.confirmed, s.seq)
	sample := now - s.at
	if !a.measured {
		a.rtt, a.rttVar, a.measured = sample, sample/2, true
		return
	}
	miss := max(a.rtt-sample, sample-a.rtt)
	a.rttVar += (miss - a.rttVar) / 4
	a.rtt += (sample - a.rtt) / 8
}

// patience is how long to wait before asking again for what is missing.
func (a *acks) patience() int64 {
	const least = 20_000
	return max(least, (a.rtt+4*a.rttVar)/2)
}
