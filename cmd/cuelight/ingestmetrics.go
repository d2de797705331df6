package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/sync/timeline"
)

var (
	descPublishers = desc("ingest_publishers", "Publishers admitted now.")
	descAdmitted   = desc("ingest_admitted_total", "Publishers whose media began.")
	descRefusedPub = desc("ingest_refused_total", "Publishers refused, by reason.", "code")
	descCut        = desc("ingest_cut_total", "Publishers whom the server ended, by reason; replaced is a takeover.", "code")
	descStalls     = desc("ingest_stalls_total", "Times that a publisher sent no media for 3 s.")
	descBytes      = desc("ingest_received_bytes_total", "Read from publishers, with overhead.")
	descFrames     = desc("ingest_frames_total", "Frames taken.")
	descBadFrames  = desc("ingest_frames_dropped_total", "Frames not taken: timestamps, or before the first key frame.")

	descUptime      = ofSession("uptime_seconds", "Since the publisher came.")
	descInBitrate   = ofSession("bitrate_bits_per_second", "Read from the publisher over the last seconds.")
	descFrameRate   = ofSession("frames_per_second", "Pictures a second.")
	descGOP         = ofSession("key_frame_interval_seconds", "Between key frames.")
	descReorder     = ofSession("reorder_seconds", "Delay that B-frames add.")
	descAVOffset    = ofSession("av_offset_seconds", "How much later than its picture sound arrives.")
	descIdle        = ofSession("idle_seconds", "Since media arrived.")
	descStalled     = ofSession("stalled", "Whether no media has arrived for 3 s.")
	descSilent      = ofSession("silent_seconds", "How long the sound has been digital silence.")
	descRTT         = ofSession("rtt_seconds", "Round trip to the publisher.")
	descLoss        = ofSession("loss_ratio", "Share of packets lost at the first try, over the last seconds.")
	descLinkLatency = ofSession("link_latency_seconds", "Receiver's buffer (SRT).")
	descLost        = ofSession("packets_lost_total", "Packets lost at the first try.")
	descRepeated    = ofSession("packets_retransmitted_total", "Packets sent again.")
	descNeverCame   = ofSession("packets_dropped_total", "Packets that never came in time.")

	descState    = desc("timeline_state", "1 for the state that the channel's timeline is in.", "channel", "state")
	descEpoch    = desc("timeline_epoch", "Publisher sessions on the channel's timeline.", "channel")
	descPPM      = desc("timeline_drift_ppm", "How much faster than the server's the encoder's clock runs.", "channel")
	descResidual = desc("timeline_residual_seconds", "p95 distance of clean arrivals from the timeline.", "channel")
	descJitter   = desc("timeline_jitter_seconds", "p95 of how late media arrives.", "channel")

	descAdvice = desc("channel_advice", "1 for each piece of advice that the broadcaster is given.", "channel", "code")

	descLadderCPU      = desc("ladder_cpu_cores", "Cores that the transcoder uses.", "channel")
	descLadderRestarts = desc("ladder_restarts_total", "Restarts of the transcoder in this session.", "channel")
	descLadderRunning  = desc("ladder_running", "Whether the transcoder runs.", "channel")
)

// ofSession describes a number of a channel's publisher. There is none while
// nobody publishes, and none for what the protocol does not know.
func ofSession(name, help string) *prometheus.Desc {
	return desc("ingest_"+name, help, "channel", "protocol")
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func collectPublishers(s ingest.Snapshot, gauge, total meter) {
	gauge(descPublishers, float64(s.Live))
	total(descAdmitted, float64(s.Admitted))
	total(descStalls, float64(s.Stalled))
	total(descBytes, float64(s.Bytes))
	total(descFrames, float64(s.Frames))
	total(descBadFrames, float64(s.Dropped))
	for code, n := range s.Refused {
		total(descRefusedPub, float64(n), string(code))
	}
	for code, n := range s.Cut {
		total(descCut, float64(n), string(code))
	}
}

var timelineStates = []timeline.State{timeline.Acquiring, timeline.Locked, timeline.Holdover, timeline.Lost}

func collectTimeline(channel string, f facts, gauge, total meter) {
	m := f.timeline
	for _, s := range timelineStates {
		gauge(descState, truth(m.State == s), channel, s.String())
	}
	gauge(descEpoch, float64(m.Epoch), channel)
	gauge(descPPM, m.PPM, channel)
	gauge(descResidual, m.Residual.Seconds(), channel)
	gauge(descJitter, m.Jitter.Seconds(), channel)
	if l := f.ladder; l != nil {
		gauge(descLadderCPU, l.CPU, channel)
		total(descLadderRestarts, float64(l.Restarts), channel)
		gauge(descLadderRunning, truth(l.State == "running"), channel)
	}
}

func collectSession(channel string, f facts, gauge, total meter) {
	if !f.on {
		return
	}
	tell := func(d *prometheus.Desc, v float64, known bool) {
		if known {
			gauge(d, v, channel, f.info.Protocol)
		}
	}
	tell(descUptime, f.uptime().Seconds(), true)
	tell(descInBitrate, f.bitrate(), true)
	tell(descFrameRate, f.media.FrameRate, f.media.FrameRate > 0)
	tell(descGOP, f.gop().Seconds(), f.gop() > 0)
	tell(descReorder, f.reorder().Seconds(), true)
	tell(descAVOffset, f.ingest.AVOffset.Seconds(), f.ingest.HasAVOffset)
	tell(descIdle, max(0, f.idle).Seconds(), true)
	tell(descStalled, truth(f.idle >= staleAfter), true)
	tell(descSilent, f.ingest.Silent.Seconds(), true)
	collectLink(channel, f, tell, total)
}

func collectLink(channel string, f facts, tell func(*prometheus.Desc, float64, bool), total meter) {
	l := f.ingest.Link
	tell(descRTT, l.RTT.Seconds(), l.RTT > 0)
	tell(descLoss, l.Loss, l.Loss >= 0)
	tell(descLinkLatency, l.Latency.Seconds(), l.Latency > 0)
	for _, c := range []struct {
		desc    *prometheus.Desc
		packets uint64
	}{{descLost, l.Lost}, {descRepeated, l.Retransmitted}, {descNeverCame, l.Dropped}} {
		if f.counts(c.packets) {
			total(c.desc, float64(c.packets), channel, f.info.Protocol)
		}
	}
}

// mediaBitrate is what goes out, 0 while nobody publishes.
func (f facts) mediaBitrate() float64 {
	if !f.on {
		return 0
	}
	return float64(f.media.Bitrate)
}
