package whip

import (
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"
)

// startBitrate is what browsers are asked to begin with. Left to themselves
// they begin with 300 kbit/s, for which they shrink the picture. Units: kbit/s.
const startBitrate = 1500

// tuned returns the answer with what browsers read beside the standard: where
// to begin, and that sound is wanted in stereo (RFC 7587 §6.1).
func tuned(answer string) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(answer); err != nil {
		return "", fmt.Errorf("read our own answer: %w", err)
	}
	for _, m := range d.MediaDescriptions {
		switch m.MediaName.Media {
		case "video":
			tune(m, fmt.Sprintf("x-google-start-bitrate=%d", startBitrate))
		case "audio":
			tune(m, "stereo=1")
		}
	}
	text, err := d.Marshal()
	if err != nil {
		return "", fmt.Errorf("write our own answer: %w", err)
	}
	return string(text), nil
}

// tune adds a parameter to the first format, which is the codec.
func tune(m *sdp.MediaDescription, parameter string) {
	if len(m.MediaName.Formats) == 0 || m.MediaName.Port.Value == 0 {
		return
	}
	pt, key := m.MediaName.Formats[0], parameter[:strings.IndexByte(parameter, '=')]
	for i, a := range m.Attributes {
		if a.Key == "fmtp" && strings.HasPrefix(a.Value, pt+" ") {
			if !strings.Contains(a.Value, " "+key+"=") && !strings.Contains(a.Value, ";"+key+"=") {
				m.Attributes[i].Value += ";" + parameter
			}
			return
		}
	}
	m.Attributes = append(m.Attributes, sdp.NewAttribute("fmtp", pt+" "+parameter))
}
