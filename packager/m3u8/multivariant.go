package m3u8

import "strconv"

// Rendition is an alternative track of its own media playlist.
// Spec: rfc8216bis §4.4.6.1.
type Rendition struct {
	Group    string
	Name     string
	URI      string
	Channels int // of sound; 0 leaves the attribute out
}

// Variant is what a player can choose to play. Spec: rfc8216bis §4.4.6.2.
type Variant struct {
	URI              string
	Bandwidth        int     // bits per second, peak, all renditions together
	AverageBandwidth int     // bits per second; 0 leaves the attribute out
	Codecs           string  // comma-separated, all renditions together
	Width, Height    int     // pixels; 0 leaves the attribute out
	FrameRate        float64 // pictures per second; 0 leaves the attribute out
	Audio            string  // group of the sound; empty when there is none
}

// Multivariant is a multivariant playlist.
type Multivariant struct {
	// IndependentSegments claims that every segment of every rendition can be
	// decoded on its own. Spec: rfc8216bis §4.4.2.1.
	IndependentSegments bool
	Renditions          []Rendition
	Variants            []Variant
}

// Append appends the text of m to dst and returns it.
func (m *Multivariant) Append(dst []byte) []byte {
	dst = append(dst, "#EXTM3U\n"...)
	if len(m.Renditions) > 0 { // older clients do not know EXT-X-MEDIA (C2)
		dst = append(dst, "#EXT-X-VERSION:4\n"...)
	}
	if m.IndependentSegments {
		dst = append(dst, "#EXT-X-INDEPENDENT-SEGMENTS\n"...)
	}
	for i := range m.Renditions {
		dst = m.Renditions[i].append(dst, i == 0)
	}
	for i := range m.Variants {
		dst = m.Variants[i].append(dst)
	}
	return dst
}

func (r *Rendition) append(dst []byte, first bool) []byte {
	dst = append(dst, `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="`...)
	dst = append(append(dst, r.Group...), `",NAME="`...)
	dst = append(append(dst, r.Name...), '"')
	if first {
		dst = append(dst, ",DEFAULT=YES"...)
	}
	dst = append(dst, ",AUTOSELECT=YES"...)
	if r.Channels > 0 {
		dst = append(strconv.AppendInt(append(dst, `,CHANNELS="`...), int64(r.Channels), 10), '"')
	}
	dst = append(append(dst, `,URI="`...), r.URI...)
	return append(dst, "\"\n"...)
}

func (v *Variant) append(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, "#EXT-X-STREAM-INF:BANDWIDTH="...), int64(v.Bandwidth), 10)
	if v.AverageBandwidth > 0 {
		dst = strconv.AppendInt(append(dst, ",AVERAGE-BANDWIDTH="...), int64(v.AverageBandwidth), 10)
	}
	dst = append(append(append(dst, `,CODECS="`...), v.Codecs...), '"')
	if v.Width > 0 && v.Height > 0 {
		dst = strconv.AppendInt(append(dst, ",RESOLUTION="...), int64(v.Width), 10)
		dst = strconv.AppendInt(append(dst, 'x'), int64(v.Height), 10)
	}
	if v.FrameRate > 0 {
		dst = strconv.AppendFloat(append(dst, ",FRAME-RATE="...), v.FrameRate, 'f', 3, 64)
	}
	if v.Audio != "" {
		dst = append(append(append(dst, `,AUDIO="`...), v.Audio...), '"')
	}
	return append(append(append(dst, '\n'), v.URI...), '\n')
}
