package engine_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/wire"
)

func TestReplicaTellsTheLeader(t *testing.T) {
	nodesOf(t, "RE14 reports of all nodes reach the leader, and the light is green with the last of them", 3, func(h *house) {
		for _, n := range h.nodes {
			n.ears = append(n.ears, func(w interact.Whisper) { h.leader.room.Hear(w) })
		}
		c := h.take(trivia)
		h.until(c.Open.Add(-300 * ms))
		for i, n := range h.nodes {
			h.welcome(n, participant(i), wire.RoleViewer)
			n.Opened(interact.Opening{Cue: c.ID, Rev: c.Rev, Participant: participant(i), At: c.Open.Add(time.Duration(i) * ms), Class: wire.ClassIn})
		}
		h.until(c.Close.Add(100 * ms))
		for i, n := range h.nodes[:2] {
			n.Closed(interact.Closing{Cue: c.ID, Rev: c.Rev, Participant: participant(i), At: c.Close})
		}
		time.Sleep(600 * ms)
		if o := h.openings(c.ID); o == nil || o.Reported != 3 || o.Closed != 2 || o.Clear {
			h.Errorf("%+v", o)
		}
		h.nodes[2].Left(participant(2))
		time.Sleep(600 * ms)
		if o := h.openings(c.ID); o == nil || !o.Clear {
			h.Errorf("with the last one gone: %+v", o)
		}
		quiet := len(h.nodes[0].lounge.studioMessages())
		h.welcome(h.nodes[0], "boss", wire.RoleProducer)
		time.Sleep(time.Second)
		if again := h.nodes[0].lounge.studioMessages()[quiet:]; len(again) != 1 || again[0].(*wire.Openings).Cue != c.ID {
			h.Errorf("RE14 a producer who comes later is told %+v", again)
		}
	})
	nodesOf(t, "RE14 whispers go to who knows them, unknown kinds and fields harm nobody", 1, func(h *house) {
		heard := make(chan interact.Whisper, 9)
		h.nodes[0].ears = append(h.nodes[0].ears, func(w interact.Whisper) { heard <- w })
		synctest.Wait() // whispers reach who listens already
		h.must(h.bus.Whisper(h.Context(), "show", interact.Whisper{Kind: "news", Node: "x", Data: []byte("?")}))
		synctest.Wait()
		if len(heard) != 1 {
			h.Fatalf("%d whispers heard", len(heard))
		}
		if w := <-heard; w.Kind != "news" || string(w.Data) != "?" {
			h.Errorf("%+v", w)
		}
	})
}

// openings returns what producers on the first node heard last of a cue.
func (h *house) openings(id string) (last *wire.Openings) {
	for _, m := range h.nodes[0].lounge.studioMessages() {
		if o, ok := m.(*wire.Openings); ok && o.Cue == id {
			last = o
		}
	}
	return last
}

