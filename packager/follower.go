package packager

import (
	"log/slog"
	"math"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// lagLimit is how far a follower may be behind the leading rendition before
// what it misses becomes gaps (G1).
const lagLimit = 4 * clock.TicksPerSecond

// patientKeys is how many key frames may pass before it is said that none is at
// a cut.
const patientKeys = 5

// forever is later than every media time.
const forever = clock.Ticks(math.MaxInt64 / 2)

// follower is a rendition of the pictures in a session that another one leads.
// It begins segments where the leading one did, whenever its own frames come
// there; nobody waits for it.
type follower struct {
	*video
	track   int // of the session, noTrack while the session does not have it
	derived bool
	heard   bool // a whole segment of this session is there
	away    bool // gaps are being put in
	queue   []media.Frame
	head    *arrival    // queue[0], taken apart
	cuts    []cut       // where segments begin that it has not reached
	now     cut         // of the open segment
	lost    bool        // what comes next of the open segment is missing
	forced  int         // cuts without a key frame in this session
	apart   int         // key frames in this session with which it could not begin
	tardy   int         // those of them that came too late for their cut
	behind  clock.Ticks // how far behind the leading rendition the last frame came
	broken  int         // formats in this session that could not be read
	done    clock.Ticks // where the pictures before a gap end, as decoding is written
	ending  bool        // no frame comes any more

	count *counters
	log   *slog.Logger
}

// arrival is a frame that has been looked at.
type arrival struct {
	picture *picture
	format  *pictureFormat
}

// session makes the follower ready for a session in which it is the given
// track, nil for one without it.
func (f *follower) session(t *videoTrack) {
	f.queue, f.head, f.cuts = nil, nil, nil
	f.heard, f.away, f.lost, f.done = false, false, false, 0
	f.forced, f.apart, f.tardy, f.behind, f.broken = 0, 0, 0, 0, 0
	f.track, f.derived = noTrack, false
	if t != nil {
		f.track, f.derived = t.ID, t.Derived
		f.setFormat(t.format)
	}
}

// listed reports whether viewers are offered the rendition: not before it has
// something to play (V4).
func (f *follower) listed() bool { return f.track != noTrack && f.heard }

// push queues a frame until the leading rendition has come as far. It returns
// how many frames had to go because that never did.
func (f *follower) push(frame media.Frame) (dropped int) {
	f.queue = append(f.queue, frame)
	for frame.DTS-f.queue[0].DTS > clock.TicksOf(ahead) || len(f.queue) > 1024 {
		f.pop()
		dropped++
	}
	return dropped
}

func (f *follower) pop() { f.queue, f.head = f.queue[1:], nil }

// plan takes down where a segment begins, which is where the one before ends.
func (f *follower) plan(k cut) {
	if !k.fresh {
		f.until(k.at)
	}
	f.cuts = append(f.cuts, k)
}

// until takes down where the newest segment ends.
func (f *follower) until(t clock.Ticks) {
	switch n := len(f.cuts); {
	case n > 0 && !f.cuts[n-1].known:
		f.cuts[n-1].until, f.cuts[n-1].known = t, true
	case n == 0 && f.open != nil && !f.now.known:
		f.now.until, f.now.known = t, true
	}
}

// settled reports whether all cuts around t are known, when the leading
// rendition has come to the horizon.
func (f *follower) settled(t, horizon clock.Ticks) bool {
	newest := f.now
	if n := len(f.cuts); n > 0 {
		newest = f.cuts[n-1]
	} else if f.open == nil {
		return true
	}
	return newest.known || horizon > t+f.reach()
}

// reach is how far a key frame may be from a cut and still begin the segment.
func (f *follower) reach() clock.Ticks { return f.usual() + small }

// advance cuts what came before the horizon, up to which the leading rendition
// is known, and gives up what is too late. It reports whether the edge moved.
func (f *follower) advance(horizon clock.Ticks) (moved bool, err error) {
	if moved, err = f.cut(horizon); err != nil {
		return moved, err
	}
	m, err := f.giveUp(horizon)
	return moved || m, err
}

// cut cuts what came before the horizon.
func (f *follower) cut(horizon clock.Ticks) (moved bool, err error) {
	for len(f.queue) > 0 {
		m, wait, err := f.take(horizon)
		moved = moved || m
		if err != nil {
			return moved, err
		}
		if wait {
			break
		}
		f.pop()
	}
	return moved, nil
}

// take cuts or drops the oldest frame that is queued. It asks to wait when the
// frame cannot be judged yet.
func (f *follower) take(horizon clock.Ticks) (moved, wait bool, err error) {
	if f.head == nil {
		f.head = f.look(f.queue[0])
	}
	p := f.head.picture
	if p == nil {
		f.count.dropped++
		return false, false, nil
	}
	pos := f.at(p)
	if f.open == nil || f.lost {
		pos = p.pts
	}
	if !f.ending {
		f.behind = max(horizon-pos, 0)
	}
	if pos > horizon || p.key && f.near(pos) < 0 && !f.settled(pos, horizon) {
		return false, true, nil
	}
	if f.open != nil && f.now.known && f.lastOfDomain() && pos >= f.now.until-f.usual()/2 {
		if err := f.leave(); err != nil {
			return false, false, err
		}
		moved = true
	}
	if f.open == nil || f.lost {
		m, err := f.comeBack(p)
		return moved || m, false, err
	}
	if !f.monotonic(p) || f.undecodable(p) {
		f.count.dropped++
		return moved, false, nil
	}
	return f.follow(p, pos)
}

// look takes a frame apart. A format that cannot be read is the end of the
// rendition only until the next key frame.
func (f *follower) look(frame media.Frame) *arrival {
	p, format, err := f.picture(frame)
	if err != nil {
		if f.broken++; f.broken == 1 {
			f.log.Warn("picture format cannot be read", "rendition", f.name, "err", err)
		}
		return &arrival{}
	}
	return &arrival{p, format}
}

// near returns the cut that a key frame at t is for, negative if there is none.
func (f *follower) near(t clock.Ticks) int {
	for i := range f.cuts {
		if off := t - f.cuts[i].at; off >= -f.reach() && off <= f.reach() {
			return i
		}
	}
	return -1
}

// begins returns the cut that the rendition can come back at with p, negative
// if there is none. What p shows may begin up to its time of decoding before p
// itself, where its GOP is open.
func (f *follower) begins(p *picture) int {
	for i := range f.cuts {
		if at := f.cuts[i].at; p.key && at >= p.dts-f.reach() && at <= p.pts+f.reach() && at >= p.pts-reorder {
			return i
		}
	}
	return -1
}

func (f *follower) lastOfDomain() bool { return len(f.cuts) == 0 || f.cuts[0].fresh }

// follow goes on with p in the open segment, or begins the next with it.
func (f *follower) follow(p *picture, pos clock.Ticks) (moved, wait bool, err error) {
	turn := p.key && f.near(pos) == 0
	if due := len(f.cuts) > 0 && pos >= f.cuts[0].at-small; due && !turn {
		if !f.cuts[0].short && len(f.queue) == 1 && !f.ending {
			return false, true, nil // the next one may be the key frame
		}
		turn = f.cuts[0].short || !f.keyIsNext()
	}
	if f.hole(p) || f.head.format != nil && !turn {
		if err := f.lose(); err != nil {
			return false, false, err
		}
		moved, err = f.comeBack(p)
		return moved, false, err
	}
	moved, err = f.seal(p.dts - f.pending.dts)
	if err != nil {
		return moved, false, err
	}
	if p.key {
		f.noteKey(p)
	}
	switch {
	case turn:
		moved = true
		err = f.turn(p)
	case f.full():
		moved = true
		err = f.closePart()
	}
	f.pending = p
	return moved, false, err
}

// keyIsNext reports whether the frame after the one in hand is a key frame for
// the same cut.
func (f *follower) keyIsNext() bool {
	return len(f.queue) > 1 && f.queue[1].Key && f.near(f.queue[1].PTS) == 0
}

// turn closes the open segment and opens the next one with p.
func (f *follower) turn(p *picture) error {
	if err := f.closeSegment(); err != nil {
		return err
	}
	f.heard = true
	k := f.cuts[0]
	if !p.key && !k.short {
		f.count.forced++
		if f.forced++; f.forced == 1 {
			f.log.Warn("key frames of a rendition are not where the leading one's are: set the same fixed interval for all",
				"rendition", f.name, "msn", k.msn)
		}
	}
	at := f.at(p)
	if format := f.head.format; format != nil {
		f.setFormat(*format)
		f.restart(p)
		at = p.pts
	}
	f.start(k, p, at)
	f.cuts = f.cuts[1:]
	return nil
}

// start opens the segment at k with p, which is shown from the given time on.
func (f *follower) start(k cut, p *picture, at clock.Ticks) {
	f.begin(k, at, p.key)
	f.video.start, f.now, f.lost = p.dts, k, false
}

// comeBack begins with p if it is the key frame of a cut. What there should
// have been before is a gap.
func (f *follower) comeBack(p *picture) (moved bool, err error) {
	i := f.begins(p)
	if i < 0 {
		f.vain(p)
		return false, nil
	}
	if f.open != nil { // lost
		if err := f.closeGap(f.now.until); err != nil {
			return true, err
		}
	}
	for _, k := range f.cuts[:i] {
		if err := f.gap(k); err != nil {
			return true, err
		}
	}
	if format := f.head.format; format != nil {
		f.setFormat(*format)
	}
	if f.away {
		f.log.Info("rendition is back", "rendition", f.name, "msn", f.cuts[i].msn)
	}
	f.restart(p)
	f.anchor(p, f.done)
	f.start(f.cuts[i], p, p.pts)
	f.pending, f.away = p, false
	f.cuts = f.cuts[i+1:]
	return true, nil
}

// vain drops a picture that the rendition cannot begin with, and says why after
// a few key frames.
func (f *follower) vain(p *picture) {
	f.count.dropped++
	switch {
	case !p.key:
		return
	case f.behind > lagLimit:
		if f.tardy++; f.tardy == patientKeys {
			f.log.Warn("rendition comes too late for its segments: nobody sees it", "rendition", f.name, "dur", f.behind.Duration())
		}
		return
	}
	if f.apart++; f.apart == patientKeys {
		f.log.Warn("rendition cannot begin, its key frames are not where the leading one's are: set the same fixed interval for all",
			"rendition", f.name)
	}
}

// lose gives up the rest of the open segment. The open part is shown with the
// gap, since it need not be as long as others (P3).
func (f *follower) lose() error {
	f.lost = true
	return f.settle(f.usual())
}

// leave ends the domain, in which nothing more comes.
func (f *follower) leave() error {
	if f.lost {
		return f.closeGap(f.now.until)
	}
	dur := f.now.until - f.at(f.pending)
	if dur <= 0 || dur > clock.Ticks(f.target) {
		dur = f.usual()
	}
	if err := f.settle(dur); err != nil {
		return err
	}
	f.heard = true
	return f.closeSegment()
}

// settle puts away the pending picture, after which there is a gap.
func (f *follower) settle(dur clock.Ticks) error {
	p := f.pending
	_, err := f.seal(dur)
	f.pending, f.done = nil, p.dts+f.shift+dur
	return err
}

// finish ends the session: all cuts are known, and no frame comes any more.
func (f *follower) finish() error {
	f.ending = true
	_, err := f.cut(forever)
	if err == nil && f.open != nil && !f.lost && f.lastOfDomain() {
		err = f.leave()
	}
	if err == nil {
		_, err = f.giveUp(forever)
	}
	f.queue, f.head, f.cuts, f.ending = nil, nil, nil, false
	return err
}

// gap puts in a segment of which nothing came. A rendition that has nothing at
// all yet begins later instead.
func (f *follower) gap(k cut) error {
	if len(f.segments) == 0 {
		return nil
	}
	f.begin(k, k.at, false)
	return f.closeGap(k.until)
}

// giveUp turns into gaps what is too late. It reports whether the edge moved.
func (f *follower) giveUp(horizon clock.Ticks) (moved bool, err error) {
	limit := clock.Ticks(lagLimit)
	if f.track == noTrack {
		limit = 0
	}
	if f.open != nil && !f.lost && f.now.known && horizon-f.at(f.pending)-f.usual() > limit {
		if err := f.lose(); err != nil {
			return false, err
		}
	}
	if f.open != nil && f.lost && f.now.known {
		f.miss()
		moved = true
		if err := f.closeGap(f.now.until); err != nil {
			return moved, err
		}
	}
	for f.open == nil && len(f.cuts) > 0 && f.cuts[0].known && horizon-f.cuts[0].at > limit {
		f.miss()
		moved = true
		if err := f.gap(f.cuts[0]); err != nil {
			return moved, err
		}
		f.cuts = f.cuts[1:]
	}
	return moved, nil
}

// miss logs the first gap in a row.
func (f *follower) miss() {
	if !f.away && f.heard {
		f.log.Warn("rendition is missing: gaps in its place", "rendition", f.name)
	}
	f.away = true
}
