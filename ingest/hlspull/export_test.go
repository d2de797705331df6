package hlspull

import (
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// Pacer is a pacer.
type Pacer struct{ p pacer }

// Begin is begin.
func (p *Pacer) Begin(first clock.Ticks, ahead, length time.Duration, now time.Time) {
	p.p.begin(first, ahead, length, now)
}

// Arrived is arrived.
func (p *Pacer) Arrived(first clock.Ticks, length time.Duration, now time.Time) {
	p.p.arrived(first, length, now)
}

// Due is due.
func (p *Pacer) Due(dts clock.Ticks) time.Time { return p.p.due(dts) }

// Item is what a listing has after a position.
type Item struct {
	URI    string
	Epoch  int
	Dated  bool
	Missed bool
}

// Follow reads media playlists one after the other and returns what each has
// that those before had not: the first one from where it begins.
func Follow(texts ...string) (items [][]Item, err error) {
	var next position
	missed := false
	for i, text := range texts {
		l, err := readMedia([]byte(text))
		if err != nil {
			return nil, err
		}
		if i == 0 {
			next = l.start()
		}
		var found []item
		found, next, missed = l.after(next, missed)
		var list []Item
		for _, f := range found {
			list = append(list, Item{f.at.uri, f.epoch, !f.date.IsZero(), f.missed})
		}
		items = append(items, list)
	}
	return items, nil
}

// Variant is readMultivariant.
func Variant(text string) (uri, sound string, err error) {
	v, err := readMultivariant([]byte(text))
	return v.uri, v.sound, err
}

// Demux takes a piece apart and places it, and returns how many frames it has.
func Demux(sets, data []byte) (int, error) {
	p := piece{data: data, sets: sets}
	c, err := demux(p)
	if err != nil || len(c.samples) == 0 {
		return 0, err
	}
	s := &stream{first: 1}
	times := newTimebase()
	if err := times.place(p, &c, true); err != nil {
		return 0, err
	}
	s.setTracks(&c, p)
	for _, sample := range c.samples {
		s.add(sample, time.Time{}, times)
	}
	return len(s.queue), nil
}
