package follow_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/follow"
)

// cluster is several nodes in the bubble that know who leads.
type cluster struct {
	t     *testing.T
	mu    sync.Mutex
	nodes map[string]*node // by address
	leads string           // address of the leader
	wait  sync.WaitGroup
}

type node struct {
	address string
	room    *clock.Room
	f       *follow.Follower
	down    atomic.Bool
	stop    context.CancelFunc
}

func newCluster(t *testing.T) *cluster { return &cluster{t: t, nodes: map[string]*node{}} }

// add starts a node whose R is at by from the first one's, in an epoch of its
// own.
func (c *cluster) add(address string, by time.Duration, epoch uint32, idle bool) *node {
	c.t.Helper()
	n := &node{address: address, room: clock.NewRoom(time.Now(), start.Add(by), epoch)}
	var err error
	n.f, err = follow.New(follow.Config{
		Room: n.room, Idle: func() bool { return idle },
		Whom: func() (string, bool) {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.leads, c.leads == address
		},
		Dial: func(to string) follow.Leader {
			return &lan{c: c, to: to, random: rand.New(rand.NewPCG(uint64(epoch), uint64(len(to))))}
		},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	c.nodes[address] = n
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(c.t.Context())
	n.stop = cancel
	c.wait.Go(func() {
		if err := n.f.Run(ctx); err != nil {
			c.t.Error(err)
		}
	})
	return n
}

// elect makes a node the leader, if it may be.
func (c *cluster) elect(n *node) {
	c.t.Helper()
	var others []follow.Candidate
	c.mu.Lock()
	for _, o := range c.nodes {
		if o != n && !o.down.Load() {
			others = append(others, o.f.Candidate())
		}
	}
	c.mu.Unlock()
	if !n.f.Candidate().MayLead(others) {
		c.t.Fatalf("CL21 %s may not lead", n.address)
	}
	c.mu.Lock()
	c.leads = n.address
	c.mu.Unlock()
}

// kill takes a node off the network and ends it.
func (c *cluster) kill(n *node) {
	n.down.Store(true)
	n.stop()
}

func (c *cluster) end() {
	for _, n := range c.nodes {
		n.stop()
	}
	c.wait.Wait()
}

// lan is a LAN between a follower and the node at an address: 0.2 ms a way,
// now and then a millisecond more, and a loss in fifty.
type lan struct {
	c      *cluster
	to     string
	random *rand.Rand
}

func (w *lan) delay() time.Duration {
	d := 200*time.Microsecond + time.Duration(w.random.ExpFloat64()*50_000)
	if w.random.IntN(20) == 0 {
		d += time.Duration(w.random.ExpFloat64() * 1_000_000)
	}
	return d
}

func (w *lan) Ask(ctx context.Context) (clock.Answer, error) {
	w.c.mu.Lock()
	n := w.c.nodes[w.to]
	w.c.mu.Unlock()
	a := clock.Answer{Sent: time.Now()}
	if n == nil || n.down.Load() || w.random.IntN(50) == 0 {
		select {
		case <-ctx.Done():
		case <-time.After(follow.AnswerWait):
		}
		return a, errors.New("lost")
	}
	time.Sleep(w.delay())
	a.Received, a.Epoch = n.room.Read(time.Now())
	a.Replied = a.Received
	time.Sleep(w.delay())
	a.Returned = time.Now()
	return a, nil
}

func (w *lan) Close() {}

// watch holds nodes against the reference for a time, 100 times a second: how
// far they are from it at most, and that none steps or changes its epoch.
func (c *cluster) watch(reference *clock.Room, nodes []*node, d time.Duration) (worst time.Duration) {
	c.t.Helper()
	const every = 10 * time.Millisecond
	last := make([]clock.Instant, len(nodes))
	epoch := nodes[0].room.Epoch()
	for i := time.Duration(0); i < d; i += every {
		now := time.Now()
		for k, n := range nodes {
			at, e := n.room.Read(now)
			if moved := at.Sub(last[k]) - every; last[k] != 0 && moved.Abs() > 6*time.Microsecond {
				c.t.Fatalf("CL20 %s moved by %v in %v, %v after the beginning", n.address, moved+every, every, i)
			}
			if e != epoch {
				c.t.Fatalf("CL20 %s is in epoch %d, others in %d", n.address, e, epoch)
			}
			last[k] = at
			worst = max(worst, at.Sub(reference.At(now)).Abs())
		}
		time.Sleep(every)
	}
	return worst
}

// TestLeaderIsLost kills one leader after the other. R of everybody stays within
// a millisecond of where the first one's would be.
func TestLeaderIsLost(t *testing.T) {
	for _, drift := range []clock.Rate{-100 * clock.PPM, 0, 60 * clock.PPM} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			defer c.end()
			a := c.add("a", 0, 70, true)
			c.elect(a)
			a.room.Steer(time.Now(), 0, drift, 0)
			b, d, e := c.add("b", time.Hour, 80, true), c.add("d", -time.Minute, 90, true), c.add("e", time.Second, 60, true)
			for _, n := range []*node{a, b, d, e} {
				<-n.f.Followed()
			}
			time.Sleep(time.Second) // what began together is set one after the other
			steady := c.watch(a.room, []*node{a, b, d, e}, 90*time.Second)
			t.Logf("%v ppm: off by %v while one leads", drift.PPM(), steady)
			if steady > 500*time.Microsecond {
				t.Errorf("CL17 off by %v", steady)
			}
			c.kill(a)
			lost := c.watch(a.room, []*node{b, d, e}, 3*time.Second) // nobody leads yet
			c.elect(b)
			taken := c.watch(a.room, []*node{b, d, e}, 20*time.Second)
			apart := c.watch(b.room, []*node{d, e}, 30*time.Second)
			t.Logf("%v ppm: off where the first would be by %v without a leader, %v behind another; then %v apart", drift.PPM(), lost, taken, apart)
			if lost > time.Millisecond || taken > time.Millisecond || apart > 500*time.Microsecond {
				t.Errorf("CL20 off by %v, then %v, then %v apart", lost, taken, apart)
			}
			if !b.f.Leads() || d.f.Leads() || !d.f.Lead().Synced || b.room.Epoch() != 70 {
				t.Errorf("CL20 %+v in epoch %d", d.f.Lead(), b.room.Epoch())
			}
			c.kill(b)
			c.elect(d)
			if again := c.watch(b.room, []*node{d, e}, 20*time.Second); again > time.Millisecond {
				t.Errorf("CL20 off by %v behind the third leader", again)
			}
		})
	}
}

