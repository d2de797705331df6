package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/audience"
	"github.com/cuelight/cuelight/internal/nodeproc"
)

const (
	// answering is how many viewers answer the cues of an upgrade, beside those of
	// the burst.
	answering = 300
	// Windows of a cue in one state of the nodes, and of one during which a node
	// is restarted.
	sideWindow   = 4 * time.Second
	acrossWindow = 10 * time.Second
	// soonest is how long the fastest of them need: who is faster than people are
	// is refused.
	soonest = 300 * time.Millisecond
	// right is the option that a cue reveals as the right one.
	right = 2
	// cueWait bounds a cue from its draft to its reveal.
	cueWait = 45 * time.Second
)

// upgrade starts a show on the previous release and, while answers come in, makes
// the nodes those of the next one, one after the other, and those of the previous
// one again. Whenever one is, a cue is on air. In each mixed state another one opens,
// closes and is revealed.
func upgrade(ctx context.Context, s settings, c scenario, dir string) (ok bool, err error) {
	stand, err := build(ctx, c.plan, s.previous, filepath.Join(dir, "nodes"))
	if err != nil {
		return false, err
	}
	defer stand.close()
	u := &upgrading{stand: stand, receipts: make(map[string]map[string]int), next: make(map[*nodeproc.Node]bool)}
	ctx, stop := context.WithCancel(ctx)
	defer u.watching.Wait()
	defer stop()
	if err := u.gather(ctx); err != nil {
		return false, err
	}
	size := s.size
	size.over = c.over
	load, err := stand.startLoad(ctx, size)
	if err != nil {
		return false, err
	}
	if err := load.height(ctx, size.viewers/20); err != nil {
		return false, err
	}
	began := time.Now()
	if err := u.roll(ctx, s.program, s.previous); err != nil {
		return false, err
	}
	took := time.Since(began)
	t := times{note: fmt.Sprintf("%d cues meanwhile, with %d answers, in %.0f s", len(u.cues), u.answered, took.Seconds())}
	if t.back, err = stand.viewers.awaitOpen(ctx, size.viewers+answering+1); err != nil {
		return false, err
	}
	if t.led, err = stand.led(ctx); err != nil {
		return false, err
	}
	r, err := load.finish(ctx)
	if err != nil {
		return false, err
	}
	row(os.Stdout, c.what, t, r)
	wrong := u.check()
	for _, w := range wrong {
		fmt.Println("  DIFFERS:", w)
	}
	return r.OK() && r.Answers.Lost == 0 && r.Answers.Receipts == r.Answers.Sent && len(wrong) == 0, nil
}

// upgrading is a roll that is under way.
type upgrading struct {
	stand    *stand
	next     map[*nodeproc.Node]bool // those of the next release
	crowd    *audience.Crowd
	witness  *witness
	watching sync.WaitGroup
	cues     []string
	tallies  []wire.Tally
	states   []string // that the nodes were in, of each cue
	answered int

	mu       sync.Mutex                // protects what follows
	receipts map[string]map[string]int // option by participant, by cue
	twice    []string                  // who was told different things
}

// gather lets viewers come who answer every cue but that of the burst, and one
// who notes what it is told.
func (u *upgrading) gather(ctx context.Context) error {
	u.crowd = &audience.Crowd{
		URL: "ws" + u.stand.viewers.url[len("http"):] + "/ws/v1?channel=show", Channel: "show", Size: answering, Ramp: 500, Seed: 3,
		BackoffMin: 100 * time.Millisecond, BackoffMax: time.Second, OnReceipt: u.told,
		Behaviour: func(r *rand.Rand, q wire.Cue) (audience.Reaction, bool) {
			within := time.Second
			if q.Slot == across {
				within = acrossWindow - 2*time.Second
			}
			return audience.Reaction{After: soonest + rand.N(within), Choice: []int{r.IntN(4)}}, q.Slot == side || q.Slot == across
		},
	}
	u.witness = &witness{url: u.crowd.URL, channel: "show", seen: make(map[string]sight)}
	u.watching.Go(func() { _ = u.crowd.Run(ctx) }) // viewers who are turned away are missed at the first cue
	u.watching.Go(func() { u.witness.run(ctx) })
	_, err := u.stand.viewers.awaitOpen(ctx, answering+1)
	return err
}

func (u *upgrading) told(participant string, r wire.Receipt) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.receipts[r.Cue] == nil {
		u.receipts[r.Cue] = make(map[string]int)
	}
	if was, ok := u.receipts[r.Cue][participant]; ok && was != r.Choice[0] {
		u.twice = append(u.twice, participant)
	}
	u.receipts[r.Cue][participant] = r.Choice[0]
}

