// Package cluster holds the tests of several nodes: real processes on a real
// Redis, and what becomes of a show when one of them goes.
package cluster
