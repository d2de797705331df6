package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
)

// house is what the viewers of one playlist share: who reads the same answer
// need not take it apart again. It belongs to the swarm's goroutine.
type house struct {
	swarm    *swarm
	stage    *stage
	parts    map[position]*heardPart
	seen     []edition // the newest playlists
	got      []gotPart // since the last reset
	missed   int       // parts that a viewer could not load any more
	rejoined int       // viewers that had to begin again
}

// heardPart is a part that some playlist listed.
type heardPart struct {
	position
	request []byte
	watched bool  // somebody reads its stamp
	last    int64 // number of its last picture, -1 while unknown
}

// edition is a playlist and what follows from it.
type edition struct {
	raw    []byte // as it came
	parts  []*heardPart
	reload []byte // the request that waits for the next part
}

// gotPart is a part that a viewer has whole.
type gotPart struct {
	part *heardPart
	at   instant
}

func newHouse(w *swarm, s *stage) *house {
	return &house{swarm: w, stage: s, parts: make(map[position]*heardPart)}
}

// follower is a viewer at the live edge: it waits for a playlist that lists the
// next part, loads that part, and waits again.
type follower struct {
	house   *house
	have    position     // the newest part it has, or asks for
	joined  bool         // have means something
	wanted  []*heardPart // to be loaded, in order
	loading *heardPart   // nil while it waits for a playlist
	reload  []byte       // the next request for a playlist
}

func (f *follower) first() ([]byte, bool) { return f.house.swarm.request(f.house.stage.playlist), true }

func (f *follower) next(r *reply, at instant) ([]byte, bool) {
	h := f.house
	if r.status != 200 { // the swarm has counted it
		*f = follower{house: h}
		h.rejoined++
		return f.first()
	}
	if p := f.loading; p != nil {
		h.got = append(h.got, gotPart{p, at})
		if r.keep {
			if last, ok := lastStamp(r.body); ok {
				p.last = last
			}
		}
	} else if err := f.read(r); err != nil {
		h.swarm.fail(err)
		return nil, false
	}
	if len(f.wanted) == 0 {
		f.loading = nil
		return f.reload, true
	}
	f.loading, f.wanted = f.wanted[0], f.wanted[1:]
	keep := !f.loading.watched
	f.loading.watched = true
	return f.loading.request, keep
}

// read finds out which parts a playlist has that the viewer has not. A viewer
// that joins begins with the newest.
func (f *follower) read(r *reply) error {
	l, err := f.house.edition(r)
	if err != nil {
		return err
	}
	f.reload = l.reload
	parts := l.parts
	if !f.joined {
		parts = parts[len(parts)-1:]
	}
	for f.joined && len(parts) > 0 && !f.have.less(parts[0].position) {
		parts = parts[1:]
	}
	if f.joined && len(parts) > 0 && len(parts) == len(l.parts) {
		f.house.missed++ // the ones between have left the playlist
	}
	if len(parts) > 0 {
		f.have, f.joined = parts[len(parts)-1].position, true
	}
	f.wanted = parts
	return nil
}

// edition returns what a playlist says. Few of those that come are new.
func (h *house) edition(r *reply) (edition, error) {
	for _, l := range h.seen {
		if bytes.Equal(l.raw, r.body) {
			return l, nil
		}
	}
	text := r.body
	if r.gzip {
		z, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			return edition{}, fmt.Errorf("playlist: %w", err)
		}
		if text, err = io.ReadAll(io.LimitReader(z, bodyLimit)); err != nil {
			return edition{}, fmt.Errorf("playlist: %w", err)
		}
	}
	l := edition{raw: bytes.Clone(r.body)}
	next, err := eachPart(text, func(at position, uri []byte) { l.parts = append(l.parts, h.part(at, uri)) })
	if err != nil {
		return l, err
	}
	if len(l.parts) == 0 {
		return l, fmt.Errorf("playlist has no part")
	}
	l.reload = h.swarm.request(fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=%d&_HLS_skip=YES", h.stage.playlist, next.MSN, next.Part))
	const newest = 4
	if h.seen = append(h.seen, l); len(h.seen) > newest {
		h.seen = h.seen[1:]
	}
	return l, nil
}

func (h *house) part(at position, uri []byte) *heardPart {
	p := h.parts[at]
	if p == nil {
		p = &heardPart{position: at, request: h.swarm.request(h.stage.file(string(uri))), last: -1}
		h.parts[at] = p
	}
	return p
}

// delays are how long after the push of a part's last picture viewers had the
// part, and how long after the push of the picture behind it, which ends it.
func (h *house) delays(pushed []instant) (behindLast, behindEnd spread) {
	for _, g := range h.got {
		if n := g.part.last; n >= 0 && n+1 < int64(len(pushed)) {
			behindLast = append(behindLast, g.at.sub(pushed[n]))
			behindEnd = append(behindEnd, g.at.sub(pushed[n+1]))
		}
	}
	return spreadOf(behindLast), spreadOf(behindEnd)
}

// reset forgets what was counted, and parts that nobody asks for any more.
func (h *house) reset() {
	h.swarm.reset()
	h.got, h.missed, h.rejoined = h.got[:0], 0, 0
}
