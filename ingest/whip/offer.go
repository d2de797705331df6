package whip

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

const (
	maxLayers     = ingest.MaxTracks - 1 // beside the sound
	maxCandidates = 100                  // of one session
	maxSections   = 2
)

// offer is what a publisher offers to send. It is read only.
type offer struct {
	text       string
	ufrag      string
	candidates int
	sections   []section
}

// section is one media description of an offer.
type section struct {
	kind   webrtc.RTPCodecType
	codec  webrtc.RTPCodecParameters   // the first of those offered that we take
	repair []webrtc.RTPCodecParameters // its retransmission format, if any
	rids   []string                    // of the simulcast layers, empty without
}

// parseOffer reads the SDP of a POST.
//
// Errors: *ingest.Error with CodeMalformed or CodeUnsupportedCodec.
func parseOffer(text string) (*offer, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return nil, ingest.Errorf(ingest.CodeMalformed, "the body is not a session description: send an SDP offer")
	}
	o := &offer{text: text}
	o.ufrag, _ = d.Attribute("ice-ufrag")
	for _, m := range d.MediaDescriptions {
		if o.ufrag == "" {
			o.ufrag, _ = m.Attribute("ice-ufrag")
		}
		o.candidates += len(valuesOf(m, "candidate"))
		if err := o.add(m); err != nil {
			return nil, err
		}
	}
	return o, o.check()
}

// add takes one media description in. One that is not sent stays out; pion
// answers it as it is.
func (o *offer) add(m *sdp.MediaDescription) error {
	kind := webrtc.NewRTPCodecType(m.MediaName.Media)
	if kind == 0 {
		return ingest.Errorf(ingest.CodeUnsupportedCodec, "offer audio and video only, without data channels")
	}
	if _, receives := m.Attribute("recvonly"); receives {
		return ingest.Errorf(ingest.CodeMode, "this address takes streams in: offer sendonly, and watch with a browser at /watch/CHANNEL")
	}
	if _, inactive := m.Attribute("inactive"); inactive {
		return nil
	}
	s := section{kind: kind}
	for _, v := range valuesOf(m, "rid") {
		if id, direction, _ := strings.Cut(v, " "); strings.HasPrefix(direction, "send") {
			s.rids = append(s.rids, id)
		}
	}
	if err := s.choose(m); err != nil {
		return err
	}
	o.sections = append(o.sections, s)
	return nil
}

func (o *offer) check() error {
	kinds := make(map[webrtc.RTPCodecType]bool)
	for _, s := range o.sections {
		if kinds[s.kind] {
			return ingest.Errorf(ingest.CodeUnsupportedCodec, "offer one picture and one sound; send qualities as simulcast layers")
		}
		kinds[s.kind] = true
		if len(s.rids) > maxLayers {
			return ingest.Errorf(ingest.CodeUnsupportedCodec, "%d simulcast layers: send at most %d", len(s.rids), maxLayers)
		}
	}
	switch {
	case len(o.sections) == 0 || len(o.sections) > maxSections:
		return ingest.Errorf(ingest.CodeMalformed, "the offer sends nothing: add a picture or a sound")
	case o.ufrag == "":
		return ingest.Errorf(ingest.CodeMalformed, "the offer has no ice-ufrag")
	case o.candidates > maxCandidates:
		return ingest.Errorf(ingest.CodeMalformed, "%d candidates: send at most %d", o.candidates, maxCandidates)
	}
	return nil
}

// choose takes the first codec that we take. One is enough: a sender that may
// choose among several may also change in mid-stream.
func (s *section) choose(m *sdp.MediaDescription) error {
	formats, named := formatsOf(m)
	for _, f := range formats {
		if f.taken() {
			s.codec = f.RTPCodecParameters
			s.repair = repairOf(formats, f.PayloadType)
			return nil
		}
	}
	if len(named) == 0 {
		return ingest.Errorf(ingest.CodeMalformed, "the offer names no codec")
	}
	return ingest.Unsupported(strings.Join(named, ", "))
}

// plain keeps of a codec's name what such names are made of.
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		if r > '~' || !strings.ContainsRune("-+._", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return r
	}, name)
	return name[:min(len(name), 16)]
}

// format is one payload type of an offer.
type format struct {
	webrtc.RTPCodecParameters
	parameters map[string]string
}

