package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/interact/wire"
)

// collected is a collector of what a function sends.
type collected func(gauge, total meter)

func (collected) Describe(chan<- *prometheus.Desc) {}

func (c collected) Collect(out chan<- prometheus.Metric) {
	send := func(kind prometheus.ValueType) meter {
		return func(d *prometheus.Desc, v float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(d, kind, v, labels...)
		}
	}
	c(send(prometheus.GaugeValue), send(prometheus.CounterValue))
}

// gather returns what Prometheus would read, by name and labels.
func gather(t *testing.T, c collected) map[string]float64 {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]float64)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := strings.TrimPrefix(family.GetName(), "cuelight_") + "{" + strings.Join(labels, ",") + "}"
			out[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return out
}

func sessionMetrics(t *testing.T, f facts) map[string]float64 {
	t.Helper()
	return gather(t, func(gauge, total meter) {
		collectTimeline("show", f, gauge, total)
		collectSession("show", f, gauge, total)
	})
}

func TestSessionMetrics(t *testing.T) {
	f := goodFacts()
	f.ingest.Link = ingest.Link{
		RTT: 42 * time.Millisecond, Loss: 0.02, Latency: 200 * time.Millisecond, Lost: 9, Retransmitted: 8, Dropped: 1,
	}
	f.ingest.Silent, f.idle = 31*time.Second, 4*time.Second
	f.ingest.Tracks[0].Reorder = 66 * time.Millisecond
	f.ladder = &wire.HealthLadder{State: "running", CPU: 1.5, Restarts: 2}
	got := sessionMetrics(t, f)
	const of = "{channel=show,protocol=srt}"
	want := map[string]float64{
		"ingest_uptime_seconds" + of:              300,
		"ingest_bitrate_bits_per_second" + of:     1_840_000,
		"ingest_frames_per_second" + of:           30,
		"ingest_key_frame_interval_seconds" + of:  2,
		"ingest_reorder_seconds" + of:             0.066,
		"ingest_av_offset_seconds" + of:           0.012,
		"ingest_idle_seconds" + of:                4,
		"ingest_stalled" + of:                     1,
		"ingest_silent_seconds" + of:              31,
		"ingest_rtt_seconds" + of:                 0.042,
		"ingest_loss_ratio" + of:                  0.02,
		"ingest_link_latency_seconds" + of:        0.2,
		"ingest_packets_lost_total" + of:          9,
		"ingest_packets_retransmitted_total" + of: 8,
		"ingest_packets_dropped_total" + of:       1,

		"timeline_state{channel=show,state=acquiring}": 0,
		"timeline_state{channel=show,state=locked}":    1,
		"timeline_state{channel=show,state=holdover}":  0,
		"timeline_state{channel=show,state=lost}":      0,
		"timeline_epoch{channel=show}":                 0,
		"timeline_drift_ppm{channel=show}":             -12,
		"timeline_residual_seconds{channel=show}":      0.002,
		"timeline_jitter_seconds{channel=show}":        0.009,
		"ladder_cpu_cores{channel=show}":               1.5,
		"ladder_restarts_total{channel=show}":          2,
		"ladder_running{channel=show}":                 1,
	}
	for name, v := range want {
		if g, ok := got[name]; !ok || g != v {
			t.Errorf("%s = %v (there: %v), want %v", name, g, ok, v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d numbers, want %d: %v", len(got), len(want), got)
	}
}

func TestMetricsOfWhatIsNotKnown(t *testing.T) {
	f := goodFacts()
	f.ingest.Link = ingest.Link{Loss: -1}
	f.ingest.HasAVOffset = false
	f.media.GOP, f.ingest.Tracks[0].GOP, f.media.FrameRate = 0, 0, 0
	for name := range sessionMetrics(t, f) {
		for _, unknown := range []string{"rtt", "loss", "link", "packets", "av_offset", "key_frame", "frames_per", "ladder"} {
			if strings.Contains(name, unknown) {
				t.Errorf("%s although it is not known", name)
			}
		}
	}
	f.on = false
	for name := range sessionMetrics(t, f) {
		if strings.HasPrefix(name, "ingest_") {
			t.Errorf("%s although nobody publishes", name)
		}
	}
}

func TestPublisherMetrics(t *testing.T) {
	got := gather(t, func(gauge, total meter) {
		collectPublishers(ingest.Snapshot{
			Live: 2, Admitted: 5, Bytes: 1 << 20, Frames: 900, Dropped: 3, Stalled: 4,
			Refused: map[ingest.Code]uint64{ingest.CodeWrongKey: 7},
			Cut:     map[ingest.Code]uint64{ingest.CodeReplaced: 1},
		}, gauge, total)
	})
	for name, want := range map[string]float64{
		"ingest_publishers{}": 2, "ingest_admitted_total{}": 5, "ingest_received_bytes_total{}": 1 << 20, "ingest_frames_total{}": 900,
		"ingest_frames_dropped_total{}": 3, "ingest_stalls_total{}": 4, "ingest_refused_total{code=wrong_key}": 7, "ingest_cut_total{code=replaced}": 1,
	} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
}

// TestMetricsAreDocumented looks for every name and every code of advice in the
// manual.
func TestMetricsAreDocumented(t *testing.T) {
	manual, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	descriptor := regexp.MustCompile(`desc\("(\w+)",`)
	session := regexp.MustCompile(`ofSession\("(\w+)"`)
	names := 0
	for _, file := range []string{"metrics.go", "ingestmetrics.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range descriptor.FindAllSubmatch(text, -1) {
			names++
			mustName(t, manual, "cuelight_"+string(m[1]))
		}
		for _, m := range session.FindAllSubmatch(text, -1) {
			names++
			mustName(t, manual, "cuelight_ingest_"+string(m[1]))
		}
	}
	if names < 40 {
		t.Errorf("found only %d names", names)
	}
	mustName(t, manual, codeSource)
	for _, r := range rules {
		mustName(t, manual, r.code)
	}
}

func mustName(t *testing.T, manual []byte, name string) {
	t.Helper()
	if !strings.Contains(string(manual), "`"+name+"`") {
		t.Errorf("`%s` is not in docs/operating.md", name)
	}
}
