// Package playersdk carries the built watch page and its assets, so that the
// binary needs no other file.
package playersdk

import "embed"

// Dist is the output of npm run build: watch.html, graphics.html, assets/. The
// page's URLs are absolute under /player/. Before the first build it holds
// only dist/.gitkeep.
//
//go:embed all:dist
var Dist embed.FS
