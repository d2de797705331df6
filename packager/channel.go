package packager

import (
	"errors"
	"log/slog"
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
}

// Channel packages one program. Begin, Write, End and Finish belong to one
// goroutine; everything else may be called by any.
type Channel struct {
	cfg Config
	log *slog.Logger

	// The writing side.
	msn             uint64 // of the next segment
	domain          uint64 // of the next discontinuity domain
	cut             bool   // a domain has begun before
	live            bool   // between Begin and End
	flowing         bool   // a domain is open
	short           bool   // the open segment ends with its first part
	ended           bool
	video           *video // nil until there are pictures
	audio           *audio // nil until there is sound
	pictures, sound int    // track IDs of the session, noTrack if it has none
	count           counters

	view  atomic.Pointer[View]
	stats atomic.Pointer[Stats]
}

const noTrack = -1 << 31

// New makes a channel without media.
//
// Errors: every problem of cfg, and a start that players cannot work with.
func New(cfg Config, start Start) (*Channel, error) {
	err := cfg.Validate()
	if start.MSN == 0 {
		err = errors.Join(err, errors.New("start: the first media sequence number has to be greater than 0"))
	}
	if err != nil {
		return nil, err
	}
	c := &Channel{cfg: cfg.withDefaults(), msn: start.MSN, domain: start.Discontinuity}
	c.log = c.cfg.Log
	c.view.Store(&View{control: c.cfg.Control(), next: make(chan struct{})})
	c.stats.Store(&Stats{})
	return c, nil
}

// Begin starts a publisher session with these tracks, ending the one before
// if it is still open. The media timeline goes on: what comes is marked with a
// discontinuity, and its timestamps are later than all before.
//
// A channel keeps the renditions it had: sound that a session does not have is
// replaced by silence.
//
// Errors: *UnsupportedError for tracks that cannot be packaged, also when
// pictures are missing on a channel that had some; ErrEnded after Finish. The
// channel is as it was before.
func (c *Channel) Begin(tracks []media.Track) error {
	if c.ended {
		return ErrEnded
	}
	video, audio, err := choose(tracks)
	if err != nil {
		return err
	}
	if video == nil && c.video != nil {
		return &UnsupportedError{Reason: "the channel has pictures, so every publisher has to send some"}
	}
	if err := c.End(); err != nil {
		return err
	}
	c.pictures, c.sound = noTrack, noTrack
	if video != nil {
		c.pictures = video.ID
		if err := c.beginVideo(video.Codec.(*media.H264)); err != nil {
			return err
		}
	}
	if audio != nil {
		c.sound = audio.ID
		if err := c.beginAudio(audio.Codec.(*media.AAC)); err != nil {
			return err
		}
	}
	if c.audio != nil {
		c.audio.absent = audio == nil
		c.audio.queue = nil
	}
	if len(tracks) > 2 || video != nil && audio != nil && len(tracks) != 2 {
		c.log.Warn("further tracks are ignored", "tracks", len(tracks))
	}
	c.live = true
	c.count.session()
	c.showAll(nil)
	return nil
}

func (c *Channel) beginVideo(codec *media.H264) error {
	if c.video == nil {
		c.video = &video{rendition: newRendition(Video, &c.cfg, clock.TicksPerSecond, c.msn)}
	}
	if codec.SPS == nil || codec.PPS == nil {
		c.video.format = pictureFormat{} // comes with the first key frame
		return nil
	}
	f, err := pictureOf(codec.SPS, codec.PPS)
	if err != nil {
		return err
	}
	return c.video.setFormat(f)
}

func (c *Channel) beginAudio(codec *media.AAC) error {
	if c.audio == nil {
		c.audio = &audio{rendition: newRendition(Audio, &c.cfg, int64(codec.Config.SampleRate), c.msn)}
	}
	return c.audio.setConfig(codec.Config)
}

// Write takes the next frame of the session. Timestamps are channel media
// time: they never go back, neither within a track nor over sessions. Frames
// of ignored tracks, and those before the first key frame, are dropped.
//
// Errors: ErrNoSession, ErrEnded, and media that cannot be packaged; after
// those the caller should end the session.
func (c *Channel) Write(f media.Frame) error {
	switch {
	case c.ended:
		return ErrEnded
	case !c.live:
		return ErrNoSession
	case f.Track == c.pictures:
		return c.writeVideo(f)
	case f.Track == c.sound && c.video != nil:
		c.count.dropped += c.audio.push(f)
		return c.drain()
	case f.Track == c.sound:
		return c.writeAudio(f)
	}
	return nil
}

// End closes the session: the open part and segment become whole, so nothing
// stays half listed. It does nothing when there is no session.
func (c *Channel) End() error {
	if !c.live {
		return nil
	}
	c.live = false
	err := c.leave(c.ending())
	if c.audio != nil {
		c.audio.queue = nil
	}
	c.show()
	return err
}

// Finish ends the channel for good: ENDLIST in every playlist. It ends the
// session first.
func (c *Channel) Finish() error {
	if c.ended {
		return nil
	}
	err := c.End()
	c.ended = true
	if c.video != nil {
		c.video.show(nil, true, true)
	}
	if c.audio != nil {
		c.audio.show(nil, true, true)
	}
	c.show()
	return err
}

// newCut settles where and when the next segment begins. The date is asked
// here and nowhere else.
func (c *Channel) newCut(at clock.Ticks, fresh bool) cut {
	const ms = 1000
	k := cut{msn: c.msn, at: at, pdt: (c.cfg.PDT(at) + ms/2) / ms * ms}
	c.msn++
	if fresh {
		if c.cut {
			c.domain++
		}
		c.cut = true
	}
	k.domain = c.domain
	return k
}

// publish shows a rendition whose edge moved, then the other one with its new
// report about the first (R2).
func (c *Channel) publish(r *rendition) {
	c.showAll(r)
}

// showAll publishes every rendition, waking those who wait for moved.
func (c *Channel) showAll(moved *rendition) {
	var video, audio *rendition
	if c.video != nil {
		video = c.video.rendition
	}
	if c.audio != nil {
		audio = c.audio.rendition
	}
	if audio != nil && audio == moved {
		audio.show(video, false, true)
	}
	if video != nil {
		video.show(audio, false, video == moved)
	}
	if audio != nil && audio != moved {
		audio.show(video, false, false)
	}
	c.show()
}
