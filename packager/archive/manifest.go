package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/m3u8"
)

// manifestFile is the name of a recording's manifest. It is the first file of a
// recording, and is written last when the recording is closed.
const manifestFile = "recording.json"

// manifest is what playlists do not tell of a recording.
type manifest struct {
	Start   time.Time         `json:"start"`
	End     time.Time         `json:"end,omitzero"`
	Bytes   int64             `json:"bytes"`
	Closed  bool              `json:"closed"`
	Tracks  map[string]*media `json:"tracks"`  // by rendition
	Leaning bool              `json:"leaning"` // some segments need the one before
}

// media is one rendition.
type media struct {
	Codecs    []string `json:"codecs"` // of all formats that it had
	Width     int      `json:"width,omitempty"`
	Height    int      `json:"height,omitempty"`
	FrameRate float64  `json:"frame_rate,omitempty"`
	Channels  int      `json:"channels,omitempty"`
	Peak      int      `json:"peak"`    // bits per second of the fastest segment
	Average   int      `json:"average"` // bits per second
}

// learn takes in what a segment tells of its rendition. It reports whether that
// was news.
func (m *media) learn(t packager.TrackInfo) bool {
	old := *m
	for c := range strings.SplitSeq(t.Codecs, ",") {
		if c != "" && !slices.Contains(m.Codecs, c) {
			m.Codecs = append(m.Codecs, c)
		}
	}
	if t.Width*t.Height > m.Width*m.Height {
		m.Width, m.Height = t.Width, t.Height
	}
	m.FrameRate, m.Channels = max(m.FrameRate, t.FrameRate), max(m.Channels, t.Channels)
	return len(old.Codecs) != len(m.Codecs) || old.Width != m.Width || old.Height != m.Height ||
		old.FrameRate != m.FrameRate || old.Channels != m.Channels
}

const group = "sound"

// index is the multivariant playlist of the recording.
func (m *manifest) index() []byte {
	list := m3u8.Multivariant{IndependentSegments: !m.Leaning}
	sound := m.Tracks[packager.Audio]
	if sound != nil && len(sound.Codecs) == 0 {
		sound = nil // nothing of it is there yet
	}
	for _, name := range slices.Sorted(maps.Keys(m.Tracks)) {
		if name != packager.Audio && len(m.Tracks[name].Codecs) > 0 {
			list.Variants = append(list.Variants, m.Tracks[name].variant(name, sound))
		}
	}
	switch {
	case sound == nil:
	case len(list.Variants) == 0:
		list.Variants = []m3u8.Variant{sound.variant(packager.Audio, nil)}
	default:
		list.Renditions = []m3u8.Rendition{{Group: group, Name: "Sound", URI: playlistOf(packager.Audio), Channels: sound.Channels}}
	}
	return list.Append(nil)
}

// variant describes the rendition, together with the sound.
func (m *media) variant(name string, sound *media) m3u8.Variant {
	v := m3u8.Variant{
		URI: playlistOf(name), Bandwidth: m.Peak, AverageBandwidth: m.Average,
		Width: m.Width, Height: m.Height, FrameRate: m.FrameRate,
	}
	codecs := m.Codecs
	if sound != nil {
		v.Audio = group
		v.Bandwidth += sound.Peak
		v.AverageBandwidth += sound.Average
		codecs = slices.Concat(codecs, sound.Codecs)
	}
	v.Codecs = strings.Join(codecs, ",")
	return v
}

func playlistOf(rendition string) string {
	return packager.Name{Kind: packager.NamePlaylist, Rendition: rendition}.String()
}

func (m *manifest) write(dir string) error {
	text, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	return createDurably(filepath.Join(dir, manifestFile), text, []byte("\n"))
}

// maxManifest is more than any manifest has.
const maxManifest = 1 << 20

func readManifest(dir string) (*manifest, error) {
	path := filepath.Join(dir, manifestFile)
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if info.Size() > maxManifest {
		return nil, fmt.Errorf("%s: larger than a manifest can be", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// parseManifest reads a manifest.
//
// Errors: text that is no JSON, and renditions that no channel has.
func parseManifest(text []byte) (*manifest, error) {
	m := new(manifest)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, err
	}
	for name, track := range m.Tracks {
		if n, ok := packager.ParseName(name + ".m3u8"); track == nil || !ok || n.Kind != packager.NamePlaylist {
			return nil, fmt.Errorf("no channel has a rendition %q", name)
		}
	}
	if m.Start.IsZero() {
		return nil, errors.New("the recording has no start")
	}
	return m, nil
}

// recordingID is what the folder of a recording is called.
var recordingID = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z(-[1-9][0-9]{0,2})?$`)

// newID is a name for a recording that began at the given time, the n-th of
// that second.
func newID(start time.Time, n int) string {
	id := start.UTC().Format("20060102T150405Z")
	if n > 0 {
		id += fmt.Sprintf("-%d", n)
	}
	return id
}
