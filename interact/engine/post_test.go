package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/wire"
)

// TestPostsOfThisLayout reads what nodes of this release tell each other, and what
// one of the next may.
func TestPostsOfThisLayout(t *testing.T) {
	rec := interact.Record{Seq: 7, Channel: "show", Kind: interact.RecordCue, Cue: "c1", Data: []byte(`{"v":3,"id":"c1","action":"take","cue":{"rev":2}}`)}
	const today = `{"v":1,"record":{"seq":7,"kind":1,"cue":"c1","data":{"v":3,"id":"c1","action":"take","cue":{"rev":2}}}}`
	if data, err := engine.EncodeRecord(rec); err != nil || string(data) != today {
		t.Errorf("PO1 packed %s, %v", data, err)
	}
	for name, data := range map[string]string{
		"PO1 today's":              today,
		"PO2 tomorrow's":           `{"v":2,"urgent":true,"record":{"seq":7,"kind":1,"cue":"c1","shard":4,"data":{"v":3,"id":"c1","action":"take","cue":{"rev":2}}}}`,
		"PO2 without a number yet": `{"v":1,"record":{"kind":1,"cue":"c1","data":{"v":3,"id":"c1","action":"take","cue":{"rev":2}}}}`,
	} {
		got, ok, err := engine.DecodeRecord("show", []byte(data))
		if got.Seq = 7; err != nil || !ok || !reflect.DeepEqual(got, rec) {
			t.Errorf("%s: %+v, %v, %v", name, got, ok, err)
		}
	}
	for _, data := range []string{`{"v":2}`, `{"v":2,"decree":{}}`, `{"v":1,"record":{"kind":99}}`} {
		if _, ok, err := engine.DecodeRecord("show", []byte(data)); ok || err != nil {
			t.Errorf("PO2 %s: %v, %v", data, ok, err)
		}
	}
	if _, ok, err := engine.DecodeRecord("show", []byte(`{"v":`)); ok || err == nil {
		t.Error("PO3 half a post is read")
	}
	if _, err := engine.EncodeRecord(interact.Record{Kind: interact.RecordAnswers, Data: []byte{1, 2, 3}}); err == nil {
		t.Error("PO3 answers are packed")
	}
	if _, err := engine.EncodeRecord(interact.Record{Kind: interact.RecordLink, Data: []byte(`"` + strings.Repeat("x", interact.MaxPost) + `"`)}); err == nil {
		t.Error("PO3 a record too large for a post is packed")
	}
}

func TestScenes(t *testing.T) {
	scene := engine.Scene{
		Viewers:   engine.View{Cues: []wire.Cue{{ID: "c1", Rev: 2, State: wire.StateArmed}}, Tallies: []wire.Tally{{Cue: "c1", Version: 3, Counts: []uint64{1, 2}, Total: 3}}},
		Producers: engine.View{Cues: []wire.Cue{{ID: "c1", Rev: 2, Note: "n"}}, Tallies: []wire.Tally{}},
		Timeline:  &wire.Timeline{Rev: 4, Points: [][2]int64{{1, 2}}},
	}
	data, err := engine.EncodeScene(scene)
	if err != nil || !bytes.HasPrefix(data, []byte(`{"v":1,"viewers":{"cues":[{"id":"c1"`)) {
		t.Errorf("PO4 packed %s, %v", data, err)
	}
	got, err := engine.DecodeScene(data)
	if err != nil || !reflect.DeepEqual(got, scene) {
		t.Errorf("PO4 read %+v, %v", got, err)
	}
	next := bytes.Replace(data, []byte(`{"v":1,`), []byte(`{"v":2,"mood":"good",`), 1)
	if got, err := engine.DecodeScene(next); err != nil || !reflect.DeepEqual(got, scene) {
		t.Errorf("PO2 read %+v, %v", got, err)
	}
	if got, err := engine.DecodeScene(nil); err != nil || !reflect.DeepEqual(got, engine.Scene{}) {
		t.Errorf("PO4 no snapshot yet: %+v, %v", got, err)
	}
}

func TestScenesAreBounded(t *testing.T) {
	var scene engine.Scene
	for i := range engine.MaxCues {
		c := wire.Cue{ID: fmt.Sprint("c", i), State: wire.StateDraft, Text: &wire.Text{Title: strings.Repeat("ä", 2000)}}
		if i == 7 {
			c.State = wire.StateOpen
		}
		scene.Producers.Cues = append(scene.Producers.Cues, c)
		scene.Producers.Tallies = append(scene.Producers.Tallies, wire.Tally{Cue: c.ID})
	}
	data, err := engine.EncodeScene(scene)
	if err != nil || len(data) > interact.MaxSnapshot {
		t.Fatalf("PO4 %d bytes, %v", len(data), err)
	}
	got, err := engine.DecodeScene(data)
	if _, ok := byID(got.Producers.Cues, "c7"); err != nil || !ok || len(got.Producers.Cues) < 100 || len(got.Producers.Tallies) != len(got.Producers.Cues) {
		t.Errorf("PO4 %d cues, %d tallies, %v", len(got.Producers.Cues), len(got.Producers.Tallies), err)
	}
	for i := range scene.Producers.Cues {
		scene.Producers.Cues[i].State = wire.StateOpen
	}
	if _, err := engine.EncodeScene(scene); err == nil {
		t.Error("PO4 what does not fit is packed")
	}
}

