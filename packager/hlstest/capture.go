package hlstest

import (
	"net/http"
	"time"
)

// Capture is everything that was observed of a server. Check reads it and
// changes nothing.
type Capture struct {
	URL         string
	Apple       bool // hold it against Apple's authoring specification too
	Began, Done time.Time
	// RoundTrip is how long an answer takes that the server has ready.
	RoundTrip time.Duration
	// Index are the answers to requests for the URL, the first with a parsed
	// Multivariant, unless the URL is that of a media playlist.
	Index        []Exchange
	Multivariant *Multivariant
	Renditions   []*Rendition // one for every media playlist
	Trials       []Trial
	Notes        []string // what limited the probe
}

// Exchange is a request and its answer.
type Exchange struct {
	URL                       string
	Sent, FirstByte, Received time.Time // FirstByte is that of the answer's body or head
	Status                    int       // 0 when there was no answer
	Err                       string    // why there was no answer, or not all of it
	Header                    http.Header
	Proto                     string // such as "HTTP/1.1"
	TLS                       uint16 // version; 0 without
	Size                      int64  // of the body, decompressed
	Body                      []byte // of playlists only
}

// OK reports whether the answer came whole with status 200.
func (e *Exchange) OK() bool { return e.Status == http.StatusOK && e.Err == "" }

// took is how long the first byte took.
func (e *Exchange) took() time.Duration { return e.FirstByte.Sub(e.Sent) }

// Directives are those of a playlist request.
type Directives struct {
	MSN, Part       uint64
	HasMSN, HasPart bool
	Skip            string // "", "YES" or "v2"
}

// Position is what the directives wait for.
func (d Directives) Position() Position { return Position{d.MSN, d.Part} }

// Reload is one answer to a request for a media playlist.
type Reload struct {
	Exchange
	Asked    Directives
	Playlist *Playlist // nil if the answer is no playlist
	Problem  string    // why it is none
}

// Rendition is what was observed of one media playlist.
type Rendition struct {
	URI     string // as the multivariant playlist writes it
	URL     string
	Kind    string // "video", "audio"
	Group   string // of the sound, of an alternative rendition
	Reloads []Reload
	// Deltas are pairs of a delta update and the full playlist that was asked
	// for in the same moment.
	Deltas []Delta
	Inits  map[string]*InitFile // by Segment.Map
	Parts  map[string]*File     // by Segment URI and byte range, as written
	Whole  map[string]*File
	// Hinted are requests for parts that were hinted at and not listed yet.
	Hinted []*File
	// Gone are the files that left the playlist while it was watched, and Later
	// the requests for them.
	Gone  []Gone
	Later []Late
	// Pending is the reload that had no answer yet when the probe ended, its
	// Received the end. Sent is zero without one.
	Pending Reload
}

// Delta is a delta update, the full playlist of the moment, and what the client
// had before.
type Delta struct {
	Update Reload
	Full   *Playlist
	Before *Playlist
}

// InitFile is an init section that was loaded.
type InitFile struct {
	Exchange
	Init *Init
}

// File is a part or a segment that was loaded.
type File struct {
	Exchange
	At     Position // Part is WholeSegment for a segment
	Map    string
	Domain uint64
	Media  *Media // nil without an answer
}

// WholeSegment is the part number of a File that is a segment.
const WholeSegment = 1<<64 - 1

// Gone is a file that left the playlist and has to stay for a while.
type Gone struct {
	At   Position // Part is WholeSegment for a segment
	Left time.Time
	// Must is how long since then it has to be there, Should how long it should.
	// Must may be over already, and then is not more than 0.
	Must, Should time.Duration
}

// Late is a request for something that the playlist does not list any more.
type Late struct {
	Exchange
	Gone
	After time.Duration // since it left
	// MustEnd and ShouldEnd say that the request was made as late as could be to
	// tell that the file was there all the time.
	MustEnd, ShouldEnd bool
}

// Trial is one request made to see how the server answers it.
type Trial struct {
	Exchange
	Kind      TrialKind
	Rendition int
	Asked     Directives
	Known     *Playlist // the last playlist before the request
	Playlist  *Playlist // the answer, if it is one
	// About is what the trial is about besides: the playlist read next for
	// reports, the URL of the part that was reported, another rendition.
	About string
	Other int
	After *Playlist
	Again *Exchange // a second request of the same kind
}

// TrialKind names a kind of request.
type TrialKind string

// The trials.
const (
	TrialSegment    TrialKind = "msn alone"
	TrialBeyond     TrialKind = "part beyond the segment"
	TrialGone       TrialKind = "msn that is gone"
	TrialPartAlone  TrialKind = "part without msn"
	TrialFarSegment TrialKind = "msn too far ahead"
	TrialFarPart    TrialKind = "part too far ahead"
	TrialEnded      TrialKind = "directives after the end"
	TrialSame       TrialKind = "the same request twice"
	TrialUnknown    TrialKind = "unknown name"
	TrialSwitch     TrialKind = "switch of renditions"
	TrialReport     TrialKind = "rendition report"
	TrialReported   TrialKind = "reported part"
	TrialRange      TrialKind = "byte range"
)

// media returns the track that a rendition's files are judged by: the pictures,
// or the only one.
func (i *InitFile) track() *InitTrack {
	if i == nil || i.Init == nil || len(i.Init.Tracks) == 0 {
		return nil
	}
	for n := range i.Init.Tracks {
		if i.Init.Tracks[n].Handler == "vide" {
			return &i.Init.Tracks[n]
		}
	}
	return &i.Init.Tracks[0]
}

// first returns the first playlist that was read, nil if none was.
func (r *Rendition) first() *Playlist {
	for i := range r.Reloads {
		if p := r.Reloads[i].Playlist; p != nil {
			return p
		}
	}
	return nil
}

// last returns the newest playlist that was read.
func (r *Rendition) last() *Playlist {
	for i := len(r.Reloads) - 1; i >= 0; i-- {
		if p := r.Reloads[i].Playlist; p != nil {
			return p
		}
	}
	return nil
}

// partKey is what names a part among the files of a rendition.
func partKey(p *Part) string { return p.URI + "@" + p.ByteRange }

// segmentKey is what names a segment.
func segmentKey(s *Segment) string { return s.URI + "@" + s.ByteRange }

// live reports whether the stream goes on as far as was seen.
func (c *Capture) live() bool {
	for _, r := range c.Renditions {
		if p := r.first(); p != nil && !p.Ended {
			return true
		}
	}
	return false
}

// lowLatency reports whether any playlist has parts.
func (c *Capture) lowLatency() bool {
	for _, r := range c.Renditions {
		for i := range r.Reloads {
			if p := r.Reloads[i].Playlist; p != nil && p.lowLatency() {
				return true
			}
		}
	}
	return false
}

// container is the container of the media that was loaded.
func (c *Capture) container() Container {
	for _, r := range c.Renditions {
		for _, files := range []map[string]*File{r.Whole, r.Parts} {
			for _, f := range files {
				if f.Media != nil {
					return f.Media.Container
				}
			}
		}
	}
	return Unknown
}
