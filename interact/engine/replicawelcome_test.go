package engine_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// seat is a viewer at a node: what it knew when it came, and how much of the
// node's log it had behind it then.
type seat struct {
	*viewing
	n    *node
	from int
}

// enter seats a viewer as a gateway does: first its place in the log, then what
// it is told.
func (h *house) enter(n *node, who string) seat {
	h.Helper()
	from := len(n.lounge.messages())
	s := seat{newViewing(), n, from}
	s.welcome(h.welcome(n, who, wire.RoleViewer))
	return s
}

// leave returns what the viewer knows by now and the offset of the last message.
func (s seat) leave() (*viewing, uint64) {
	all := s.n.lounge.messages()
	for _, r := range all[s.from:] {
		s.hear(r.m)
	}
	if len(all) == 0 {
		return s.viewing, 0
	}
	return s.viewing, all[len(all)-1].offset
}

// seatAgain seats a viewer that knows something up to an offset.
func seatAgain(v *viewing, offset uint64, n *node) seat {
	all := n.lounge.messages()
	from := 0
	for from < len(all) && all[from].offset <= offset {
		from++
	}
	return seat{v.clone(), n, from}
}

func TestReplicaWelcomes(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("RE3 seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { welcomes(houseOf(t, 3), rand.New(rand.NewPCG(seed, 3))) })
		})
	}
}

func welcomes(h *house, dice *rand.Rand) {
	for i, n := range h.nodes {
		n.bus.lag = time.Duration(dice.IntN(30)) * ms
		stay := newViewing() // hears everything
		n.lounge.relayed = func() {
			all := n.lounge.messages()
			stay.hear(all[len(all)-1].m)
			if w, err := n.Join(h.Context(), fmt.Sprint("late", i), wire.RoleViewer); err != nil {
				h.Error(err)
			} else {
				h.holds(w, stay)
			}
		}
	}
	first := h.enter(h.nodes[0], "first")
	seats := []seat{first}
	var taken []wire.Cue
	for range 60 {
		time.Sleep(time.Duration(dice.IntN(900)) * ms)
		h.act(dice, &taken)
		n := h.nodes[dice.IntN(len(h.nodes))]
		switch i := dice.IntN(len(seats) + 1); {
		case i == len(seats) || i == 0:
			seats = append(seats, h.enter(n, participant(len(seats))))
		default:
			v, offset := seats[i].leave()
			seats[i] = seatAgain(v, offset, n)
		}
	}
	h.until(h.now().Add(40 * time.Second))
	want, _ := first.leave()
	for i, s := range seats[1:] {
		got, _ := s.leave()
		if !reflect.DeepEqual(got.at(h.now()), want.at(h.now())) || !reflect.DeepEqual(got.timeline, want.timeline) || !reflect.DeepEqual(shown(got), shown(want)) {
			h.Errorf("viewer %d knows\n%+v\n%+v\nwho never left knows\n%+v\n%+v", i+1, got.cues, got.tallies, want.cues, want.tallies)
		}
	}
}

// shown are the counts of cues that have any now.
func shown(v *viewing) map[string]wire.Tally {
	out := make(map[string]wire.Tally)
	for id, t := range v.tallies {
		if s := v.cues[id].State; s != wire.StateVoid && s != wire.StateCancelled {
			out[id] = t
		}
	}
	return out
}

// holds checks that a welcome is nothing behind what was relayed before it.
func (h *house) holds(w wire.Welcome, stay *viewing) {
	h.Helper()
	v := newViewing()
	v.welcome(w)
	for id, c := range stay.cues {
		if got, ok := v.cues[id]; !ok || got.Rev < c.Rev || got.Rev == c.Rev && (rankOf[got.State] < rankOf[c.State] || got.Key == "" && c.Key != "") {
			h.Errorf("RE3 welcomed with %+v behind %+v", got, c)
		}
	}
	for id, t := range shown(stay) {
		if v.tallies[id].Version < t.Version && rankOf[stay.cues[id].State] >= rankOf[wire.StateOpen] {
			h.Errorf("RE3 welcomed with %+v behind %+v", v.tallies[id], t)
		}
	}
}

// act does something that a show does. What is refused is no matter.
func (h *house) act(dice *rand.Rand, taken *[]wire.Cue) {
	room := h.leader.room
	if len(*taken) < 6 && dice.IntN(6) == 0 {
		q := poll
		q.Window, q.Slot = time.Duration(3+dice.IntN(6))*time.Second, fmt.Sprint("s", len(*taken))
		if dice.IntN(2) == 0 {
			q = trivia
			q.Window, q.Slot = 5*time.Second, fmt.Sprint("s", len(*taken))
		}
		*taken = append(*taken, h.takeNow(q))
		return
	}
	if dice.IntN(8) == 0 {
		room.SetTimeline(wire.Timeline{Epoch: 1, Rev: int(h.now() / 1000), State: "locked", Scale: 90_000, Points: [][2]int64{{0, int64(h.now())}}, Live: true})
		return
	}
	if len(*taken) == 0 {
		return
	}
	c := (*taken)[dice.IntN(len(*taken))]
	ctx := h.Context()
	switch dice.IntN(8) {
	case 0:
		room.Extend(ctx, c.ID, 2*time.Second, "")
	case 1:
		room.Pause(ctx, c.ID, "")
	case 2:
		room.Resume(ctx, c.ID, "")
	case 3:
		room.CloseNow(ctx, c.ID, "")
	case 4:
		room.Reveal(ctx, c.ID, "")
	case 5:
		if dice.IntN(4) == 0 {
			room.Cancel(ctx, c.ID, "")
		}
	default:
		h.nodes[dice.IntN(len(h.nodes))].Answer(interact.Answer{
			ID: "a1", Cue: c.ID, Participant: participant(dice.IntN(1000)), Choice: []int{dice.IntN(2)}, Received: h.now(),
		}, func(interact.Receipt, error) {})
	}
}