// TestLeaderIsDeposed: the one before follows like any other.
func TestLeaderIsDeposed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		defer c.end()
		a := c.add("a", 0, 70, false)
		c.elect(a)
		<-a.f.Followed()
		b := c.add("b", time.Hour, 80, true)
		<-b.f.Followed()
		time.Sleep(30 * time.Second)
		c.elect(b)
		if off := c.watch(b.room, []*node{a, b}, 30*time.Second); off > 500*time.Microsecond || a.f.Leads() || !a.f.Lead().Synced {
			t.Errorf("CL20 off by %v: %+v", off, a.f.Lead())
		}
		c.mu.Lock()
		c.leads = "" // nobody knows
		c.mu.Unlock()
		if off := c.watch(b.room, []*node{a, b}, 2*time.Minute); off > 500*time.Microsecond || b.f.Leads() || !a.f.Lead().Synced {
			t.Errorf("CL20 off by %v while nobody knows who leads: %+v", off, a.f.Lead())
		}
	})
}

// TestStrangerIsNotReady: a node that has not followed neither leads nor lets
// anybody in.
func TestStrangerIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		defer c.end()
		a := c.add("a", 0, 70, true)
		c.elect(a)
		<-a.f.Followed()
		a.down.Store(true)
		b := c.add("b", time.Hour, 80, true)
		time.Sleep(time.Minute)
		select {
		case <-b.f.Followed():
			t.Fatal("CL21 ready without having followed")
		default:
		}
		members := []follow.Candidate{a.f.Candidate()}
		if b.f.Candidate().MayLead(members) || !b.f.Candidate().MayLead(nil) || !a.f.Candidate().MayLead(members) {
			t.Errorf("CL21 %+v and %+v", a.f.Candidate(), b.f.Candidate())
		}
		if !b.f.Candidate().MayLead([]follow.Candidate{{Epoch: 3}}) {
			t.Error("CL21 nobody may begin a room")
		}
		a.down.Store(false)
		<-b.f.Followed()
		if off := b.room.At(time.Now()).Sub(a.room.At(time.Now())).Abs(); off > 500*time.Microsecond || !b.f.Candidate().MayLead(members) {
			t.Errorf("CL21 off by %v, %+v", off, b.f.Candidate())
		}
	})
}

