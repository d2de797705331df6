package engine_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	ms      = time.Millisecond
	latency = 3 * time.Second
)

// heard is one broadcast.
type heard struct {
	at      clock.Instant
	to      wire.Audience
	message wire.Message
}

// crowd is everybody connected: it writes down what it hears.
type crowd struct {
	clock   *clock.Room
	viewers int

	mu    sync.Mutex
	book  []heard
	stuck int
	ear   func(wire.Audience, wire.Message)
}

func (c *crowd) Broadcast(_ string, to wire.Audience, m wire.Message) {
	c.mu.Lock()
	c.book = append(c.book, heard{c.clock.At(time.Now()), to, m})
	ear := c.ear
	c.mu.Unlock()
	if ear != nil {
		ear(to, m)
	}
}

// listen calls ear with every broadcast, while it is sent.
func (c *crowd) listen(ear func(wire.Audience, wire.Message)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ear = ear
}

func (c *crowd) Viewers(string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.viewers
}

// come makes n viewers be connected.
func (c *crowd) come(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.viewers = n
}

func (c *crowd) Stuck(string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stuck
}

// hears returns what the audience heard so far.
func (c *crowd) hears(to wire.Audience) []heard {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []heard
	for _, h := range c.book {
		if h.to&to != 0 {
			out = append(out, h)
		}
	}
	return out
}

// cues returns the revisions and states that the audience heard of.
func (c *crowd) cues(to wire.Audience) []heard {
	var out []heard
	for _, h := range c.hears(to) {
		if _, ok := h.message.(*wire.CueChanged); ok {
			out = append(out, h)
		}
	}
	return out
}

// keys returns the keys that viewers heard.
func (c *crowd) keys() []heard {
	var out []heard
	for _, h := range c.hears(wire.Viewers) {
		if _, ok := h.message.(*wire.Key); ok {
			out = append(out, h)
		}
	}
	return out
}

func (c *crowd) tallies(to wire.Audience) []heard {
	var out []heard
	for _, h := range c.hears(to) {
		if _, ok := h.message.(*wire.Tally); ok {
			out = append(out, h)
		}
	}
	return out
}

// picture is a stream whose newest frame is behind R by a fixed time, until it
// stops. Its media time is an hour at epoch.
type picture struct {
	clock  *clock.Room
	behind time.Duration
	epoch  clock.Instant

	mu      sync.Mutex
	live    bool
	stopped clock.Instant // the last picture, while it is not live
}

func (p *picture) Edge() (clock.Ticks, clock.Instant, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.clock.At(time.Now()).Add(-p.behind)
	if !p.live {
		at = p.stopped
	}
	return p.MediaAt(at), at, p.live
}

func (p *picture) MediaAt(at clock.Instant) clock.Ticks {
	return clock.TicksOf(time.Hour + at.Sub(p.epoch))
}

// run starts or stops the picture.
func (p *picture) run(live bool) {
	_, at, _ := p.Edge()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live, p.stopped = live, at
}

// show is a channel on air inside a synctest bubble.
type show struct {
	*testing.T
	store   interact.Store
	clock   *clock.Room
	crowd   *crowd
	picture *picture
	engine  *engine.Engine
	room    *engine.Room
	stop    func() // ends Run and waits for it
}

// onAir starts a channel on store in the bubble of t; it stops with the test.
func onAir(t *testing.T, store interact.Store) *show {
	t.Helper()
	base := clock.Instant(1_795_410_000_000_000)
	return resume(t, store, clock.NewRoom(time.Now(), base, 7))
}

// onAirWith is onAir on an empty log with another channel.
func onAirWith(t *testing.T, change func(*engine.Channel)) *show {
	t.Helper()
	base := clock.Instant(1_795_410_000_000_000)
	return start(t, new(interacttest.Memory), clock.NewRoom(time.Now(), base, 7), change)
}

// resume is onAir on a clock that runs already.
func resume(t *testing.T, store interact.Store, room *clock.Room) *show {
	t.Helper()
	return start(t, store, room, func(*engine.Channel) {})
}

