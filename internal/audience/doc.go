// Package audience is viewers without a screen: they speak the protocol of
// interact/wire over real WebSockets, keep their own synced clock, open
// answer windows by it and answer as people do. They fill the demo, drive load
// and watch receipts while a server is killed.
//
// A [Viewer] is two goroutines and a few KB. One of them owns the connection:
// it dials, reads and comes back. The other owns everything the viewer knows,
// so that a window opens on time even while the connection is down.
package audience
