package srt

import (
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

// addLATM takes up AAC in LATM, whose configuration comes with the sound.
// Spec: ISO/IEC 14496-3 §1.7.3.
func (in *intake) addLATM(r *mpegts.Reader, t *mpegts.Track, id int) {
	codec := new(media.AAC)
	in.tracks = append(in.tracks, media.Track{ID: id, Codec: codec})
	in.unknown[id] = true
	var mux *mpeg4audio.StreamMuxConfig
	r.OnDataMPEG4AudioLATM(t, func(pts int64, elements [][]byte) error {
		var units [][]byte
		for _, data := range elements {
			e := mpeg4audio.AudioMuxElement{MuxConfigPresent: true, StreamMuxConfig: mux}
			if err := e.Unmarshal(data); err != nil {
				if mux == nil {
					continue // the configuration has not come yet
				}
				return &outputError{ingest.Errorf(ingest.CodeMalformed, "the LATM audio makes no sense: %v", err)}
			}
			mux = e.StreamMuxConfig
			units = append(units, firstLayer(e)...)
		}
		if in.unknown[id] && !in.learnLATM(codec, mux, id) {
			return nil
		}
		return in.sound(id, codec, in.unwrap(pts), units)
	})
}

func (in *intake) learnLATM(codec *media.AAC, mux *mpeg4audio.StreamMuxConfig, id int) bool {
	if mux == nil || len(mux.Programs) == 0 || len(mux.Programs[0].Layers) == 0 {
		return false
	}
	config := mux.Programs[0].Layers[0].AudioSpecificConfig
	if config == nil {
		return false
	}
	codec.Config = *config
	delete(in.unknown, id)
	return true
}

// firstLayer returns the access units of the first layer of the first program.
func firstLayer(e mpeg4audio.AudioMuxElement) [][]byte {
	var units [][]byte
	for _, sub := range e.Payloads {
		if len(sub) > 0 && len(sub[0]) > 0 && len(sub[0][0]) > 0 {
			units = append(units, sub[0][0])
		}
	}
	return units
}
