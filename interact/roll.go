package interact

import "hash/maphash"

// seed makes the places of names in rolls unpredictable to who chooses names.
var seed = maphash.MakeSeed()

// Hash is a hash of a participant's name, good in this process.
type Hash uint32

// HashOf returns the hash of a participant's name.
func HashOf(participant string) Hash { return Hash(maphash.String(seed, participant)) }

// Sizes of a roll's pieces. They are filled one after the other, so that a roll
// of a million grows without being copied.
const (
	leafNames = 1 << 16 // bytes of names
	leafMarks = 1 << 12
	leastRoll = 1 << 4 // slots
)

// roll is who has answered a cue, numbered from 1 in the order they came, with
// what is kept of each. There are no pointers in it but those to its pieces, so
// that it costs the garbage collector nothing; a participant takes some 45
// bytes. The zero value is empty.
type roll struct {
	// slots hold hash<<32 | number, zero if empty; a power of two of them. They
	// are looked through from the slot that the hash names.
	slots []uint64
	marks [][]mark
	names [][]byte
	count uint32
}

// mark is what is kept of a participant's answer that counts.
type mark struct {
	credited int64
	name     uint32 // piece<<16 | where in it
	choice   Selection
	size     uint8 // of the name
	changes  uint8
}

// find returns the number of a participant, 0 if it is not on the roll.
func (r *roll) find(h Hash, participant string) uint32 {
	if len(r.slots) == 0 {
		return 0
	}
	mask := uint32(len(r.slots) - 1)
	for i := uint32(h) & mask; ; i = (i + 1) & mask {
		slot := r.slots[i]
		if slot == 0 {
			return 0
		}
		if n := uint32(slot); Hash(slot>>32) == h && string(r.name(r.at(n))) == participant {
			return n
		}
	}
}

func (r *roll) near(h Hash) uint64 {
	if len(r.slots) == 0 {
		return 0
	}
	return r.slots[uint32(h)&uint32(len(r.slots)-1)]
}

// at returns the mark of a number that is on the roll.
func (r *roll) at(n uint32) *mark { return &r.marks[(n-1)/leafMarks][(n-1)%leafMarks] }

func (r *roll) name(m *mark) []byte {
	leaf, from := m.name>>16, m.name&(leafNames-1)
	return r.names[leaf][from : from+uint32(m.size)]
}

// add puts a participant on the roll that is not there, and returns its number.
func (r *roll) add(h Hash, participant string, m mark) uint32 {
	r.reserve(int(r.count) + 1)
	r.count++
	r.place(h, r.count)
	m.name, m.size = r.write(participant), uint8(len(participant))
	last := len(r.marks) - 1
	if last < 0 || len(r.marks[last]) == leafMarks {
		r.marks = append(r.marks, nil)
		last++
		if last > 0 {
			r.marks[last] = make([]mark, 0, leafMarks)
		}
	}
	r.marks[last] = append(r.marks[last], m)
	return r.count
}

func (r *roll) write(name string) uint32 {
	last := len(r.names) - 1
	if last < 0 || len(r.names[last])+len(name) > leafNames {
		r.names = append(r.names, nil)
		last++
		if last > 0 {
			r.names[last] = make([]byte, 0, leafNames)
		}
	}
	at := uint32(last)<<16 | uint32(len(r.names[last]))
	r.names[last] = append(r.names[last], name...)
	return at
}

func (r *roll) place(h Hash, n uint32) {
	mask := uint32(len(r.slots) - 1)
	i := uint32(h) & mask
	for r.slots[i] != 0 {
		i = (i + 1) & mask
	}
	r.slots[i] = uint64(h)<<32 | uint64(n)
}

// reserve makes slots for count participants: a third of them stays empty.
func (r *roll) reserve(count int) {
	size := max(len(r.slots), leastRoll)
	for count*3 > size*2 {
		size *= 2
	}
	if size == len(r.slots) {
		return
	}
	old := r.slots
	r.slots = make([]uint64, size)
	for _, slot := range old {
		if slot != 0 {
			r.place(Hash(slot>>32), uint32(slot))
		}
	}
}
