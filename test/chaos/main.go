package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cuelight/cuelight/internal/loadgen"
)

// settings are what is tried.
type settings struct {
	program  string
	previous string // of the release before, empty if there is none
	only     string
	size     size
	inside   bool // in a network of its own
	keep     bool
}

func main() {
	var s settings
	flag.StringVar(&s.program, "program", "bin/cuelight", "the cuelight program")
	flag.StringVar(&s.previous, "previous", "", "the cuelight program of the release before, for the case upgrade, which is left out without it")
	flag.StringVar(&s.only, "only", "", "cases, separated by commas: "+names())
	flag.IntVar(&s.size.viewers, "viewers", 2000, "viewers who answer")
	flag.DurationVar(&s.size.over, "over", 6*time.Second, "how long their answers come")
	flag.BoolVar(&s.inside, "inside", false, "used by the program itself: it runs in a network of its own")
	flag.BoolVar(&s.keep, "keep", false, "keep the folders with logs of all processes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, s)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

func names() string {
	var all []string
	for _, c := range scenarios {
		all = append(all, c.name)
	}
	return strings.Join(all, ", ")
}

// run tries all cases and reports whether nothing acknowledged was lost or
// doubled in any.
func run(ctx context.Context, s settings) (ok bool, err error) {
	if s.program, err = filepath.Abs(s.program); err != nil {
		return false, err
	}
	if s.previous != "" {
		if s.previous, err = filepath.Abs(s.previous); err != nil {
			return false, err
		}
		if _, err := os.Stat(s.previous); err != nil {
			return false, fmt.Errorf("-previous: %w", err)
		}
	}
	wanted := strings.Split(s.only, ",")
	for _, w := range wanted {
		if s.only != "" && !strings.Contains(", "+names()+",", ", "+w+",") {
			return false, fmt.Errorf("-only: %q is none of %s", w, names())
		}
	}
	if !s.inside {
		header(os.Stdout, s)
	}
	ok = true
	var failed []error
	for _, c := range scenarios {
		if s.only != "" && !slices.Contains(wanted, c.name) {
			continue
		}
		if c.name == "partition" && !s.inside {
			args := []string{"-program", s.program, "-only", c.name, "-inside", "-viewers", fmt.Sprint(s.size.viewers), "-over", s.size.over.String(), fmt.Sprintf("-keep=%v", s.keep)}
			if err := inNetwork(ctx, args); err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", c.name, err))
			}
			continue
		}
		if c.name == "upgrade" && s.previous == "" {
			fmt.Printf("| %s | left out: name the program of the release before with -previous |\n", c.what)
			continue
		}
		fine, err := try(ctx, s, c)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", c.name, err))
			fmt.Printf("| %s | not carried out: %s |\n", c.what, firstLine(err))
		}
		ok = ok && fine
	}
	return ok && len(failed) == 0, errors.Join(failed...)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// caseWait bounds one case.
const caseWait = 8 * time.Minute

func try(ctx context.Context, s settings, c scenario) (ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, caseWait)
	defer cancel()
	dir, err := os.MkdirTemp("", "cuelight-chaos-"+c.name+"-")
	if err != nil {
		return false, err
	}
	if s.keep {
		fmt.Fprintln(os.Stderr, c.name+": "+dir)
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	fmt.Fprintln(os.Stderr, "trying:", c.what)
	if c.course != nil {
		return c.course(ctx, s, c, dir)
	}
	p := c.plan
	if s.inside {
		n, err := newNetwork(ctx)
		if err != nil {
			return false, err
		}
		defer n.close()
		p.host, p.far, p.farHost, p.lines = nearHost, n.wrap(), farHost, true
	}
	stand, err := build(ctx, p, s.program, dir)
	if err != nil {
		return false, err
	}
	defer stand.close()
	size := s.size
	if c.over > 0 {
		size.over = c.over
	}
	load, err := stand.startLoad(ctx, size)
	if err != nil {
		return false, err
	}
	if err := load.height(ctx, size.viewers/3); err != nil {
		return false, err
	}
	t, err := c.strike(ctx, stand, size)
	if err != nil {
		return false, err
	}
	r, err := load.finish(ctx)
	if err != nil {
		return false, err
	}
	row(os.Stdout, c.what, t, r)
	return r.OK() && r.Answers.Lost == 0, nil
}

func header(w io.Writer, s settings) {
	fmt.Fprintf(w, "%d viewers answer within %v; at a third of it something goes wrong\n\n", s.size.viewers, s.size.over)
	fmt.Fprintln(w, "| what goes wrong | answers | receipts | sent again | without a reply | differing | connections lost | viewers back | led again | receipt p50 / p99 / max |")
	fmt.Fprintln(w, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
}

func row(w io.Writer, what string, t times, r *loadgen.Report) {
	if t.note != "" {
		what += " (" + t.note + ")"
	}
	a := r.Answers
	fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | %d | %s | %s | %.0f / %.0f / %.0f ms |\n", what, a.Sent, a.Receipts, a.Retries, a.Lost, r.Differing, a.Left,
		took(t.back), took(t.led), a.Receipt.P50, a.Receipt.P99, a.Receipt.Max)
	for _, code := range slices.Sorted(maps.Keys(a.Refused)) {
		fmt.Fprintf(w, "  refused: %s %d\n", code, a.Refused[code])
	}
	for _, d := range r.Differences {
		fmt.Fprintln(w, "  DIFFERS:", d)
	}
}

func took(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// pause waits, or until ctx ends: it is false then.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
