package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// viewerFigures are what so many viewers at the live edge cost.
type viewerFigures struct {
	viewers    int
	requests   float64       // answered, of one viewer in a second
	server     time.Duration // CPU time of the server, of one viewer in a second
	behindLast spread        // part delay: from the push of its last picture until a viewer has it whole
	behindEnd  spread        // from the push of the picture that ends it
	mallocs    float64       // of the server, of one request
	memory     float64       // resident, of one viewer, bytes
	cores      cores
	errors     int
	missed     int // parts that were gone before a viewer came to them
	failure    error
}

// cores say who keeps the machine busy, in cores.
type cores struct{ server, generator, encoder, others float64 }

// partDelayLimit is the part delay that 99 of 100 parts have to keep.
const partDelayLimit = 100 * time.Millisecond

// held reports whether the server kept up.
func (f *viewerFigures) held() bool {
	return f.errors == 0 && f.missed == 0 && len(f.behindLast) > 0 && f.behindLast.at(0.99) <= partDelayLimit
}

// joinersASecond is how fast viewers come.
const joinersASecond = 1000

// compareViewers lets more and more viewers come to each server until it cannot
// keep up.
func compareViewers(ctx context.Context, s settings, w io.Writer) error {
	st, err := newStager(ctx, s)
	if err != nil {
		return err
	}
	defer st.clean()
	var both [][]*viewerFigures
	for _, open := range st.theaters() {
		figures, err := fillHouse(ctx, s, open)
		if err != nil {
			return err
		}
		both = append(both, figures)
	}
	printViewers(w, both[0], both[1])
	return nil
}

func fillHouse(ctx context.Context, s settings, open func(context.Context) (*stage, error)) (_ []*viewerFigures, err error) {
	st, err := open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.stop()) }()
	if err := st.awaitFull(ctx); err != nil {
		return nil, err
	}
	swarm, err := newSwarm(st.url)
	if err != nil {
		return nil, err
	}
	defer swarm.close()
	empty, err := residentMemory(st.pid)
	if err != nil {
		return nil, err
	}
	h := newHouse(swarm, st)
	var all []*viewerFigures
	for _, n := range s.steps {
		f, err := h.twice(ctx, n, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %d viewers: %w", st.name, n, err)
		}
		f.memory = (f.memory - float64(empty)) / float64(n)
		if all = append(all, f); !f.held() {
			break
		}
	}
	return all, nil
}

// twice measures a step that failed once more: one bad moment of the machine is
// no limit of the server.
func (h *house) twice(ctx context.Context, n int, s settings) (f *viewerFigures, err error) {
	for range 2 {
		if f, err = h.step(ctx, n, s); err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "  %s, %s\n", h.stage.name, f)
		if f.held() {
			break
		}
	}
	return f, nil
}

// step lets viewers join until there are n, and measures them.
func (h *house) step(ctx context.Context, n int, s settings) (*viewerFigures, error) {
	if err := h.admit(ctx, n); err != nil {
		return nil, err
	}
	if err := h.swarm.run(ctx, now()+instant(warmUp)); err != nil {
		return nil, err
	}
	watched, err := watchOthers(h.stage.peer)
	if err != nil {
		return nil, err
	}
	before, err := h.stage.read()
	if err != nil {
		return nil, err
	}
	h.reset()
	profiled := h.stage.profile(s)
	if err := h.swarm.run(ctx, now()+instant(s.stepTime)); err != nil {
		return nil, err
	}
	requests := h.swarm.requests
	after, err := h.stage.read()
	if err != nil {
		return nil, err
	}
	others, err := watched()
	if err != nil {
		return nil, err
	}
	if err := <-profiled; err != nil {
		return nil, err
	}
	if requests == 0 {
		return nil, errors.Join(errors.New("no request was answered"), h.swarm.failure)
	}
	f := figuresOf(n, requests, before, after)
	f.cores.others = max(0, others*float64(machineCores())-f.cores.encoder)
	f.errors, f.failure, f.missed = h.swarm.failed, h.swarm.failure, h.missed
	return f, h.judge(ctx, f)
}

// judge asks the encoder when the pictures left.
func (h *house) judge(ctx context.Context, f *viewerFigures) error {
	var pushed []instant
	if err := getJSON(h.stage.encoder.url+pushedPath, &pushed); err != nil {
		return err
	}
	f.behindLast, f.behindEnd = h.delays(pushed)
	if f.errors == 0 && len(f.behindLast) == 0 {
		return fmt.Errorf("none of %d parts has the encoder's stamp in it", len(h.got))
	}
	return context.Cause(ctx)
}

func figuresOf(n, requests int, before, after gauges) *viewerFigures {
	seconds := after.at.sub(before.at).Seconds()
	busy := func(d time.Duration) float64 { return d.Seconds() / seconds }
	return &viewerFigures{
		viewers:  n,
		requests: float64(requests) / seconds / float64(n),
		server:   time.Duration(float64(after.server-before.server) / seconds / float64(n)),
		mallocs:  (after.mallocs - before.mallocs) / float64(requests),
		memory:   float64(after.memory),
		cores: cores{
			server: busy(after.server - before.server), generator: busy(after.generator - before.generator),
			encoder: busy(after.encoder - before.encoder),
		},
	}
}

// admit lets viewers join, spread over time, until there are n.
func (h *house) admit(ctx context.Context, n int) error {
	const together = joinersASecond / 100
	for len(h.swarm.members) < n {
		for range min(together, n-len(h.swarm.members)) {
			if err := h.swarm.join(&follower{house: h}); err != nil {
				return err
			}
		}
		if err := h.swarm.run(ctx, now()+instant(time.Second/100)); err != nil {
			return err
		}
		if h.swarm.failure != nil {
			return h.swarm.failure
		}
	}
	return nil
}

