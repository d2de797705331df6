package hlstest

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Limits of following a rendition.
const (
	manySegments = 600       // a playlist this long is not read for every part
	maxKept      = 1_500_000 // segments, parts, attributes and the like in all playlists that are kept
	maxBodies    = 64 << 20  // bytes of the texts of all playlists
	maxFailures  = 10        // reloads in a row
	backlog      = 4         // segments that are loaded of the end of what is there at first
	sampled      = 2         // and of its beginning and its middle, if it is long
	maxJobs      = 4096
	everyHint    = 5  // reloads for each hinted part that is loaded ahead
	everyDelta   = 3  // and for each delta update
	maxWaiting   = 64 // files that have left the playlist and are asked for later
)

// follower reloads one media playlist and loads what it lists, as a player
// does. Its rendition's Reloads and Deltas belong to run, the files to load.
type follower struct {
	*prober
	r *Rendition

	jobs    chan job
	listed  map[string]bool // files that were given to load
	before  *Playlist
	seen    time.Time // when before was read
	reloads int
	wg      sync.WaitGroup
	waiting chan struct{}    // one for each file that is asked for later
	born    map[uint64]birth // segments that are listed
}

// job is a file to load.
type job struct {
	url, key, span string
	at             Position
	init           string // Segment.Map
	initURL        string
	initSpan       string
	domain         uint64
}

func (f *follower) run(ctx context.Context) {
	f.jobs = make(chan job, maxJobs)
	f.listed = map[string]bool{}
	f.waiting = make(chan struct{}, maxWaiting)
	f.born = map[uint64]birth{}
	var loading sync.WaitGroup
	loading.Go(func() {
		for j := range f.jobs {
			f.load(ctx, j)
		}
	})
	f.follow(ctx)
	close(f.jobs)
	loading.Wait()
	f.wg.Wait()
}

func (f *follower) follow(ctx context.Context) {
	failures := 0
	var d Directives
	for ctx.Err() == nil && failures < maxFailures && f.kept.Load() < maxKept {
		reload := f.playlist(ctx, f.r.URL, d, f.timeout())
		if ctx.Err() != nil && reload.Err != "" { // the probe ended, not the server
			f.r.Pending = reload
			return
		}
		f.keep(reload)
		p := reload.Playlist
		if p == nil {
			failures++
			d = Directives{}
			if !pause(ctx, f.interval()) {
				return
			}
			continue
		}
		failures = 0
		f.take(ctx, reload.URL, p)
		f.delta(ctx, reload)
		f.gone(ctx, &reload)
		moved := f.before == nil || p.Next() != f.before.Next() || p.MediaSequence != f.before.MediaSequence
		f.before, f.seen = p, reload.FirstByte
		if p.Ended {
			f.ended(ctx, reload.URL, p)
			return
		}
		var wait time.Duration
		d, wait = f.next(p, moved)
		if !pause(ctx, wait) {
			return
		}
	}
	if failures == maxFailures {
		f.note(fmt.Sprintf("%s could not be read %d times in a row and was given up", f.r.URI, maxFailures))
	}
}

func (f *follower) keep(r Reload) {
	f.r.Reloads = append(f.r.Reloads, r)
	f.reloads++
}

// timeout is how long a reload may take: the server gives up after three
// target durations.
func (f *follower) timeout() time.Duration {
	if f.before == nil {
		return requestTime
	}
	return 3*min(f.before.Target, time.Minute) + requestTime
}

// interval is how long to wait between reloads that are not held.
func (f *follower) interval() time.Duration {
	if f.before == nil {
		return time.Second
	}
	return min(max(f.before.Target/2, 250*time.Millisecond), 10*time.Second)
}

// next says what to ask next, and how long to wait before.
func (f *follower) next(p *Playlist, moved bool) (Directives, time.Duration) {
	if p.Control == nil || !p.Control.CanBlock {
		return Directives{}, f.interval()
	}
	var wait time.Duration
	if !moved { // a server that does not hold is not asked without a pause
		wait = max(p.PartTarget/3, 100*time.Millisecond)
	}
	at := p.Next()
	d := Directives{MSN: at.MSN, HasMSN: true}
	switch {
	case !p.HasPartInf:
	case len(p.Segments) > manySegments:
		d.MSN, d.HasPart = p.Segments[len(p.Segments)-1].MSN+1, true
	default:
		d.Part, d.HasPart = at.Part, true
	}
	return d, wait
}

