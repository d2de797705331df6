package rtmp

import (
	"fmt"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"
)

// Names of what encoders announce and we do not take. Numbers are of the FLV
// file format, annex E.4; text is a FourCC of enhanced RTMP.
var (
	videoNames = map[any]string{
		2.0: "Sorenson H.263 video", 3.0: "Screen video", 4.0: "VP6 video", 5.0: "VP6 video with alpha",
		6.0: "Screen video 2", 12.0: "H.265 video",
		"hvc1": "H.265 video", "av01": "AV1 video", "vp09": "VP9 video", "vp08": "VP8 video",
	}
	audioNames = map[any]string{
		1.0: "ADPCM audio", 2.0: "MP3 audio", 3.0: "PCM audio", 4.0: "Nellymoser audio", 5.0: "Nellymoser audio", 6.0: "Nellymoser audio",
		7.0: "G.711 audio", 8.0: "G.711 audio", 11.0: "Speex audio", 14.0: "MP3 audio",
		".mp3": "MP3 audio", "Opus": "Opus audio", "fLaC": "FLAC audio", "ac-3": "AC-3 audio", "ec-3": "E-AC-3 audio",
	}
)

// announced is what onMetaData says is coming.
type announced struct {
	known        bool // there was an onMetaData with codecs in it
	video, audio bool
	unsupported  string // name of a codec we do not take
}

// announce reads onMetaData. Anything else tells nothing.
func announce(m *message.DataAMF0) announced {
	for _, v := range m.Payload {
		switch o := v.(type) {
		case amf0.ECMAArray:
			return announcedBy(amf0.Object(o))
		case amf0.Object:
			return announcedBy(o)
		}
	}
	return announced{}
}

func announcedBy(o amf0.Object) announced {
	var a announced
	var bad string
	if v, ok := o.Get("videocodecid"); ok {
		a.video = true
		bad = videoNames[fourCC(v)]
	}
	if v, ok := o.Get("audiocodecid"); ok {
		a.audio = true
		if bad == "" {
			bad = audioNames[fourCC(v)]
		}
	}
	a.known, a.unsupported = a.video || a.audio, bad
	return a
}

// fourCC turns a number that is a FourCC into its text and leaves the rest.
func fourCC(v any) any {
	switch v := v.(type) {
	case float64:
		if v >= 1<<24 && v < 1<<32 {
			return fourCCText(message.FourCC(v))
		}
		return v
	case string:
		return v
	}
	return nil
}

func fourCCText(c message.FourCC) string {
	return string([]byte{byte(c >> 24), byte(c >> 16), byte(c >> 8), byte(c)})
}

// nameOf names what we do not take; what is not in the table is named by its id.
func nameOf(table map[any]string, id any) string {
	if name := table[id]; name != "" {
		return name
	}
	return fmt.Sprintf("codec %q", fmt.Sprint(id))
}