func TestWhomAndLeader(t *testing.T) {
	room := clock.NewRoom(time.Now(), start, 7)
	for _, cfg := range []follow.Config{
		{Room: room}, {Whom: func() (string, bool) { return "", false }},
		{Room: room, Leader: &follow.UDP{}, Whom: func() (string, bool) { return "", false }},
	} {
		if _, err := follow.New(cfg); err == nil {
			t.Errorf("CL20 %+v follows", cfg)
		}
	}
}

// TestElectionOverUDP is the same with sockets: two followers, and one of them
// takes over.
func TestElectionOverUDP(t *testing.T) {
	type server struct {
		room    *clock.Room
		f       *follow.Follower
		address string
		end     func()
	}
	var leads atomic.Value
	leads.Store("")
	begin := func(by time.Duration, epoch uint32) *server {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		s := &server{room: clock.NewRoom(time.Now(), start.Add(by), epoch), address: conn.LocalAddr().String()}
		s.f, err = follow.New(follow.Config{
			Room: s.room, Idle: always,
			Whom: func() (string, bool) { a := leads.Load().(string); return a, a == s.address },
		})
		if err != nil {
			t.Fatal(err)
		}
		r := follow.NewResponder(conn, s.room)
		r.MuteWhile(func() bool { return !s.f.Candidate().Member })
		ctx, cancel := context.WithCancel(context.Background())
		var wait sync.WaitGroup
		for _, run := range []func(context.Context) error{s.f.Run, r.Run} {
			wait.Go(func() {
				if err := run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		s.end = sync.OnceFunc(func() { cancel(); wait.Wait() })
		t.Cleanup(s.end)
		return s
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	a, b, c := begin(0, 70), begin(time.Hour, 80), begin(-time.Hour, 90)
	leads.Store(a.address)
	until("CL20 nobody follows", func() bool { return a.f.Leads() && b.f.Lead().Synced && c.f.Lead().Synced })
	off := func(x, y *server) time.Duration { now := time.Now(); return x.room.At(now).Sub(y.room.At(now)) }
	t.Logf("followers are off by %v and %v, known to %v and %v", off(b, a), off(c, a), b.f.Lead().Dispersion, c.f.Lead().Dispersion)
	stepped := [2]<-chan struct{}{b.room.Stepped(), c.room.Stepped()}
	a.end()
	leads.Store(b.address)
	answers := c.f.Lead().Answers
	until("CL20 nobody follows the next leader", func() bool {
		return b.f.Leads() && c.f.Lead().Synced && c.f.Lead().Answers >= answers+clock.Burst
	})
	t.Logf("behind the next leader off by %v, from the first by %v and %v", off(c, b), off(b, a), off(c, a))
	for _, s := range stepped {
		select {
		case <-s:
			t.Error("CL20 R was stepped when the leader changed")
		default:
		}
	}
	if e := a.room.Epoch(); b.room.Epoch() != e || c.room.Epoch() != e {
		t.Errorf("CL20 epochs %d, %d, %d", a.room.Epoch(), b.room.Epoch(), c.room.Epoch())
	}
}
