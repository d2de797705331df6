// Command capacity prints what an audience of a thousand to a million takes, by
// what was measured, and the simulated burst of each plan.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cuelight/cuelight/internal/capacity"
)

func main() {
	audiences := flag.String("viewers", "1000,10000,100000,1000000", "audiences, separated by commas")
	seed := flag.Uint64("seed", 1, "makes the simulated people repeatable")
	target := capacity.DefaultTarget
	flag.IntVar(&target.Cores, "cores", target.Cores, "cores of a gateway's machine")
	flag.Float64Var(&target.Busy, "busy", target.Busy, "how much of a core may be used in the busiest second")
	flag.Parse()
	if err := run(*audiences, *seed, target); err != nil {
		fmt.Fprintln(os.Stderr, "capacity:", err)
		os.Exit(2)
	}
}

func run(audiences string, seed uint64, target capacity.Target) error {
	fmt.Println("| viewers | answers/s | gateways × processes | cores | memory of a gateway | Redis primaries | Redis memory, a cue | down / up | simulated p50 / p99 / max | busiest core, Redis |")
	fmt.Println("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	var arithmetic []string
	for _, text := range strings.Split(audiences, ",") {
		viewers, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return fmt.Errorf("-viewers: %q is no number", text)
		}
		p, err := capacity.Make(viewers, capacity.Measured, target)
		if err != nil {
			return err
		}
		o := p.Simulate(capacity.People, seed)
		fmt.Printf("| %d | %d | %d × %d | %d | %.2f GB | %d | %.2f GB | %.2f / %.3f Gbit/s | %s / %s / %s | %.0f %%, %.0f %% |\n",
			viewers, p.Answers, p.Gateways, p.Processes, p.Gateways*target.Cores, float64(p.Memory)/1e9, p.Redis, float64(p.RedisMemory)/1e9,
			p.Down/1e9, p.Up/1e9, ms(o.P50), ms(o.P99), ms(o.Max), 100*o.Gateway, 100*o.Redis)
		arithmetic = append(arithmetic, "", fmt.Sprintf("%d viewers:", viewers))
		for _, line := range p.Arithmetic() {
			arithmetic = append(arithmetic, "- "+line)
		}
	}
	fmt.Println(strings.Join(arithmetic, "\n"))
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }
