// Package gateway holds the sockets of viewers and producers, and speaks the
// protocol of interact/wire on them.
//
// It keeps no state of a show but a short log of what each channel's viewers
// were sent: a viewer that comes back is told what it has missed, or by Welcome
// everything. These are its rules:
//
//   - GW1 Welcome is the first message on a socket. A broadcast made after the
//     snapshot was taken follows it; one made before may follow it too, and
//     receivers apply it by rule W5.
//   - GW2 Nobody waits for a slow reader. Its outbox is bounded, a newer message
//     about the same thing replaces one not yet written, and a reader that
//     still falls behind is closed with CloseSlow.
//   - GW3 What is unsent leaves in this order: clock replies, liveness pings,
//     receipts and refusals, then to viewers what is in the log, in its order,
//     and to producers cues, then tallies, presence and health.
//   - GW4 A clock ping's t2 is read right after it arrived, its t3 right before
//     its reply is written.
//   - GW5 The same token is the same participant; without one, or with one
//     that is not valid, a viewer is a new participant.
//   - GW6 A producer needs a producer's token for the channel, or a sign-in
//     from a page of this host.
//   - GW7 An answer is stamped with the instant it was read and with what this
//     server measured of its line. It gets one receipt or one refusal.
//   - GW8 Who sends faster than allowed is refused, and after five refusals in
//     a minute closed with CloseTooMany.
//   - GW9 A close by the server is Bye, then a close frame with the same code.
//   - GW10 A socket from which nothing came for a minute is closed.
//   - GW11 What one socket sends cannot end another one, not even by a panic.
//   - GW13 A viewer is told, signed, what was measured of its line: after the
//     first three pings, then when its grace changes by more than 20 ms, at most
//     every 30 s. What it brings back with hello counts until its new connection
//     has measured three. A token that is forged, over, another's or of another
//     channel counts for nothing.
//   - GW14 A socket speaks the first of the client's subprotocols that is ours.
//     Its messages are text in JSON and binary in MessagePack; clock frames are
//     binary in both. A broadcast is framed once for each codec, when the first
//     reader needs it.
//   - GW15 Handshakes above the rate are refused before anything is done for
//     them: 503 with a Retry-After drawn by lot.
//   - GW16 Sockets that have had no Welcome are bounded in number; more are
//     refused as by GW15.
//   - GW17 A bounded number of joins is worked on at once. The others stand in
//     line, first come first served. Who waits too long, or finds the line too
//     long, is closed with CloseBusy and told when to come back: by lot, and
//     later the longer the line.
//   - GW18 Replies and broadcasts of many sockets are written by a few goroutines
//     that wait for none of them. What does not fit into a socket at once is
//     written by a goroutine of its own, and so is everything on a socket that
//     cannot be written to without waiting, such as one of TLS.
//   - GW19 While the writing is 250 ms behind, presence, rosters, health and
//     openings are put off; from 500 ms on, counts that are not final too, and all
//     of these while 4,096 answers of the tenant wait for receipts; answers,
//     receipts and what moves a cue never. Of what was put off the newest is sent
//     within a second of the peak's end. An answer is refused as busy only by its
//     room. All of it is counted.
//   - GW20 A viewer closed with CloseTooMany is not let into that channel for a
//     minute.
//   - GW21 No bytes in frames, in either codec, before or after hello, do more
//     than end the socket they came on.
//   - GW22 What a rush of handshakes has left in memory is given back once it is
//     over.
//   - GW25 Every message broadcast to a channel's viewers has an offset in the
//     channel's log, from 1, ascending by 1. What a newer message about the same
//     thing replaced before it was spread has none. To one viewer they leave in
//     that order; but for what a newer one replaced while it waited for a slow
//     reader, none is left out: a reader that has no room for it is closed.
//     Producers have no log.
//   - GW26 A viewer is seated and placed in the log in one step, before its
//     snapshot is taken: the snapshot holds everything up to Welcome's offset,
//     everything after it follows.
//   - GW27 Who resumes is told so by Welcome, with its receipts and without cues,
//     tallies and timeline; then comes what it has missed, in order, each once,
//     then what is new.
//   - GW28 The log holds the last 1,024 messages, 1 MiB and 5 minutes. Whoever
//     comes with another epoch, an offset of the future, or one that the log does
//     not reach back to, gets a snapshot. Each log has an epoch of its own, also
//     after a restart.
//   - GW29 Whatever was cut off, resumed, restarted or slow: in the end a viewer
//     knows what one knows that never left. It is told nothing twice, and offsets
//     ascend.
//   - GW30 Producers are told once a second who is there, or every 5 s if that
//     does not change: viewers by state and by grade of identity, and how many
//     come and go in a second, as means of the last ten. With several nodes these
//     are the sums over all of them.
//   - GW31 While a producer is there, producers are sent a roster every 5 s: at
//     most 50 viewers, each as likely as any other. It costs as much as the
//     sample is large. With several nodes the sample is of those on the producer's
//     own, and the total counts all.
//   - GW32 Who is removed loses every socket of its channel, one that still joins
//     included, and nobody else does. Who is banned is refused by its room.
//   - GW33 The desk says who a viewer is and with which grade, and its refusal is
//     the close. Without a desk everybody is admitted as a device.
//   - GW34 Ten wrong PINs or links in a minute, and what the address guesses is
//     not looked at until that minute is over; 300 from this machine, where
//     proxies are. Who has a token need not guess.
//   - GW35 At a stop viewers are told to come back one after the other, 4,000 in
//     a second or as many as is configured: the more there are, the longer it takes.
//   - GW36 What all viewers of a channel are welcomed with is written once for
//     each change and codec, and each one's own part around it.
//   - GW37 A shared log is that of a bus, with its epoch and offsets, the same on
//     every node; what is relayed into it is neither merged nor left out, but for
//     slow readers as in GW25. It can be filled before anybody is seated, and no
//     one else tells viewers anything.
//     Who resumes on another node than it was on hears everything it has missed,
//     each once, in order, also where that node knows less than it does.
//   - GW38 A shared log in which something is missing, or that has another epoch,
//     begins anew. Who comes with a place before that gets a snapshot. Who is there
//     hears what follows without offsets, so that the place it knows stays true.
//   - GW39 When 512 messages of a shared log wait to be spread, that channel's
//     viewers are closed with CloseBusy: each can still be told what it misses.
//   - GW40 The operating load is 0 to 1: the highest share in use of what bounds
//     the node. It is measured every half second and kept for a minute; no message
//     costs more by it.
//   - GW41 A node that stops says so first, and goes on as before for as long as is
//     configured. Then it stops.
//   - GW42 Who finds no room, or has to leave, is told of another node if one is
//     known, by the header Cuelight-Try or in Bye.
//   - GW43 Each tenant has its own bounds of sockets, handshakes, joins and answers.
//     What is above them is refused before it takes anything from others: a
//     handshake whose address names the channel with 503, others with CloseBusy, an
//     answer as busy. Producers are not counted.
//   - GW44 Tenants take turns in being told and written to, 256 readers of a
//     broadcast and 64 sockets with something to write at a time: who waits, waits
//     for one turn of each other tenant, whatever that has waiting. What is put off
//     by GW19 and what waits to be spread is a tenant's own.
//   - GW45 What the first answers of a cue need can be made ready before. Made ready
//     again it costs nothing.
//   - GW12 When Run returns, every socket is closed and every goroutine over.
package gateway
