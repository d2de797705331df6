package hlstest

import (
	"errors"
	"fmt"
	"strings"
)

// Multivariant is a multivariant playlist as it was written.
type Multivariant struct {
	Version     int
	Independent bool // EXT-X-INDEPENDENT-SEGMENTS
	Media       []Alternative
	Variants    []Variant
	Faults      []Fault
	uses        int // the version that its tags demand
}

// maxVariants is how many variants, and alternative renditions, are looked at.
const maxVariants = 1000

// Alternative is EXT-X-MEDIA. Spec: rfc8216bis §4.4.6.1.
type Alternative struct{ Type, Group, Name, URI string }

// Variant is EXT-X-STREAM-INF. Spec: rfc8216bis §4.4.6.2.
type Variant struct {
	URI                     string
	Bandwidth, Average      uint64 // bit/s; 0 when missing
	Codecs, Resolution      string
	FrameRate               string
	Audio, Video, Subtitles string
	hasBandwidth            bool
}

// ParseMultivariant reads a multivariant playlist.
//
// Errors: as of ParsePlaylist, and a playlist without a variant.
func ParseMultivariant(text []byte) (*Multivariant, error) {
	lines, faults, err := splitLines(text)
	if err != nil {
		return nil, err
	}
	m := &Multivariant{Faults: faults}
	var open *Variant
	for i, line := range lines {
		fault := func(err error) {
			if err != nil && len(m.Faults) < maxFaults {
				m.Faults = append(m.Faults, Fault{"C1", i + 2, err.Error()})
			}
		}
		name, value, _ := strings.Cut(line, ":")
		m.uses = max(m.uses, demands(name, value))
		switch {
		case name == "#EXT-X-VERSION":
			n, err := parseInteger(value)
			fault(err)
			m.Version = int(min(n, 1000))
		case name == "#EXT-X-INDEPENDENT-SEGMENTS":
			m.Independent = true
		case name == "#EXT-X-MEDIA":
			media, err := parseMediaTag(value)
			fault(err)
			if len(m.Media) < maxVariants {
				m.Media = append(m.Media, media)
			}
		case name == "#EXT-X-STREAM-INF":
			if open != nil {
				fault(errors.New("EXT-X-STREAM-INF without a URI"))
			}
			v, err := parseVariant(value)
			fault(err)
			open = &v
		case line == "" || strings.HasPrefix(line, "#"):
		case open == nil:
			fault(fmt.Errorf("a URI without EXT-X-STREAM-INF: %.60q", line))
		default:
			open.URI = line
			if len(m.Variants) < maxVariants {
				m.Variants = append(m.Variants, *open)
			}
			open = nil
		}
	}
	if len(m.Variants) == 0 {
		return nil, errors.New("the multivariant playlist has no variant")
	}
	return m, nil
}

func parseMediaTag(value string) (m Alternative, err error) {
	a, err := parseAttributes(value)
	var errs [4]error
	m.Type, errs[0] = a.word("TYPE")
	m.Group, errs[1] = a.quoted("GROUP-ID")
	m.Name, errs[2] = a.quoted("NAME")
	m.URI, errs[3] = a.quoted("URI")
	if m.Type == "" || m.Group == "" || m.Name == "" {
		err = errors.Join(err, errors.New("EXT-X-MEDIA without TYPE, GROUP-ID and NAME"))
	}
	return m, errors.Join(err, errors.Join(errs[:]...))
}

func parseVariant(value string) (v Variant, err error) {
	a, err := parseAttributes(value)
	var errs [7]error
	v.Bandwidth, errs[0] = a.integer("BANDWIDTH")
	v.Average, errs[1] = a.integer("AVERAGE-BANDWIDTH")
	v.Codecs, errs[2] = a.quoted("CODECS")
	v.Resolution, errs[3] = a.word("RESOLUTION")
	v.FrameRate, errs[4] = a.word("FRAME-RATE")
	v.Audio, errs[5] = a.quoted("AUDIO")
	v.Video, errs[6] = a.quoted("VIDEO")
	v.Subtitles, _ = a.quoted("SUBTITLES")
	v.hasBandwidth = a.has("BANDWIDTH")
	return v, errors.Join(err, errors.Join(errs[:]...))
}

// Playlists returns the URIs of all media playlists, as written, each once.
// Those of subtitles are left out: they have no parts and no boxes.
func (m *Multivariant) Playlists() []string {
	var list []string
	known := map[string]bool{}
	add := func(uri string) {
		if uri != "" && !known[uri] {
			known[uri] = true
			list = append(list, uri)
		}
	}
	for _, v := range m.Variants {
		add(v.URI)
	}
	for _, t := range m.Media {
		if t.Type == "AUDIO" || t.Type == "VIDEO" {
			add(t.URI)
		}
	}
	return list
}
