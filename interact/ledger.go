package interact

import "github.com/cuelight/cuelight/sync/clock"

// Ledger is who has answered what: the fold over a channel's counted answers.
// The first entry of a (cue, participant) counts, every later one is a retry
// of it (IN1). Counts, versions and receipts come from that alone, so a replay
// of the log in its order rebuilds all of them (IN2).
//
// It belongs to one goroutine.
type Ledger struct {
	level  Level
	sheets map[string]*sheet
	marks  int
}

// sheet is the ledger of one cue.
type sheet struct {
	counts [MaxOptions]uint64
	total  uint64
	final  bool
	marks  map[string]mark // nil once forgotten
}

// mark is what is kept of a counted answer.
type mark struct {
	credited clock.Instant
	seq      uint32
	choice   Selection
}

// NewLedger returns an empty ledger whose receipts promise level.
func NewLedger(level Level) *Ledger {
	return &Ledger{level: level, sheets: make(map[string]*sheet)}
}

// Apply counts e for the cue and reports whether it did: it does not if the
// participant is counted already or the cue is sealed.
func (l *Ledger) Apply(cue string, e Entry) bool {
	s := l.sheet(cue)
	if s.final {
		return false
	}
	if _, again := s.marks[e.Participant]; again {
		return false
	}
	s.total++
	s.marks[e.Participant] = mark{credited: e.Credited, seq: uint32(s.total), choice: e.Choice}
	l.marks++
	for i := range s.counts {
		s.counts[i] += uint64(e.Choice >> i & 1)
	}
	return true
}

func (l *Ledger) sheet(cue string) *sheet {
	s := l.sheets[cue]
	if s == nil {
		s = &sheet{marks: make(map[string]mark)}
		l.sheets[cue] = s
	}
	return s
}

// Receipt returns the receipt of the participant's counted answer, the same at
// any time (IN3), and false if there is none.
func (l *Ledger) Receipt(cue, participant string) (Receipt, bool) {
	s := l.sheets[cue]
	if s == nil {
		return Receipt{}, false
	}
	m, ok := s.marks[participant]
	if !ok {
		return Receipt{}, false
	}
	return Receipt{
		Cue: cue, Participant: participant, Choice: m.choice.Indices(),
		Seq: uint64(m.seq), Credited: m.credited, Level: l.level,
	}, true
}

// Tally returns the cue's counts; len(Counts) is options. The version is the
// number of changes: every counted answer is one, and so is Seal (IN4).
func (l *Ledger) Tally(cue string, options int) Tally {
	t := Tally{Cue: cue, Counts: make([]uint64, options)}
	s := l.sheets[cue]
	if s == nil {
		return t
	}
	copy(t.Counts, s.counts[:])
	t.Version, t.Total, t.Final = s.total, s.total, s.final
	if s.final {
		t.Version++
	}
	return t
}

// Seal makes the cue's tally final: nothing is counted from here on.
func (l *Ledger) Seal(cue string) { l.sheet(cue).final = true }

// Forget drops the receipts of a cue and seals it; its counts stay. It bounds
// the memory of a channel that has run for months.
func (l *Ledger) Forget(cue string) {
	s := l.sheet(cue)
	l.marks -= len(s.marks)
	s.final, s.marks = true, nil
}

// Drop removes the cue altogether.
func (l *Ledger) Drop(cue string) {
	l.Forget(cue)
	delete(l.sheets, cue)
}

// Receipts returns how many receipts are held, over all cues.
func (l *Ledger) Receipts() int { return l.marks }

// Held returns how many receipts are held for the cue.
func (l *Ledger) Held(cue string) int {
	if s := l.sheets[cue]; s != nil {
		return len(s.marks)
	}
	return 0
}
