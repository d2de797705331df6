// Package wire is what travels over a viewer's or producer's WebSocket:
// discriminated JSON messages and the binary clock ping.
//
// The subprotocol is [Subprotocol]. Every message is one JSON object whose
// field "t" names its type. Receivers ignore fields they do not know and refuse
// types they do not know. Instants are microseconds on the room clock R; all of
// them fit a float64 exactly.
//
// testdata/ holds one example of every message. Go and TypeScript both read
// and write all of them in their tests; a change here is a change there.
//
// Rules are numbered W… in interact/SPEC.md.
package wire
