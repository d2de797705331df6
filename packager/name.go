package packager

import (
	"strconv"
	"strings"
)

// Names of the renditions, and of the multivariant playlist. Further renditions
// of the pictures are "video2" to "video8".
const (
	Video = "video"
	Audio = "audio"
	Index = "index.m3u8"
)

// NameKind tells what a file name stands for.
type NameKind uint8

// The kinds of file that a channel has.
const (
	NameIndex    NameKind = iota + 1 // the multivariant playlist
	NamePlaylist                     // a media playlist
	NameInit                         // an init section
	NameSegment
	NamePart
)

// Name is a file name of a channel, taken apart. A sequence number never comes
// back with other bytes, so a name stands for the same bytes for ever.
type Name struct {
	Kind      NameKind
	Rendition string
	Hash      string // of an init section: eight hexadecimal digits
	MSN, Part uint64
}

// String returns the file name.
func (n Name) String() string {
	switch n.Kind {
	case NameIndex:
		return Index
	case NamePlaylist:
		return n.Rendition + ".m3u8"
	case NameInit:
		return n.Rendition + "-init-" + n.Hash + ".mp4"
	case NameSegment:
		return n.Rendition + "-" + strconv.FormatUint(n.MSN, 10) + ".mp4"
	case NamePart:
		return n.Rendition + "-" + strconv.FormatUint(n.MSN, 10) + "." + strconv.FormatUint(n.Part, 10) + ".mp4"
	default:
		return ""
	}
}

// ParseName takes a file name apart; false if no channel has such a file. Every
// file has one name only, so that a cache cannot be filled with copies.
func ParseName(file string) (Name, bool) {
	if file == Index {
		return Name{Kind: NameIndex}, true
	}
	var rendition string
	switch {
	case strings.HasPrefix(file, Video):
		rendition = Video
		if n := len(Video); len(file) > n && videoIndex(file[:n+1]) > 0 {
			rendition = file[:n+1]
		}
	case strings.HasPrefix(file, Audio):
		rendition = Audio
	default:
		return Name{}, false
	}
	rest := file[len(rendition):]
	if rest == ".m3u8" {
		return Name{Kind: NamePlaylist, Rendition: rendition}, true
	}
	rest, dash := strings.CutPrefix(rest, "-")
	rest, mp4 := strings.CutSuffix(rest, ".mp4")
	if !dash || !mp4 {
		return Name{}, false
	}
	if hash, ok := strings.CutPrefix(rest, "init-"); ok {
		return Name{Kind: NameInit, Rendition: rendition, Hash: hash}, isHash(hash)
	}
	number, part, isPart := strings.Cut(rest, ".")
	n := Name{Kind: NameSegment, Rendition: rendition}
	var ok bool
	if n.MSN, ok = ParseNumber(number); !ok {
		return Name{}, false
	}
	if isPart {
		n.Kind = NamePart
		n.Part, ok = ParseNumber(part)
	}
	return n, ok
}

// videoName is the name of the i-th rendition of the pictures, from 0.
func videoName(i int) string {
	if i == 0 {
		return Video
	}
	return Video + strconv.Itoa(i+1)
}

// videoIndex is the reverse of videoName, negative for other names.
func videoIndex(name string) int {
	switch rest, ok := strings.CutPrefix(name, Video); {
	case !ok:
	case rest == "":
		return 0
	case len(rest) == 1 && rest[0] >= '2' && rest[0] < '1'+maxVideo:
		return int(rest[0] - '1')
	}
	return -1
}

func isHash(s string) bool {
	if len(s) != 8 {
		return false
	}
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return true
}

// ParseNumber reads a decimal-integer as rfc8216bis §4.2 writes it, in its one
// canonical form: at most 18 digits, no sign, no leading zero.
func ParseNumber(s string) (uint64, bool) {
	if len(s) == 0 || len(s) > 18 || (len(s) > 1 && s[0] == '0') {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + uint64(d)
	}
	return n, true
}
