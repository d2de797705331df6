// Package cue decides when a cue may be seen, answered and changed. A cue opens
// and closes at instants on the room clock R; everything else about it follows
// from those instants, its revision and the time.
//
// It is pure: a [Cue] is a value, every command returns the next revision, and
// time is an argument.
//
// Rules are numbered CU… in sync/SPEC.md.
package cue