// roll restarts every node with the next release, and then with the previous one.
// The viewers of the burst would forget its cue if there were 16 others.
func (u *upgrading) roll(ctx context.Context, next, previous string) error {
	for _, program := range []string{next, previous} {
		for _, n := range append(slices.Clone(u.stand.gateways), u.stand.leaders...) {
			if err := u.turn(ctx, n, program, program == next); err != nil {
				return fmt.Errorf("with %s: %w", u.state(), err)
			}
		}
	}
	return nil
}

// turn restarts a node with another program. One cue begins before, and ends after
// one that has begun since.
func (u *upgrading) turn(ctx context.Context, n *nodeproc.Node, program string, next bool) error {
	q, err := u.take(ctx, across, acrossWindow)
	if err != nil {
		return err
	}
	n.Use(program)
	if err := restart(ctx, u.stand, n); err != nil {
		return err
	}
	u.next[n] = next
	if u.mixed() {
		if err := u.within(ctx); err != nil {
			return err
		}
	}
	return u.finish(ctx, q)
}

// mixed says that the nodes are of both releases.
func (u *upgrading) mixed() bool {
	next := 0
	for _, is := range u.next {
		if is {
			next++
		}
	}
	return next > 0 && next < len(u.stand.nodes())
}

// state says which nodes are of the next release.
func (u *upgrading) state() string {
	text := "all of the previous release"
	for _, n := range u.stand.nodes() {
		if u.next[n] {
			if text[0] == 'a' {
				text = "the next release on"
			}
			text += " " + n.Name()
		}
	}
	return text
}

// Places on screen of the cues meanwhile: within one state of the nodes, and
// across a restart.
const (
	side   = "side"
	across = "across"
)

// within takes a cue that opens, closes and is revealed while the nodes are as
// they are now.
func (u *upgrading) within(ctx context.Context) error {
	q, err := u.take(ctx, side, sideWindow)
	if err != nil {
		return err
	}
	return u.finish(ctx, q)
}

func (u *upgrading) take(ctx context.Context, slot string, window time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, cueWait)
	defer cancel()
	q, err := u.stand.take(ctx, u.stand.token, "show", map[string]any{
		"kind": "trivia", "title": "Which one?", "options": []string{"a", "b", "c", "d"}, "correct": right, "slot": slot,
		"window_ms": window.Milliseconds(),
	})
	return q.ID, err
}

// finish waits for the final count of a cue and reveals it.
func (u *upgrading) finish(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, cueWait)
	defer cancel()
	s := u.stand
	tally, err := s.final(ctx, "show", id)
	if err != nil {
		return err
	}
	if err := s.insist(ctx, s.token, http.MethodPost, "/show/cues/"+id+"/reveal", nil, nil); err != nil {
		return err
	}
	u.cues, u.tallies, u.states = append(u.cues, id), append(u.tallies, tally), append(u.states, u.state())
	u.answered += int(tally.Total)
	for u.witness.of(id).state != wire.StateRevealed {
		if !pause(ctx, 20*time.Millisecond) {
			return fmt.Errorf("cue %s was not revealed to viewers: they have seen %+v", id, u.witness.of(id))
		}
	}
	return nil
}

// check says what of the cues is not as it must be.
func (u *upgrading) check() (wrong []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, id := range u.cues {
		counts := make([]uint64, 4)
		for _, choice := range u.receipts[id] {
			counts[choice]++
		}
		tally, seen := u.tallies[i], u.witness.of(id)
		if n := len(u.receipts[id]); n != answering {
			wrong = append(wrong, fmt.Sprintf("cue %s, %s: %d of %d viewers have a receipt", id, u.states[i], n, answering))
		}
		if !slices.Equal(counts, tally.Counts) {
			wrong = append(wrong, fmt.Sprintf("cue %s, %s: counted %v, acknowledged %v", id, u.states[i], tally.Counts, counts))
		}
		if seen.correct != right || !seen.windowed {
			wrong = append(wrong, fmt.Sprintf("cue %s, %s: a viewer has seen %+v", id, u.states[i], seen))
		}
		if seen.total != tally.Total {
			wrong = append(wrong, fmt.Sprintf("cue %s, %s: a viewer was told of %d answers, %d are counted", id, u.states[i], seen.total, tally.Total))
		}
	}
	for _, who := range u.twice {
		wrong = append(wrong, "another receipt for the same answer: "+who)
	}
	return append(wrong, u.witness.errors()...)
}
