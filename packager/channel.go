package packager

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

var (
	// ErrEnded means that the channel was finished and takes no more media.
	ErrEnded = errors.New("channel has ended")
	// ErrNoSession means that a frame came before Begin or after End.
	ErrNoSession = errors.New("no publisher session: call Begin first")
)

// Start is where a channel begins to count. Whoever makes a channel derives
// both numbers from the wall clock, so that they do not go back when the
// process starts again (C6).
type Start struct {
	MSN           uint64 // of the first segment; greater than 0
	Discontinuity uint64 // of the first discontinuity domain
	// Resumed says that another server had the channel before, and Discontinuity
	// is of its last domain: the first media here begin behind a discontinuity
	// (HV1). See Numbers.
	Resumed bool
	// Since is the date up to which that server had whole segments; gaps go from
	// there to the first media, over one window at most. 0: there are none.
	Since clock.Instant
}

// Channel packages one program. Begin, Write, End, Tick and Finish are called
// one after the other, in the order in which things happen; everything else may
// be called by any goroutine at any time.
type Channel struct {
	cfg    Config
	log    *slog.Logger
	first  uint64                  // number of the first segment
	before atomic.Pointer[Channel] // the event before, while its media can be loaded

	// mu protects the writing side, which is what follows. It is held while
	// playlists are rendered; readers never take it.
	mu       sync.Mutex
	msn      uint64        // of the next segment
	domain   uint64        // of the next discontinuity domain
	cut      bool          // a domain has begun before
	resumed  bool          // and before that on another server
	bridged  bool          // by gaps, since there
	since    clock.Instant // Start.Since
	live     bool          // between Begin and End
	flowing  bool          // a domain is open
	short    bool          // the open segment ends with its first part
	ended    bool
	finished clock.Instant // when it ended, as far as the channel knew the time
	videos   []*follower   // all renditions of the pictures; the first leads
	audio    *audio        // nil until there is sound
	pictured bool          // the session has pictures; otherwise sound leads
	horizon  clock.Ticks   // up to which the leading rendition is known
	moved    []*rendition  // whose edge moved since they were shown
	now      clock.Instant // newest instant that the channel knows of
	cues     cueBook
	press    press
	outage   outage
	count    counters

	view  atomic.Pointer[View]
	stats atomic.Pointer[Stats]
}

const noTrack = -1 << 31

// New makes a channel without media.
//
// Errors: every problem of cfg, a start that players cannot work with, and an
// event before that is not finished.
func New(cfg Config, start Start) (*Channel, error) {
	err := cfg.Validate()
	if start.MSN == 0 {
		err = errors.Join(err, errors.New("start: the first media sequence number has to be greater than 0"))
	}
	if err == nil && cfg.Before != nil {
		start, err = cfg.Before.succeed(start)
	}
	if err != nil {
		return nil, err
	}
	c := &Channel{cfg: cfg.withDefaults(), first: start.MSN, msn: start.MSN, domain: start.Discontinuity, resumed: start.Resumed, since: start.Since}
	c.log = c.cfg.Log
	c.before.Store(cfg.Before)
	c.cues.renderer.press = &c.press
	c.view.Store(&View{control: c.cfg.Control(), next: make(chan struct{})})
	c.stats.Store(&Stats{})
	return c, nil
}

// Begin starts a publisher session with these tracks, ending the one before
// if it is still open. The media timeline goes on: what comes is marked with a
// discontinuity, and its timestamps are later than all before.
//
// The first track of pictures leads, further ones are renditions of the same
// pictures in the order given. A channel keeps the renditions it had: sound
// that a session does not have is replaced by silence, pictures by gaps.
//
// Errors: *UnsupportedError for tracks that cannot be packaged, ErrEnded after
// Finish. The channel is as it was before.
func (c *Channel) Begin(tracks []media.Track) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return ErrEnded
	}
	chosen, err := c.cfg.choose(tracks)
	if err != nil {
		return err
	}
	if err := c.endSession(); err != nil {
		return err
	}
	c.beginVideo(chosen.video)
	c.beginAudio(chosen.audio)
	if chosen.ignored > 0 {
		c.log.Warn("further tracks are ignored", "tracks", chosen.ignored)
	}
	c.live = true
	c.cues.carrier = c.leading()
	c.count.session()
	c.showAll()
	return nil
}

func (c *Channel) beginVideo(all []videoTrack) {
	for i := len(c.videos); i < len(all); i++ {
		c.videos = append(c.videos, &follower{
			video: &video{rendition: newRendition(videoName(i), &c.cfg, clock.TicksPerSecond, c.msn)},
			count: &c.count, log: c.log,
		})
	}
	c.pictured = len(all) > 0
	for i, v := range c.videos {
		v.book, v.render.press = &c.cues, &c.press
		if i < len(all) {
			v.session(&all[i])
		} else {
			v.session(nil)
		}
	}
}

