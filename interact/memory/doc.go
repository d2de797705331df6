// Package memory keeps the log of interactions in this process's memory and
// nowhere else: durability "memory". A receipt then promises no more than that
// the answer was counted; a restart forgets cues, answers and receipts.
//
// Rules are numbered ST… in interact/SPEC.md.
package memory
