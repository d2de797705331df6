// Package migrations holds the schema of the history, step by step, for
// PostgreSQL and for SQLite. Step N of one means the same as step N of the other.
// A step only adds: the program of the release before goes on writing while
// nodes are replaced one by one.
package migrations

import "embed"

// Files are the steps, in the folders postgres and sqlite.
//
//go:embed postgres/*.sql sqlite/*.sql
var Files embed.FS
