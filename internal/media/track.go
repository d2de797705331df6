package media

import "fmt"

// Kind tells pictures from sound.
type Kind uint8

// The kinds of track.
const (
	Video Kind = iota + 1
	Audio
)

// String returns "video" or "audio".
func (k Kind) String() string {
	switch k {
	case Video:
		return "video"
	case Audio:
		return "audio"
	default:
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
}

// Track is one elementary stream of a publisher session.
//
// Several video tracks are renditions of one picture, best first: the first
// one leads. Of several audio tracks the first is the programme's sound.
type Track struct {
	// ID is unique within the session and is what Frame.Track refers to.
	ID    int
	Codec Codec
	// Derived says that this server made the track of another one of the same
	// session. Its frames come later than those of the others, with the same
	// timestamps, and may stay away for a while; the others do not wait.
	Derived bool
	// Width, Height and Bitrate (bits per second) say what a track that has no
	// parameter sets yet is going to be. 0 when it is not known.
	Width, Height, Bitrate int
}
