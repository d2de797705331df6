package main

import (
	"fmt"
	"math"
	"strings"
	"time"
)

func sayLinkLatency(f facts, v float64) string {
	const step = 50 * time.Millisecond
	have := f.ingest.Link.Latency
	want := time.Duration(math.Ceil(v*float64(have)/float64(step))) * step
	return fmt.Sprintf("An SRT latency of %d ms is short for a round trip of %s: set %d ms (OBS and ffmpeg: &latency=%d in the address).",
		have.Milliseconds(), millis(v*float64(have.Milliseconds())/4), want.Milliseconds(), want.Microseconds())
}

func sayDrift(f facts, v float64) string {
	way := "fast"
	if f.timeline.PPM < 0 {
		way = "slow"
	}
	return fmt.Sprintf("The encoder's clock runs %.0f ppm %s, %s s an hour: cues follow it, but try another capture or sound device.",
		v, way, decimal(v*3600/1e6))
}

// encodedBy looks for a word in what the encoder calls itself.
func (f facts) encodedBy(name string) bool {
	return strings.Contains(strings.ToLower(f.ingest.Link.Encoder), name)
}

func keyFrameSetting(f facts) string {
	interval := "1–2 s"
	if f.segment < 2*time.Second {
		interval = "1 s"
	}
	switch {
	case f.encodedBy("obs"):
		return fmt.Sprintf("set %s in OBS under Settings → Output → Keyframe Interval", interval)
	case f.encodedBy("lavf"):
		rate := f.media.FrameRate
		if rate <= 0 {
			rate = 30
		}
		return fmt.Sprintf("give ffmpeg -g %.0f", math.Ceil(rate*min(f.segment.Seconds(), 2)))
	}
	return fmt.Sprintf("set %s in the encoder (OBS: Settings → Output → Keyframe Interval)", interval)
}

func soundSetting(f facts) string {
	if f.info.Protocol == "srt" {
		return "raise the bit rate of the sound, or give ffmpeg -pes_payload_size 0"
	}
	return "lower the buffer of the sound device or of the audio encoder"
}

func reorderSetting(f facts) string {
	switch {
	case f.encodedBy("obs"):
		return "set their number to 0 in OBS under Settings → Output to save it"
	case f.encodedBy("lavf"):
		return "give ffmpeg -bf 0 to save it"
	}
	return "set their number to 0 in the encoder to save it (OBS: Settings → Output)"
}

// roughly is how long something has lasted, in steps that grow.
func roughly(seconds float64) string {
	steps := []int{3, 5, 10, 12, 15, 20, 30, 45, 60, 120, 180, 300, 600, 900, 1200, 1800, 2700, 3600}
	last := steps[0]
	for _, s := range steps {
		if float64(s) <= seconds {
			last = s
		}
	}
	switch {
	case last < 60:
		return fmt.Sprintf("%d s", last)
	case last < 3600:
		return fmt.Sprintf("%d min", last/60)
	}
	return "an hour"
}

// millis writes milliseconds without a false precision.
func millis(ms float64) string {
	if ms >= 1000 {
		return decimal(ms/1000) + " s"
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// decimal writes a number with one decimal, or none if that is 0 or it is large.
func decimal(v float64) string {
	if v >= 20 {
		return short(math.Round(v))
	}
	return short(round(v, 1))
}
