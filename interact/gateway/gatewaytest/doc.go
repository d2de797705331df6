// Package gatewaytest has viewers' sockets without a kernel: connections in
// memory, and a handshake with any WebSocket handler over them. It is for tests
// and benchmarks that are about the server and not about TCP.
package gatewaytest
