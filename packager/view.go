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

	video   [maxVideo]*Window
	audio   *Window
	control m3u8.Control
	next    chan struct{} // closed when another view replaces this one
}

// Ready reports whether there is something to play.
func (v *View) Ready() bool { return len(v.Multivariant.Plain.Bytes) > 0 }

// Window returns the live edge of a rendition, nil if there is none.
func (v *View) Window(rendition string) *Window {
	if rendition == Audio {
		return v.audio
	}
	if i := videoIndex(rendition); i >= 0 {
		return v.video[i]
	}
	return nil
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
	for i, f := range c.videos {
		v.video[i] = f.window
	}
	if c.audio != nil {
		v.audio = c.audio.window
	}
	c.measure()
	if c.ready() {
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

// ready reports whether what leads, and sound, can be played (V3). A new
// publisher's pictures cannot before their format is there.
func (c *Channel) ready() bool {
	if c.audio != nil && (!c.audio.window.Load().Ready() || c.bridged && !c.audio.hasMedia()) {
		return false
	}
	if c.pictured {
		v := c.lead()
		if c.bridged && !v.hasMedia() {
			return false
		}
		return v.window.Load().Ready() && v.format.known()
	}
	return c.audio != nil
}

func (c *Channel) renderer() *renderer {
	if c.audio != nil {
		return &c.audio.render
	}
	return &c.lead().render
}

// multivariant renders the multivariant playlist (R6). Sound alone is a
// variant of its own.
func (c *Channel) multivariant() []byte {
	m := m3u8.Multivariant{IndependentSegments: true}
	var sound m3u8.Variant
	if a := c.audio; a != nil {
		sound = m3u8.Variant{URI: Name{Kind: NamePlaylist, Rendition: Audio}.String(), Codecs: a.format.codecs}
		sound.Bandwidth, sound.AverageBandwidth = a.rates()
	}
	if !c.pictured {
		m.Variants = []m3u8.Variant{sound}
		return m.Append(nil)
	}
	if c.audio != nil {
		m.Renditions = []m3u8.Rendition{{Group: group, Name: "Sound", URI: sound.URI, Channels: c.audio.format.channels}}
	}
	for i, f := range c.videos {
		if i == 0 || f.listed() {
			m.Variants = append(m.Variants, f.variant(&sound))
			m.IndependentSegments = m.IndependentSegments && f.allIndependent()
		}
	}
	return m.Append(nil)
}

// group is the name of the group that the sound is in.
const group = "sound"

// variant describes the rendition together with the sound.
func (f *follower) variant(sound *m3u8.Variant) m3u8.Variant {
	v := m3u8.Variant{
		URI:   Name{Kind: NamePlaylist, Rendition: f.name}.String(),
		Width: f.format.width, Height: f.format.height, FrameRate: f.frameRate(),
		Codecs: joinCodecs(f.format.codecs, sound.Codecs),
	}
	v.Bandwidth, v.AverageBandwidth = f.rates()
	v.Bandwidth += sound.Bandwidth
	v.AverageBandwidth += sound.AverageBandwidth
	if sound.URI != "" {
		v.Audio = group
	}
	return v
}

// rates returns the peak and the average bit rate of what the playlist lists in
// the format of now, rounded up to 1 kbit/s so that the multivariant playlist
// seldom changes.
func (r *rendition) rates() (peak, average int) {
	size, duration := r.listedMedia(func(s *Segment) bool { return s.init == r.init })
	if duration == 0 { // nothing of a new format yet
		size, duration = r.listedMedia(func(*Segment) bool { return true })
	}
	if duration > 0 {
		r.average = int(float64(size*8) / duration.Seconds())
	}
	average = r.average // of what was listed last, while there is nothing but gaps
	const step = 1000
	average = (average + step - 1) / step * step
	peak = max(r.peak, r.listedPeak())
	peak = (peak + peak/headroom + step - 1) / step * step
	return max(peak, average), average
}

// headroom is the part of the measured peak that is added to what is promised:
// an eighth. The next segment, or one that a publisher's end cuts short, may
// have a little more than those before (R6).
const headroom = 8

// listedPeak is the bit rate of the fastest segment that the playlist lists, in
// whatever format.
func (r *rendition) listedPeak() int {
	peak := 0
	for _, s := range r.segments[r.listed:] {
		if s.duration >= r.cfg.SegmentTarget/2 {
			peak = max(peak, int(float64(s.size*8)/s.duration.Seconds()))
		}
	}
	return peak
}

// listedMedia measures those segments that the playlist lists. What is missing
// does not count.
func (r *rendition) listedMedia(of func(*Segment) bool) (size int, duration time.Duration) {
	if r.open != nil && of(r.open) {
		size, duration = r.open.size, r.open.duration
	}
	for _, s := range r.segments[r.listed:] {
		if !s.gap && of(s) {
			size += s.size
			duration += s.duration
		}
	}
	return size, duration
}

// allIndependent reports whether every listed segment can be decoded without
// the one before.
func (r *rendition) allIndependent() bool {
	if past := r.past.list(); len(past) > 0 && r.past.leaning >= past[0].msn {
		return false
	}
	for _, s := range r.segments[r.listed:] {
		if !s.alone() {
			return false
		}
	}
	return r.open == nil || r.open.alone()
}

// alone reports whether s can be decoded without the segment before.
func (s *Segment) alone() bool { return s.gap || s.independent && !s.leans }
