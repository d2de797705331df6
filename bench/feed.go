package main

import (
	"sync"
	"time"

	"github.com/cuelight/cuelight/internal/demo"
	"github.com/cuelight/cuelight/internal/media"
)

// How both HLS servers are set: parts of ten pictures, segments of two
// seconds, seven whole segments listed.
const (
	partPictures = 10 // of 30 a second
	segmentParts = 6
	segment      = 2 * time.Second
	listed       = 7
	// longPartBase is 333.3 ms, rounded down, because gohlslib wants a least length.
	longPartBase = 333 * time.Millisecond
)

// position is a part's place: media sequence number and index.
type position struct{ MSN, Part uint64 }

func (p position) less(q position) bool { return p.MSN < q.MSN || p.MSN == q.MSN && p.Part < q.Part }

// hlsServer is a packager with its HTTP handler.
type hlsServer interface {
	// write takes the next frame of the clip.
	write(media.Frame) error
	// edge returns the newest part; false before the first.
	edge() (position, bool)
}

// cut is a part and the moment its last picture was given to the server.
type cut struct {
	position
	At instant
}

// feed plays the demo's clip into a server for ever, in real time.
type feed struct {
	clip   *demo.Clip
	server hlsServer

	mu   sync.Mutex // protects cuts
	cuts []cut      // since the lead
}

// lead is how much media is written at once at the start, so that the first
// viewer finds full playlists.
const lead = 20 * time.Second

// run plays until a frame is refused.
func (f *feed) run(ready func()) error {
	start := now()
	for n := int64(0); ; n++ {
		frame := f.clip.Frame(n)
		due := start + instant(frame.DTS.Duration()-lead)
		if due > start && ready != nil {
			ready()
			ready = nil
		}
		if wait := due.sub(now()); wait > 0 {
			time.Sleep(wait)
		}
		before, _ := f.server.edge()
		at := now()
		if err := f.server.write(frame); err != nil {
			return err
		}
		if edge, ok := f.server.edge(); ok && edge != before && ready == nil {
			f.note(cut{edge, at})
		}
	}
}

func (f *feed) note(c cut) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cuts = append(f.cuts, c)
}

// all returns a copy of the cuts.
func (f *feed) all() []cut {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]cut(nil), f.cuts...)
}