// take gives everything new to load.
func (f *follower) take(ctx context.Context, base string, p *Playlist) {
	from := 0
	if f.before == nil && !p.Ended {
		from = max(0, len(p.Segments)-backlog)
		f.skip(base, p.Segments[:from])
	}
	for i := from; i < len(p.Segments); i++ {
		s := &p.Segments[i]
		for n := range s.Parts {
			if part := &s.Parts[n]; !part.Gap && !s.Gap {
				f.push(base, s, partKey(part), part.URI, part.ByteRange, Position{s.MSN, uint64(n)})
			}
		}
		if !s.Open() && !s.Gap {
			f.push(base, s, segmentKey(s), s.URI, s.ByteRange, Position{s.MSN, WholeSegment})
		}
	}
	if uri, ok := p.hint("PART"); ok && !p.Ended && f.reloads%everyHint == 1 && len(p.Segments) > 0 {
		s := &p.Segments[len(p.Segments)-1]
		f.ahead(ctx, resolve(base, uri), Position{p.Next().MSN, p.Next().Part}, s)
	}
}

// skip takes note of segments that are not loaded because there are too many,
// and loads a sample: what viewers who go back get may come from elsewhere. The
// oldest is left out, since it is about to go.
func (f *follower) skip(base string, list []Segment) {
	for i := range list {
		s := &list[i]
		if begun, half := i >= 1 && i <= sampled, i >= len(list)/2 && i < len(list)/2+sampled; len(list) > 4*sampled && (begun || half) {
			if !s.Gap {
				f.push(base, s, segmentKey(s), s.URI, s.ByteRange, Position{s.MSN, WholeSegment})
			}
		} else {
			f.listed[segmentKey(s)] = true
		}
		for n := range s.Parts {
			f.listed[partKey(&s.Parts[n])] = true
		}
	}
}

func (f *follower) push(base string, s *Segment, key, uri, span string, at Position) {
	if f.listed[key] {
		return
	}
	f.listed[key] = true
	j := job{url: resolve(base, uri), key: key, span: span, at: at, init: s.Map, domain: s.Domain}
	if s.MapURI != "" {
		j.initURL = resolve(base, s.MapURI)
		if len(s.Map) > len(s.MapURI) {
			j.initSpan = s.Map[len(s.MapURI)+1:]
		}
	}
	select {
	case f.jobs <- j:
	default:
		f.note("media came faster than it could be loaded; some was left out")
	}
}

// ahead loads a hinted part before it is listed.
func (f *follower) ahead(ctx context.Context, target string, at Position, s *Segment) {
	f.wg.Go(func() {
		e := f.get.discard(ctx, target, 2*requestTime, nil)
		if ctx.Err() != nil {
			return
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.r.Hinted = append(f.r.Hinted, &File{Exchange: e, At: at, Map: s.Map, Domain: s.Domain})
	})
}

// delta asks for the delta update of the moment that reload is of.
func (f *follower) delta(ctx context.Context, reload Reload) {
	p := reload.Playlist
	if f.before == nil || p.Ended || p.Control == nil || p.Control.CanSkipUntil == 0 || f.reloads%everyDelta != 0 {
		return
	}
	d := reload.Asked
	d.Skip = "YES"
	if p.Control.CanSkipRanges && f.reloads%(2*everyDelta) == 0 {
		d.Skip = "v2"
	}
	update := f.playlist(ctx, f.r.URL, d, f.timeout())
	if ctx.Err() != nil {
		return
	}
	f.r.Deltas = append(f.r.Deltas, Delta{Update: update, Full: p, Before: f.before})
}

// ended asks a stream that is over for what it will never have (B8).
func (f *follower) ended(ctx context.Context, base string, p *Playlist) {
	at := p.Next()
	d := Directives{MSN: at.MSN + 10, Part: 3, HasMSN: true, HasPart: true, Skip: "YES"}
	a := f.playlist(ctx, base, d, f.timeout())
	if ctx.Err() != nil {
		return
	}
	f.try(Trial{Exchange: a.Exchange, Kind: TrialEnded, Rendition: f.index(), Asked: d, Known: p, Playlist: a.Playlist})
}

func (f *follower) index() int {
	for i, r := range f.c.Renditions {
		if r == f.r {
			return i
		}
	}
	return -1
}

// try keeps a trial.
func (p *prober) try(t Trial) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.c.Trials = append(p.c.Trials, t)
}
