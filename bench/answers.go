package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// burstFigures are what bursts of answers cost one server.
type burstFigures struct {
	server    time.Duration // CPU time of the server, of one answer
	client    time.Duration // CPU time of this process, of one answer
	rate      float64       // answers/s, from the first sent to the last replied to
	delays    spread        // from sending to the reply
	others    float64       // messages of another kind that came meanwhile, of one answer
	busy      float64       // share of the machine that others took during the bursts
	idleBytes int64         // resident memory of one connected, idle viewer
}

const (
	// settle is how long a server is left alone before its memory is read.
	settle = 3 * time.Second
	// rest is how long after the last reply the server's work still counts as
	// the burst's: what it does in the background belongs to it.
	rest = 200 * time.Millisecond
	// afterOpen lets the messages about the opening pass before the answers.
	afterOpen = 500 * time.Millisecond
)

// round is one burst and what must hold of it.
type round interface {
	// begin returns when to send, and what.
	begin(ctx context.Context, c *crowd) (at instant, message func(viewer int) ([]byte, error), err error)
	// end checks the replies.
	end(ctx context.Context, c *crowd) error
}

// measureAnswers connects viewers to a server and has them answer cues times,
// after one burst that does not count.
func measureAnswers(ctx context.Context, p *peer, url string, greeting []byte, viewers, cues int, r round) (*burstFigures, error) {
	empty, err := residentMemory(p.pid)
	if err != nil {
		return nil, err
	}
	c, err := connect(ctx, url, greeting, viewers, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	defer c.close()
	if err := pause(ctx, settle); err != nil {
		return nil, err
	}
	full, err := residentMemory(p.pid)
	if err != nil {
		return nil, err
	}
	f := &burstFigures{idleBytes: (full - empty) / int64(viewers)}
	var seconds float64
	for i := range cues + 1 {
		once, err := measureBurst(ctx, p, c, r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		if i == 0 {
			continue
		}
		f.server += once.server
		f.client += once.client
		f.busy += once.busy / float64(cues)
		f.others += float64(once.others)
		f.delays = append(f.delays, once.delays...)
		seconds += once.took.Seconds()
	}
	answers := viewers * cues
	f.server /= time.Duration(answers)
	f.client /= time.Duration(answers)
	f.others /= float64(answers)
	f.rate = float64(answers) / seconds
	f.delays = spreadOf(f.delays)
	return f, nil
}

type burst struct {
	server, client, took time.Duration
	delays               []time.Duration
	others               int64
	busy                 float64
}

func measureBurst(ctx context.Context, p *peer, c *crowd, r round) (*burst, error) {
	at, message, err := r.begin(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := c.load(message); err != nil {
		return nil, err
	}
	if err := pause(ctx, time.Until(at.time())); err != nil {
		return nil, err
	}
	server, err := meter(p.pid)
	if err != nil {
		return nil, err
	}
	client, err := meter(os.Getpid())
	if err != nil {
		return nil, err
	}
	busy, err := watchOthers(p)
	if err != nil {
		return nil, err
	}
	others := c.others.Load()
	if err := c.fire(ctx); err != nil {
		return nil, err
	}
	if err := pause(ctx, rest); err != nil {
		return nil, err
	}
	b := &burst{others: c.others.Load() - others}
	if b.server, err = server(); err != nil {
		return nil, err
	}
	if b.client, err = client(); err != nil {
		return nil, err
	}
	if b.busy, err = busy(); err != nil {
		return nil, err
	}
	var last instant
	first := c.sockets[0].sent
	for _, s := range c.sockets {
		b.delays = append(b.delays, s.heard.sub(s.sent))
		first, last = min(first, s.sent), max(last, s.heard)
	}
	b.took = last.sub(first)
	return b, r.end(ctx, c)
}

// meter returns a function that tells how much CPU time a process has used
// since.
func meter(pid int) (func() (time.Duration, error), error) {
	before, err := cpuTime(pid)
	return func() (time.Duration, error) {
		after, err := cpuTime(pid)
		return after - before, err
	}, err
}

// show is a round of answers on the real program.
type show struct {
	producer *producer
	cue      wire.Cue
	replied  int
}

func (s *show) begin(ctx context.Context, c *crowd) (instant, func(int) ([]byte, error), error) {
	room, err := roomClock(c)
	if err != nil {
		return 0, nil, err
	}
	if s.cue, err = s.producer.take(ctx); err != nil {
		return 0, nil, err
	}
	tap := s.cue.Open.Add(afterOpen)
	return room(tap), func(viewer int) ([]byte, error) { return answer(viewer, s.cue, tap) }, nil
}

func answer(viewer int, cue wire.Cue, tap clock.Instant) ([]byte, error) {
	return wire.Encode(&wire.Answer{
		ID: fmt.Sprintf("a%06d", viewer), Cue: cue.ID, Rev: cue.Rev,
		Choice: []int{viewer % len(poll.Options)}, At: tap, Dispersion: 1000,
	})
}

// roomClock returns when the room clock shows an instant. Of all viewers'
// welcomes the quickest bounds the error best.
func roomClock(c *crowd) (func(clock.Instant) instant, error) {
	var ahead int64 // of the room clock, in µs
	for i, s := range c.sockets {
		m, err := wire.DecodeServer(s.welcome)
		w, ok := m.(*wire.Welcome)
		if err != nil || !ok {
			return nil, fmt.Errorf("viewer %d was not welcomed but told %.80q", i+1, s.welcome)
		}
		if d := int64(w.Now) - int64(s.heardAt)/1000; i == 0 || d > ahead {
			ahead = d
		}
	}
	return func(i clock.Instant) instant { return instant((int64(i) - ahead) * 1000) }, nil
}

// end holds every receipt against the final tally.
func (s *show) end(ctx context.Context, c *crowd) error {
	receipts := make([]wire.Receipt, len(c.sockets))
	for i, sock := range c.sockets {
		m, err := wire.DecodeServer(sock.reply)
		r, ok := m.(*wire.Receipt)
		if err != nil || !ok {
			return fmt.Errorf("the answer of viewer %d was not taken: %s", i+1, sock.reply)
		}
		receipts[i] = *r
	}
	tally, err := s.producer.finish(ctx, s.cue.ID)
	if err != nil {
		return err
	}
	return reconcile(s.cue.ID, receipts, tally)
}

// reconcile checks that the receipts, of viewer 0 and on, are what the tally
// has counted: every answer once, as it was given, and nothing else.
func reconcile(cue string, receipts []wire.Receipt, tally wire.Tally) error {
	counts := make([]uint64, len(poll.Options))
	seen := make(map[uint64]int, len(receipts))
	for i, r := range receipts {
		want := i % len(poll.Options)
		if r.Cue != cue || r.ID != fmt.Sprintf("a%06d", i) || !slices.Equal(r.Choice, []int{want}) {
			return fmt.Errorf("viewer %d chose %d on cue %s and has the receipt %+v", i+1, want, cue, r)
		}
		if other, twice := seen[r.Seq]; twice {
			return fmt.Errorf("viewers %d and %d have the same receipt number %d", other+1, i+1, r.Seq)
		}
		seen[r.Seq] = i
		counts[want]++
	}
	if !slices.Equal(tally.Counts, counts) || tally.Total != uint64(len(receipts)) {
		return fmt.Errorf("the receipts say %v, the final tally of cue %s says %v, %d in all", counts, cue, tally.Counts, tally.Total)
	}
	return nil
}

// mirror is a round on the echo.
type mirror struct{ sent wire.Cue }

func (m *mirror) begin(context.Context, *crowd) (instant, func(int) ([]byte, error), error) {
	m.sent = wire.Cue{ID: "c" + strings.Repeat("0", 10), Rev: 2}
	tap := clock.InstantOf(time.Now())
	return now() + instant(afterOpen), func(viewer int) ([]byte, error) { return answer(viewer, m.sent, tap) }, nil
}

func (m *mirror) end(_ context.Context, c *crowd) error {
	for i, s := range c.sockets {
		var back wire.Answer
		if err := json.Unmarshal(s.reply, &back); err != nil || back.ID != fmt.Sprintf("a%06d", i) {
			return fmt.Errorf("viewer %d heard %q", i+1, s.reply)
		}
	}
	return nil
}
