package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/sync/timeline"
)

const (
	codeEnded   = "ended"
	codeStalled = "stalled"
	codeSource  = "source_unreachable" // while there is no session
)

// rules are all that can be wrong, the most important first.
var rules = [...]rule{
	{
		code: codeEnded, value: has(func(f facts) bool { return f.ended }),
		say: says("The event has ended, and nobody sees what the encoder still sends: stop it. Ten seconds later it can begin the next event."),
	},
	{
		code: codeStalled, value: stalledFor, grows: true,
		say: func(_ facts, v float64) string {
			return fmt.Sprintf("Nothing has arrived for %s: check the encoder and its connection.", roughly(v))
		},
	},
	{
		code: "no_video", value: has(func(f facts) bool { return !f.carries(media.Video) }),
		say: says("There is no picture: add a video track in the encoder, unless the programme is sound only."),
	},
	{
		code: "video_stopped", value: stopped(media.Video), after: 3 * time.Second,
		say: says("Pictures have stopped while sound still arrives: check the camera or start the encoder again."),
	},
	{
		code: "no_audio", value: has(func(f facts) bool { return !f.carries(media.Audio) }),
		say: says("There is no sound: add an audio track in the encoder, unless the programme is pictures only."),
	},
	{
		code: "audio_stopped", value: stopped(media.Audio), after: 3 * time.Second,
		say: says("Sound has stopped while pictures still arrive: check the sound device or start the encoder again."),
	},
	{
		code: "audio_silent", on: 30, off: 30, grows: true,
		value: func(f facts) float64 { return f.ingest.Silent.Seconds() },
		say: func(_ facts, v float64) string {
			return fmt.Sprintf("The sound has been silent for %s: look for a muted source in the encoder's audio mixer.", roughly(v))
		},
	},
	{
		code: "packets_dropped", value: has(func(f facts) bool { return f.dropping }),
		say: says("Packets never arrived and viewers see it: use a cable instead of Wi-Fi, lower the bit rate, or raise the SRT latency."),
	},
	{
		code: "key_frames_missing", value: withoutKeyFrames, on: 12, off: 12, grows: true,
		say: func(f facts, v float64) string {
			return fmt.Sprintf("Only one key frame has come in %s: %s.", roughly(v), keyFrameSetting(f))
		},
	},
	{
		code: "key_frames_rare", on: 1.1, off: 1.05, after: 2 * time.Second,
		value: rareness,
		say: func(f facts, v float64) string {
			return fmt.Sprintf("Key frames come every %s s: %s.", decimal(v*f.segment.Seconds()), keyFrameSetting(f))
		},
	},
	{
		code: "loss", on: 1, off: 0.5, after: 5 * time.Second,
		value: func(f facts) float64 { return 100 * max(0, f.ingest.Link.Loss) },
		say: func(_ facts, v float64) string {
			return fmt.Sprintf("%s %% of the packets are lost on the way: use a cable instead of Wi-Fi, or lower the bit rate.", decimal(v))
		},
	},
	{
		code: "link_latency_short", value: roundTripsShort, on: 1, off: 0.8, after: 5 * time.Second,
		say: sayLinkLatency,
	},
	{
		code: "bitrate_low", value: starved, on: 1, off: 0.5, after: 5 * time.Second,
		say: says("Hardly any media arrives: check the encoder's bit rate and its scene, or its connection."),
	},
	{
		code: "bitrate_swings", value: swing, on: 2.5, off: 1.7, after: 15 * time.Second,
		say: says("The bit rate breaks down again and again: set a lower one in the encoder, or use a better connection."),
	},
	{
		code: "uneven", value: unevenness, on: 150, off: 80, after: 10 * time.Second,
		say: func(_ facts, v float64) string {
			return fmt.Sprintf("Media arrive unevenly, up to %s late: use a cable instead of Wi-Fi, lower the bit rate, or relieve the encoder's computer.", millis(v))
		},
	},
	{
		code: "source_behind", value: func(f facts) float64 { return f.tooShort(f.sourceLag()) }, on: 1, off: 0.95, after: 10 * time.Second,
		say: func(f facts, v float64) string {
			return fmt.Sprintf("The stream that is fetched comes too late for a latency of %s s: set the channel's latency to %s s or more.",
				decimal(f.latency.Seconds()), f.enough(v))
		},
	},
	{
		code: "rendition_late", on: 4, off: 4, after: 5 * time.Second,
		value: func(f facts) float64 { return f.latest().Late.Seconds() },
		say: func(f facts, v float64) string {
			return fmt.Sprintf("Rendition %s comes %s s after the first one, so nobody sees it: %s.", f.latest().Name, decimal(v), f.fasterRendition())
		},
	},
	{
		code: "ladder_latency", value: func(f facts) float64 { return f.tooShort(f.ladderLag) }, on: 1, off: 0.95, after: 10 * time.Second,
		say: func(f facts, v float64) string {
			return fmt.Sprintf("Renditions made by this server come too late for a latency of %s s: set the channel's latency to %s s or more.",
				decimal(f.latency.Seconds()), f.enough(v))
		},
	},
	{
		// ffmpeg's MPEG-TS, which OBS uses for SRT too, gathers 128 kbit/s of AAC
		// for up to 170 ms.
		code: "sound_late", on: 250, off: 200, after: 10 * time.Second,
		value: func(f facts) float64 { return max(0, f.avOffset()) },
		say: func(f facts, v float64) string {
			return fmt.Sprintf("Sound arrives %s after its picture: %s.", millis(v), soundSetting(f))
		},
	},
	{
		code: "sound_early", on: 150, off: 100, after: 10 * time.Second,
		value: func(f facts) float64 { return max(0, -f.avOffset()) },
		say: func(_ facts, v float64) string {
			return fmt.Sprintf("Sound arrives %s before its picture: set a faster preset and no look-ahead in the video encoder.", millis(v))
		},
	},
	{
		code: "acquiring", after: time.Minute,
		value: has(func(f facts) bool { return f.timeline.State == timeline.Acquiring }),
		say:   says("The encoder's clock is still uncertain after a minute: use a steadier connection before you take cues."),
	},
	{
		code: "clock_off", value: drift, on: 100, off: 80, after: 30 * time.Second,
		say: sayDrift,
	},
	{
		code: "codec_video", value: has(func(f facts) bool { return f.onlyVideo("HEVC") || f.onlyVideo("AV1") }),
		say: func(f facts, _ float64) string {
			return fmt.Sprintf("Some browsers cannot play %s: send H.264, or set renditions for this channel.", f.codec(media.Video))
		},
	},
	{
		code: "codec_audio", value: has(func(f facts) bool { return f.codec(media.Audio) == "Opus" && f.info.Protocol != "whip" }),
		say: says("Some Apple devices cannot play Opus: set the audio encoder to AAC."),
	},
	{
		code: "bitrate_high", value: heavy, on: 12, off: 11, after: 10 * time.Second,
		say: func(_ facts, v float64) string {
			return fmt.Sprintf("%s Mbit/s is more than many viewers can receive: set 6 Mbit/s or less, or set renditions for this channel.", decimal(v))
		},
	},
	{
		code: "frame_rate_low", on: 1.01, off: 0.95, after: 10 * time.Second,
		value: func(f facts) float64 { return slowness(f.media.FrameRate) },
		say: func(_ facts, v float64) string {
			return fmt.Sprintf("Only %s pictures a second arrive: set 25 or more in the encoder (OBS: Settings → Video), or relieve its computer.", decimal(lowestRate/v))
		},
	},
	{
		code: "size_odd", value: has(func(f facts) bool { return f.media.Width%2 != 0 || f.media.Height%2 != 0 }),
		say: func(f facts, _ float64) string {
			return fmt.Sprintf("%d×%d is an odd size, which some devices show with a green edge: set even numbers in the encoder (OBS: Settings → Video).",
				f.media.Width, f.media.Height)
		},
	},
	{
		code: "reorder", on: 40, off: 30, after: 3 * time.Second,
		value: func(f facts) float64 { return float64(f.reorder()) / float64(time.Millisecond) },
		say: func(f facts, v float64) string {
			return fmt.Sprintf("B-frames add %s: %s.", millis(v), reorderSetting(f))
		},
	},
}

