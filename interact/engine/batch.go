package engine

import (
	"slices"

	"github.com/cuelight/cuelight/interact"
)

// batch is a group of answers on their way to the disk together.
type batch struct {
	pages  []*page // of one cue each; the first used of them
	used   int
	size   int // entries in all
	looked int // answers that were judged for it
	// waiting are the answers of the entries, and retries of them.
	waiting []waiter
	// read are the answers that were judged, those of waiting among them, as they
	// were taken from the inbox.
	read    [][]pending
	records []interact.Record
	upTo    uint64 // all answers up to this one were judged when it was closed
}

// waiter is an answer that gets the receipt of an entry.
type waiter struct {
	*pending
	page  *page
	entry int32
}

// page is what counts for one cue.
type page struct {
	it      *item
	sheet   *interact.Sheet
	entries []interact.Entry
	hashes  []interact.Hash
	// before is the entry of the same participant that each one follows, -1 if it
	// is the participant's first here.
	before []int32
	// slots hold hash<<32 | entry+1 of a participant's last entry; a power of two.
	slots  []uint64
	marks  []interact.Mark // of the entries, once they are counted
	packed []byte
	sum    uint64 // of what was read ahead
}

// leastSlots is the number of slots of a page that has just begun.
const leastSlots = 64

// reset makes b empty. What read holds is for the caller, once nobody waits in it.
func (b *batch) reset() {
	for _, p := range b.pages[:b.used] {
		p.reset()
	}
	clear(b.waiting)
	clear(b.records)
	b.waiting, b.records = b.waiting[:0], b.records[:0]
	b.used, b.size, b.looked = 0, 0, 0
}

func (p *page) reset() {
	clear(p.entries)
	p.it, p.sheet = nil, nil
	p.entries, p.hashes, p.before = p.entries[:0], p.hashes[:0], p.before[:0]
	p.marks, p.packed = p.marks[:0], p.packed[:0]
	p.slots = p.slots[:min(leastSlots, len(p.slots))]
	clear(p.slots)
}

// page returns the page of a cue, nil if it has none here.
func (b *batch) page(it *item) *page {
	for _, p := range b.pages[:b.used] {
		if p.it == it {
			return p
		}
	}
	return nil
}

// open returns the page of a cue, a new one if it has none.
func (b *batch) open(it *item) *page {
	if p := b.page(it); p != nil {
		return p
	}
	if b.used == len(b.pages) {
		b.pages = append(b.pages, new(page))
	}
	p := b.pages[b.used]
	b.used++
	p.it, p.sheet = it, it.sheet
	return p
}

// add notes an entry, after the last one of the participant here, -1 if it is the
// first, and who waits for it.
func (b *batch) add(it *item, h interact.Hash, e interact.Entry, last int32, from *pending) {
	p := b.open(it)
	p.add(h, e, last)
	b.size++
	b.wait(from, p, int32(len(p.entries)-1))
}

func (b *batch) wait(from *pending, p *page, entry int32) {
	b.waiting = append(b.waiting, waiter{from, p, entry})
}

// find returns the last entry of a participant, -1 if there is none.
func (p *page) find(h interact.Hash, participant string) int32 {
	if p == nil || len(p.slots) == 0 {
		return -1
	}
	mask := len(p.slots) - 1
	for i := int(h) & mask; ; i = (i + 1) & mask {
		slot := p.slots[i]
		if slot == 0 {
			return -1
		}
		if n := int32(uint32(slot)) - 1; interact.Hash(slot>>32) == h && p.entries[n].Participant == participant {
			return n
		}
	}
}

// attempt returns the entry of one attempt of the participant whose last entry
// is given, and how many entries the participant has; -1 if it is not here.
func (p *page) attempt(last int32, attempt uint64) (entry int32, entries int) {
	entry = -1
	for n := last; n >= 0; n = p.before[n] {
		entries++
		if p.entries[n].Attempt == attempt {
			entry = n
		}
	}
	return entry, entries
}

func (p *page) add(h interact.Hash, e interact.Entry, last int32) {
	p.grow()
	n := int32(len(p.entries))
	p.before = append(p.before, last)
	p.entries = append(p.entries, e)
	p.hashes = append(p.hashes, h)
	p.place(h, n)
}

// place makes n the last entry of its participant.
func (p *page) place(h interact.Hash, n int32) {
	mask := len(p.slots) - 1
	i := int(h) & mask
	for ; p.slots[i] != 0; i = (i + 1) & mask {
		was := int32(uint32(p.slots[i])) - 1
		if interact.Hash(p.slots[i]>>32) == h && p.entries[was].Participant == p.entries[n].Participant {
			break
		}
	}
	p.slots[i] = uint64(h)<<32 | uint64(n+1)
}

// grow keeps half of the slots empty.
func (p *page) grow() {
	size := max(len(p.slots), leastSlots)
	for 2*(len(p.entries)+1) > size {
		size *= 2
	}
	if size == len(p.slots) {
		return
	}
	if cap(p.slots) < size {
		p.slots = make([]uint64, size)
	} else {
		p.slots = p.slots[:size]
		clear(p.slots)
	}
	for n, h := range p.hashes {
		p.place(h, int32(n))
	}
}

// count folds the entries into the sheet and returns how many took another's
// place.
func (p *page) count() (changed uint64) {
	p.marks = slices.Grow(p.marks[:0], len(p.entries))
	for i := range p.entries {
		if i%nearAtOnce == 0 {
			for _, h := range p.hashes[i:min(i+nearAtOnce, len(p.hashes))] {
				p.sum += p.sheet.Near(h)
			}
		}
		m, _ := p.sheet.ApplyHashed(p.hashes[i], p.entries[i])
		p.marks = append(p.marks, m)
		if m.Changes > 0 {
			changed++
		}
	}
	return changed
}

// pack makes the records of a channel.
func (b *batch) pack(channel string) []interact.Record {
	for _, p := range b.pages[:b.used] {
		p.packed = interact.AppendBatch(p.packed, p.entries)
		b.records = append(b.records, interact.Record{Channel: channel, Kind: interact.RecordAnswers, Cue: p.it.id, Data: p.packed})
	}
	return b.records
}