// formatsOf returns the payload types in order of preference, and the names of
// the codecs among them.
func formatsOf(m *sdp.MediaDescription) (formats []format, named []string) {
	maps, lines, feedback := byFormat(m, "rtpmap"), byFormat(m, "fmtp"), valuesOf(m, "rtcp-fb")
	for _, text := range m.MediaName.Formats {
		pt, err := strconv.ParseUint(text, 10, 7)
		if err != nil || maps[text] == "" {
			continue
		}
		f := format{parameters: parametersOf(lines[text])}
		f.PayloadType, f.SDPFmtpLine = webrtc.PayloadType(pt), lines[text]
		name, rate, channels := splitMap(maps[text])
		f.MimeType, f.ClockRate, f.Channels = strings.ToLower(m.MediaName.Media)+"/"+name, rate, channels
		f.RTCPFeedback = feedbackOf(feedback, text)
		formats = append(formats, f)
		if !strings.EqualFold(name, "rtx") && len(named) < 8 {
			named = append(named, plain(name))
		}
	}
	return formats, named
}

// splitMap reads "opus/48000/2".
func splitMap(value string) (name string, rate uint32, channels uint16) {
	name, rest, _ := strings.Cut(value, "/")
	rateText, channelText, _ := strings.Cut(rest, "/")
	r, _ := strconv.ParseUint(rateText, 10, 32) // 0 is no codec's
	c, _ := strconv.ParseUint(channelText, 10, 16)
	return name, uint32(r), uint16(c)
}

// wanted is the feedback that makes a publisher send again what was lost,
// begin anew, and send as much as gets through.
var wanted = map[string]bool{"nack": true, "nack pli": true, "ccm fir": true, "transport-cc": true}

func feedbackOf(values []string, pt string) (feedback []webrtc.RTCPFeedback) {
	for _, v := range values {
		to, what, _ := strings.Cut(v, " ")
		if (to == pt || to == "*") && wanted[what] {
			kind, parameter, _ := strings.Cut(what, " ")
			feedback = append(feedback, webrtc.RTCPFeedback{Type: kind, Parameter: parameter})
		}
	}
	return feedback
}

// taken reports whether we take the codec. H.264 is taken in packetization mode
// 1 only: mode 0 cannot carry a picture larger than a packet in one piece.
func (f format) taken() bool {
	const videoRate, opusRate, extended = 90_000, 48_000, 0x58
	switch strings.ToLower(f.MimeType) {
	case strings.ToLower(webrtc.MimeTypeH264):
		return f.ClockRate == videoRate && f.parameters["packetization-mode"] == "1" && f.profile() != extended
	case strings.ToLower(webrtc.MimeTypeH265):
		return f.ClockRate == videoRate && f.parameters["tx-mode"] != "MRST" && f.parameters["tx-mode"] != "MRMT"
	case strings.ToLower(webrtc.MimeTypeAV1):
		return f.ClockRate == videoRate
	case strings.ToLower(webrtc.MimeTypeOpus):
		return f.ClockRate == opusRate
	}
	return false
}

// profile is the first byte of an H.264 profile-level-id, 0 without.
func (f format) profile() uint64 {
	id := f.parameters["profile-level-id"]
	profile, _ := strconv.ParseUint(id[:min(2, len(id))], 16, 8)
	return profile
}

func repairOf(formats []format, of webrtc.PayloadType) (repair []webrtc.RTPCodecParameters) {
	for _, f := range formats {
		if strings.EqualFold(f.MimeType, webrtc.MimeTypeRTX) && f.parameters["apt"] == strconv.Itoa(int(of)) {
			return append(repair, f.RTPCodecParameters)
		}
	}
	return nil
}

// resends reports whether lost packets are sent again when asked for.
func (s section) resends() bool {
	return slices.Contains(s.codec.RTCPFeedback, webrtc.RTCPFeedback{Type: "nack"})
}

// mediaCodec returns what package media calls the section's codec.
func (s section) mediaCodec() media.Codec {
	switch strings.ToLower(s.codec.MimeType) {
	case strings.ToLower(webrtc.MimeTypeH264):
		return new(media.H264)
	case strings.ToLower(webrtc.MimeTypeH265):
		return new(media.HEVC)
	case strings.ToLower(webrtc.MimeTypeAV1):
		return new(media.AV1)
	}
	// RTP always says two channels; packets of one are decoded all the same.
	// 312 samples is how far libopus looks ahead, in every WebRTC encoder.
	return &media.Opus{Channels: 2, PreSkip: 312}
}

func valuesOf(m *sdp.MediaDescription, key string) (values []string) {
	for _, a := range m.Attributes {
		if a.Key == key {
			values = append(values, a.Value)
		}
	}
	return values
}

// byFormat returns the values of an attribute that begins with a payload type.
func byFormat(m *sdp.MediaDescription, key string) map[string]string {
	values := make(map[string]string)
	for _, v := range valuesOf(m, key) {
		pt, rest, _ := strings.Cut(v, " ")
		if _, twice := values[pt]; !twice {
			values[pt] = strings.TrimSpace(rest)
		}
	}
	return values
}

func parametersOf(line string) map[string]string {
	values := make(map[string]string)
	for p := range strings.SplitSeq(line, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		values[strings.ToLower(key)] = value
	}
	return values
}
