package hlstest

import (
	"fmt"
	"strings"
)

func checkVariants(l *look) {
	if l.Multivariant == nil {
		return
	}
	if !l.Multivariant.Independent {
		l.breaksAt(Apple, l.URL, "no EXT-X-INDEPENDENT-SEGMENTS", "the tag")
	}
	newest := l.newest()
	for i := range l.Multivariant.Variants {
		v := &l.Multivariant.Variants[i]
		if l.rendition(v.URI) == nil && l.result.Checked > maxRenditions {
			continue // not looked at
		}
		l.held()
		l.bandwidth(v, newest[v.URI])
		l.codecs(v)
		l.picture(v)
	}
}

// rendition finds the media playlist of a URI as the multivariant playlist has it.
func (c *Capture) rendition(uri string) *Rendition {
	for _, r := range c.Renditions {
		if r.URI == uri {
			return r
		}
	}
	return nil
}

// of returns the media playlists that make up a variant: its own, and one of
// its sound.
func (l *look) of(v *Variant) (own, sound *Rendition) {
	own = l.rendition(v.URI)
	seen := map[string]bool{"": true, v.URI: true}
	for _, m := range l.Multivariant.Media {
		if m.Type != "AUDIO" || m.Group != v.Audio || seen[m.URI] {
			continue
		}
		seen[m.URI] = true
		if r := l.rendition(m.URI); r != nil && (sound == nil || l.peak(r) > l.peak(sound)) {
			sound = r
		}
	}
	return own, sound
}

// peak remembers the highest bit rate of a rendition.
func (l *look) peak(r *Rendition) float64 {
	if _, known := l.peaks[r]; !known {
		if l.peaks == nil {
			l.peaks = map[*Rendition]float64{}
		}
		l.peaks[r] = r.peak()
	}
	return l.peaks[r]
}

// peak is the highest bit rate of a segment. Spec: rfc8216bis §1.1 and §4.4.6.2.
// Segments shorter than half the target duration say nothing.
func (r *Rendition) peak() (most float64) {
	segments, _ := r.everything()
	for key, s := range segments {
		f, p := r.Whole[key], r.last()
		if f == nil || !f.OK() || s.Duration < p.Target/2 {
			continue
		}
		most = max(most, float64(f.Size)*8/s.Duration.Seconds())
	}
	return most
}

func (l *look) bandwidth(v *Variant, newest uint64) {
	if !v.hasBandwidth || v.Bandwidth == 0 {
		l.breaks(v.URI, "no BANDWIDTH", "the peak bit rate")
		return
	}
	if v.Average == 0 {
		l.breaksAt(Apple, v.URI, "no AVERAGE-BANDWIDTH", "the average bit rate")
	}
	own, sound := l.of(v)
	if own == nil {
		return
	}
	peak := l.peak(own)
	if sound != nil {
		peak += l.peak(sound)
	}
	if v.Average > v.Bandwidth {
		l.breaksAt(Should, v.URI, fmt.Sprintf("AVERAGE-BANDWIDTH %d", v.Average), fmt.Sprintf("no more than BANDWIDTH %d", v.Bandwidth))
	}
	if peak > 1.1*float64(v.Bandwidth) {
		// A server that does not know the rest of the show should name what is
		// usual; it may have learnt since.
		level := Must
		switch {
		case l.live() && l.Apple && peak > 1.1*float64(newest):
			level = Apple
		case l.live():
			level = Should
		}
		l.breaksAt(level, v.URI, fmt.Sprintf("segments of %.0f bit/s", peak), fmt.Sprintf("no more than 110 %% of BANDWIDTH %d", v.Bandwidth))
	}
}

// newest are the BANDWIDTHs that the multivariant playlist named when it was
// read last, by URI.
func (c *Capture) newest() map[string]uint64 {
	list := map[string]uint64{}
	if n := len(c.Index); n > 1 {
		if m, err := ParseMultivariant(c.Index[n-1].Body); err == nil {
			for i := range m.Variants {
				list[m.Variants[i].URI] = m.Variants[i].Bandwidth
			}
		}
	}
	return list
}

// families are the sample entries that a codec string may stand for.
var families = map[string]string{
	"avc1": "avc", "avc3": "avc", "hvc1": "hevc", "hev1": "hevc", "dvh1": "hevc", "dvhe": "hevc", "av01": "av1", "vp09": "vp9",
	"mp4a": "mp4a", "opus": "opus", "ac-3": "ac-3", "ec-3": "ec-3", "flac": "flac", "alac": "alac",
}

func family(entry string) string {
	entry, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(entry)), ".")
	if f, ok := families[entry]; ok {
		return f
	}
	return entry
}

func (l *look) codecs(v *Variant) {
	if v.Codecs == "" {
		l.breaks(v.URI, "no CODECS", "every format of the variant")
		return
	}
	named := map[string]bool{}
	for name := range strings.SplitSeq(v.Codecs, ",") {
		named[family(name)] = true
	}
	own, sound := l.of(v)
	for _, r := range []*Rendition{own, sound} {
		if r == nil || r.last() == nil {
			continue
		}
		// Only what is listed now: the variant may have changed since.
		list := r.last().Segments
		if len(list) == 0 || r.Inits[list[len(list)-1].Map] == nil {
			continue
		}
		init := r.Inits[list[len(list)-1].Map].Init
		for i := 0; init != nil && i < len(init.Tracks); i++ {
			if entry := init.Tracks[i].Entry; entry != "" && !named[family(entry)] && !l.renewed() {
				l.breaks(v.URI, fmt.Sprintf("CODECS %q without %s", v.Codecs, entry), "every format of the variant")
			}
		}
	}
}

// renewed reports whether the multivariant playlist may have changed since it
// was read, because the media did.
func (c *Capture) renewed() bool {
	for _, r := range c.Renditions {
		if a, b := r.first(), r.last(); a != nil && len(a.Segments) > 0 && len(b.Segments) > 0 &&
			a.Segments[len(a.Segments)-1].Map != b.Segments[len(b.Segments)-1].Map {
			return true
		}
	}
	return false
}

func (l *look) picture(v *Variant) {
	own, _ := l.of(v)
	if own == nil {
		return
	}
	pictured := false
	for _, f := range own.Inits {
		if t := f.track(); t != nil && t.Handler == "vide" {
			pictured = true
		}
	}
	if !pictured {
		return
	}
	if v.Resolution == "" {
		l.breaksAt(Apple, v.URI, "no RESOLUTION", "the size of the picture")
	}
	if v.FrameRate == "" {
		l.breaksAt(Apple, v.URI, "no FRAME-RATE", "pictures a second")
	}
}
