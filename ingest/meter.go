package ingest

import "time"

// history is how many whole seconds a meter remembers.
const history = 10

// meter counts bytes by the second of the session. Time is passed in and never
// goes back by more than the history. The zero value is ready; it is protected
// by its owner's lock.
type meter struct {
	newest int64               // second in which something was last counted
	bytes  [history + 1]uint64 // by second modulo its length, up to newest
}

// add counts n bytes at a time since the session began.
func (m *meter) add(n int, at time.Duration) {
	m.advance(at)
	m.bytes[m.newest%int64(len(m.bytes))] += uint64(n)
}

// advance clears the seconds that have begun since.
func (m *meter) advance(at time.Duration) {
	now := int64(at / time.Second)
	if now-m.newest > int64(len(m.bytes)) {
		m.newest = now - int64(len(m.bytes))
	}
	for m.newest < now {
		m.newest++
		m.bytes[m.newest%int64(len(m.bytes))] = 0
	}
}

// rates returns bits/s of up to n whole seconds before at, oldest first: fewer
// when the session is younger.
func (m *meter) rates(n int, at time.Duration) []int {
	m.advance(at)
	n = int(min(int64(n), m.newest))
	rates := make([]int, n)
	for i := range rates {
		second := m.newest - int64(n-i)
		rates[i] = int(8 * m.bytes[second%int64(len(m.bytes))])
	}
	return rates
}

// mean returns bits/s over up to n whole seconds before at, 0 in the first.
func (m *meter) mean(n int, at time.Duration) int {
	rates := m.rates(n, at)
	sum := 0
	for _, r := range rates {
		sum += r
	}
	return sum / max(1, len(rates))
}