func (c *Channel) beginAudio(t *audioTrack) {
	if c.audio != nil {
		c.audio.track, c.audio.queue = noTrack, nil
	}
	if t == nil {
		return
	}
	if c.audio == nil {
		c.audio = &audio{rendition: newRendition(Audio, &c.cfg, int64(t.format.rate), c.msn)}
	}
	c.audio.track, c.audio.book, c.audio.render.press = t.ID, &c.cues, &c.press
	c.audio.setFormat(t.format)
}

// lead returns the rendition of the pictures that decides where to cut.
func (c *Channel) lead() *video { return c.videos[0].video }

// followers returns the renditions of the pictures that do not lead.
func (c *Channel) followers() []*follower {
	if c.pictured {
		return c.videos[1:]
	}
	return c.videos
}

// Write takes the next frame of the session. Timestamps are channel media
// time: they never go back, neither within a track nor over sessions. Frames
// of ignored tracks, and those before the first key frame, are dropped.
//
// Errors: ErrNoSession, ErrEnded, and media that cannot be packaged; after
// those the caller should end the session.
func (c *Channel) Write(f media.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended:
		return ErrEnded
	case !c.live:
		return ErrNoSession
	}
	err := c.take(f)
	c.publish()
	return err
}

// take gives f to its rendition.
func (c *Channel) take(f media.Frame) error {
	if c.audio != nil && f.Track == c.audio.track {
		if !c.pictured {
			return c.writeAudio(f)
		}
		c.count.dropped += c.audio.push(f)
		return c.drain()
	}
	for i, v := range c.videos {
		switch {
		case f.Track != v.track:
			continue
		case i == 0:
			return c.writeVideo(f)
		}
		c.count.dropped += v.push(f)
		return c.drain()
	}
	return nil
}

// End closes the session: the open part and segment become whole, so nothing
// stays half listed. It does nothing when there is no session.
func (c *Channel) End() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.endSession()
}

func (c *Channel) endSession() error {
	if !c.live {
		return nil
	}
	c.live = false
	err := c.leave(c.ending())
	for _, f := range c.followers() {
		err = errors.Join(err, f.finish())
		c.note(f.rendition, true)
	}
	if c.audio != nil {
		c.audio.queue = nil
	}
	c.publish()
	c.show()
	return err
}

// Finish ends the channel for good: ENDLIST in every playlist. It ends the
// session first.
func (c *Channel) Finish() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return nil
	}
	err := c.endSession()
	c.endGap()
	c.ended, c.outage.on, c.finished = true, false, c.now
	for _, r := range c.renditions() {
		r.show(nil, true, true)
	}
	c.show()
	c.archive()
	if c.cfg.Archive != nil {
		c.cfg.Archive.Finish()
	}
	return err
}

// newCut settles where and when the next segment begins. The date is asked
// here and nowhere else.
func (c *Channel) newCut(at clock.Ticks, fresh bool) cut {
	k := cut{msn: c.msn, at: at, fresh: fresh, pdt: c.date(at)}
	c.now = max(c.now, k.pdt)
	c.msn++
	if fresh {
		k.behind = c.resumed && !c.cut
		if c.cut || c.resumed {
			c.domain++
		}
		c.cut = true
	}
	k.domain = c.domain
	return k
}

// renditions returns all there are: the pictures, best first, then the sound.
func (c *Channel) renditions() []*rendition {
	all := make([]*rendition, 0, maxVideo+1)
	for _, v := range c.videos {
		all = append(all, v.rendition)
	}
	if c.audio != nil {
		all = append(all, c.audio.rendition)
	}
	return all
}

// publish shows the renditions whose edge moved.
func (c *Channel) publish() {
	if len(c.moved) > 0 {
		c.showAll()
	}
}

// showAll shows what changed. Renditions whose edge moved come first and wake
// those who wait; then all get their new reports, except the last of those,
// which has them already (R2). Reports tell of all playlists that there are,
// whether they are offered now or not: players go by the multivariant playlist
// that they read when they came (R1).
func (c *Channel) showAll() {
	c.turnCues()
	all := c.renditions()
	for _, r := range c.moved {
		r.show(all, false, true)
	}
	last := len(c.moved) - 1
	for _, r := range all {
		if last < 0 || r != c.moved[last] {
			r.show(all, false, false)
		}
	}
	c.moved = c.moved[:0]
	c.show()
	c.archive()
}
