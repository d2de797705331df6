// Package acme tests the server's certificates against Pebble, the ACME server
// that Let's Encrypt tests its clients with. It is a module of its own, so that
// nothing else depends on Pebble.
package acme
