// Package postgresproc runs a real PostgreSQL of its own, for tests and for
// programs that try what happens when a database is gone: it makes a cluster in
// a folder of its own, listens on a free loopback port, and can be killed, frozen
// and started again. It knows nothing of any other PostgreSQL on the machine.
//
//   - PP1 What Kill does is what a power cut does to the processes: all of them
//     get SIGKILL, nobody tidies up. What was committed is there after Restart.
//   - PP2 Frozen processes keep their connections and answer nothing.
//   - PP3 After Stop nothing is left: no process, no folder. Should the program
//     that started it end first, the kernel ends PostgreSQL.
//   - PP4 Run as root it gives its rights up, to the user postgres or nobody.
package postgresproc
