package main

import (
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// pages serves a built web page and its assets.
type pages struct {
	files fs.FS
	name  string // for the message when it was not built
	// framedBy is who may show the page in a frame, as in frame-ancestors.
	framedBy string
}

// Pages come from this server alone. Media is played from blobs, the player's
// demuxer runs in a worker made from one.
const contentPolicy = "default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob:; worker-src 'self' blob:; " +
	"object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors "

// page answers with one HTML file, never cached for long, so that a new build
// is seen at once.
func (p pages) page(w http.ResponseWriter, file string) {
	text, err := fs.ReadFile(p.files, file)
	if err != nil {
		http.Error(w, p.name+" was not built into this program: build it with make build", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Security-Policy", contentPolicy+p.framedBy)
	w.Write(text) // the reader has gone if this fails
}

// assets serves the files below /prefix. Names under assets/ carry a hash of
// their content and never change.
func (p pages) assets(prefix string) http.Handler {
	files := http.FileServerFS(p.files)
	return http.StripPrefix(prefix, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		info, err := fs.Stat(p.files, name)
		if err != nil || info.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-cache")
		if strings.HasPrefix(name, "assets/") {
			w.Header().Set("Cache-Control", "public, max-age="+hashedAge+", immutable")
		}
		w.Header().Set("Content-Security-Policy", contentPolicy+p.framedBy)
		files.ServeHTTP(w, r)
	}))
}

// hashedAge is a year, in seconds.
var hashedAge = seconds(365 * 24 * time.Hour)

// builtInto returns the dist folder of an embedded file system.
func builtInto(embedded fs.FS) fs.FS {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		panic(err) // the folder's name is a constant
	}
	return dist
}
