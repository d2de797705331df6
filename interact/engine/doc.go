// Package engine runs the interactions of channels: cues move through their
// states on the room clock R, answers are judged, made durable, receipted and
// counted.
//
// One goroutine owns a room's cues and ledger; a second one waits for the
// disk. While it waits, the next batch of answers gathers, so the slower the
// disk, the larger the batches, and a burst costs few syncs. Viewers who come in
// need neither of the two. What is promised:
//
//   - durable, then receipted, then in a tally (EN1);
//   - a revision of a cue is durable before anybody hears of it (EN2);
//   - everything but the openings is rebuilt from the log (EN3), or from a
//     snapshot that took its place (EN29);
//   - what was broadcast is in the welcome of everybody who comes later (EN30).
//
// With Ballots a room leads its channel among other nodes: gateways take the
// answers, the room reads and ends the counting (EN31–EN39), a Herald tells all
// nodes what the room says (HE1–HE9), and a Replica is what a node knows of a
// channel and how it takes answers (RE1–RE16). Who leads may change at any moment.
//
// Locks: ledgerMu, timelineMu and those of door, keyboard and inboxes are never
// held together.
//
// Rules are numbered EN… in interact/SPEC.md.
package engine
