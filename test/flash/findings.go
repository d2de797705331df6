package main

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"time"

	"github.com/cuelight/cuelight/internal/loadgen"
)

// findings are what became of the crowd.
type findings struct {
	Gateways int             `json:"gateways"`
	Viewers  int             `json:"viewers"`
	Level    string          `json:"level"`
	Fsync    string          `json:"appendfsync"`
	Cores    int             `json:"cores"`
	Report   *loadgen.Report `json:"report"`
	// Drain is from the last answer sent to the last reply, in ms.
	Drain float64 `json:"drain_ms"`
	// Used is the CPU time of each process from the first answer to half a second
	// after the last reply, in µs an answer. The generator's is its own.
	Used      []used  `json:"used"`
	Server    float64 `json:"server_cpu_us"`
	Generator float64 `json:"generator_cpu_us"`
	// Memory is what a connected viewer takes of its gateway, in bytes.
	Memory int64 `json:"memory_bytes"`
}

type used struct {
	Name   string  `json:"name"`
	Micros float64 `json:"cpu_us_per_answer"`
	Share  float64 `json:"share_of_a_core"` // while answers were under way
	Memory int64   `json:"memory_bytes"`
}

// after the last reply what a process does still belongs to the burst.
const after = 500 * time.Millisecond

func newFindings(s settings, r *loadgen.Report, looks series) *findings {
	f := &findings{Gateways: s.gateways, Viewers: r.Viewers, Level: s.level, Fsync: s.appendfsync(), Cores: runtime.NumCPU(), Report: r}
	a := r.Answers
	if a == nil || a.Sent == 0 || a.Last == 0 {
		return f
	}
	first, sent, last := time.Unix(0, a.First), time.Unix(0, a.LastSent), time.Unix(0, a.Last)
	f.Drain = float64(last.Sub(sent).Microseconds()) / 1000
	f.Generator = a.OwnCPU
	now := looks.at(last)
	for i, d := range looks.between(first, last.Add(after)) {
		u := used{
			Name: looks.processes[i].Name, Micros: float64(d.Microseconds()) / float64(a.Sent) * float64(a.Polls),
			Share: d.Seconds() / last.Sub(first).Seconds(), Memory: now.memory[i],
		}
		f.Used = append(f.Used, u)
		f.Server += u.Micros
	}
	var resident int64
	for i, p := range looks.processes {
		if i > 1 {
			resident += now.memory[i] - looks.looks[0].memory[i]
		}
		_ = p
	}
	f.Memory = resident / int64(r.Viewers)
	return f
}

// busy is how much of a core may be used if replies are to come at once: beyond
// it queues grow.
const busy = 0.5

// cores is how many take this crowd's answers within a second.
func (f *findings) cores() float64 {
	return math.Ceil(f.Server * 1e-6 * float64(f.Report.Answers.Sent) / float64(f.Report.Answers.Polls) / busy)
}

func (f *findings) write(w io.Writer) {
	line := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	a := f.Report.Answers
	line("\nFlash crowd: %d viewers on %d gateway processes, level %s (appendfsync %s), %d cores for everything, the crowd included\n", f.Viewers, f.Gateways, f.Level, f.Fsync, f.Cores)
	if a == nil || a.Sent == 0 {
		line("nobody answered")
		return
	}
	line("| | |\n| --- | ---: |")
	line("| answers sent, receipts | %d, %d |", a.Sent, a.Receipts)
	line("| receipts that differ from the tally | %d |", f.Report.Differing)
	line("| sent again, refused for now | %d, %d |", a.Retries, total(a.Refused))
	line("| connections that ended | %d |", a.Left)
	line("| receipt after, p50 / p99 / max | %.0f / %.0f / %.0f ms |", a.Receipt.P50, a.Receipt.P99, a.Receipt.Max)
	line("| the crowd behind its own timing, p99 | %.0f ms |", a.Behind.P99)
	line("| last reply after the last answer was sent | %.0f ms |", f.Drain)
	line("| answers a second, first sent to last reply | %.0f |", a.Rate)
	line("| memory of a connected viewer | %.1f KB |", float64(f.Memory)/1024)
	line("\n| process | CPU an answer | of a core meanwhile | memory |\n| --- | ---: | ---: | ---: |")
	for _, u := range f.Used {
		line("| %s | %.2f µs | %.0f %% | %.0f MB |", u.Name, u.Micros, 100*u.Share, float64(u.Memory)/1e6)
	}
	line("| all of them | %.2f µs | | |", f.Server)
	line("| the crowd itself | %.2f µs | | |", f.Generator)
	n := a.Sent / a.Polls
	line("\nHow many cores answer it within 50 ms: %d answers in a second × %.1f µs = %.2f cores of work; at most %.0f %% busy: **%.0f cores**,", n, f.Server, f.Server*float64(n)/1e6, busy*100, f.cores())
	line("of which Redis takes one (it works on one at a time).")
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
