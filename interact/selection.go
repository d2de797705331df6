package interact

import (
	"math/bits"
)

// Selection is a set of option indices: bit i stands for option i.
type Selection uint16

// SelectionOf returns the set of choice, indices ascending without repeats.
//
// Errors: *Error with CodeInvalid for an empty, unordered or repeating list;
// with CodeUnknownOption for an index outside [0, options).
func SelectionOf(choice []int, options int) (Selection, error) {
	if len(choice) == 0 {
		return 0, Errorf(CodeInvalid, "No option was chosen.")
	}
	var s Selection
	last := -1
	for _, i := range choice {
		switch {
		case i < 0 || i >= min(options, MaxOptions):
			return 0, Errorf(CodeUnknownOption, "This question has no such option.")
		case i <= last:
			return 0, Errorf(CodeInvalid, "The chosen options are not in order.")
		}
		s |= 1 << i
		last = i
	}
	return s, nil
}

// Len returns the number of options in s.
func (s Selection) Len() int { return bits.OnesCount16(uint16(s)) }

// Indices returns the options in s, ascending. The slice is shared: nobody
// changes it.
func (s Selection) Indices() []int {
	if s < 1<<MaxOptions {
		return indices[s]
	}
	return s.list()
}

// indices are the lists of every selection that a question can have, so that a
// receipt costs no allocation.
var indices = func() (all [1 << MaxOptions][]int) {
	for s := range all {
		list := Selection(s).list()
		all[s] = list[:len(list):len(list)]
	}
	return all
}()

func (s Selection) list() []int {
	out := make([]int, 0, s.Len())
	for rest := uint16(s); rest != 0; rest &= rest - 1 {
		out = append(out, bits.TrailingZeros16(rest))
	}
	return out
}
