package engine

import "github.com/cuelight/cuelight/interact"

// judgeChange is judge for a cue whose answers may be changed. An attempt that
// is known gets its receipt, whether it still counts or not; another one in the
// window takes the place of the one before.
func (r *Room) judgeChange(b *batch, p *pending, it *item, h interact.Hash) {
	a := &p.answer
	attempt, attempts, before := interact.AttemptOf(a.ID), 0, int32(-1)
	if m, ok := it.sheet.Find(h, a.Participant); ok {
		if m, ok := it.sheet.Attempt(h, a.Participant, attempt); ok {
			r.counts.Retried++
			p.confirm(it.sheet, m)
			return
		}
		attempts = it.sheet.Attempts(m)
	}
	for _, other := range [...]*batch{r.flying(), b} {
		if other == nil {
			continue
		}
		page := other.page(it)
		last := page.find(h, a.Participant)
		if last < 0 {
			continue
		}
		same, waiting := page.attempt(last, attempt)
		if same >= 0 {
			r.counts.Retried++
			other.wait(p, page, same)
			return
		}
		attempts += waiting
		if other == b {
			before = last
		}
	}
	entry, code := r.decide(it, p)
	if code == "" && attempts >= interact.MaxAttempts {
		code = interact.CodeTooMany
	}
	if code != "" {
		r.refuse(p, code)
		return
	}
	entry.Attempt = attempt
	b.add(it, h, entry, before, p)
}