// profile keeps where the server spends its time, if that is wanted.
func (s *stage) profile(set settings) <-chan error {
	done := make(chan error, 1)
	if set.profile == "" || s.admin == "" {
		done <- nil
		return done
	}
	go func() { done <- s.fetchProfile(set.profile, set.stepTime) }()
	return done
}

func (s *stage) fetchProfile(file string, d time.Duration) error {
	client := http.Client{Timeout: d + answerWait}
	resp, err := client.Get(fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", s.admin, max(1, int(d.Seconds())-1)))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("profile: %s: %.200s", resp.Status, text)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// String is one line about a step, for who waits.
func (f *viewerFigures) String() string {
	text := fmt.Sprintf("%d viewers: part delay p50 %s, p99 %s; server %.2f cores, generator %.2f, others %.2f",
		f.viewers, millis(float64(f.behindLast.at(0.5))), millis(float64(f.behindLast.at(0.99))), f.cores.server, f.cores.generator, f.cores.others)
	if f.errors > 0 || f.missed > 0 {
		text += fmt.Sprintf("; %d errors (%v), %d parts missed", f.errors, f.failure, f.missed)
	}
	return text
}

// capacity is how many viewers a server held, and how many it did not.
func capacity(all []*viewerFigures) (held, failed float64) {
	held, failed = math.NaN(), math.NaN()
	for _, f := range all {
		if f.held() {
			held = float64(f.viewers)
		} else {
			failed = float64(f.viewers)
		}
	}
	return held, failed
}

func printViewers(w io.Writer, ours, base []*viewerFigures) {
	t := table{
		title: fmt.Sprintf("Viewers at the live edge: %d parts a second, a blocking reload and a part for each; 640x360, 1.5 Mbit/s", partsASecond),
		ours:  "cuelight", base: baseName,
	}
	add := func(prefix, what string, u unit, ratio bool, i int, of func(*viewerFigures) float64) {
		a, b := math.NaN(), math.NaN()
		if i < len(ours) {
			a = of(ours[i])
		}
		if i < len(base) {
			b = of(base[i])
		}
		t.rows = append(t.rows, row{what: prefix + what, ours: a, base: b, unit: u, noRatio: !ratio})
	}
	for i := range max(len(ours), len(base)) {
		n := 0
		if i < len(ours) {
			n = ours[i].viewers
		} else {
			n = base[i].viewers
		}
		p := fmt.Sprintf("%d viewers: ", n)
		add(p, "server CPU in a viewer's second", precise, true, i, func(f *viewerFigures) float64 { return float64(f.server) })
		add(p, "part delay, p50", millis, true, i, func(f *viewerFigures) float64 { return float64(f.behindLast.at(0.5)) })
		add(p, "part delay, p99", millis, true, i, func(f *viewerFigures) float64 { return float64(f.behindLast.at(0.99)) })
		add(p, "from the picture that ends the part, p99", millis, true, i, func(f *viewerFigures) float64 { return float64(f.behindEnd.at(0.99)) })
		add(p, "requests in a viewer's second", number, false, i, func(f *viewerFigures) float64 { return f.requests })
		add(p, "errors and missed parts", whole, false, i, func(f *viewerFigures) float64 { return float64(f.errors + f.missed) })
		add(p, "cores: server", decimals, false, i, func(f *viewerFigures) float64 { return f.cores.server })
		add(p, "cores: generator", decimals, false, i, func(f *viewerFigures) float64 { return f.cores.generator })
		add(p, "cores: other programs", decimals, false, i, func(f *viewerFigures) float64 { return f.cores.others })
	}
	addCapacity(&t, ours, base)
	t.print(w)
}

func addCapacity(t *table, ours, base []*viewerFigures) {
	held, failed := capacity(ours)
	heldBase, failedBase := capacity(base)
	t.add("most viewers with p99 of the part delay up to 100 ms", whole, held, heldBase)
	t.tell("viewers at which it was more, or errors came", whole, failed, failedBase)
	last := min(len(ours), len(base)) - 1
	a, b := ours[last], base[last]
	t.add(fmt.Sprintf("allocations of a request, %d viewers", a.viewers), number, a.mallocs, b.mallocs)
	a, b = mostHeld(ours), mostHeld(base)
	t.add("memory of a viewer, where most were held", kib, a.memory, b.memory)
}

// mostHeld is the last step that a server kept up with, or the first of all.
func mostHeld(all []*viewerFigures) *viewerFigures {
	most := all[0]
	for _, f := range all {
		if f.held() {
			most = f
		}
	}
	return most
}

// viewerSteps are the numbers of viewers given by a flag.
type viewerSteps []int

// String writes the numbers as Set reads them.
func (v *viewerSteps) String() string {
	var text []string
	for _, n := range *v {
		text = append(text, strconv.Itoa(n))
	}
	return strings.Join(text, ",")
}

// Set reads numbers separated by commas, each greater than the one before.
func (v *viewerSteps) Set(text string) error {
	var steps viewerSteps
	for number := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > maxSockets {
			return fmt.Errorf("%q is not a number between 1 and %d", number, maxSockets)
		}
		steps = append(steps, n)
	}
	if !slices.IsSorted(steps) {
		return errors.New("the numbers have to grow")
	}
	*v = steps
	return nil
}
