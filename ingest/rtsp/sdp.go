package rtsp

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

// track is one media section of the announced session.
type track struct {
	index   int // from 0
	control string
	codec   media.Codec
	rate    int // RTP clock, Hz
	payload uint8
	aac     aacFormat
	ready   bool     // has been set up
	order   *reorder // for UDP
}

// staticNames are codecs that need no rtpmap. Spec: RFC 3551 §6.
var staticNames = map[uint64]string{
	0: "G.711 audio", 8: "G.711 audio", 14: "MPEG-1/2 audio (MP2, MP3)",
	26: "JPEG video", 31: "H.261 video", 32: "MPEG-1/2 video", 33: "MPEG-TS over RTP", 34: "H.263 video",
}

// aacFormat says how many bits an AU header has. Spec: RFC 3640 §4.1.
type aacFormat struct{ size, index, delta int }

// parseSDP reads the tracks of an ANNOUNCE. Sections that are neither video nor
// audio are refused too: nothing may be set up that is not taken.
//
// Errors: *ingest.Error.
func parseSDP(body []byte) ([]*track, error) {
	var desc sdp.SessionDescription
	if err := desc.Unmarshal(body); err != nil {
		return nil, ingest.Errorf(ingest.CodeMalformed, "the session description cannot be read")
	}
	if n := len(desc.MediaDescriptions); n == 0 || n > ingest.MaxTracks {
		return nil, ingest.Errorf(ingest.CodeUnsupportedCodec, "%d tracks: send at least one and at most %d", n, ingest.MaxTracks)
	}
	var tracks []*track
	for i, m := range desc.MediaDescriptions {
		t, err := parseMedia(m)
		if err != nil {
			return nil, err
		}
		t.index = i
		tracks = append(tracks, t)
	}
	return tracks, nil
}

func parseMedia(m *sdp.MediaDescription) (*track, error) {
	if len(m.MediaName.Formats) == 0 {
		return nil, ingest.Errorf(ingest.CodeMalformed, "a track without a format")
	}
	payload, err := strconv.ParseUint(m.MediaName.Formats[0], 10, 7)
	if err != nil {
		return nil, ingest.Errorf(ingest.CodeMalformed, "a track without an RTP payload type")
	}
	control, _ := m.Attribute("control")
	t := &track{control: control, payload: uint8(payload)}
	rtpmap, ok := m.Attribute("rtpmap")
	if !ok {
		return nil, ingest.Unsupported(cmp.Or(staticNames[payload], fmt.Sprintf("RTP payload type %d", payload)))
	}
	_, encoding, _ := strings.Cut(rtpmap, " ")
	name, rest, _ := strings.Cut(encoding, "/")
	rate, _, _ := strings.Cut(rest, "/")
	if t.rate, err = strconv.Atoi(rate); err != nil || t.rate < 1000 || t.rate > 1_000_000 {
		return nil, ingest.Errorf(ingest.CodeMalformed, "a track without a clock rate")
	}
	return t, t.setCodec(name, fmtp(m))
}

// fmtp returns the format's parameters by lower-case name.
func fmtp(m *sdp.MediaDescription) map[string]string {
	params := make(map[string]string)
	text, _ := m.Attribute("fmtp")
	_, text, _ = strings.Cut(text, " ")
	for pair := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		params[strings.ToLower(name)] = value
	}
	return params
}

func (t *track) setCodec(name string, params map[string]string) error {
	switch strings.ToUpper(name) {
	case "H264":
		codec := new(media.H264)
		for text := range strings.SplitSeq(params["sprop-parameter-sets"], ",") {
			if unit, err := base64.StdEncoding.DecodeString(text); err == nil && len(unit) > 0 {
				ingest.Learn(codec, [][]byte{unit})
			}
		}
		t.codec = codec
		return nil
	case "MPEG4-GENERIC":
		return t.setAAC(params)
	case "H265":
		return ingest.Unsupported("H.265 video")
	case "MPA":
		return ingest.Unsupported("MPEG-1/2 audio (MP2, MP3)")
	case "MPV":
		return ingest.Unsupported("MPEG-1/2 video")
	}
	return ingest.Unsupported("codec " + strconv.QuoteToASCII(name))
}

func (t *track) setAAC(params map[string]string) error {
	codec := new(media.AAC)
	config, err := hex.DecodeString(params["config"])
	if err != nil || codec.Config.Unmarshal(config) != nil {
		return ingest.Errorf(ingest.CodeMalformed, "the audio track has no AAC configuration")
	}
	for name, n := range map[string]*int{"sizelength": &t.aac.size, "indexlength": &t.aac.index, "indexdeltalength": &t.aac.delta} {
		if *n, err = strconv.Atoi(params[name]); err != nil || *n < 0 || *n > 16 {
			return ingest.Errorf(ingest.CodeMalformed, "the audio track does not say its %s", name)
		}
	}
	if t.aac.size == 0 {
		return ingest.Errorf(ingest.CodeMalformed, "the audio track has AU headers without sizes")
	}
	t.codec = codec
	return nil
}
