package srt

import (
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// latm takes AAC in LATM, whose configuration comes with the sound.
// Spec: ISO/IEC 14496-3 §1.7.3.
func (in *intake) latm(t *track, at clock.Ticks, data []byte) error {
	var stream mpeg4audio.AudioSyncStream
	if stream.Unmarshal(data) != nil {
		return nil
	}
	for _, element := range stream.AudioMuxElements {
		e := mpeg4audio.AudioMuxElement{MuxConfigPresent: true, StreamMuxConfig: t.audio.mux}
		if e.Unmarshal(element) != nil { // broken, or its configuration has not come yet
			continue
		}
		t.audio.mux = e.StreamMuxConfig
		config := configOf(e.StreamMuxConfig)
		if config == nil {
			continue
		}
		in.configure(t, *config)
		for _, unit := range firstLayer(e) {
			if err := in.sound(t, at, unit); err != nil {
				return err
			}
			at += samples(1, t.codec.(*media.AAC).Config)
		}
	}
	return nil
}

// configOf returns the configuration of the first layer of the first program.
func configOf(mux *mpeg4audio.StreamMuxConfig) *mpeg4audio.AudioSpecificConfig {
	if mux == nil || len(mux.Programs) == 0 || len(mux.Programs[0].Layers) == 0 {
		return nil
	}
	return mux.Programs[0].Layers[0].AudioSpecificConfig
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
