package interact

import (
	"iter"
	"math/bits"

	"github.com/cuelight/cuelight/sync/clock"
)

// MaxAttempts is how many times a participant may answer a cue whose answers may
// be changed.
const MaxAttempts = 100

// Ledger is who has answered what: the fold over a channel's counted answers.
// Counts, versions and receipts come from the entries alone, so a replay of the
// log in its order rebuilds all of them (IN2).
//
// It belongs to one goroutine; while that one changes nothing, others may read.
type Ledger struct {
	level  Level
	sheets map[string]*Sheet
	marks  int
}

// Sheet is the ledger of one cue.
type Sheet struct {
	ledger *Ledger
	cue    string

	counts  [MaxOptions]uint64
	total   uint64
	changed uint64
	final   bool

	roll     roll
	attempts []uint64            // that count, by number, where answers may be changed
	past     map[uint32][]former // by number, oldest first
	kept     int                 // marks in roll and past
}

// former is an attempt whose place another took.
type former struct {
	attempt uint64
	mark    Mark
}

// Mark is what the ledger keeps of an answer.
type Mark struct {
	Credited clock.Instant
	// Seq is the number of the participant, from 1, Changes how many times it had
	// changed its answer by then.
	Seq     uint32
	Choice  Selection
	Changes uint8
}

// NewLedger returns an empty ledger whose receipts promise level.
func NewLedger(level Level) *Ledger {
	return &Ledger{level: level, sheets: make(map[string]*Sheet)}
}

// Sheet returns the sheet of a cue, a new one if there is none.
func (l *Ledger) Sheet(cue string) *Sheet {
	s := l.sheets[cue]
	if s == nil {
		s = &Sheet{ledger: l, cue: cue}
		l.sheets[cue] = s
	}
	return s
}

// Expect makes room for a number of participants, so that a burst does not
// have to.
func (s *Sheet) Expect(participants int) {
	if !s.final {
		s.roll.reserve(participants)
	}
}

// Apply is ApplyHashed of an entry for the cue.
func (l *Ledger) Apply(cue string, e Entry) bool {
	_, ok := l.Sheet(cue).ApplyHashed(HashOf(e.Participant), e)
	return ok
}

// ApplyHashed counts e, whose participant has the hash h, and returns what is
// kept of it. The first entry of a participant counts (IN1). A later one takes
// its place if it is another attempt to answer (IN9). False: it is a retry, or
// the sheet is sealed.
func (s *Sheet) ApplyHashed(h Hash, e Entry) (Mark, bool) {
	if s.final || len(e.Participant) > MaxParticipant {
		return Mark{}, false
	}
	if n := s.roll.find(h, e.Participant); n != 0 {
		return s.change(n, e)
	}
	n := s.roll.add(h, e.Participant, mark{credited: int64(e.Credited), choice: e.Choice})
	if e.Attempt != 0 {
		s.note(n, e.Attempt)
	}
	s.total++
	s.keep()
	s.count(e.Choice, 1)
	return s.mark(n), true
}

// change lets e take the place of the entry of a participant. The same choice
// again is worth what it was; only the attempt is another.
func (s *Sheet) change(n uint32, e Entry) (Mark, bool) {
	m := s.roll.at(n)
	if _, again := s.attempt(n, e.Attempt); e.Attempt == 0 || again || m.changes == 1<<8-1 {
		return Mark{}, false
	}
	s.note(n, 0)
	if s.past == nil {
		s.past = make(map[uint32][]former)
	}
	s.past[n] = append(s.past[n], former{s.attempts[n-1], s.mark(n)})
	s.attempts[n-1] = e.Attempt
	s.keep()
	if e.Choice != m.choice {
		s.count(m.choice, ^uint64(0)) // one less
		s.count(e.Choice, 1)
		m.credited, m.choice = int64(e.Credited), e.Choice
		m.changes++
		s.changed++
	}
	return s.mark(n), true
}

func (s *Sheet) keep() {
	s.kept++
	s.ledger.marks++
}

// note makes room for the attempt of a number, and keeps it if it is one. A
// sheet whose answers cannot be changed has no such room.
func (s *Sheet) note(n uint32, attempt uint64) {
	for uint32(len(s.attempts)) < n {
		s.attempts = append(s.attempts, 0)
	}
	if attempt != 0 {
		s.attempts[n-1] = attempt
	}
}

func (s *Sheet) count(choice Selection, by uint64) {
	for rest := uint16(choice) & (1<<MaxOptions - 1); rest != 0; rest &= rest - 1 {
		s.counts[bits.TrailingZeros16(rest)] += by
	}
}

func (s *Sheet) mark(n uint32) Mark {
	m := s.roll.at(n)
	return Mark{Credited: clock.Instant(m.credited), Seq: n, Choice: m.choice, Changes: m.changes}
}

// Near reads where a participant with a hash would be, and returns something of
// it. Doing that for many before they are looked up one by one, a processor waits
// for its memory once and not for each.
func (s *Sheet) Near(h Hash) uint64 { return s.roll.near(h) }

