// Command chaos takes parts of a running show away at the height of a burst of
// answers, one after another: a gateway, the node that leads, the node that
// leads the clock, a Redis primary, a Redis shard, PostgreSQL, the network
// between a gateway and Redis. It rolls all nodes to the next release and back,
// and has one tenant flood the nodes that it shares with another. Nodes, Redis
// and PostgreSQL are real processes. It prints what was lost, what was counted
// twice and how long it took until all was well, and exits with 1 if an
// acknowledged answer was lost or doubled.
package main
