package loadgen

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// meter reads what the server uses. The zero value knows nothing.
type meter struct {
	pid   int    // of the server, on this machine
	admin string // its metrics: http://HOST:PORT/metrics
}

// usage is a reading of a meter.
type usage struct {
	cpu    time.Duration
	memory int64 // resident, in bytes
}

func (m meter) knows() bool { return m.pid != 0 || m.admin != "" }

// read returns what the server has used so far and holds now.
func (m meter) read(ctx context.Context) (usage, error) {
	var u usage
	var err error
	switch {
	case m.pid != 0:
		u, err = processUsage(os.ReadFile, m.pid)
	case m.admin != "":
		u, err = m.metrics(ctx)
	}
	if err != nil {
		return u, fmt.Errorf("read what the server uses: %w", err)
	}
	return u, nil
}

// ticksPerSecond is how /proc counts CPU time, on every Linux there is.
// Spec: proc_pid_stat(5), sysconf(3).
const ticksPerSecond = 100

func processUsage(read func(string) ([]byte, error), pid int) (usage, error) {
	stat, err := read(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, err
	}
	status, err := read(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return usage{}, err
	}
	cpu, err := statTime(string(stat))
	if err != nil {
		return usage{}, err
	}
	memory, err := statusMemory(string(status))
	return usage{cpu, memory}, err
}

// statTime reads user and system time out of /proc/PID/stat. The name of the
// program, in brackets, may hold anything.
func statTime(text string) (time.Duration, error) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	const user, system = 11, 12 // after the name
	if len(fields) <= system {
		return 0, errors.New("process statistics are cut off")
	}
	u, errU := strconv.ParseInt(fields[user], 10, 64)
	s, errS := strconv.ParseInt(fields[system], 10, 64)
	if err := errors.Join(errU, errS); err != nil {
		return 0, fmt.Errorf("process statistics: %w", err)
	}
	return time.Duration(u+s) * (time.Second / ticksPerSecond), nil
}

// statusMemory reads the resident memory out of /proc/PID/status.
func statusMemory(text string) (int64, error) {
	for line := range strings.Lines(text) {
		value, ok := strings.CutPrefix(line, "VmRSS:")
		if !ok {
			continue
		}
		number, isSize := strings.CutSuffix(strings.TrimSpace(value), " kB")
		kb, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if !isSize || err != nil {
			return 0, fmt.Errorf("process status: %q is no size", strings.TrimSpace(value))
		}
		return kb << 10, nil
	}
	return 0, errors.New("process status names no resident memory")
}

func (m meter) metrics(ctx context.Context) (u usage, err error) {
	err = m.fetch(ctx, func(r io.Reader) (err error) {
		u, err = metricsUsage(r)
		return err
	})
	return u, err
}

// fetch has the server's metrics read.
func (m meter) fetch(ctx context.Context, read func(io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.admin, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", m.admin, resp.Status)
	}
	return read(io.LimitReader(resp.Body, maxReply))
}

// metricsUsage reads the metrics of a process in Prometheus' text format.
func metricsUsage(r io.Reader) (usage, error) {
	var u usage
	found := 0
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxMessage)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		if name != "process_cpu_seconds_total" && name != "process_resident_memory_bytes" {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			return u, fmt.Errorf("metric %s: %w", name, err)
		}
		found++
		if name == "process_cpu_seconds_total" {
			u.cpu = time.Duration(value * float64(time.Second))
		} else {
			u.memory = int64(value)
		}
	}
	if err := lines.Err(); err != nil {
		return u, err
	}
	if found != 2 {
		return u, errors.New("the metrics do not say what the process uses")
	}
	return u, nil
}
