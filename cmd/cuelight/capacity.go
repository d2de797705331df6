package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/gateway"
)

// capacitySettings are how much this machine is to take. Zero means the
// default of docs/cuelight.yaml.
type capacitySettings struct {
	// Sockets are viewers and producers connected at once, PerAddress those of
	// one address.
	Sockets    int `yaml:"sockets"`
	PerAddress int `yaml:"per_address"`
	// Handshakes are connections let in a second; 0 goes by the cores.
	Handshakes int `yaml:"handshakes"`
	// Answers are taken a second: when a cue brings more, viewers spread them.
	Answers int `yaml:"answers"`
}

// Bounds of the capacity.
const (
	maxSockets    = 1_000_000
	maxHandshakes = 100_000
	minAnswers    = 100
	maxAnswers    = 10_000_000
)

func (c *capacitySettings) setDefaults() {
	c.Sockets = cmp.Or(c.Sockets, 18_000)
	c.PerAddress = cmp.Or(c.PerAddress, 200)
	c.Answers = cmp.Or(c.Answers, 20_000)
}

func (c capacitySettings) validate() error {
	var errs []error
	for _, f := range []struct {
		name           string
		n, least, most int
	}{
		{"sockets", c.Sockets, 1, maxSockets},
		{"per_address", c.PerAddress, 1, maxSockets},
		{"handshakes", c.Handshakes, 0, maxHandshakes},
		{"answers", c.Answers, minAnswers, maxAnswers},
	} {
		if f.n < f.least || f.n > f.most {
			errs = append(errs, fmt.Errorf("capacity.%s: %d is not between %d and %d", f.name, f.n, f.least, f.most))
		}
	}
	return errors.Join(errs...)
}

// limits are those of the gateway.
func (c capacitySettings) limits() gateway.Limits {
	return gateway.Limits{
		Connections: c.Sockets, PerAddress: c.PerAddress, PerLoopback: max(c.Sockets, c.PerAddress), Handshakes: c.Handshakes,
	}
}

var (
	descOperating      = desc("gateway_operating_load", "How much of what this node can do is in use, 0 to 1, by what bounds it.", "bound")
	descOperatingWas   = desc("gateway_operating_load_minute", "The same over the last minute.", "quantile")
	descConnectionsMax = desc("gateway_connections_max", "Most sockets there ever were.")
	descRate           = desc("gateway_rate", "Messages from and to clients, answers and handshakes in the last second.", "kind")
	descRateMax        = desc("gateway_rate_max", "Highest of these there ever were.", "kind")

	descLag         = desc("gateway_write_lag_seconds", "For how long somebody has been waiting to be written to.")
	descJoining     = desc("gateway_joining", "Sockets that have not been welcomed yet.")
	descTurnedAway  = desc("gateway_turned_away_total", "Connections not let in: too many at once (rush, crowd, busy), or sent too much before (barred).", "why")
	descReturned    = desc("gateway_returned_total", "Viewers that came back with a place in the log: told what they missed (resumed), or everything (reset).", "how")
	descGuesses     = desc("gateway_guesses_total", "PINs and links that were wrong, and hellos refused because of too many of them.", "result")
	descShed        = desc("gateway_shed_total", "Messages to viewers or producers not sent because writing was behind, by kind.", "kind")
	descChanged     = desc("answers_changed_total", "Answers that took the place of an earlier one of the same participant.", "channel")
	descCompactions = desc("log_compactions_total", "Times that the log was compacted.", "channel")
)

// collectLoad tells what the gateway does to stay on its feet.
func collectLoad(l gateway.Load, gauge, total func(*prometheus.Desc, float64, ...string)) {
	gauge(descLag, l.Lag.Seconds())
	gauge(descJoining, float64(l.Joining))
	o := l.Operating
	gauge(descOperating, o.Now, o.Bound)
	for quantile, v := range map[string]float64{"0.5": o.P50, "0.95": o.P95, "1": o.Max} {
		gauge(descOperatingWas, v, quantile)
	}
	gauge(descConnectionsMax, float64(l.MaxConnections))
	for kind, v := range map[string][2]float64{
		"in": {l.Rates.In, l.MaxRates.In}, "out": {l.Rates.Out, l.MaxRates.Out},
		"answers": {l.Rates.Answers, l.MaxRates.Answers}, "handshakes": {l.Rates.Handshakes, l.MaxRates.Handshakes},
	} {
		gauge(descRate, v[0], kind)
		gauge(descRateMax, v[1], kind)
	}
	for why, n := range map[string]uint64{"rush": l.RefusedRush, "crowd": l.RefusedCrowd, "busy": l.Busy, "barred": l.Barred} {
		total(descTurnedAway, float64(n), why)
	}
	for kind, n := range map[string]uint64{"tally": l.ShedTallies, "presence": l.ShedPresence} {
		total(descShed, float64(n), kind)
	}
}

// collectReturns tells how viewers came back, and who tried to come in.
func collectReturns(s gateway.Stats, total func(*prometheus.Desc, float64, ...string)) {
	total(descReturned, float64(s.Resumed), "resumed")
	total(descReturned, float64(s.Reset), "reset")
	total(descGuesses, float64(s.Guesses), "wrong")
	total(descGuesses, float64(s.GuessesBarred), "barred")
}

// collectLog tells what became of a channel's answers in its log.
func collectLog(name string, counts engine.Counts, total func(*prometheus.Desc, float64, ...string)) {
	total(descChanged, float64(counts.Changed), name)
	total(descCompactions, float64(counts.Compactions), name)
}
