package cluster_test

import (
	"testing"
	"time"
)

const (
	viewers = 200
	window  = 3 * time.Second
	// enough is how many of a burst's answers are in when something is killed.
	enough = viewers / 4
)

// A cue that is taken over either studio opens on both gateways, and everybody's
// answer counts once.
func TestShow(t *testing.T) {
	s := newStand(t)
	c := s.gather(t, viewers)
	for i := range s.leaders { // one of them leads, the other one hands on
		q := s.take(i, window)
		s.until("every viewer has a receipt", func() bool { return c.acknowledged(q.ID) == viewers })
		for j := range s.leaders {
			c.agrees(t, s.final(j, q.ID))
		}
	}
	got := c.Stats()
	if got.Opened < 2*viewers {
		t.Errorf("windows opened %d times", got.Opened)
	}
	t.Logf("windows opened %v from their instant (p95)", got.OpenP95)
}

// The node that leads is killed while answers come in. Nobody notices but the
// producer, who is asked to come back for a moment.
func TestLeaderKilled(t *testing.T) {
	s := newStand(t)
	c := s.gather(t, viewers)
	leads := s.leading()
	q := s.take(leads, window)
	s.until("answers come in", func() bool { return c.acknowledged(q.ID) >= enough })
	s.leaders[leads].Kill()
	killed := time.Now()
	other := 1 - leads
	s.until("the other node leads", func() bool { return s.leading() == other })
	t.Logf("another node led after %v", time.Since(killed))
	s.until("every viewer has a receipt", func() bool { return c.acknowledged(q.ID) == viewers })
	c.agrees(t, s.final(other, q.ID))

	if err := s.leaders[leads].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.leaders[leads].AwaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := s.take(leads, window) // over the node that is back, and does not lead
	s.until("every viewer has a receipt", func() bool { return c.acknowledged(next.ID) == viewers })
	c.agrees(t, s.final(leads, next.ID))
}

// A gateway is killed while answers come in: its viewers go on at the other one.
func TestGatewayKilled(t *testing.T) {
	s := newStand(t)
	c := s.gather(t, viewers)
	q := s.take(0, window)
	s.until("answers come in", func() bool { return c.acknowledged(q.ID) >= enough })
	s.gateways[0].Kill()
	killed := time.Now()
	s.until("all viewers are back", func() bool { return c.Stats().Connected == viewers })
	t.Logf("viewers were back after %v", time.Since(killed))
	s.until("every viewer has a receipt", func() bool { return c.acknowledged(q.ID) == viewers })
	c.agrees(t, s.final(0, q.ID))
}

// All nodes are stopped and started one after the other, while cues are on air.
func TestRollingRestart(t *testing.T) {
	s := newStand(t)
	c := s.gather(t, viewers)
	for i, n := range s.nodes() {
		q := s.take(i, window)
		s.until("answers come in", func() bool { return c.acknowledged(q.ID) >= enough })
		if err := n.Stop(); err != nil {
			t.Fatal(err)
		}
		s.until("every viewer has a receipt", func() bool { return c.acknowledged(q.ID) == viewers })
		if err := n.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := n.AwaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.agrees(t, s.final(i%len(s.leaders), q.ID))
	}
}
