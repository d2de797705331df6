package hlstest

import (
	"context"
	"path"
	"time"
)

// maxRounds is how often the trials are made.
const maxRounds = 3

// trier makes the requests that a player does not make by itself: those that
// have to be refused, and those whose answers are compared.
type trier struct{ *prober }

func (t *trier) run(ctx context.Context) {
	// The followers begin; what the server holds ready is read meanwhile.
	if !pause(ctx, min(t.cfg.For/4, time.Second)) {
		return
	}
	for range maxRounds {
		for i := range t.c.Renditions {
			if i > 1 && i < len(t.c.Renditions)-1 {
				continue // the first two and the last are enough
			}
			if !t.round(ctx, i) {
				return
			}
		}
	}
}

// plain reads the playlist of a rendition as it is now.
func (t *trier) plain(ctx context.Context, i int) *Playlist {
	r := t.playlist(ctx, t.c.Renditions[i].URL, Directives{}, requestTime)
	if r.Playlist != nil {
		t.mu.Lock()
		t.c.RoundTrip = min(t.c.RoundTrip, r.took())
		t.mu.Unlock()
	}
	return r.Playlist
}

// ask makes one trial. False when the probe is over.
func (t *trier) ask(ctx context.Context, kind TrialKind, i int, known *Playlist, d Directives) (Trial, bool) {
	r := t.playlist(ctx, t.c.Renditions[i].URL, d, 3*min(known.Target, time.Minute)+requestTime)
	return Trial{Exchange: r.Exchange, Kind: kind, Rendition: i, Asked: d, Known: known, Playlist: r.Playlist}, ctx.Err() == nil
}

// round makes all trials of one rendition. False when the probe is over, or the
// stream is.
func (t *trier) round(ctx context.Context, i int) bool {
	known := t.plain(ctx, i)
	if known == nil || known.Ended || len(known.Segments) == 0 {
		if known != nil {
			t.unknown(ctx, i, known)
			t.same(ctx, i, known, Directives{})
		}
		return false
	}
	steps := []func(context.Context, int, *Playlist) bool{t.unknown}
	if known.Control != nil && known.Control.CanBlock {
		steps = append(steps, t.goneTrial, t.segmentAlone, t.refusals)
		if known.HasPartInf {
			steps = append(steps, t.twice, t.beyond, t.reports, t.switches)
		}
	} else {
		steps = append(steps, func(ctx context.Context, i int, p *Playlist) bool { return t.same(ctx, i, p, Directives{}) })
	}
	for _, step := range steps {
		now := t.plain(ctx, i)
		if now == nil || now.Ended || len(now.Segments) == 0 || !step(ctx, i, now) {
			return false
		}
	}
	return pause(ctx, known.Target)
}

func (t *trier) unknown(ctx context.Context, i int, known *Playlist) bool {
	ext := ".mp4"
	for n := range known.Segments {
		if s := &known.Segments[n]; !s.Open() {
			ext = path.Ext(pathOf(resolve(t.c.Renditions[i].URL, s.URI)))
		}
	}
	target := resolve(t.c.Renditions[i].URL, "cuelight-probe-no-such-file"+ext)
	e := t.get.discard(ctx, target, requestTime, nil)
	if ctx.Err() != nil {
		return false
	}
	t.try(Trial{Exchange: e, Kind: TrialUnknown, Rendition: i})
	return true
}

// same makes one request twice.
func (t *trier) same(ctx context.Context, i int, known *Playlist, d Directives) bool {
	a := t.playlist(ctx, t.c.Renditions[i].URL, d, 3*min(known.Target, time.Minute)+requestTime)
	b := t.playlist(ctx, t.c.Renditions[i].URL, d, 3*min(known.Target, time.Minute)+requestTime)
	if ctx.Err() != nil {
		return false
	}
	t.try(Trial{Exchange: a.Exchange, Kind: TrialSame, Rendition: i, Asked: d, Known: known, Playlist: a.Playlist, Again: &b.Exchange})
	return true
}

// twice asks for the part that comes next, and again when it is there.
func (t *trier) twice(ctx context.Context, i int, known *Playlist) bool {
	at := known.Next()
	return t.same(ctx, i, known, Directives{MSN: at.MSN, Part: at.Part, HasMSN: true, HasPart: true})
}

// goneTrial asks for what has left the playlist, the moment after a part came,
// so that a server that waits for the next one is seen to wait.
func (t *trier) goneTrial(ctx context.Context, i int, known *Playlist) bool {
	if known.MediaSequence == 0 {
		return true
	}
	at := known.Next()
	d := Directives{MSN: at.MSN, Part: at.Part, HasMSN: true, HasPart: known.HasPartInf}
	old := Directives{MSN: known.MediaSequence - 1, HasMSN: true, HasPart: known.HasPartInf}
	var best Trial
	for n := range 2 {
		if _, ok := t.ask(ctx, TrialGone, i, known, d); !ok {
			return false
		}
		x, ok := t.ask(ctx, TrialGone, i, known, old)
		if !ok {
			return false
		}
		if n == 0 || x.took() < best.took() {
			best = x
		}
		old.MSN-- // another cache key
		if known.MediaSequence < 2 {
			break
		}
	}
	t.try(best)
	return true
}

