package engine

import (
	"log/slog"
	"slices"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// pending is an answer and whom to tell what became of it.
type pending struct {
	answer interact.Answer
	done   func(interact.Receipt, error)
}

// Answer takes in an answer and never blocks. done is called exactly once: with
// the receipt once the answer is durable, or with an *interact.Error that the
// viewer may read. It runs on the room's goroutine and must not block; where
// the room cannot take the answer in, it has run when Answer returns.
//
// a.Received must be set; a.Choice may not be changed any more.
func (r *Room) Answer(a interact.Answer, done func(interact.Receipt, error)) {
	if r.answers.push(pending{a, done}) != admitted {
		done(interact.Receipt{}, refuse(interact.CodeBusy))
	}
}

// batch is a group of answers on their way to the disk together.
type batch struct {
	sheets []sheet // of one cue each; the first used of them
	used   int
	size   int // entries in all
	// waiting are the answers of the entries, and others of the same
	// participants.
	waiting []pending
	members map[member]struct{}
	records []interact.Record
	upTo    uint64 // answers judged when it was closed
}

// sheet is what counts for one cue.
type sheet struct {
	cue     string
	entries []interact.Entry
	packed  []byte
}

type member struct{ cue, participant string }

func newBatch() *batch { return &batch{members: make(map[member]struct{})} }

func (b *batch) reset() {
	for i := range b.sheets[:b.used] {
		s := &b.sheets[i]
		clear(s.entries)
		s.entries, s.packed = s.entries[:0], s.packed[:0]
	}
	clear(b.waiting)
	clear(b.members)
	b.used, b.size, b.waiting, b.records = 0, 0, b.waiting[:0], b.records[:0]
}

// add notes an entry of the cue.
func (b *batch) add(cue string, e interact.Entry) {
	i := slices.IndexFunc(b.sheets[:b.used], func(s sheet) bool { return s.cue == cue })
	if i < 0 {
		i = b.used
		b.used++
		if i == len(b.sheets) {
			b.sheets = append(b.sheets, sheet{})
		}
		b.sheets[i].cue = cue
	}
	b.sheets[i].entries = append(b.sheets[i].entries, e)
	b.members[member{cue, e.Participant}] = struct{}{}
	b.size++
}

// pack makes the records of a channel.
func (b *batch) pack(channel string) []interact.Record {
	for i := range b.sheets[:b.used] {
		s := &b.sheets[i]
		s.packed = interact.AppendBatch(s.packed, s.entries)
		b.records = append(b.records, interact.Record{Channel: channel, Kind: interact.RecordAnswers, Cue: s.cue, Data: s.packed})
	}
	return b.records
}

// flight is the one write that is on its way to the disk: a command's revision
// or a batch of answers.
type flight struct {
	edit  *edit
	next  item
	batch *batch
}

// gather judges what has come in and gives the disk what counts. It looks at a
// bounded number of answers, so that a flood of bad ones holds nobody up.
func (r *Room) gather() {
	b := r.batches[r.turn]
	b.reset()
	for range interact.MaxBatch {
		if r.head == len(r.backlog) {
			r.backlog, r.head = r.answers.swap(r.backlog), 0
			if len(r.backlog) == 0 {
				break
			}
		}
		p := r.backlog[r.head]
		r.head++
		r.judged++
		r.judge(b, p)
	}
	if b.size == 0 {
		r.landed = r.judged
		return
	}
	r.turn = 1 - r.turn
	b.upTo = r.judged
	r.flight = &flight{batch: b}
	r.commits <- b.pack(r.channel.Name)
}

// judge puts p into b if it counts, and otherwise says at once why not.
func (r *Room) judge(b *batch, p pending) {
	a := &p.answer
	if receipt, ok := r.ledger.Receipt(a.Cue, a.Participant); ok {
		r.counts.Retried++
		p.done(receipt, nil)
		return
	}
	if _, ok := b.members[member{a.Cue, a.Participant}]; ok {
		r.counts.Retried++
		b.waiting = append(b.waiting, p)
		return
	}
	entry, code := r.decide(a)
	if code != "" {
		r.refuse(p, code)
		return
	}
	b.add(a.Cue, entry)
	b.waiting = append(b.waiting, p)
}

func (r *Room) refuse(p pending, code interact.Code) {
	r.counts.Refused[code]++
	p.done(interact.Receipt{}, refuse(code))
}

// decide returns the entry that a becomes, or the code with which it is refused.
func (r *Room) decide(a *interact.Answer) (interact.Entry, interact.Code) {
	it := r.items[a.Cue]
	switch {
	case it == nil:
		return interact.Entry{}, interact.CodeUnknownCue
	case a.Participant == "" || len(a.Participant) > interact.MaxParticipant:
		return interact.Entry{}, interact.CodeNotAdmitted
	}
	choice, err := interact.SelectionOf(a.Choice, len(it.question.Options))
	if err != nil {
		return interact.Entry{}, interact.CodeOf(err)
	}
	if choice.Len() != 1 {
		return interact.Entry{}, interact.CodeInvalid // both kinds take one option
	}
	credited, verdict := it.cue.Judge(cue.Attempt{
		Stamp: a.Stamp, Received: a.Received,
		RTTMin: a.Line.RTTMin, Jitter: a.Line.Jitter, Dispersion: a.Line.Dispersion,
	})
	if verdict != cue.Accepted {
		return interact.Entry{}, codeOf(verdict)
	}
	if !slices.Contains(r.live, it) {
		return interact.Entry{}, interact.CodeClosed // it was late to the room: the tally is final
	}
	return interact.Entry{Participant: a.Participant, Choice: choice, Credited: credited, Received: a.Received}, ""
}

// count folds a durable batch into the ledger.
func (r *Room) count(b *batch, err error) {
	r.landed = b.upTo
	r.counts.Commits++
	if err != nil {
		r.counts.CommitErrors++
		return
	}
	for _, s := range b.sheets[:b.used] {
		for _, e := range s.entries {
			r.ledger.Apply(s.cue, e)
		}
		r.boundReceipts(s.cue)
		it := r.items[s.cue]
		it.toProducers.dirty = true
		it.toViewers.dirty = it.sight(it.shown).Tally
	}
	r.counts.Counted += uint64(b.size)
}

// reply sends the batch's receipts.
func (r *Room) reply(b *batch, err error) {
	for _, p := range b.waiting {
		if err != nil {
			r.refuse(p, interact.CodeUnavailable)
			continue
		}
		receipt, _ := r.ledger.Receipt(p.answer.Cue, p.answer.Participant)
		p.done(receipt, nil)
	}
}

// boundReceipts forgets the receipts of the cues finished longest ago while
// there are too many; never those of keep.
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

// failures reports a log that cannot be written, at most every complainEvery.
type failures struct {
	last  clock.Instant
	since int
}

func (f *failures) report(log *slog.Logger, now clock.Instant, err error) {
	f.since++
	if f.last != 0 && now.Sub(f.last) < complainEvery {
		return
	}
	log.Error("log cannot be written, answers are not counted", "err", err, "times", f.since)
	f.last, f.since = now, 0
}