// has makes a rule's value of a statement that holds or not.
func has(holds func(f facts) bool) func(f facts) float64 {
	return func(f facts) float64 {
		if holds(f) {
			return 1
		}
		return 0
	}
}

func says(text string) func(facts, float64) string {
	return func(facts, float64) string { return text }
}

func stalledFor(f facts) float64 {
	if f.idle < staleAfter {
		return 0
	}
	return f.idle.Seconds()
}

// carries says whether the session has a track of the kind.
func (f facts) carries(kind media.Kind) bool { return f.codec(kind) != "" }

// codec is the name of the first track of the kind.
func (f facts) codec(kind media.Kind) string {
	for _, t := range f.tracks {
		if t.Codec.Kind() == kind {
			return t.Codec.Name()
		}
	}
	return ""
}

// onlyVideo says whether all pictures are coded like this. A ladder's are H.264.
func (f facts) onlyVideo(name string) bool {
	other := slices.ContainsFunc(f.tracks, func(t media.Track) bool {
		return t.Codec.Kind() == media.Video && t.Codec.Name() != name
	})
	return f.carries(media.Video) && !other && f.ladder == nil
}

// stopped is about a kind of track that had come and does no longer, while
// others still do.
func stopped(kind media.Kind) func(f facts) float64 {
	return has(func(f facts) bool {
		kinds := make(map[int]media.Kind)
		for _, t := range f.tracks {
			kinds[t.ID] = t.Codec.Kind()
		}
		gone, others := false, 0
		for _, t := range f.ingest.Tracks {
			if kinds[t.ID] != kind {
				others += t.Bitrate
				continue
			}
			if t.Bitrate > 0 {
				return false
			}
			gone = gone || t.Frames > 0
		}
		return gone && others > 0
	})
}

