// Package embedded keeps the log of interactions in this process, in one SQLite
// file: a row a batch, a sync a commit.
//
// Write-ahead logging with synchronous=FULL makes a commit one append and one
// fsync. Order, atomicity and recovery after a crash are SQLite's; that a
// record is the one that was written is checked by a CRC of our own, and that
// none is missing by counting: SQLite does not check the pages of the main file.
//
// What a channel's Replace puts in the place of its first records is a
// generation of rows beside the log. It is written in small steps, becomes the
// truth in one, and what it stands for is removed in small steps again, so that
// no Append waits for more than one step.
//
// Leaderboards, which no log needs, are in a file of their own: see Boards.
//
// Rules are numbered ST… and LB… in interact/SPEC.md.
package embedded