func (t *trier) segmentAlone(ctx context.Context, i int, known *Playlist) bool {
	x, ok := t.ask(ctx, TrialSegment, i, known, Directives{MSN: known.Next().MSN, HasMSN: true})
	if ok {
		t.try(x)
	}
	return ok
}

// beyond asks for the part behind the last of a whole segment.
func (t *trier) beyond(ctx context.Context, i int, known *Playlist) bool {
	for n := len(known.Segments) - 1; n >= 0; n-- {
		s := &known.Segments[n]
		if s.Open() || len(s.Parts) == 0 || s.Gap {
			continue
		}
		x, ok := t.ask(ctx, TrialBeyond, i, known, Directives{MSN: s.MSN, Part: uint64(len(s.Parts)), HasMSN: true, HasPart: true})
		if ok {
			t.try(x)
		}
		return ok
	}
	return true
}

// refusals asks for what has to be refused.
func (t *trier) refusals(ctx context.Context, i int, known *Playlist) bool {
	at := known.Next()
	list := []struct {
		kind TrialKind
		d    Directives
	}{
		{TrialPartAlone, Directives{HasPart: true}},
		{TrialFarSegment, Directives{MSN: at.MSN + 5, HasMSN: true}},
		{TrialFarPart, Directives{MSN: at.MSN, Part: at.Part + advance(known.PartTarget) + 4, HasMSN: true, HasPart: true}},
	}
	for _, x := range list {
		if x.kind != TrialFarSegment && !known.HasPartInf {
			continue
		}
		trial, ok := t.ask(ctx, x.kind, i, known, x.d)
		if !ok {
			return false
		}
		t.try(trial)
	}
	return true
}

// advance is the Advance Part Limit. Spec: rfc8216bis §6.2.5.2.
func advance(target time.Duration) uint64 {
	if target <= 0 || target >= time.Second {
		return 3
	}
	return uint64((3*time.Second + target - 1) / target)
}

// settle is how long a server may take to tell all playlists of a part.
const settle = 20 * time.Millisecond

// reports compares what a playlist says of the others with what they say.
func (t *trier) reports(ctx context.Context, i int, _ *Playlist) bool {
	for n := range t.c.Renditions {
		if n == i {
			continue
		}
		before := t.plain(ctx, n)
		if !pause(ctx, settle) {
			return false
		}
		own := t.playlist(ctx, t.c.Renditions[i].URL, Directives{}, requestTime)
		after := t.plain(ctx, n)
		if ctx.Err() != nil {
			return false
		}
		if before == nil || after == nil || own.Playlist == nil {
			continue
		}
		t.try(Trial{
			Exchange: own.Exchange, Kind: TrialReport, Rendition: i, Known: before, Playlist: own.Playlist, After: after,
			About: pathOf(t.c.Renditions[n].URL), Other: n,
		})
		if !t.reported(ctx, i, n, own.Playlist, after) {
			return false
		}
	}
	return true
}

// reported loads the part that a report names.
func (t *trier) reported(ctx context.Context, i, n int, own, other *Playlist) bool {
	for _, report := range own.Reports {
		if pathOf(resolve(t.c.Renditions[i].URL, report.URI)) != pathOf(t.c.Renditions[n].URL) {
			continue
		}
		s := other.Segment(report.MSN)
		if s == nil || s.Gap || uint64(len(s.Parts)) <= report.Part || s.Parts[report.Part].Gap {
			continue
		}
		part := &s.Parts[report.Part]
		e := t.get.discard(ctx, resolve(t.c.Renditions[n].URL, part.URI), requestTime, rangeHeader(part.ByteRange))
		if ctx.Err() != nil {
			return false
		}
		if e.Status == 206 {
			e.Status = 200
		}
		t.try(Trial{Exchange: e, Kind: TrialReported, Rendition: i, Other: n})
	}
	return true
}

// switches asks for one part more than comes next, as hls.js may when it
// changes the rendition.
func (t *trier) switches(ctx context.Context, i int, known *Playlist) bool {
	if len(t.c.Renditions) < 2 {
		return true
	}
	at := known.Next()
	x, ok := t.ask(ctx, TrialSwitch, i, known, Directives{MSN: at.MSN, Part: at.Part + 1, HasMSN: true, HasPart: true})
	if ok {
		t.try(x)
	}
	return ok
}
