package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// inside are Go benchmarks of parts of the server, without the kernel's sockets.
var inside = []struct{ what, pkg, pattern, times string }{
	{"answers through judging, counting and the log on disk", "./interact/engine", "^BenchmarkAnswers$/^embedded$/^changes=false$/^producers=1$", "3000000x"},
	{"the same without a log", "./interact/engine", "^BenchmarkAnswers$/^memory$/^changes=false$/^producers=1$", "3000000x"},
	{"answers from frames through gateway, engine and log to receipts' frames", "./interact/gateway", "^BenchmarkWholePath$", "1000000x"},
	{"joins", "./interact/gateway", "^BenchmarkJoin$", "3000x"},
	{"broadcasts", "./interact/gateway", "^BenchmarkBroadcast$", "30x"},
	{"memory of a receipt", "./interact", "^BenchmarkReceiptMemory$", "1x"},
}

// measureInside runs them and prints every figure that they report.
func measureInside(ctx context.Context, _ settings, w io.Writer) error {
	fmt.Fprintf(w, "\nInside the process: no sockets of the kernel, as `go test -bench` reports it\n\n| what | benchmark | figures |\n| --- | --- | --- |\n")
	for _, b := range inside {
		cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", b.pattern, "-benchmem", "-benchtime", b.times, b.pkg)
		cmd.Dir, cmd.Stderr = "..", os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", b.pattern, err, out)
		}
		for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
			if name, figures, ok := benchLine(lines.Text()); ok {
				fmt.Fprintf(w, "| %s | `%s` | %s |\n", b.what, name, figures)
			}
		}
	}
	return nil
}

// benchLine takes a line of a benchmark apart: its name, and its figures without
// the number of runs.
func benchLine(line string) (name, figures string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return "", "", false
	}
	var parts []string
	for i := 2; i+1 < len(fields); i += 2 {
		parts = append(parts, fields[i]+" "+fields[i+1])
	}
	return strings.TrimPrefix(fields[0], "Benchmark"), strings.Join(parts, ", "), true
}
