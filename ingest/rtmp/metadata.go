package rtmp

import (
	"strings"
	"unicode"

	"github.com/cuelight/cuelight/internal/media"
)

// announced is what onMetaData says is coming.
type announced struct {
	known bool // there was an onMetaData with codecs in it
	// video and audio are how many tracks there are going to be.
	video, audio int
	unsupported  string // name of a codec we do not take
	encoder      string // what the encoder calls itself
	hints        map[uint8]hint
}

// hint is what a video track is going to be. Zeros stand for what is not said.
type hint struct{ width, height, bitrate int }

// announce reads what onMetaData says.
func announce(o object) announced {
	a := announced{encoder: printable(o.text("encoder")), hints: map[uint8]hint{0: hintOf(o)}}
	a.count(&a.video, media.Video, o["videocodecid"])
	a.count(&a.audio, media.Audio, o["audiocodecid"])
	a.further(&a.video, media.Video, o["videoTrackIdInfoMap"], "videocodecid")
	a.further(&a.audio, media.Audio, o["audioTrackIdInfoMap"], "audiocodecid")
	a.known = a.video+a.audio > 0
	return a
}

// count adds a track with this codec, if there is one.
func (a *announced) count(n *int, kind media.Kind, id any) {
	id = codecID(id)
	if id == nil {
		return
	}
	*n++
	names := videoNames
	if kind == media.Audio {
		names = audioNames
	}
	if a.unsupported == "" && taken[kind][id] == "" {
		a.unsupported = names[id]
	}
}

// further adds the tracks of a map by track. Track 0 may be in it again.
func (a *announced) further(n *int, kind media.Kind, tracks any, codec string) {
	o, _ := tracks.(object)
	for id, v := range o {
		info, ok := v.(object)
		if !ok || id == "0" {
			continue
		}
		a.count(n, kind, info[codec])
		if number, ok := trackNumber(id); ok && kind == media.Video {
			a.hints[number] = hintOf(info)
		}
	}
}

// trackNumber reads the number of a track, of at most 255.
func trackNumber(text string) (uint8, bool) {
	n := 0
	for _, digit := range text {
		if digit < '0' || digit > '9' || n > 255 {
			return 0, false
		}
		n = n*10 + int(digit-'0')
	}
	return uint8(n), text != "" && n <= 255
}

// codecID turns a number that is a FourCC into its text and leaves other
// numbers and text. It is nil when nothing is said: some write 0 or "".
func codecID(v any) any {
	switch v := v.(type) {
	case float64:
		if v >= 1<<24 && v < 1<<32 {
			c := uint32(v)
			return string([]byte{byte(c >> 24), byte(c >> 16), byte(c >> 8), byte(c)})
		}
		if v != 0 {
			return v
		}
	case string:
		if v != "" {
			return v
		}
	}
	return nil
}

func hintOf(o object) hint {
	const maxSide, maxRate = 1 << 14, 1e6 // kbit/s
	return hint{
		width:   within(o.number("width"), maxSide),
		height:  within(o.number("height"), maxSide),
		bitrate: within(o.number("videodatarate"), maxRate) * 1000,
	}
}

// within returns f as a whole number, 0 when it is not between 0 and limit.
func within(f, limit float64) int {
	if f > 0 && f <= limit {
		return int(f)
	}
	return 0
}

// maxEncoder is the length of an encoder's name.
const maxEncoder = 64

// printable is text that may be shown: what is not printable is left out, and
// what is too long is cut.
func printable(text string) string {
	if len(text) > 8*maxEncoder {
		text = text[:8*maxEncoder]
	}
	var clean []rune
	for _, r := range strings.ToValidUTF8(text, "") {
		if unicode.IsPrint(r) && len(clean) < maxEncoder {
			clean = append(clean, r)
		}
	}
	return strings.TrimSpace(string(clean))
}
