package hlstest_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/cuelight/cuelight/packager/hlstest"
)

// past is a date range about a time long before the playlist, which may go
// whenever the server likes.
func past(id string) string {
	return fmt.Sprintf(`#EXT-X-DATERANGE:ID="%s",START-DATE="2026-01-01T00:00:00.000Z",DURATION=1,X-CUE="1"`+"\n", id)
}

// history puts three date ranges into all playlists: one that was there from
// the beginning, one that leaves four seconds before the newest delta update of
// the first rendition, and one that comes then. The update is made the only one
// that was asked for with v2, and is as it should be.
func (p *patient) history() {
	p.Helper()
	d := p.newestDelta()
	turn := d.Update.Sent.Add(-4 * time.Second)
	for _, r := range p.Renditions {
		for i := range r.Reloads {
			x := &r.Reloads[i]
			if x.Playlist == nil {
				continue
			}
			tags := past("old") + past("gone")
			if x.FirstByte.After(turn) {
				tags = past("old") + past("new")
			}
			head, rest, _ := strings.Cut(string(x.Body), "#EXT-X-MEDIA-SEQUENCE")
			list, err := hlstest.ParsePlaylist([]byte(head + tags + "#EXT-X-MEDIA-SEQUENCE" + rest))
			if err != nil {
				p.Fatal(err)
			}
			x.Playlist = list
		}
	}
	for _, r := range p.Renditions {
		for i := range r.Deltas {
			r.Deltas[i].Update.Asked.Skip = ""
		}
	}
	full, update := *d.Full, *d.Update.Playlist
	before := *d.Before
	before.Ranges = []hlstest.DateRange{{ID: "old"}, {ID: "gone"}}
	full.Ranges = []hlstest.DateRange{{ID: "old"}, {ID: "new"}}
	update.Ranges = []hlstest.DateRange{{ID: "new"}}
	update.Skip = &hlstest.Skip{Segments: update.Skip.Segments, HasRemoved: true, Removed: []string{"gone"}}
	update.Version = 10
	d.Before, d.Full, d.Update.Playlist, d.Update.Asked.Skip = &before, &full, &update, "v2"
}

// newestDelta is the last delta update that skips something.
func (p *patient) newestDelta() *hlstest.Delta {
	p.Helper()
	list := p.Renditions[0].Deltas
	for i := len(list) - 1; i >= 0; i-- {
		d := &list[i]
		age := d.Update.Sent.Sub(p.Renditions[0].Reloads[0].FirstByte)
		if u := d.Update.Playlist; u != nil && u.Skip != nil && age > 13*time.Second && u.MediaSequence == d.Full.MediaSequence {
			return d
		}
	}
	p.Fatal("no delta update late enough")
	return nil
}
