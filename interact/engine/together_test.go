package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// model is a viewer that does with messages what the wire's rules say, and
// nothing else.
type model struct {
	cue    *wire.Cue
	keys   map[string]wire.Key // by their names
	opened clock.Instant
	openAs wire.Cue
}

var ranks = map[wire.State]int{
	wire.StateScheduled: 1, wire.StateArmed: 2, wire.StateKeyed: 3, wire.StateOpen: 4, wire.StatePaused: 4,
	wire.StateClosing: 5, wire.StateClosed: 6, wire.StateRevealed: 7, wire.StateCancelled: 8, wire.StateVoid: 9,
}

func (m *model) hear(msg wire.Message) {
	switch msg := msg.(type) {
	case *wire.CueChanged:
		m.apply(msg.Cue)
	case *wire.Key:
		m.keys[msg.KeyID] = *msg
	case *wire.Welcome:
		for _, c := range msg.Cues {
			m.apply(c)
		}
	}
}

func (m *model) apply(c wire.Cue) {
	if have := m.cue; have != nil && (c.Rev < have.Rev || c.Rev == have.Rev && ranks[c.State] < ranks[have.State]) {
		return // W5
	}
	m.cue = &c
	if c.Key != "" {
		m.keys[c.Seal.KeyID] = wire.Key{Rev: c.Rev, KeyID: c.Seal.KeyID, Key: c.Key}
	}
}

// look opens the window if the rules let it, at now by R.
func (m *model) look(now clock.Instant) {
	c := m.cue
	if c == nil || m.opened != 0 || c.Seal == nil || c.State == wire.StateCancelled || c.State == wire.StateVoid {
		return
	}
	key, ok := m.keys[c.Seal.KeyID]
	over := now >= c.Close && (c.Pause == 0 || c.Resume != 0)
	if !ok || key.Rev > c.Rev || now < c.Open || over {
		return // W7
	}
	m.opened, m.openAs = now, *c
}

// delivery is a message on its way to a viewer.
type delivery struct {
	at  clock.Instant
	msg wire.Message
}

// journey is what reaches one viewer of what was sent: late, out of order,
// twice, or not at all, and after a loss everything anew when it comes back. end
// is when it has heard all.
func journey(r *rand.Rand, sent []heard, snapshots []heard) (all []delivery) {
	lossy, longest := r.IntN(3) == 0, time.Duration(1+r.IntN(5))*time.Second
	for _, h := range sent {
		if _, ok := h.message.(*wire.Key); ok && r.IntN(2) == 0 {
			all = append(all, delivery{h.at.Add(ms), h.message}) // it overtakes
			continue
		}
		late := time.Duration(r.Int64N(int64(longest)))
		switch {
		case lossy && r.IntN(3) == 0:
			after := slices.IndexFunc(snapshots, func(s heard) bool { return s.at >= h.at.Add(late) })
			if after >= 0 {
				all = append(all, delivery{snapshots[after].at.Add(late / 10), snapshots[after].message})
			}
			continue
		case r.IntN(4) == 0:
			all = append(all, delivery{h.at.Add(late + time.Duration(r.Int64N(int64(time.Second)))), h.message})
		}
		all = append(all, delivery{h.at.Add(late), h.message})
	}
	last := snapshots[len(snapshots)-1]
	all = append(all, delivery{last.at, last.message})
	slices.SortStableFunc(all, func(a, b delivery) int { return int(a.at - b.at) })
	return all
}

