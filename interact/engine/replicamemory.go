package engine

import "github.com/cuelight/cuelight/interact"

// memory is the receipts of one cue that this node has seen. They never change,
// so none is kept of a cue whose answers may be changed.
type memory struct {
	sheet *interact.Sheet // who, and what; nil if nobody
	seqs  []uint32        // the numbers Ballots gave, by the sheet's
	whole bool            // nobody else has answered, and nobody will
}

func (m *memory) find(h interact.Hash, participant string) (interact.Mark, bool) {
	if m.sheet == nil {
		return interact.Mark{}, false
	}
	mark, ok := m.sheet.Find(h, participant)
	if ok {
		mark.Seq = m.seqs[mark.Seq-1]
	}
	return mark, ok
}

// add remembers a receipt and reports whether it is new.
func (m *memory) add(h interact.Hash, participant string, mark interact.Mark) bool {
	if m.sheet == nil {
		m.sheet = interact.NewLedger("").Sheet("")
	}
	_, fresh := m.sheet.ApplyHashed(h, interact.Entry{Participant: participant, Choice: mark.Choice, Credited: mark.Credited})
	if fresh {
		m.seqs = append(m.seqs, mark.Seq)
	}
	return fresh
}

// rememberLocked keeps the receipts of a cast.
func (b *booth) rememberLocked(poll interact.Poll, c *cast) {
	if poll.Changes {
		return
	}
	fresh := int64(0)
	for i := range c.waiting {
		o := &c.outcomes[i]
		if o.Code == "" && b.memory.add(c.waiting[i].hash, c.waiting[i].answer.Participant, o.Mark) {
			fresh++
		}
	}
	b.r.held.Add(fresh)
}

// remember keeps a receipt that was asked for.
func (b *booth) remember(participant string, rec interact.Receipt) {
	choice, err := interact.SelectionOf(rec.Choice, interact.MaxOptions)
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	mark := interact.Mark{Credited: rec.Credited, Seq: uint32(rec.Seq), Choice: choice}
	if b.poll.Changes || rec.Changes != 0 {
		return
	}
	if b.memory.add(interact.HashOf(participant), participant, mark) {
		b.r.held.Add(1)
	}
}

// recall returns what is remembered of a participant, and whether that is all
// there is: if it is not, Ballots have to be asked.
func (b *booth) recall(h interact.Hash, participant string) (m interact.Mark, found, sure bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, found = b.memory.find(h, participant)
	return m, found, found || b.memory.whole
}

// forget lets go of what is remembered.
func (b *booth) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.r.held.Add(-int64(len(b.memory.seqs)))
	b.memory, b.misses = memory{}, 0
}

func (b *booth) remembers() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.memory.seqs) > 0
}

// boundMemory forgets the receipts of the cues that opened longest ago while
// there are too many; those of keep last.
func (r *Replica) boundMemory(keep *booth) {
	for r.held.Load() > int64(r.cfg.Receipts) {
		var oldest known
		for _, k := range r.book.Load().known {
			if k.booth != keep && k.booth.remembers() && (oldest.item == nil || k.cue.Open < oldest.cue.Open) {
				oldest = k
			}
		}
		if oldest.item == nil {
			keep.forget() // more than all that may be held have answered this one
			return
		}
		oldest.booth.forget()
	}
}
