// Package media is the one thing that ingest and packager share: what a track
// is and what a frame is. It is pure.
package media
