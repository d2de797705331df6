package main

import (
	"time"

	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/gateway"
)

var (
	descGraces        = desc("gateway_grace_tokens_total", "Grace tokens that viewers came with, by result.", "result")
	descKeys          = desc("key_fetches_total", "Keys asked for over HTTP, by result.", "channel", "result")
	descOpeningsLost  = desc("openings_ignored_total", "Reports of openings that were repeated, implausible or too many.", "channel")
	descClosingsLost  = desc("closings_ignored_total", "Reports of closings that were repeated, implausible or of no cue on air.", "channel")
	descLatency       = desc("channel_latency_seconds", "Target latency.", "channel")
	descLatencyRaised = desc("channel_latency_raised_total", "Times that the target latency was raised by itself.", "channel")
)

func collectGraces(s gateway.Stats, total meter) {
	total(descGraces, float64(s.GoodGraces), "valid")
	total(descGraces, float64(s.BadGraces), "refused")
}

func collectTogether(name string, c engine.Counts, latency time.Duration, gauge, total meter) {
	gauge(descLatency, latency.Seconds(), name)
	total(descLatencyRaised, float64(c.LatencyRaised), name)
	total(descKeys, float64(c.KeysServed), name, "served")
	total(descKeys, float64(c.KeysEarly), name, "not_yet")
	total(descKeys, float64(c.KeysUnknown), name, "unknown")
	total(descOpeningsLost, float64(c.OpeningsIgnored), name)
	total(descClosingsLost, float64(c.ClosingsIgnored), name)
}
