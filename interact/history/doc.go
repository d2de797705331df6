// Package history keeps what is left of a show when it is over: which questions
// were asked, what was answered and by whom, and who gave which command. It
// writes to PostgreSQL or, with the same meaning, to a file of SQLite.
//
// Nothing waits for it. The truth is elsewhere, in the log and with the answers,
// until a cue is recorded here; what the database cannot take now is written when
// it can, so an outage delays history and loses none of it. The rules are HI… in
// interact/SPEC.md.
//
// A show is one run of a rundown on a channel. It begins with the first cue that
// is taken after the show before has ended; it ends when a producer ends the
// event, or when nothing was taken and no window was open for a quiet time, four
// hours by default. A cue belongs to the show in which it was taken, for good.
//
// All times are microseconds on R. Beside each stands the same as a timestamp,
// for people and their tools: R read as UTC.
package history