func TestReplicaOfTheNextRelease(t *testing.T) {
	nodesOf(t, "RE15 unknown kinds, fields and messages of a newer node are passed over", 1, func(h *house) {
		n := h.nodes[0]
		c := h.take(poll)
		record := func(kind int, cue string, data any) []byte {
			b, err := json.Marshal(map[string]any{"v": 2, "soon": true, "record": map[string]any{"kind": kind, "cue": cue, "data": data, "why": "?"}})
			h.must(err)
			return b
		}
		h.must(h.bus.Post(h.Context(), "show", 1, []interact.Post{
			{Reach: interact.ReachNodes, Data: []byte(`{"v":2,"plan":{"a":1}}`)},
			{Reach: interact.ReachNodes, Data: record(99, "", map[string]int{"x": 1})},
			{Reach: interact.ReachNodes, Data: record(4, "", map[string]any{"v": 1, "participant": "eve", "at_us": 1, "mood": "bad"})},
			{Reach: interact.ReachNodes, Data: []byte(`{"v":`)},
			{Reach: interact.ReachViewers, Data: []byte(`{"t":"confetti","much":true}`)},
			{Reach: interact.ReachProducers, Data: []byte(`{"t":"mood","good":true}`)},
			{Reach: interact.ReachViewers, Data: []byte(`{"t":"tally","cue":"` + c.ID + `","ver":1,"counts":[1,0],"total":1,"later":{}}`)},
		}, nil))
		time.Sleep(50 * ms)
		if bans, err := n.Bans(h.Context()); err != nil || len(bans) != 1 {
			h.Errorf("%+v, %v", bans, err)
		}
		if s := n.Stats(); s.Unread != 3 || s.Resyncs != 0 {
			h.Errorf("%+v", s)
		}
		all := n.lounge.messages()
		if tally, ok := all[len(all)-1].m.(*wire.Tally); !ok || tally.Total != 1 {
			h.Errorf("%+v", all[len(all)-1])
		}
		h.until(c.Open.Add(time.Second))
		h.counted(n.send(c.ID, "ann", "a1", 0))
		h.must(h.store.Append(h.Context(), []interact.Record{
			{Channel: "show", Kind: interact.RecordCue, Cue: "c9", Data: []byte(`{"v":99,"id":"c9","action":"dance","cue":{"rev":1}}`)},
			{Channel: "show", Kind: interact.RecordBan, Data: []byte(`{"v":9,"participant":"mal","at_us":1,"for":"ever"}`)},
		}))
		late := h.join(0)
		h.counted(late.send(c.ID, "bob", "a1", 0))
		if bans, err := late.Bans(h.Context()); err != nil || len(bans) != 1 || bans[0].Participant != "mal" || late.Stats().Unread != 1 {
			h.Errorf("%+v, %v, %+v", bans, err, late.Stats())
		}
	})
}

func TestReplicaTimeline(t *testing.T) {
	nodesOf(t, "RE16 L and the timeline are the leader's on every node", 2, func(h *house) {
		h.leader.room.SetTimeline(wire.Timeline{Epoch: 1, Rev: 4, State: "locked", Scale: 90_000, Points: [][2]int64{{0, 1}}, Live: true})
		time.Sleep(50 * ms)
		for _, n := range h.nodes {
			got, ok := n.Timeline()
			if w := h.welcome(n, "ann", wire.RoleViewer); !ok || got.Latency != 3000 || w.Timeline == nil || w.Timeline.Rev != got.Rev || n.Latency() != latency {
				h.Errorf("%s: %+v, %v", n.name, got, ok)
			}
		}
		at, err := h.leader.room.SetLatency(h.Context(), 5*time.Second)
		h.must(err)
		time.Sleep(50 * ms)
		for _, n := range h.nodes {
			got := n.Told(wire.Timeline{Epoch: 1, Rev: 4})
			if got.Latency != 3000 || got.Next == nil || got.Next.Latency != 5000 || got.Next.At != at || n.Latency() != 5*time.Second {
				h.Errorf("%s: %+v", n.name, got)
			}
		}
		h.until(at.Add(20 * ms))
		for _, n := range h.nodes {
			if got := n.Told(wire.Timeline{Epoch: 1, Rev: 4}); got.Latency != 5000 || got.Next != nil || got.Rev < 4 {
				h.Errorf("%s: %+v", n.name, got)
			}
			if w := h.welcome(n, "ann", wire.RoleViewer); w.Timeline.Latency != 5000 || w.Timeline.Next != nil {
				h.Errorf("%s: %+v", n.name, w.Timeline)
			}
		}
		late := h.join(0)
		if late.Latency() != 5*time.Second {
			h.Errorf("a new node has %v", late.Latency())
		}
	})
}

func TestReplicaConfig(t *testing.T) {
	if _, err := engine.NewReplica(engine.ReplicaConfig{Receipts: -1}); err == nil {
		t.Error("EN18 a configuration that cannot work is taken")
	}
}
