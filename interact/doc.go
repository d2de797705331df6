// Package interact says what an interaction is: questions, answers, receipts,
// tallies and the codes with which an answer is refused. It is pure; its
// subpackages say with what it is done.
//
// Rules are numbered IN… in interact/SPEC.md.
package interact
