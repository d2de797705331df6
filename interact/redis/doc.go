// Package redis lets many nodes share what the engine keeps in one process: the
// answers to cues (interact.Ballots), the log of channels (interact.Store), what
// the engine of a channel tells every node (interact.Bus), what nodes know of a
// channel (interact.Slate) and leases.
//
// It works with one server, with servers that Sentinels watch, and with Redis
// Cluster, version 7.0 or later. What has to be atomic is done by functions that
// are loaded into Redis; each touches keys of one slot only. Keys, levels,
// settings of the server and rights are described in docs/redis.md.
//
// Rules are numbered BA…, BU… and ST… in interact/SPEC.md.
package redis
