// Package studio carries the producer's console as it is built by `npm run
// build`: a page of static files that speaks only the HTTP API and the
// WebSocket, as a script could.
package studio

import "embed"

// Dist holds the folder dist: index.html and the hashed files under assets/.
// In a program built before the console was, it holds only dist/.gitkeep.
//
//go:embed all:dist
var Dist embed.FS
