package packager

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cuelight/cuelight/internal/media"
)

// UnsupportedError refuses a publisher whose tracks cannot be packaged. Its
// text says what the encoder should send instead.
type UnsupportedError struct {
	Track  int    // ID of the track; 0 when it is about all of them
	Codec  string // name of its codec, if it has one
	Reason string
}

func (e *UnsupportedError) Error() string {
	if e.Codec == "" {
		return "unsupported tracks: " + e.Reason
	}
	return fmt.Sprintf("unsupported track %d (%s): %s", e.Track, e.Codec, e.Reason)
}

// wanted is what an encoder should send.
const wanted = "send H.264, HEVC or AV1 pictures and AAC or Opus sound"

// maxVideo is how many renditions of the pictures a channel has at most.
const maxVideo = 8

// tracks is what is packaged of a session.
type tracks struct {
	video   []videoTrack // best first; the first one leads
	audio   *audioTrack  // nil without sound
	ignored int          // more than can be packaged
}

type videoTrack struct {
	media.Track
	format pictureFormat // its init is nil while the parameter sets have not come
}

type audioTrack struct {
	media.Track
	format soundFormat
}

// choose picks the tracks that are packaged: all of pictures, and the first of
// sound.
func (c *Config) choose(all []media.Track) (tracks, error) {
	var chosen tracks
	for _, t := range all {
		var err error
		switch codec := t.Codec.(type) {
		case nil:
			return tracks{}, &UnsupportedError{Track: t.ID, Codec: "unknown", Reason: wanted}
		case *media.H264, *media.HEVC, *media.AV1:
			err = chosen.addVideo(t, codingOf(codec))
		case *media.AAC, *media.Opus:
			err = chosen.addAudio(t, c.PartTarget)
		default:
			err = errors.New(wanted)
		}
		if err != nil {
			return tracks{}, &UnsupportedError{Track: t.ID, Codec: t.Codec.Name(), Reason: err.Error()}
		}
	}
	if len(chosen.video) == 0 && chosen.audio == nil {
		return tracks{}, &UnsupportedError{Reason: "there are none; " + wanted}
	}
	return chosen, nil
}

// addVideo accepts a track without parameter sets: they may still come with
// the first key frame.
func (t *tracks) addVideo(track media.Track, c coding) error {
	if len(t.video) == maxVideo {
		t.ignored++
		return nil
	}
	format := pictureFormat{coding: c}
	if c.complete() {
		var err error
		if format, err = formatOf(c); err != nil {
			return err
		}
	}
	t.video = append(t.video, videoTrack{track, format})
	return nil
}

func (t *tracks) addAudio(track media.Track, part time.Duration) error {
	if t.audio != nil {
		t.ignored++
		return nil
	}
	format, err := soundOf(track.Codec)
	if err == nil {
		err = format.checkLength(part)
	}
	t.audio = &audioTrack{track, format}
	return err
}

// joinCodecs joins CODECS values, leaving out empty ones.
func joinCodecs(codecs ...string) string {
	var list []string
	for _, c := range codecs {
		if c != "" {
			list = append(list, c)
		}
	}
	return strings.Join(list, ",")
}
