package hlstest

import (
	"context"
	"time"
)

// birth is what is known of a listed segment's time.
type birth struct {
	at      time.Time     // when it was listed first, or no later
	longest time.Duration // of the longest playlist that had it
}

// briefly is how much earlier than its last moment a file is asked for.
const briefly = 50 * time.Millisecond

// gone notices what left the playlist, and asks for it later.
func (f *follower) gone(ctx context.Context, reload *Reload) {
	p := reload.Playlist
	if f.before != nil && !p.Ended {
		for i := range f.before.Segments {
			if s := &f.before.Segments[i]; !s.Open() && !s.Gap {
				f.left(ctx, reload, s)
			}
		}
	}
	f.bear(reload)
}

// bear notes when segments were listed first. Those of the first playlist are
// as old as the media behind them is long, at least.
func (f *follower) bear(reload *Reload) {
	p, length := reload.Playlist, reload.Playlist.listed()
	var behind time.Duration
	next := make(map[uint64]birth, len(p.Segments))
	for i := len(p.Segments) - 1; i >= 0; i-- {
		s := &p.Segments[i]
		b, known := f.born[s.MSN]
		if !known {
			b.at = reload.FirstByte.Add(-f.blur(p))
			if f.before == nil {
				b.at = b.at.Add(-behind)
			}
		}
		behind += s.length()
		if s.Open() {
			continue
		}
		b.longest = max(b.longest, length)
		next[s.MSN] = b
	}
	f.born = next
}

// blur is how much later than it happened a change may be seen.
func (f *follower) blur(p *Playlist) time.Duration {
	if p.Control != nil && p.Control.CanBlock {
		return briefly
	}
	return f.interval() + p.Target/2 // and a cache may keep it for half of one
}

// left follows a segment, or one of its parts, if it is not in the playlist any
// more. Availability counts from the moment when a segment was listed first, as
// the draft has it; RFC 8216 counts from its removal.
// Spec: rfc8216bis §6.2.2.
func (f *follower) left(ctx context.Context, reload *Reload, s *Segment) {
	p := reload.Playlist
	lag := reload.FirstByte.Sub(f.seen) // it may have left right after it was seen
	if s.MSN < p.MediaSequence {
		b, known := f.born[s.MSN]
		if !known {
			return
		}
		available := s.Duration + b.longest
		f.later(ctx, reload.URL, s.URI, s.ByteRange, Gone{
			At: Position{s.MSN, WholeSegment}, Left: reload.FirstByte,
			Must: b.at.Add(available).Sub(reload.FirstByte), Should: available - lag,
		})
		return
	}
	now := p.Segment(s.MSN)
	if len(s.Parts) == 0 || now == nil || len(now.Parts) > 0 {
		return
	}
	// One of them stands for all: they leave together.
	n := int(s.MSN % uint64(len(s.Parts)))
	if part := &s.Parts[n]; !part.Gap {
		stay := 3*p.Target - lag
		f.later(ctx, reload.URL, part.URI, part.ByteRange, Gone{At: Position{s.MSN, uint64(n)}, Left: reload.FirstByte, Must: stay, Should: stay})
	}
}

// later asks for a file that has left the playlist, at the end of the time for
// which it has to be there and at the end of that for which it should. What is
// beyond the end of the probe is asked for shortly before it.
func (f *follower) later(ctx context.Context, base, uri, span string, g Gone) {
	f.mu.Lock()
	f.r.Gone = append(f.r.Gone, g)
	f.mu.Unlock()
	select {
	case f.waiting <- struct{}{}:
	default:
		f.note("more files left the playlists than were followed")
		return
	}
	target := resolve(base, uri)
	f.wg.Go(func() {
		defer func() { <-f.waiting }()
		asked := time.Duration(-1)
		for _, end := range []time.Duration{g.Must, g.Should} {
			at := f.reach(ctx, g.Left, end-briefly)
			if at <= asked || at < 0 {
				continue
			}
			asked = at
			if !pause(ctx, at-f.cfg.Now().Sub(g.Left)) || !f.ask(ctx, target, span, g) {
				return
			}
		}
	})
}

// reach is how long after left a request can be made, if not after that time.
func (f *follower) reach(ctx context.Context, left time.Time, after time.Duration) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		after = min(after, time.Until(end)+f.cfg.Now().Sub(left)-time.Second)
	}
	return after
}

// ask requests a file that has left the playlist. False if it is not there, or
// the probe ended.
func (f *follower) ask(ctx context.Context, target, span string, g Gone) bool {
	after := f.cfg.Now().Sub(g.Left)
	e := f.get.discard(ctx, target, requestTime, rangeHeader(span))
	if ctx.Err() != nil {
		return false
	}
	if span != "" && e.Status == 206 {
		e.Status = 200
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.r.Later = append(f.r.Later, Late{
		Exchange: e, Gone: g, After: after,
		MustEnd: after >= g.Must-2*briefly && after <= g.Must, ShouldEnd: after >= g.Should-2*briefly && after <= g.Should,
	})
	return e.OK()
}
