package edge

import "time"

// calm is how long nothing of a channel may have failed until its trouble is
// over: where one file comes and the next does not, that is one trouble.
const calm = 2 * time.Second

// trouble is a time in which a channel's origin gives nothing, or not
// everything. It is told when it begins and when it is over. The zero value is
// none.
type trouble struct {
	began    time.Time // zero: there is none
	failed   time.Time // last
	answered time.Time // first since then, zero if nothing was
	failures int
}

// fail notes that a request failed. True means that the trouble begins.
func (t *trouble) fail(now time.Time) bool {
	begins := t.began.IsZero()
	if begins {
		t.began, t.failures = now, 0
	}
	t.failed, t.answered = now, time.Time{}
	t.failures++
	return begins
}

// answer notes that a request was answered. Over means that the trouble is, and
// after how long.
func (t *trouble) answer(now time.Time) (lasted time.Duration, failures int, over bool) {
	if t.began.IsZero() {
		return 0, 0, false
	}
	if t.answered.IsZero() {
		t.answered = now
	}
	if now.Sub(t.failed) < calm {
		return 0, 0, false
	}
	lasted, failures = t.answered.Sub(t.began), t.failures
	*t = trouble{}
	return lasted, failures, true
}
