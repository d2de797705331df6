// Package node keeps one machine's room clock R: it takes it up where the last
// process on the same boot left it, saves where it stands, and notices when the
// machine was asleep.
//
// R is tied to the boot clock, which goes on while the machine sleeps. The
// monotonic clock that a process reads does not, so after a sleep R is set to
// where it would have been and gets a new epoch: what was answered before the
// sleep was noticed may be wrong, and every client measures anew.
//
// Rules are numbered CL… in sync/SPEC.md.
package node
