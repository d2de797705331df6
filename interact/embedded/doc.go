// Package embedded keeps the log of interactions in this process, in one SQLite
// file: a row a batch, a sync a commit.
//
// Write-ahead logging with synchronous=FULL makes a commit one append and one
// fsync. Order, atomicity and recovery after a crash are SQLite's; that a
// record is the one that was written is checked by a CRC of our own, since
// SQLite does not check the pages of the main file.
//
// Rules are numbered ST… in interact/SPEC.md.
package embedded
