// Package certs keeps the server's TLS certificates: files that are read again
// when they change, or certificates that an ACME server issues (RFC 8555).
//
// These are its rules:
//
//   - CE1 A changed pair of files is served within Config.Poll, without a break.
//   - CE2 A pair that cannot be used, or does not belong together, changes
//     nothing: the one before stays, and the log says why, once.
//   - CE3 Without a usable pair at the start there is no server.
//   - CE4 An ACME server is asked for the hosts of the configuration only.
//   - CE5 Certificates of ACME are there before the first viewer, as far as the
//     ACME server is willing. After a failure it is left alone for a while.
//   - CE6 Keys that ACME made are readable by their owner alone.
//   - CE7 A client that names no host gets the first one's certificate.
package certs
