package audience_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/audience"
)

func TestHuman(t *testing.T) {
	human := audience.Human(2500*time.Millisecond, 0.8)
	r := rand.New(rand.NewPCG(1, 1))
	cue := wire.Cue{ID: "q1", Choices: 4}
	var times []time.Duration
	var choices [4]int
	for range 10_000 {
		re, will := human(r, cue)
		if !will {
			continue
		}
		if re.After < 400*time.Millisecond {
			t.Fatalf("answered after %v", re.After)
		}
		times = append(times, re.After)
		choices[re.Choice[0]]++
	}
	if got := float64(len(times)) / 10_000; math.Abs(got-0.8) > 0.02 {
		t.Errorf("turnout = %v", got)
	}
	slices.Sort(times)
	if got := times[len(times)/2]; (got - 2500*time.Millisecond).Abs() > 100*time.Millisecond {
		t.Errorf("median = %v", got)
	}
	slices.Sort(choices[:])
	if choices[0] == 0 || choices[3] < 2*choices[0] {
		t.Errorf("choices %v, want all of them, with favourites", choices)
	}
}

// TestCrowd is a crowd on real sockets.
func TestCrowd(t *testing.T) {
	const size = 200
	p := newPeer(t)
	n := 0
	p.welcome = func(h wire.Hello) *wire.Welcome {
		n++
		if h.Token == "" {
			h.Token = fmt.Sprint("token-", n)
		}
		return p.hall(h)
	}
	ready := make(chan struct{})
	synced := 0
	p.heard = func(s wire.Status) {
		if synced++; synced == size {
			close(ready)
		}
	}
	url := onLoopback(t, p)
	var mu sync.Mutex
	receipts := make(map[string]int)
	all := make(chan struct{})
	c := &audience.Crowd{
		URL: url, Channel: "show", Size: size, Ramp: 2000, Seed: 42,
		Behaviour: after(200 * time.Millisecond),
		OnReceipt: func(participant string, _ wire.Receipt) {
			mu.Lock()
			defer mu.Unlock()
			if receipts[participant]++; len(receipts) == size {
				close(all)
			}
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()

	within(t, ready, "synced")
	p.broadcast(&wire.CueChanged{Cue: keyed("q1", p.now().Add(500*time.Millisecond), time.Minute)})
	within(t, all, "receipted")
	s := c.Stats()
	if s.Connected != size || s.Connects != size || s.Opened != size || s.Answers != size || s.Receipts != size || s.Late != 0 {
		t.Errorf("stats %+v", s)
	}
	if s.OpenP95 > time.Second || s.OpenP50 > s.OpenP95 {
		t.Errorf("openings p50 %v, p95 %v", s.OpenP50, s.OpenP95)
	}
	t.Logf("openings p50 %v, p95 %v", s.OpenP50, s.OpenP95)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	if s := c.Stats(); s.Connected != 0 {
		t.Errorf("%d connected after the end", s.Connected)
	}
}

// within waits until everybody is as far.
func within(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("not everybody is %s after 30 s", what)
	}
}

func TestCrowdRampAndRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t)
		p.answer = func(c *peerConn, a wire.Answer) {
			c.send(t, &wire.Refused{ID: a.ID, Cue: a.Cue, Code: string(interact.CodeLate)})
		}
		c := &audience.Crowd{URL: "ws://server/ws/v1", Channel: "show", Size: 30, Ramp: 10, Behaviour: after(time.Second), Dial: inMemory(t, p).dial}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		time.Sleep(1050 * time.Millisecond)
		synctest.Wait()
		if got := c.Stats().Connected; got != 10 {
			t.Errorf("%d connected after a second, want 10", got)
		}
		time.Sleep(5 * time.Second)
		p.broadcast(&wire.CueChanged{Cue: keyed("q1", p.now().Add(time.Second), 10*time.Second)})
		time.Sleep(5 * time.Second)
		if s := c.Stats(); s.Connected != 30 || s.Refused[interact.CodeLate] != 30 || s.Receipts != 0 || s.Answers != 30 {
			t.Errorf("stats %+v", s)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

func TestCrowdTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t)
		p.refuse = 404
		c := &audience.Crowd{URL: "ws://server/ws/v1", Channel: "nowhere", Size: 3, Dial: inMemory(t, p).dial}
		err := c.Run(t.Context())
		if away, ok := errors.AsType[*audience.TurnedAwayError](err); !ok || away.Code != 404 {
			t.Errorf("Run = %v", err)
		}
		if got := c.Stats().TurnedAway; got != 3 {
			t.Errorf("%d turned away", got)
		}
	})
}
