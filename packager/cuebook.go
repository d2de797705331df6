package packager

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/cuelight/cuelight/packager/cmaf"
	"github.com/cuelight/cuelight/packager/m3u8"
	"github.com/cuelight/cuelight/sync/clock"
)

// afterEnd is how long a date range stays in the playlist after its end, at
// least.
const afterEnd = time.Minute

// cueBook holds the cues of a channel. It is protected by the channel's lock.
type cueBook struct {
	known   map[string]*Cue // the newest revision by ID
	names   []string        // of known, in order of first announcement
	ranges  []*dateRange    // in the playlist, in order of announcement
	size    int             // bytes of their data
	removed []removal       // not long ago, oldest first
	serial  int

	// What playlists say, rendered once for all of them (T8).
	changed  bool
	old      int         // ranges that updates may leave out, which are the first ones
	all      sheet       // all ranges
	young    sheet       // those that no update leaves out
	carrier  *rendition  // the one whose media have the cues as well
	reached  clock.Ticks // presentation time up to which the carrier has been cut
	renderer renderer
}

type removal struct {
	id string
	at clock.Instant
}

// set takes in a cue. It reports whether playlists have something new to tell.
func (b *cueBook) set(q Cue) (changed bool, err error) {
	k := b.known[q.ID]
	switch {
	case k == nil:
	case q.Revision < k.Revision:
		return false, nil
	case q.Revision == k.Revision && q.same(k):
		return false, nil
	case q.Revision == k.Revision:
		return false, fmt.Errorf("revision %d is known with other content; a change needs a new revision", q.Revision)
	}
	if len(b.ranges) >= maxRanges || b.size+len(q.Data) > maxRangeData {
		return false, errors.New("too many cues are in the playlist; wait until some have ended and left it")
	}
	d := &dateRange{cue: q}
	if k != nil {
		d.supersedes = k.rangeID()
		*k = q
	} else {
		b.remember(q)
	}
	b.serial++
	d.serial = b.serial
	b.ranges = append(b.ranges, d)
	b.size += len(q.Data)
	b.changed = true
	return true, nil
}

// remember keeps the revision of a new cue, and forgets the oldest one that no
// playlist tells of when there are too many.
func (b *cueBook) remember(q Cue) {
	if b.known == nil {
		b.known = map[string]*Cue{}
	}
	b.known[q.ID] = &q
	b.names = append(b.names, q.ID)
	if len(b.names) <= maxKnown {
		return
	}
	for i, name := range b.names {
		if !slices.ContainsFunc(b.ranges, func(d *dateRange) bool { return d.cue.ID == name }) {
			delete(b.known, name)
			b.names = slices.Delete(b.names, i, i+1)
			return
		}
	}
}

// prune takes out what ended a minute ago and before the oldest date that any
// playlist lists (T7).
func (b *cueBook) prune(oldest, now clock.Instant) (removed bool) {
	keep := b.ranges[:0]
	for _, d := range b.ranges {
		if !d.settled || d.end >= oldest || d.end.Add(afterEnd) > now {
			keep = append(keep, d)
			continue
		}
		removed = true
		b.removed = append(b.removed, removal{d.tag.ID, now})
		b.size -= len(d.cue.Data)
	}
	clear(b.ranges[len(keep):])
	b.ranges = keep
	b.changed = b.changed || removed
	return removed
}

// render settles what playlists say from now on. Updates leave out what was
// announced longer ago than the boundary.
func (b *cueBook) render(date func(clock.Ticks) clock.Instant, now clock.Instant, boundary time.Duration) {
	for len(b.removed) > 0 && now.Sub(b.removed[0].at) > boundary {
		b.removed = b.removed[1:]
	}
	old := 0
	tags := make([]m3u8.DateRange, len(b.ranges))
	for i, d := range b.ranges {
		if !d.settled {
			d.settle(date, now)
		}
		if now.Sub(d.added) > boundary {
			old = i + 1
		}
		tags[i] = d.tag
	}
	if !b.changed && old == b.old {
		return
	}
	b.changed, b.old = false, old
	b.all = b.sheet(tags)
	b.young = b.all
	if old > 0 {
		b.young = b.sheet(tags[old:])
	}
}

func (b *cueBook) sheet(tags []m3u8.DateRange) sheet {
	if len(tags) == 0 {
		return sheet{}
	}
	return b.renderer.deflate(m3u8.AppendDateRanges(nil, tags))
}

// gone lists the ranges that were removed not long ago (D4).
func (b *cueBook) gone() []string {
	list := make([]string, len(b.removed))
	for i, r := range b.removed {
		list[i] = r.id
	}
	return list
}

