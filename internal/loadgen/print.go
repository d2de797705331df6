package loadgen

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Write prints the report for people.
func (r *Report) Write(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "%s\t%s\n", name, fmt.Sprintf(format, args...)) // tabwriter keeps the first error for Flush
	}
	where := r.URL
	if r.Gateways > 1 {
		where = fmt.Sprintf("%s and its %d gateways", r.URL, r.Gateways)
	}
	line(r.Scenario, "%d viewers of %s at %s, %d processes, %s", r.Viewers, r.Channel, where, r.Processes, r.Codec)
	r.Connect.write(line)
	if r.Answers != nil {
		r.Answers.write(line)
	}
	if r.Broadcast != nil {
		r.Broadcast.write(line)
	}
	if r.Resume != nil {
		r.Resume.write(line)
	}
	for _, d := range r.Differences {
		line("DIFFERS", "%s", d)
	}
	if n := r.Differing - len(r.Differences); n > 0 {
		line("DIFFERS", "%d more of this kind", n)
	}
	if r.OK() {
		line("verdict", "nothing differs")
	}
	return out.Flush()
}

type printer func(name, format string, args ...any)

func (q Quantiles) String() string {
	return fmt.Sprintf("p50 %.1f ms, p95 %.1f ms, p99 %.1f ms, max %.1f ms", q.P50, q.P95, q.P99, q.Max)
}

func (c *ConnectReport) write(line printer) {
	line("connected", "in %.2f s, %.0f connects/s", c.Seconds, c.Rate)
	line("welcome after", "%v", c.Welcome)
	if len(c.Refused) > 0 {
		line("refused", "%s", tallied(c.Refused))
	}
	if c.ServerCPU > 0 {
		line("server", "%.1f µs CPU a connect", c.ServerCPU)
	}
	if c.Memory > 0 {
		line("", "%.1f KB memory a connection", float64(c.Memory)/1024)
	}
}

func (a *AnswersReport) write(line printer) {
	line("answers", "%d polls, %s, %.0f %% of the viewers", a.Polls, a.Timing, 100*a.Share)
	line("sent", "%d, and %d again", a.Sent, a.Retries)
	line("receipts", "%d", a.Receipts)
	if len(a.Refused) > 0 {
		line("refused", "%s; %d for now until it was too late", tallied(a.Refused), a.Unserved)
	}
	line("lost", "%d answers without a reply, %d connections that ended", a.Lost, a.Left)
	line("receipt after", "%v", a.Receipt)
	line("rate", "%.0f answers/s", a.Rate)
	if a.ServerCPU > 0 {
		line("server", "%.1f µs CPU an answer", a.ServerCPU)
	}
	if a.Peak != nil {
		a.Peak.write(line)
	}
	line("generator", "%.1f µs CPU an answer; behind its own timing p99 %.1f ms, max %.1f ms", a.OwnCPU, a.Behind.P99, a.Behind.Max)
}

func (b *BroadcastReport) write(line printer) {
	line("broadcasts", "%d, %d deliveries", b.Times, b.Deliveries)
	line("first viewer", "%.1f ms after the request", b.First)
	line("last viewer", "%.1f ms after the request, %.1f ms after the first", b.Last, b.Spread)
	line("all viewers", "%v", b.Reach)
	if b.ServerCPU > 0 {
		line("server", "%.1f µs CPU a delivery", b.ServerCPU)
	}
}

func (r *ResumeReport) write(line printer) {
	line("cut", "%d resumed, %d given the state anew, %d lost", r.Resumed, r.Reset, r.Lost)
	line("back after", "%v", r.Back)
	if len(r.Refused) > 0 {
		line("refused", "%s", tallied(r.Refused))
	}
	line("skipped", "%d messages that newer ones replaced", r.Skipped)
}