func start(t *testing.T, store interact.Store, room *clock.Room, change func(*engine.Channel)) *show {
	t.Helper()
	s := &show{
		T: t, store: store, clock: room,
		crowd:   &crowd{clock: room, viewers: 100},
		picture: &picture{clock: room, behind: 40 * ms, live: true, epoch: room.At(time.Now())},
	}
	channel := engine.Channel{Name: "show", Title: "Tonight", Latency: latency, Stream: s.picture}
	change(&channel)
	var err error
	s.engine, err = engine.New(t.Context(), engine.Config{
		Store: store, Clock: room, Broadcaster: s.crowd,
		Channels: []engine.Channel{channel},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.room, _ = s.engine.Room("show")
	s.stop = run(t, s.engine)
	t.Cleanup(s.stop)
	return s
}

// run runs e until the returned function is called, which waits for its end.
func run(t testing.TB, e *engine.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func (s *show) now() clock.Instant { return s.clock.At(time.Now()) }

// until sleeps until R shows at.
func (s *show) until(at clock.Instant) {
	s.Helper()
	if d := at.Sub(s.now()); d > 0 {
		time.Sleep(d)
	}
	synctest.Wait()
}

var poll = interact.Question{Kind: interact.KindPoll, Title: "Tea or coffee?", Options: []string{"Tea", "Coffee"}}

var trivia = interact.Question{Kind: interact.KindTrivia, Title: "How many?", Options: []string{"24", "30", "60"}, Correct: 1}

func (s *show) prepare(q interact.Question) wire.Cue {
	s.Helper()
	c, err := s.room.Prepare(s.Context(), q)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

func (s *show) take(q interact.Question) wire.Cue {
	s.Helper()
	c, err := s.room.Take(s.Context(), s.prepare(q).ID, "")
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// verdict is what became of an answer.
type verdict struct {
	receipt interact.Receipt
	err     error
}

// answer sends an answer tapped and received now.
func (s *show) answer(cue, participant string, choice int) <-chan verdict {
	now := s.now()
	return s.send(interact.Answer{
		ID: "a1", Cue: cue, Participant: participant, Choice: []int{choice},
		Stamp: now, Received: now, Line: interact.Line{Dispersion: ms},
	})
}

func (s *show) send(a interact.Answer) <-chan verdict {
	out := make(chan verdict, 2) // a second call would be seen, not blocked
	s.room.Answer(a, func(r interact.Receipt, err error) { out <- verdict{r, err} })
	return out
}

// counted waits for the receipt.
func (s *show) counted(v <-chan verdict) interact.Receipt {
	s.Helper()
	got := <-v
	if got.err != nil {
		s.Fatalf("refused: %v", got.err)
	}
	return got.receipt
}

func (s *show) wantRefused(name string, v <-chan verdict, code interact.Code) {
	s.Helper()
	got := <-v
	if interact.CodeOf(got.err) != code {
		s.Errorf("%s: err = %v, want %s", name, got.err, code)
	}
}

func wantCode(t *testing.T, name string, err error, code interact.Code) {
	t.Helper()
	if interact.CodeOf(err) != code {
		t.Errorf("%s: err = %v, want code %q", name, err, code)
	}
}

// bubble runs a test on a fake clock with a channel on an empty log in memory.
func bubble(t *testing.T, name string, f func(s *show)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(onAir(t, new(interacttest.Memory))) })
	})
}

func participant(i int) string { return fmt.Sprintf("p%04d", i) }

// unseal reads the text that a viewer's cue holds.
func unseal(t *testing.T, c wire.Cue, key string) wire.Text {
	t.Helper()
	if c.Seal == nil || key == "" {
		t.Fatalf("no seal or key in %+v", c)
	}
	decode := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	block, err := aes.NewCipher(decode(key))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	aad := fmt.Sprintf("show\n%s\n%d", c.ID, c.Seal.Rev)
	plain, err := gcm.Open(nil, decode(c.Seal.IV), decode(c.Seal.Text), []byte(aad))
	if err != nil {
		t.Fatal(err)
	}
	var text wire.Text
	if err := json.Unmarshal(plain, &text); err != nil {
		t.Fatal(err)
	}
	return text
}
