package loadgen_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/loadgen"
)

func TestPeak(t *testing.T) {
	sent := time.Unix(1000, 0)
	look := func(after time.Duration, lag float64, tallies float64) loadgen.Looks {
		return loadgen.Looks{loadgen.Look(sent.Add(after), lag, map[string]float64{"tally": tallies, "presence": 4})}
	}
	var looks loadgen.Looks
	for _, more := range []loadgen.Looks{
		look(-200*time.Millisecond, 0, 7), look(-50*time.Millisecond, 0.6, 7), look(150*time.Millisecond, 0.3, 9), look(200*time.Millisecond, 0.2, 10),
	} {
		looks = append(looks, more...)
	}
	p := loadgen.PeakReport{Shed: make(map[string]int)}
	p.AddPeak(looks, sent)
	if p.Lag != 600 || p.Recovered != 150 || p.Looks != 4 || !maps.Equal(p.Shed, map[string]int{"tally": 3}) {
		t.Errorf("LG12 a peak with 600 ms of lag, over after 150 ms, with 3 tallies put off, is %+v", p)
	}
	p = loadgen.PeakReport{Shed: make(map[string]int)}
	p.AddPeak(look(time.Second, 0.25, 7), sent)
	p.AddPeak(nil, sent)
	if p.Recovered != 0 || p.Looks != 1 || len(p.Shed) != 0 {
		t.Errorf("LG12 a server that keeps up recovers in %v ms: %+v", p.Recovered, p)
	}
}

func TestCopingOfMetrics(t *testing.T) {
	shed := make(map[string]float64)
	lag, err := loadgen.CopingOf(strings.NewReader("# HELP x y\ncuelight_gateway_write_lag_seconds 0.125\nother 1\n"+
		"cuelight_gateway_shed_total{kind=\"tally\"} 3\ncuelight_gateway_shed_total{kind=\"presence\"} 1e+03\n"), shed)
	if err != nil || lag != 0.125 || shed["tally"] != 3 || shed["presence"] != 1000 {
		t.Errorf("LG12 the server is %v s behind and has shed %v, %v", lag, shed, err)
	}
	if _, err := loadgen.CopingOf(strings.NewReader("cuelight_gateway_write_lag_seconds x\n"), shed); err == nil {
		t.Error("LG12 a lag of x is one")
	}
}
