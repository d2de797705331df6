package loadgen

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"
)

// Names of the metrics that say how a server copes.
const (
	metricLag  = "cuelight_gateway_write_lag_seconds"
	metricShed = "cuelight_gateway_shed_total"
)

const (
	// lookAtPeak is how often it is looked how the server copes.
	lookAtPeak = 50 * time.Millisecond
	// caughtUp is the lag up to which a server keeps up: it sheds nothing.
	caughtUp = 0.25
	// aftermath is for how long a server is looked at after the last reply.
	aftermath = time.Second
	// maxWatch is how long a poll takes beyond its window, at most.
	maxWatch = time.Minute
)

// PeakReport is how the server coped with bursts, by its own metrics.
type PeakReport struct {
	// Offered are answers sent in a second, from the first to the last.
	Offered float64 `json:"offered_per_second"`
	// Lag is for how long somebody waited to be written to, the longest, in ms.
	Lag float64 `json:"lag_ms"`
	// Shed are messages that were put off, by kind.
	Shed map[string]int `json:"shed,omitempty"`
	// Recovered is how long after the last answer was sent the server was seen
	// to be behind by more than 250 ms, the longest, in ms; never to be is zero.
	Recovered float64 `json:"recovered_ms"`
	// Looks is how often it was looked.
	Looks int `json:"looks"`
}

// coping is one look at a server.
type coping struct {
	at   time.Time
	lag  float64 // s
	shed map[string]float64
}

// watch looks at the server until ctx ends, and once more then.
func (m meter) watch(ctx context.Context) ([]coping, error) {
	var looks []coping
	for again := true; again; again = pause(ctx, lookAtPeak) {
		look, err := m.cope(context.WithoutCancel(ctx))
		if err != nil {
			return nil, fmt.Errorf("look how the server copes: %w", err)
		}
		looks = append(looks, look)
	}
	return looks, nil
}

func (m meter) cope(ctx context.Context) (coping, error) {
	look := coping{at: time.Now(), shed: make(map[string]float64)}
	err := m.fetch(ctx, func(r io.Reader) (err error) {
		look.lag, err = copingOf(r, look.shed)
		return err
	})
	return look, err
}

// copingOf reads metrics in Prometheus' text format.
func copingOf(r io.Reader, shed map[string]float64) (lag float64, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxMessage)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		metric, labels, _ := strings.Cut(name, "{")
		if metric != metricLag && metric != metricShed {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s: %w", metric, err)
		}
		if metric == metricLag {
			lag = value
		} else {
			shed[strings.Trim(strings.TrimPrefix(labels, "kind="), `"}`)] = value
		}
	}
	return lag, lines.Err()
}

// add takes in what was seen of one burst, whose last answer was first sent at
// lastSent.
func (p *PeakReport) add(looks []coping, lastSent time.Time) {
	p.Looks += len(looks)
	for _, look := range looks {
		p.Lag = max(p.Lag, look.lag*1000)
		if look.lag > caughtUp {
			p.Recovered = max(p.Recovered, float64(look.at.Sub(lastSent).Milliseconds()))
		}
	}
	if len(looks) == 0 {
		return
	}
	before, after := looks[0].shed, looks[len(looks)-1].shed
	for kind := range maps.Keys(after) {
		if n := int(after[kind] - before[kind]); n > 0 {
			p.Shed[kind] += n
		}
	}
}

func (p *PeakReport) write(line printer) {
	line("peak", "%.0f answers/s offered; the server wrote at most %.0f ms late (%d looks)", p.Offered, p.Lag, p.Looks)
	if len(p.Shed) > 0 {
		line("put off", "%s", tallied(p.Shed))
	}
	if p.Lag > caughtUp*1000 {
		line("recovered", "%.0f ms after the last answer was sent", p.Recovered)
	}
}
