package loadgen_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/loadgen"
)

func TestQuantiles(t *testing.T) {
	var micros []int64
	for i := range int64(100) {
		micros = append(micros, (100-i)*1000)
	}
	want := loadgen.Quantiles{P50: 50, P95: 95, P99: 99, Max: 100}
	if got := loadgen.QuantilesOf(micros); got != want {
		t.Errorf("LG4 1 to 100 ms are %v", got)
	}
	if got := loadgen.QuantilesOf([]int64{7000}); got != (loadgen.Quantiles{P50: 7, P95: 7, P99: 7, Max: 7}) {
		t.Errorf("LG4 7 ms are %v", got)
	}
	if got := loadgen.QuantilesOf(nil); got != (loadgen.Quantiles{}) {
		t.Errorf("LG4 nothing is %v", got)
	}
}

func TestUsageOfAProcess(t *testing.T) {
	files := map[string]string{
		"/proc/42/stat":   "42 (a ) b) S 1 42 42 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 9 0 100 200 300\n",
		"/proc/42/status": "Name:\ta\nVmPeak:\t  900 kB\nVmRSS:\t    2048 kB\n",
	}
	read := func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, errors.New("no such file")
	}
	u, err := loadgen.ProcessUsage(read, 42)
	if got := fmt.Sprint(u); err != nil || got != "{3000000000 2097152}" {
		t.Errorf("LG6 the process uses %s, %v", got, err)
	}
	if _, err := loadgen.ProcessUsage(read, 43); err == nil {
		t.Error("LG6 a process that is not there uses something")
	}
	for _, text := range []string{"", "42 (a) S 1", "42 (a) S 1 42 42 0 -1 4194560 1 2 3 4 x 50 0"} {
		if d, err := loadgen.StatTime(text); err == nil {
			t.Errorf("LG6 %q is %v", text, d)
		}
	}
	for _, text := range []string{"", "VmRSS:\tmuch\n", "VmRSS: 7 MB\n"} {
		if n, err := loadgen.StatusMemory(text); err == nil {
			t.Errorf("LG6 %q is %d", text, n)
		}
	}
}

func TestUsageByMetrics(t *testing.T) {
	cpu, memory, err := loadgen.MetricsOf(strings.NewReader("# HELP x y\nprocess_cpu_seconds_total 12.5\nother 1\nprocess_resident_memory_bytes 2.097152e+06\n"))
	if err != nil || cpu != 12500*time.Millisecond || memory != 2<<20 {
		t.Errorf("LG6 %v, %d, %v", cpu, memory, err)
	}
	for _, text := range []string{"", "process_cpu_seconds_total 1\n", "process_cpu_seconds_total a\n"} {
		if _, _, err := loadgen.MetricsOf(strings.NewReader(text)); err == nil {
			t.Errorf("LG6 %q says what is used", text)
		}
	}
	for in, want := range map[string]string{
		"": "", "127.0.0.1:9090": "http://127.0.0.1:9090/metrics", "https://a.example/": "https://a.example/metrics",
		"http://a.example/own/path": "http://a.example/own/path",
	} {
		if got := loadgen.MetricsFrom(in); got != want {
			t.Errorf("LG6 %q is read at %q, want %q", in, got, want)
		}
	}
}

func TestReconcile(t *testing.T) {
	cue := wire.Cue{ID: "c1", Choices: 2}
	worker := func(change func(*loadgen.Answered)) []*loadgen.Answered {
		a := &loadgen.Answered{Sent: 3, Receipts: 3, Counts: []uint64{2, 1}, Seqs: []uint64{4, 9, 7}}
		b := &loadgen.Answered{Sent: 1, Receipts: 1, Counts: []uint64{0, 1}, Seqs: []uint64{5}}
		change(b)
		return []*loadgen.Answered{a, b}
	}
	tally := wire.Tally{Cue: "c1", Counts: []uint64{2, 2}, Total: 4, Final: true}
	for _, tc := range []struct {
		name   string
		change func(*loadgen.Answered)
		tally  wire.Tally
		want   string
	}{
		{"LG1 all is well", func(*loadgen.Answered) {}, tally, ""},
		{"LG1 a receipt that was not counted", func(*loadgen.Answered) {}, wire.Tally{Counts: []uint64{2, 1}, Total: 3}, "4 receipts for cue c1, by option [2 2]; the final tally has counted 3"},
		{"LG1 counted elsewhere", func(*loadgen.Answered) {}, wire.Tally{Counts: []uint64{3, 1}, Total: 4}, "by option [3 1]"},
		{"LG1 a total of its own", func(*loadgen.Answered) {}, wire.Tally{Counts: []uint64{2, 2}, Total: 5}, "counted 5"},
		{"LG1 one number twice", func(a *loadgen.Answered) { a.Seqs[0] = 9 }, tally, "receipt number 9"},
		{"LG1 no reply", func(a *loadgen.Answered) { a.Lost = 2 }, tally, "2 answers to cue c1 have neither"},
		{"LG1 not told", func(a *loadgen.Answered) { a.Untold = 3 }, tally, "3 viewers never heard"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := loadgen.Reconcile(cue, worker(tc.change), tc.tally)
			if tc.want == "" && len(got) != 0 || tc.want != "" && (len(got) != 1 || !strings.Contains(got[0], tc.want)) {
				t.Errorf("differences %q, want one with %q", got, tc.want)
			}
		})
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	good := loadgen.Config{URL: "http://127.0.0.1:1", Channel: "show", Token: "t", Viewers: 10}
	if err := good.Validate(loadgen.Answers); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*loadgen.Config){
		"token:":     func(c *loadgen.Config) { c.Token = "" },
		"url:":       func(c *loadgen.Config) { c.URL = "localhost:8080" },
		"gateway:":   func(c *loadgen.Config) { c.Gateways = []string{"http://127.0.0.1:1", "node-2"} },
		"channel:":   func(c *loadgen.Config) { c.Channel = "" },
		"viewers:":   func(c *loadgen.Config) { c.Viewers = 0 },
		"processes:": func(c *loadgen.Config) { c.Viewers, c.Processes = 40_000, 2 },
		"codec:":     func(c *loadgen.Config) { c.Codec = "xml" },
		"share:":     func(c *loadgen.Config) { c.Share = 1.1 },
		"cues:":      func(c *loadgen.Config) { c.Cues = -1 },
		"window:":    func(c *loadgen.Config) { c.Window = time.Second },
		"ramp:":      func(c *loadgen.Config) { c.Ramp = -1 },
	} {
		c := good
		change(&c)
		if err := c.Validate(loadgen.Answers); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("LG7 %v, want %s…", err, want)
		}
	}
	if err := good.Validate("dance"); err == nil {
		t.Error("LG7 took a scenario that there is not")
	}
	good.Token = ""
	if err := good.Validate(loadgen.Connect); err != nil {
		t.Errorf("LG7 connecting needs no token, but: %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", loadgen.Token("secret"), loadgen.Config{Token: "secret"}, loadgen.Config{Token: "secret"}, loadgen.Token("secret")); strings.Contains(text, "secret") {
		t.Errorf("LG8 the token shows: %s", text)
	}
}