// perform lets a producer do anything to one cue for half a minute, and returns
// what viewers were sent and would have been welcomed with meanwhile.
func (s *show) perform(r *rand.Rand) (snapshots []heard) {
	begin := s.now()
	q := poll
	q.Window = 8 * time.Second
	c := s.prepare(q)
	ctx := s.Context()
	if r.IntN(2) == 0 {
		_, err := s.room.Take(ctx, c.ID, "")
		s.must(err)
	} else {
		_, err := s.room.TakeAt(ctx, c.ID, interact.Spot{Open: s.now().Add(time.Duration(2+r.IntN(12)) * time.Second)}, "")
		s.must(err)
	}
	lastMoment := r.IntN(2) == 0
	for s.now() < begin.Add(30*time.Second) {
		time.Sleep(250 * ms)
		synctest.Wait()
		w := s.welcome("model", wire.RoleViewer)
		snapshots = append(snapshots, heard{at: s.now(), message: &w})
		if lead := s.cue(c.ID).Open.Sub(s.now()); lastMoment && lead > 2*time.Second && lead < 2300*ms {
			lastMoment = false
			s.room.Move(ctx, c.ID, time.Duration(200+r.IntN(800))*ms, "")
		}
		if r.IntN(4) > 0 {
			continue
		}
		switch r.IntN(12) { // most of it is refused, as it has to be
		case 0, 1:
			s.room.Move(ctx, c.ID, time.Duration(r.IntN(8000)-3000)*ms, "")
		case 2, 3:
			s.room.Edit(ctx, c.ID, q)
		case 4:
			s.room.Extend(ctx, c.ID, time.Duration(1+r.IntN(4000))*ms, "")
		case 5, 6:
			s.room.Pause(ctx, c.ID, "")
		case 7, 8:
			s.room.Resume(ctx, c.ID, "")
		case 9:
			s.room.CloseNow(ctx, c.ID, "")
		case 10:
			if r.IntN(3) == 0 {
				s.room.Cancel(ctx, c.ID, "")
			}
		case 11:
			s.picture.run(!s.picture.live)
		}
	}
	return snapshots
}

// TestTogether lets producers do anything and the network, too: no viewer opens
// before O, none opens a cue that was cancelled in time, and all that open
// agree on O and, when they have heard everything, on C.
func TestTogether(t *testing.T) {
	opened, cancelled := 0, 0
	for seed := range uint64(150) {
		t.Run(fmt.Sprintf("CU15 seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 5))
				s := onAir(t, new(interacttest.Memory))
				snapshots := s.perform(r)
				cues, _, err := s.room.Cues(t.Context())
				s.must(err)
				final := cues[0]
				sent := s.crowd.hears(wire.Viewers)
				for i := range 40 {
					m := watchShow(r, journey(r, sent, snapshots), s.now())
					s.judge(i, m, final)
					if m.opened != 0 {
						opened++
					}
				}
				if final.State == wire.StateCancelled {
					cancelled++
				}
			})
		})
	}
	if opened < 1000 || cancelled < 10 {
		t.Errorf("%d windows opened and %d cues were cancelled: too few to show anything", opened, cancelled)
	}
}

// watchShow plays a journey to a viewer, which looks every 10 ms or so.
func watchShow(r *rand.Rand, road []delivery, end clock.Instant) *model {
	m := &model{keys: make(map[string]wire.Key)}
	for now := road[0].at; now < end; now = now.Add(time.Duration(1+r.IntN(20)) * ms) {
		for len(road) > 0 && road[0].at <= now {
			m.hear(road[0].msg)
			road = road[1:]
		}
		m.look(now)
	}
	for _, d := range road {
		m.hear(d.msg)
	}
	return m
}

func (s *show) judge(viewer int, m *model, final wire.Cue) {
	s.Helper()
	switch {
	case m.opened == 0:
	case final.State == wire.StateCancelled:
		s.Errorf("CU4 viewer %d opened a cue that was cancelled in time", viewer)
	case m.opened < final.Open:
		s.Errorf("CU15 viewer %d opened %v before O", viewer, final.Open.Sub(m.opened))
	case m.openAs.Open != final.Open:
		s.Errorf("CU15 viewer %d opened for O%+v", viewer, m.openAs.Open.Sub(final.Open))
	case m.cue.Open != final.Open || m.cue.Close != final.Close || m.cue.Rev != final.Rev:
		s.Errorf("CU15 viewer %d ends with rev %d, C%+v; the server with rev %d", viewer, m.cue.Rev, m.cue.Close.Sub(final.Close), final.Rev)
	}
}

func (s *show) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
