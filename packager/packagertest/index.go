package packagertest

import (
	"fmt"
	"strconv"
	"strings"
)

// Index is a multivariant playlist as a client reads it.
type Index struct {
	Independent bool // claims INDEPENDENT-SEGMENTS
	Variants    []Variant
	Sound       string // URI of the sound, empty without a rendition of its own
}

// Variant is one that a client can choose.
type Variant struct {
	URI                string
	Bandwidth, Average int
	Codecs, Resolution string
	FrameRate          string
	Audio              string
}

// ParseIndex reads a multivariant playlist and is strict about what Cuelight
// writes (R6).
func ParseIndex(text string) (*Index, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "#EXTM3U" {
		return nil, fmt.Errorf("C1 the first line is %q", lines[0])
	}
	m := &Index{}
	var v *Variant
	for _, line := range lines[1:] {
		tag, value, _ := strings.Cut(line, ":")
		switch tag {
		case "#EXT-X-VERSION":
		case "#EXT-X-INDEPENDENT-SEGMENTS":
			m.Independent = true
		case "#EXT-X-MEDIA":
			m.Sound = attr(value, "URI")
		case "#EXT-X-STREAM-INF":
			v = &Variant{
				Codecs: attr(value, "CODECS"), Resolution: attr(value, "RESOLUTION"),
				FrameRate: attr(value, "FRAME-RATE"), Audio: attr(value, "AUDIO"),
			}
			v.Bandwidth, _ = strconv.Atoi(attr(value, "BANDWIDTH"))
			v.Average, _ = strconv.Atoi(attr(value, "AVERAGE-BANDWIDTH"))
		default:
			if strings.HasPrefix(line, "#") || v == nil {
				return nil, fmt.Errorf("C1 unknown line %q", line)
			}
			v.URI = line
			if err := v.check(m.Sound != ""); err != nil {
				return nil, err
			}
			m.Variants, v = append(m.Variants, *v), nil
		}
	}
	return m, nil
}

// check holds a variant against R6.
func (v *Variant) check(sound bool) error {
	switch {
	case v.Bandwidth <= 0 || v.Average <= 0 || v.Average > v.Bandwidth:
		return fmt.Errorf("R6 %s: BANDWIDTH %d, AVERAGE-BANDWIDTH %d", v.URI, v.Bandwidth, v.Average)
	case v.Codecs == "" || sound && !strings.Contains(v.Codecs, ","):
		return fmt.Errorf("R6 %s: CODECS %q", v.URI, v.Codecs)
	case (v.Audio != "") != sound:
		return fmt.Errorf("R6 %s: AUDIO %q", v.URI, v.Audio)
	case strings.HasPrefix(v.URI, "video") && (v.Resolution == "" || v.FrameRate == ""):
		return fmt.Errorf("R6 %s: RESOLUTION %q, FRAME-RATE %q", v.URI, v.Resolution, v.FrameRate)
	}
	return nil
}

// Playlists returns the URIs of all media playlists.
func (m *Index) Playlists() []string {
	var list []string
	for _, v := range m.Variants {
		list = append(list, v.URI)
	}
	if m.Sound != "" {
		list = append(list, m.Sound)
	}
	return list
}
