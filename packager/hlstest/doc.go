// Package hlstest judges live HLS servers, of any make: it reads playlists,
// parts, segments and headers as players do, and holds them against the rules
// of draft-pantos-hls-rfc8216bis-22 and against what players need in fact.
//
// [Probe] talks to a server and collects a [Capture]; [Check] judges a capture
// and does nothing else, so that every rule can be tested without a server.
// The readers of playlists and boxes are its own, share nothing with the
// packager, and note what a lenient reader forgives.
//
// The rules and their ids are in [Rules]; docs/probe.md explains them.
package hlstest