// Find returns the entry of a participant that counts, false if there is none.
func (s *Sheet) Find(h Hash, participant string) (Mark, bool) {
	n := s.roll.find(h, participant)
	if n == 0 {
		return Mark{}, false
	}
	return s.mark(n), true
}

// Attempt returns what was kept of one attempt of a participant, whether it
// still counts or not; false if there was none.
func (s *Sheet) Attempt(h Hash, participant string, attempt uint64) (Mark, bool) {
	n := s.roll.find(h, participant)
	if n == 0 {
		return Mark{}, false
	}
	return s.attempt(n, attempt)
}

// Attempts returns how many attempts are kept of a participant of the sheet.
func (s *Sheet) Attempts(m Mark) int { return len(s.past[m.Seq]) + 1 }

func (s *Sheet) attempt(n uint32, attempt uint64) (Mark, bool) {
	if attempt == 0 || n > uint32(len(s.attempts)) {
		return Mark{}, false
	}
	if s.attempts[n-1] == attempt {
		return s.mark(n), true
	}
	for _, f := range s.past[n] {
		if f.attempt == attempt {
			return f.mark, true
		}
	}
	return Mark{}, false
}

// Receipt returns the receipt that m is for one of the sheet's participants.
func (s *Sheet) Receipt(participant string, m Mark) Receipt {
	return Receipt{
		Cue: s.cue, Participant: participant, Choice: m.Choice.Indices(), Seq: uint64(m.Seq),
		Credited: m.Credited, Level: s.ledger.level, Changes: int(m.Changes),
	}
}

// Entries visits all that is kept of the sheet, in an order in which applying
// it gives the same sheet again. Received is as Credited.
func (s *Sheet) Entries() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for n := uint32(1); n <= s.roll.count; n++ {
			name := string(s.roll.name(s.roll.at(n)))
			for _, f := range s.past[n] {
				if !yield(f.mark.entry(name, f.attempt)) {
					return
				}
			}
			var attempt uint64
			if n <= uint32(len(s.attempts)) {
				attempt = s.attempts[n-1]
			}
			if !yield(s.mark(n).entry(name, attempt)) {
				return
			}
		}
	}
}

func (m Mark) entry(participant string, attempt uint64) Entry {
	return Entry{Participant: participant, Choice: m.Choice, Credited: m.Credited, Received: m.Credited, Attempt: attempt}
}

// Sum is what stays of a sheet whose receipts are forgotten.
type Sum struct {
	Counts  []uint64 `json:"counts"`
	Total   uint64   `json:"total"`
	Changed uint64   `json:"changed,omitempty"` // answers that took another's place
}

// Sum returns the counts, and whether no receipts are left to say the same.
func (s *Sheet) Sum() (Sum, bool) {
	counts := s.counts
	return Sum{Counts: counts[:], Total: s.total, Changed: s.changed}, s.final && s.kept == 0
}

// Restore gives an empty sheet the counts of one that was forgotten, and seals
// it.
func (s *Sheet) Restore(sum Sum) {
	copy(s.counts[:], sum.Counts)
	s.total, s.changed, s.final = sum.Total, sum.Changed, true
}

// Receipt returns the receipt of the participant's answer that counts, the same
// at any time (IN3), and false if there is none.
func (l *Ledger) Receipt(cue, participant string) (Receipt, bool) {
	s := l.sheets[cue]
	if s == nil {
		return Receipt{}, false
	}
	m, ok := s.Find(HashOf(participant), participant)
	if !ok {
		return Receipt{}, false
	}
	return s.Receipt(participant, m), true
}

// Tally returns the cue's counts; len(Counts) is options. The version is the
// number of changes: every entry that counted is one, and so is Seal (IN4).
func (l *Ledger) Tally(cue string, options int) Tally {
	t := Tally{Cue: cue, Counts: make([]uint64, options)}
	s := l.sheets[cue]
	if s == nil {
		return t
	}
	copy(t.Counts, s.counts[:])
	t.Version, t.Total, t.Final = s.total+s.changed, s.total, s.final
	if s.final {
		t.Version++
	}
	return t
}

// Seal makes the cue's tally final: nothing is counted from here on.
func (l *Ledger) Seal(cue string) { l.Sheet(cue).final = true }

// Forget drops the receipts of a cue and seals it; its counts stay. It bounds
// the memory of a channel that has run for months.
func (l *Ledger) Forget(cue string) {
	s := l.Sheet(cue)
	l.marks -= s.kept
	s.final, s.kept, s.roll, s.attempts, s.past = true, 0, roll{}, nil, nil
}

// Drop removes the cue altogether.
func (l *Ledger) Drop(cue string) {
	l.Forget(cue)
	delete(l.sheets, cue)
}

// Receipts returns how many receipts are held, over all cues; of answers that
// were changed, too.
func (l *Ledger) Receipts() int { return l.marks }

// Held returns how many receipts are held for the cue.
func (l *Ledger) Held(cue string) int {
	if s := l.sheets[cue]; s != nil {
		return s.kept
	}
	return 0
}