func TestReports(t *testing.T) {
	var all []interact.Opening
	for i := range 2000 {
		all = append(all, interact.Opening{
			Cue: "c1", Rev: 2, Participant: participant(i), At: 1_795_410_000_000_000, Frame: 5, Dispersion: 3 * time.Millisecond,
			Late: i%2 == 0, Class: wire.ClassIn, Why: wire.WhyHidden,
		})
	}
	whispers, err := engine.PackOpenings(all)
	if err != nil || len(whispers) < 2 {
		t.Fatalf("PO5 %d whispers, %v", len(whispers), err)
	}
	opened, came := 0, 0
	for _, w := range whispers {
		if len(w) > interact.MaxPost {
			t.Errorf("PO5 a whisper of %d bytes", len(w))
		}
		again, reports, moves, err := engine.Repack(w)
		if err != nil || len(again) != 1 || !bytes.Equal(again[0], w) {
			t.Fatalf("PO5 came back as %s, %v", again, err)
		}
		opened, came = opened+reports, came+moves
	}
	if opened != len(all) || came != len(all) {
		t.Errorf("PO5 %d reports and %d moves of %d", opened, came, len(all))
	}
	if none, err := engine.PackOpenings(nil); none != nil || err != nil {
		t.Errorf("PO5 nothing is packed as %s, %v", none, err)
	}
}

func TestHear(t *testing.T) {
	ships(t, "PO5 what viewers of other nodes report is taken in, once each", func(f *fleet) {
		c := f.take(poll)
		f.until(c.Open.Add(time.Second))
		var all []interact.Opening
		for i := range 50 {
			all = append(all, interact.Opening{Cue: c.ID, Rev: c.Rev, Participant: participant(i), At: c.Open.Add(5 * ms), Class: wire.ClassIn})
		}
		whispers, err := engine.PackOpenings(all)
		if err != nil {
			f.Fatal(err)
		}
		for range 2 {
			if !f.room.Hear(interact.Whisper{Kind: engine.WhisperOpenings, Node: "n2", Data: whispers[0]}) {
				f.Error("not for it")
			}
		}
		f.after(time.Second)
		var last *wire.Openings
		for _, p := range f.ear.since(0) {
			if o, ok := p.m.(*wire.Openings); ok {
				last = o
			}
		}
		if last == nil || last.Reported != 50 || last.InTime != 50 || last.Expected != 100 {
			f.Errorf("openings = %+v", last)
		}
	})
	ships(t, "PO2 whispers of other kinds are somebody else's, and noise is ignored", func(f *fleet) {
		if f.room.Hear(interact.Whisper{Kind: engine.WhisperEdge}) {
			f.Error("an edge was taken in")
		}
		if !f.room.Hear(interact.Whisper{Kind: engine.WhisperOpenings, Data: []byte("{")}) {
			f.Error("half a report is somebody else's")
		}
	})
}

func FuzzPosts(f *testing.F) {
	f.Add([]byte(`{"v":1,"record":{"seq":7,"kind":1,"cue":"c1","data":{"v":3}}}`))
	f.Add([]byte(`{"v":1,"cues":[{"cue":"c1","rev":2,"opened":[{"p":"ann","at_us":5,"disp_us":9,"class":"in"}],"closed":[{"p":"ann","at_us":5}]}],"moves":[{"p":"bob","here":true},{"p":""}]}`))
	f.Add([]byte(`{"v":1,"viewers":{"cues":[{"id":"c1"}],"tallies":null},"timeline":{"rev":1}}`))
	f.Add([]byte(`{"v":1,"cues":[{"cue":"c1","opened":[{"p":"` + strings.Repeat("p", 100) + `"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if rec, ok, err := engine.DecodeRecord("show", data); ok && err == nil && len(data) <= interact.MaxPost/8 {
			again, err := engine.EncodeRecord(rec)
			if err != nil {
				t.Fatalf("PO1 what was read cannot be packed: %v", err)
			}
			if back, ok, err := engine.DecodeRecord("show", again); !ok || err != nil || back.Seq != rec.Seq || !sameJSON(back.Data, rec.Data) {
				t.Fatalf("PO1 %+v came back as %+v", rec, back)
			}
		}
		if s, err := engine.DecodeScene(data); err == nil && len(data) <= interact.MaxSnapshot/16 {
			if _, err := engine.EncodeScene(s); err != nil {
				t.Fatalf("PO4 what was read cannot be packed: %v", err)
			}
		}
		if _, _, _, err := engine.Repack(data); err != nil && json.Valid(data) && bytes.HasPrefix(data, []byte(`{"v":1}`)) {
			t.Fatalf("PO5 %v", err)
		}
	})
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