// since returns the tags, without their ends of line, of what was announced
// after the given number, and the number to ask with next.
func (b *cueBook) since(serial int) ([]string, int) {
	var lines []string
	for _, d := range b.ranges {
		if d.serial <= serial || !d.settled {
			continue
		}
		line := m3u8.AppendDateRanges(nil, []m3u8.DateRange{d.tag})
		lines = append(lines, string(line[:len(line)-1]))
		serial = d.serial
	}
	return lines, serial
}

// seam is how far parts may be apart and still follow each other.
const seam = clock.TicksPerSecond / 10

// events returns the cues that begin in a part of r which is shown in that
// time. They are in one rendition only (T11).
func (b *cueBook) events(r *rendition, from, to clock.Ticks) []cmaf.Event {
	if b == nil || b.carrier != r {
		return nil
	}
	if off := from - b.reached; off > -seam && off < seam {
		from = b.reached // so that every time is in one part, however dates are rounded
	}
	b.reached = to
	var list []cmaf.Event
	for _, d := range b.ranges {
		q := &d.cue
		if q.At < from || q.At >= to || q.Cancelled || b.known[q.ID].Revision != q.Revision {
			continue
		}
		value := q.rangeID()
		list = append(list, cmaf.Event{
			ID: crc32.ChecksumIEEE([]byte(value)), Value: value, Scale: clock.TicksPerSecond,
			At: uint64(q.At), Duration: q.ticks(), Name: cueClass, Text: string(q.Data),
		})
	}
	slices.SortStableFunc(list, func(a, b cmaf.Event) int { return cmp.Compare(a.At, b.At) })
	return list
}

// ticks is how long the cue lasts as an event says it.
func (q *Cue) ticks() uint32 {
	t := clock.TicksOf(q.Duration)
	if q.End != nil {
		t = *q.End - q.At
	}
	if t <= clock.TicksPerSecond/1000 || t >= cmaf.EventUnknown {
		return cmaf.EventUnknown
	}
	return uint32(t)
}

// dateOf returns the instant of a media time as the playlists tell it: by the
// segment that it is in, otherwise by the timeline.
func (c *Channel) dateOf(at clock.Ticks) clock.Instant {
	if r := c.leading(); r != nil {
		if s := r.segmentAt(at); s != nil {
			return s.pdt + clock.Instant((at - s.at).Micros())
		}
	}
	return c.date(at)
}

// date asks the timeline, in whole milliseconds.
func (c *Channel) date(at clock.Ticks) clock.Instant {
	const ms = 1000
	return (c.cfg.PDT(at) + ms/2) / ms * ms
}

// segmentAt returns the newest segment that shows a media time, as far as it
// has been cut, nil if none does.
func (r *rendition) segmentAt(at clock.Ticks) *Segment {
	if r.open != nil && at >= r.open.at {
		if at < r.open.at+r.ticks(r.open.units+r.part.units) {
			return r.open
		}
		return nil
	}
	for _, s := range slices.Backward(r.segments) {
		if at >= s.at {
			if (at - s.at).Duration() < s.duration {
				return s
			}
			return nil
		}
	}
	return nil
}

// showCues shows what changed about the cues, without waking anybody: requests
// for the part that comes next go on waiting, and its answer tells of the cue.
func (c *Channel) showCues() {
	if !c.turnCues() {
		return
	}
	all := c.renditions()
	for _, r := range all {
		r.show(all, false, false)
	}
}

// turnCues settles what playlists say of cues from now on. It returns false
// while there is no playlist. What was removed has to be said by updates of all
// renditions (D4).
func (c *Channel) turnCues() bool {
	oldest := clock.Instant(1<<63 - 1)
	all := c.renditions()
	for _, r := range all {
		if len(r.segments) > 0 {
			oldest = min(oldest, r.oldest())
		}
	}
	if oldest == 1<<63-1 {
		return false
	}
	if c.cues.prune(oldest, c.now) {
		for _, r := range all {
			r.render.stale = true
		}
	}
	c.cues.render(c.dateOf, c.now, skipTargets*c.cfg.SegmentTarget)
	return true
}

// oldest is the date with which the playlist begins.
func (r *rendition) oldest() clock.Instant {
	if past := r.past.list(); len(past) > 0 {
		return past[0].pdt
	}
	return r.segments[r.listed].pdt
}

// leading returns the rendition that decides where to cut, nil before there is
// any.
func (c *Channel) leading() *rendition {
	switch {
	case c.pictured:
		return c.videos[0].rendition
	case c.audio != nil:
		return c.audio.rendition
	}
	return nil
}
