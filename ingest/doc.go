// Package ingest is what a publisher is: who may publish to which channel, one
// session at a time, and the order in which a channel's [Output] hears of it.
// The protocols are in its subpackages; each of them turns packets into calls
// of one [Session].
//
// A session is driven by its protocol's goroutine, and can be ended by another
// publisher that takes its place; see [Session].
//
// Order (rules IG… in ingest/SPEC.md): Begin, then every observation made so
// far, then the frames in the order in which they arrived, then End, and only
// then may the next publisher of that channel be admitted. A session that
// never began calls nothing.
package ingest
