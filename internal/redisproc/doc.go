// Package redisproc runs real Redis servers: one, one with replicas, a set
// watched by Sentinels, a cluster. Tests and the programs that check what a
// failure does kill, freeze and restart them.
//
// All of them listen on free ports of 127.0.0.1, keep what they write in a
// folder of the caller, and end with the context they were started with, or
// with this process.
package redisproc
