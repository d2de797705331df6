package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/cuelight/cuelight/packager/origin"
)

// newMetrics registers what the parts count. They count for themselves; the
// numbers are only read here, when somebody asks.
func newMetrics(srv *server, media *origin.Origin) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{srv: srv, media: media},
	)
	return reg
}

// meter sends one number.
type meter func(d *prometheus.Desc, v float64, labels ...string)

// collector reads every part's counters.
type collector struct {
	srv   *server
	media *origin.Origin
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("cuelight_"+name, help, labels, nil)
}

var (
	descConnections  = desc("gateway_connections", "Open sockets.")
	descViewers      = desc("gateway_viewers", "Viewers connected.", "channel")
	descClosed       = desc("gateway_closed_total", "Sockets the server closed, by close code.", "code")
	descHeld         = desc("origin_held_requests", "Requests that wait for media.")
	descHeldRefused  = desc("origin_refused_total", "Requests that found too many waiting.")
	descCrowded      = desc("origin_crowded_total", "Requests that found too many of their address waiting.")
	descDenied       = desc("origin_denied_total", "Requests without a valid token or path.")
	descSlow         = desc("origin_slow_total", "Answers given up because the viewer did not read.")
	descLive         = desc("channel_live", "Whether media arrives.", "channel")
	descBitrate      = desc("channel_bitrate_bits_per_second", "Media rate of all renditions over the last seconds.", "channel")
	descCounted      = desc("answers_counted_total", "Answers counted.", "channel")
	descAPIRefused   = desc("api_refused_total", "Requests to the API that were refused, by code.", "code")
	descRefusedCount = desc("answers_refused_total", "Answers refused, by code.", "channel", "code")
	descCommits      = desc("log_commits_total", "Batches written to the log.", "channel")
	descCommitErrors = desc("log_commit_errors_total", "Batches that could not be written.", "channel")
)

// Describe sends nothing: the collector is unchecked, since its channels are
// known only when it runs.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect reads all counters.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	var gauge, total meter = func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}, func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	c.srv.clock.collect(gauge)
	sockets := c.srv.gateway.Stats()
	gauge(descConnections, float64(sockets.Connections))
	for code, n := range sockets.Closed {
		total(descClosed, float64(n), code.String())
	}
	held := c.media.Stats()
	gauge(descHeld, float64(held.Held))
	total(descHeldRefused, float64(held.Refused))
	total(descCrowded, float64(held.Crowded))
	total(descDenied, float64(held.Denied))
	total(descSlow, float64(held.Slow))
	collectGraces(sockets, total)
	collectLoad(c.srv.gateway.Load(), gauge, total)
	collectReturns(sockets, total)
	collectTenants(sockets, gauge, total)
	for code, n := range c.srv.api.Refused() {
		total(descAPIRefused, float64(n), string(code))
	}
	collectStreams(c.srv.streams.Stats(), gauge, total)
	collectPublishers(c.srv.registry.Counters(), gauge, total)
	if c.srv.cluster != nil {
		c.srv.cluster.collect(gauge, total)
	}
	for _, name := range c.srv.settings.sortedChannels() {
		c.collectChannel(name, gauge, total)
	}
}

// collectTimeout bounds how long a busy room may keep a scrape waiting.
const collectTimeout = time.Second

func (c *collector) collectChannel(name string, gauge, total meter) {
	gauge(descViewers, float64(c.srv.gateway.Viewers(name)), name)
	ch := c.srv.channels[name]
	f := ch.facts(c.srv.latency(name))
	gauge(descLive, truth(f.live), name)
	gauge(descBitrate, f.mediaBitrate(), name)
	collectTimeline(name, f, gauge, total)
	collectSession(name, f, gauge, total)
	if a := c.srv.archives[name]; a != nil {
		collectArchive(name, a.Stats(), gauge, total)
	}
	for _, a := range ch.advice(f) {
		gauge(descAdvice, 1, name, a.code)
	}
	if c.srv.cluster != nil {
		c.srv.cluster.collectSeat(name, gauge, total)
		return
	}
	if r := c.srv.recorders[name]; r != nil {
		collectHistory(name, r.Health(), gauge, total)
	}
	room, ok := c.srv.engine.Room(name)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	counts, err := room.Counts(ctx)
	if err != nil {
		return // the server is stopping
	}
	total(descCounted, float64(counts.Counted), name)
	total(descCommits, float64(counts.Commits), name)
	total(descCommitErrors, float64(counts.CommitErrors), name)
	collectLog(name, counts, total)
	collectTogether(name, counts, c.srv.latency(name), gauge, total)
	for code, n := range counts.Refused {
		total(descRefusedCount, float64(n), name, string(code))
	}
}
