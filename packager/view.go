package packager

import (
	"bytes"
	"context"
	"time"

	"github.com/cuelight/cuelight/packager/m3u8"
)

// View is what a channel offers as a whole. It never changes.
type View struct {
	// Multivariant is empty until every rendition has media.
	Multivariant Text
	// Live says that a publisher is there, so that media will come.
	Live bool

	video, audio *Window
	control      m3u8.Control
	next         chan struct{} // closed when another view replaces this one
}

// Ready reports whether there is something to play.
func (v *View) Ready() bool { return len(v.Multivariant.Plain.Bytes) > 0 }

// Window returns the live edge of a rendition, nil if there is none.
func (v *View) Window(rendition string) *Window {
	switch rendition {
	case Video:
		return v.video
	case Audio:
		return v.audio
	default:
		return nil
	}
}

// Control returns what every media playlist says of its server.
func (v *View) Control() m3u8.Control { return v.control }

// View returns what the channel offers now, never nil.
func (c *Channel) View() *View { return c.view.Load() }

// WaitView returns the first view that is ready, at once if there is one or if
// nobody publishes.
//
// Errors: context.DeadlineExceeded after the given time, context.Cause(ctx)
// when the viewer leaves.
func (c *Channel) WaitView(ctx context.Context, limit time.Duration) (*View, error) {
	v := c.View()
	if v.Ready() || !v.Live {
		return v, nil
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for !v.Ready() && v.Live {
		select {
		case <-v.next:
			v = c.View()
		case <-timer.C:
			return nil, context.DeadlineExceeded
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return v, nil
}

// show replaces the view if something about it changed, and the statistics.
func (c *Channel) show() {
	old := c.View()
	v := &View{Live: c.live, control: old.control, Multivariant: old.Multivariant}
	ready := true
	if c.video != nil {
		v.video = c.video.window
		ready = v.video.Load().Ready()
	}
	if c.audio != nil {
		v.audio = c.audio.window
		ready = ready && v.audio.Load().Ready()
	}
	c.note()
	if c.video != nil && c.video.format.sps == nil {
		ready = false // the new publisher's format comes with its first key frame
	}
	if ready && (v.video != nil || v.audio != nil) {
		text := c.multivariant()
		if !bytes.Equal(text, old.Multivariant.Plain.Bytes) {
			v.Multivariant = c.renderer().compress(text)
		}
	}
	same := v.Live == old.Live && v.video == old.video && v.audio == old.audio
	if same && bytes.Equal(v.Multivariant.Plain.Bytes, old.Multivariant.Plain.Bytes) {
		return
	}
	v.next = make(chan struct{})
	c.view.Store(v)
	close(old.next)
}

func (c *Channel) renderer() *renderer {
	if c.video != nil {
		return &c.video.render
	}
	return &c.audio.render
}

// multivariant renders the multivariant playlist (R6).
func (c *Channel) multivariant() []byte {
	var m m3u8.Multivariant
	var v m3u8.Variant
	var pictures, sound string
	m.IndependentSegments = true
	if c.video != nil {
		f := &c.video.format
		pictures = f.codecs()
		v.URI = Name{Kind: NamePlaylist, Rendition: Video}.String()
		v.Width, v.Height, v.FrameRate = f.width, f.height, c.video.frameRate()
		v.Bandwidth, v.AverageBandwidth = c.video.rates()
		m.IndependentSegments = c.video.allIndependent()
	}
	if c.audio != nil {
		sound = soundCodecs(c.audio.config)
		uri := Name{Kind: NamePlaylist, Rendition: Audio}.String()
		peak, average := c.audio.rates()
		v.Bandwidth += peak
		v.AverageBandwidth += average
		if c.video == nil {
			v.URI = uri
		} else {
			v.Audio = "sound"
			m.Renditions = []m3u8.Rendition{{Group: "sound", Name: "Sound", URI: uri, Channels: channels(c.audio.config.ChannelConfig)}}
		}
	}
	v.Codecs = joinCodecs(pictures, sound)
	m.Variants = []m3u8.Variant{v}
	return m.Append(nil)
}

// rates returns the peak and the average bit rate of what the playlist lists,
// rounded up to 1 kbit/s so that the multivariant playlist seldom changes.
func (r *rendition) rates() (peak, average int) {
	var size int
	var duration time.Duration
	list := r.segments[r.listed:]
	if r.open != nil {
		size, duration = r.open.size, r.open.duration
	}
	for _, s := range list {
		size += s.size
		duration += s.duration
	}
	if duration > 0 {
		average = int(float64(size*8) / duration.Seconds())
	}
	const step = 1000
	average = (average + step - 1) / step * step
	peak = max((r.peak+step-1)/step*step, average)
	return peak, average
}

// allIndependent reports whether every listed segment begins with a key frame.
func (r *rendition) allIndependent() bool {
	for _, s := range r.segments[r.listed:] {
		if !s.independent {
			return false
		}
	}
	return r.open == nil || r.open.independent
}
