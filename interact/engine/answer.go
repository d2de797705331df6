package engine

import (
	"log/slog"
	"slices"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// pending is an answer and whom to tell what became of it.
type pending struct {
	answer interact.Answer
	to     interact.Settler
	at     uint64 // its place among all that ever came, from 1; once it is looked at
	hash   interact.Hash
}

// settler is a function that is told.
type settler func(interact.Receipt, error)

// Settle calls f.
func (f settler) Settle(r interact.Receipt, err error) { f(r, err) }

// Answer is AnswerTo with a function.
func (r *Room) Answer(a interact.Answer, done func(interact.Receipt, error)) {
	r.AnswerTo(a, settler(done))
}

// AnswerTo takes in an answer and never blocks. to is told exactly once: the
// receipt once the answer is durable, or an *interact.Error that the viewer may
// read. It is told on the room's goroutine and must not block; where the room
// cannot take the answer in, it has been told when AnswerTo returns.
//
// a.Received must be set; a.Choice may not be changed any more.
func (r *Room) AnswerTo(a interact.Answer, to interact.Settler) {
	p := pending{answer: a, to: to}
	if r.ballots != nil {
		p.refuse(interact.CodeUnavailable) // gateways take answers, not the one who leads
		return
	}
	p.hash = interact.HashOf(a.Participant)
	if r.answers.push(&p) != admitted {
		p.refuse(interact.CodeBusy)
	}
}

// refuse tells why an answer does not count.
func (p *pending) refuse(code interact.Code) {
	a := &p.answer
	p.to.Settle(interact.Receipt{ID: a.ID, Cue: a.Cue, Participant: a.Participant}, refuse(code))
}

// confirm tells that m of sheet stands for an answer.
func (p *pending) confirm(sheet *interact.Sheet, m interact.Mark) {
	receipt := sheet.Receipt(p.answer.Participant, m)
	receipt.ID = p.answer.ID
	p.to.Settle(receipt, nil)
}

// flight is the one write that is on its way to the disk: a command's, or a
// batch of answers.
type flight struct {
	write write
	edit  *edit
	next  item
	batch *batch
}

// gathering returns the batch that is being filled.
func (r *Room) gathering() *batch { return r.batches[r.turn] }

// flying returns the batch that the disk is working on, nil if there is none.
func (r *Room) flying() *batch {
	if r.flight == nil {
		return nil
	}
	return r.flight.batch
}

// fill judges what has come in, up to the size of a batch. It looks at a
// bounded number of answers, so that a flood of bad ones holds nobody up.
func (r *Room) fill() {
	b := r.gathering()
	for b.looked < interact.MaxBatch {
		p := r.unseen()
		if p == nil {
			return
		}
		b.looked++
		r.judge(b, p)
	}
}

// unseen returns the next answer to judge, nil if there is none. It stays where
// it is until the batch that is gathering has been dealt with.
func (r *Room) unseen() *pending {
	if len(r.again) > 0 {
		p := &r.again[0]
		if r.again = r.again[1:]; len(r.again) == 0 {
			r.again = nil
		}
		return p
	}
	if r.head == len(r.backlog) && !r.refill() {
		return nil
	}
	if r.head%nearAtOnce == 0 {
		r.near(r.backlog[r.head:min(r.head+nearAtOnce, len(r.backlog))])
	}
	p := &r.backlog[r.head]
	r.head++
	p.at = r.seen()
	return p
}

// refill takes what has come in, and says whether there is anything.
func (r *Room) refill() bool {
	empty := r.backlog
	if len(empty) > 0 {
		b := r.gathering()
		b.read, empty = append(b.read, empty), nil
		if last := len(r.spare) - 1; last >= 0 {
			empty, r.spare = r.spare[last], r.spare[:last]
		}
	}
	r.backlog, r.upTo = r.answers.swap(empty)
	r.head = 0
	return len(r.backlog) > 0
}

// release resets a batch. The room for its answers is used again, when reuse is
// called.
func (r *Room) release(b *batch) {
	b.reset()
	r.spent = append(r.spent, b.read...)
	clear(b.read)
	b.read = b.read[:0]
}

// reuse lets new answers take the place of those that were told.
func (r *Room) reuse() {
	for i, read := range r.spent {
		if len(r.spare) < maxSpare {
			r.spare = append(r.spare, emptied(read))
		}
		r.spent[i] = nil
	}
	r.spent = r.spent[:0]
}

// maxSpare slices for answers are kept.
const maxSpare = 4

// nearAtOnce answers are looked up with one wait for the memory.
const nearAtOnce = 64

// near brings near what the next answers are looked up in.
func (r *Room) near(next []pending) {
	for i := range next {
		if it := r.known(next[i].answer.Cue); it != nil && it.sheet != nil {
			r.sum += it.sheet.Near(next[i].hash)
		}
	}
}

// seen is the place of the last answer that was judged. All before it were, but
// those that are to be judged again.
func (r *Room) seen() uint64 { return r.upTo - uint64(len(r.backlog)-r.head) }

// dispatch gives the disk what counts of all that has come in.
func (r *Room) dispatch() {
	r.fill() // what waits to be judged again fits into one batch
	b := r.gathering()
	b.upTo = r.seen()
	if b.size == 0 {
		r.landed = b.upTo
		r.release(b)
		return
	}
	r.turn = 1 - r.turn
	r.launch(&flight{write: write{records: b.pack(r.channel.Name)}, batch: b})
}

// recall takes back what was judged for a batch that has not been given to the
// disk: a command that goes before it may change the verdicts.
func (r *Room) recall() {
	b := r.gathering()
	for i := range b.waiting {
		r.again = append(r.again, *b.waiting[i].pending)
	}
	r.release(b)
}

// judge puts p into b if it counts, and otherwise says at once why not.
func (r *Room) judge(b *batch, p *pending) {
	a := &p.answer
	it := r.known(a.Cue)
	if it == nil || !it.cue.Taken {
		r.refuse(p, interact.CodeUnknownCue)
		return
	}
	r.open(it)
	h := p.hash
	if it.question.Changes {
		r.judgeChange(b, p, it, h)
		return
	}
	if m, ok := it.sheet.Find(h, a.Participant); ok {
		r.counts.Retried++
		p.confirm(it.sheet, m)
		return
	}
	for _, other := range [...]*batch{r.flying(), b} {
		if other == nil {
			continue
		}
		page := other.page(it)
		if n := page.find(h, a.Participant); n >= 0 {
			r.counts.Retried++
			other.wait(p, page, n)
			return
		}
	}
	if entry, code := r.decide(it, p); code != "" {
		r.refuse(p, code)
	} else {
		b.add(it, h, entry, -1, p)
	}
}

// known returns the cue of an id, nil if there is none.
func (r *Room) known(id string) *item {
	if r.last == nil || r.last.id != id {
		r.last = r.items[id]
	}
	return r.last
}

// open makes sure that a cue has a sheet.
func (r *Room) open(it *item) {
	if it.sheet == nil {
		r.ledgerMu.Lock()
		it.sheet = r.ledger.Sheet(it.id)
		r.ledgerMu.Unlock()
	}
}

func (r *Room) refuse(p *pending, code interact.Code) {
	r.counts.Refused[code]++
	p.refuse(code)
}

// decide returns the entry that p becomes, or the code with which it is refused.
func (r *Room) decide(it *item, p *pending) (interact.Entry, interact.Code) {
	a := &p.answer
	entry, code := it.judge(a, r.door.bars(a.Participant, a.Received))
	if code == "" && (it.sealing && p.at > it.cut || !slices.Contains(r.live, it)) {
		return interact.Entry{}, interact.CodeClosed // it was late to the room: the tally is final
	}
	return entry, code
}

// count folds a durable batch into the ledger.
func (r *Room) count(b *batch, err error) {
	r.landed = b.upTo
	r.counts.Commits++
	if err != nil {
		r.counts.CommitErrors++
		return
	}
	r.ledgerMu.Lock()
	for _, p := range b.pages[:b.used] {
		r.counts.Changed += p.count()
		r.boundReceipts(p.it.id)
	}
	r.ledgerMu.Unlock()
	for _, p := range b.pages[:b.used] {
		p.it.toProducers.dirty = true
		p.it.toViewers.dirty = p.it.sight(p.it.shown).Tally
	}
	r.counts.Counted += uint64(b.size)
}

// reply sends the batch's receipts.
func (r *Room) reply(b *batch, err error) {
	for i := range b.waiting {
		w := &b.waiting[i]
		if err != nil {
			r.refuse(w.pending, interact.CodeUnavailable)
			continue
		}
		w.confirm(w.page.sheet, w.page.marks[w.entry])
	}
}

// boundReceipts forgets the receipts of the cues finished longest ago while
// there are too many; never those of keep. The caller holds ledgerMu, or is
// alone.
func (r *Room) boundReceipts(keep string) {
	for r.ledger.Receipts() > r.receipts {
		var oldest *item
		for id, it := range r.items {
			if id != keep && r.ledger.Held(id) > 0 && (oldest == nil || it.cue.Open < oldest.cue.Open) {
				oldest = it
			}
		}
		if oldest == nil {
			return
		}
		r.ledger.Forget(oldest.id)
	}
}

// failures reports what goes wrong again and again, at most every complainEvery.
type failures struct {
	last  clock.Instant
	since int
}

func (f *failures) report(log *slog.Logger, now clock.Instant, message string, err error) {
	f.since++
	if f.last != 0 && now.Sub(f.last) < complainEvery {
		return
	}
	log.Error(message, "err", err, "times", f.since)
	f.last, f.since = now, 0
}
