// Package clock is the arithmetic of Cuelight's two kinds of time: media
// timestamps ([Ticks]) and instants on the room clock R ([Instant]). A [Room] is
// R in this process, a [Filter] what a client knows of it, a [Discipline] how a
// machine's R follows another's.
//
// It is pure: no goroutines, no I/O, no calls to time.Now. Whoever has a clock
// reading passes it in.
//
// Rules are numbered CL… in sync/SPEC.md.
package clock