func withoutKeyFrames(f facts) float64 {
	if !f.carries(media.Video) || f.gop() > 0 {
		return 0
	}
	return f.uptime().Seconds()
}

// rareness is the key-frame interval in segments. Over WHIP this server asks for
// key frames, and an encoder may take its time.
func rareness(f facts) float64 {
	segments := f.gop().Seconds() / f.segment.Seconds()
	if f.info.Protocol == "whip" && segments < 2 {
		return 0
	}
	return segments
}

// roundTripsShort is how many times too short SRT's buffer is for four round
// trips, the time in which a lost packet can be asked for again.
func roundTripsShort(f facts) float64 {
	l := f.ingest.Link
	if f.info.Protocol != "srt" || l.Latency <= 0 {
		return 0
	}
	return 4 * float64(l.RTT) / float64(l.Latency)
}

// starved is how far below a picture's lowest bit rate the last ten seconds were.
func starved(f facts) float64 {
	const lowest = 32_000
	if !f.carries(media.Video) || len(f.ingest.Bitrates) < 5 {
		return 0
	}
	return lowest / max(1, mean(f.ingest.Bitrates))
}

// swing compares the middle of the last ten seconds' bit rates with the lowest,
// each taken over whole key-frame intervals.
func swing(f facts) float64 {
	span := int(math.Ceil(f.gop().Seconds() - 0.1))
	rates := f.ingest.Bitrates
	if span < 1 || span > 5 || len(rates) < 10 || f.info.Protocol == "hls" {
		return 0
	}
	var sums []float64
	for i := range len(rates) - span + 1 {
		sums = append(sums, mean(rates[i:i+span]))
	}
	slices.Sort(sums)
	return sums[len(sums)/2] / max(1, sums[0])
}

// unevenness is how late media arrives, in ms, beyond what sound is always later
// than its picture, or earlier. Over HLS media comes in pieces, which is as it
// should be.
func unevenness(f facts) float64 {
	if f.info.Protocol == "hls" {
		return 0
	}
	return max(0, float64(f.timeline.Jitter)/float64(time.Millisecond)-math.Abs(f.avOffset()))
}

// ladderLatency is what decoding, encoding and one more part take, beside the
// player's own buffer.
const ladderLatency = 3 * time.Second

// playerReserve is what a player needs beyond a part: its request, and half a
// second of media at hand.
const playerReserve = 600 * time.Millisecond

// tooShort is the least latency at which players keep up with media that come
// this late, against the channel's: 1 is just enough.
func (f facts) tooShort(lag time.Duration) float64 {
	if lag <= 0 || f.latency <= 0 {
		return 0
	}
	return (lag + f.part + playerReserve).Seconds() / f.latency.Seconds()
}

// enough is the latency to set, in steps of half a second.
func (f facts) enough(tooShort float64) string {
	return decimal(math.Ceil(2*tooShort*f.latency.Seconds()) / 2)
}

// latest is the rendition that comes latest of those that come too late to be
// shown, the zero value if none does.
func (f facts) latest() (late packager.RenditionStats) {
	for _, r := range f.media.Renditions {
		if r.Late > late.Late {
			late = r
		}
	}
	return late
}

func (f facts) fasterRendition() string {
	if f.latest().Derived {
		return "make fewer or smaller renditions, or use a faster machine"
	}
	return "set a faster preset and no look-ahead in its encoder, or send fewer renditions"
}

// sourceLag is how late a stream comes that is fetched.
func (f facts) sourceLag() time.Duration {
	if f.info.Protocol != "hls" {
		return 0
	}
	return f.behind
}

// avOffset is how much later than its picture sound arrives, in ms.
func (f facts) avOffset() float64 {
	if !f.ingest.HasAVOffset {
		return 0
	}
	return float64(f.ingest.AVOffset) / float64(time.Millisecond)
}

func drift(f facts) float64 {
	if f.timeline.State != timeline.Locked {
		return 0
	}
	return math.Abs(f.timeline.PPM)
}

// heavy is the bit rate of the only rendition, in Mbit/s.
func heavy(f facts) float64 {
	videos := 0
	for _, t := range f.tracks {
		if t.Codec.Kind() == media.Video {
			videos++
		}
	}
	if videos != 1 || f.ladder != nil {
		return 0
	}
	return f.bitrate() / 1e6
}

// lowestRate is the fewest pictures a second that look like motion.
const lowestRate = 20

func slowness(rate float64) float64 {
	if rate <= 0 {
		return 0
	}
	return lowestRate / rate
}
