// Command flash brings a flash crowd to real nodes: several gateway processes
// with 19,000 viewers' sockets each, one that leads, and Redis, all on this
// machine. A cue opens, and 85 of 100 answer within a second. It prints what
// became of the answers, whether the tally agrees, what each process used, and
// how many cores the same crowd takes to be answered within 50 ms.
package main
