// Package wire is what travels between the server and viewers or producers:
// discriminated messages and the binary clock ping.
//
// Every message is one map whose field "t" names its type. A [Codec] writes it:
// as JSON in text frames, or as MessagePack in binary frames, with the same
// names, the same order and the same fields absent. JSON is the master: what a
// field means and what fits it is said by its Go type and encoding/json, for
// both. Receivers ignore fields they do not know and refuse types they do not
// know. Instants are microseconds on the room clock R; all of them fit a
// float64 exactly.
//
// A broadcast to viewers ends with "off", its offset in the channel's log,
// ascending by one from 1. Messages to one viewer or to producers have none,
// and an offset is skipped when a newer message took the place of one that a
// slow reader had not been sent.
//
// testdata/ holds examples of every message, NAME.json and, in MessagePack,
// NAME.hex. Go and TypeScript both read and write all of them in their tests; a
// change here is a change there.
//
// Rules are numbered W… in interact/SPEC.md.
package wire
