package history_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/sync/clock"
)

func deeds(t *testing.T, db *history.DB, show int64) (out []history.Deed) {
	t.Helper()
	err := db.Audit(t.Context(), "show", show, func(d history.Deed) error {
		out = append(out, d)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// brief is what was done, in a line.
func brief(all []history.Deed) string {
	var b strings.Builder
	for _, d := range all {
		fmt.Fprintf(&b, "%d.%d %s %s %s;", d.Log, d.Seq, d.Role, d.Action, d.Cue)
	}
	return b.String()
}

func TestAudit(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		place := e.place(t)
		db, v := open(t, place), newVenue()
		ask := map[string]any{"kind": "poll", "title": "t", "options": []string{"x", "y"}}
		v.do("prepare", "a", start, map[string]any{"question": ask})
		v.do("prepare", "b", start+1, map[string]any{"question": ask})
		v.do("remove", "b", start+2, nil)
		v.do("take", "a", start+3, map[string]any{"key": "press-1", "by": "ann", "note": "on air"})
		v.do("spread", "a", start+4, nil)
		add := func(kind interact.RecordKind, data string) {
			v.records = append(v.records, interact.Record{Seq: uint64(len(v.records) + 1), Channel: "show", Kind: kind, Data: []byte(data)})
		}
		add(interact.RecordLatency, `{"v":1,"latency_ms":3500,"at_us":1795410000000007}`)
		add(interact.RecordBan, `{"v":1,"participant":"troll","at_us":1795410000000009,"reason":"spam"}`)
		add(interact.RecordAnswers, `whatever`)
		add(interact.RecordBan, `{"v":1,"participant":"troll","at_us":1795410000000010,"lifted":true}`)
		add(interact.RecordCue, `{`)
		add(99, `{}`)
		add(interact.RecordLatency, `{"v":1,"latency_ms":3500}`) // of a compaction
		add(interact.RecordLatency, `{"v":1,"latency_ms":4000,"at_us":1795410000000012,"by":"clock"}`)
		v.ends = []history.End{{At: start + 10*second, By: "bob"}}
		const want = "0.1795410010000000 producer end ;1.1 producer prepare a;1.2 producer prepare b;1.3 producer remove b;1.4 producer take a;" +
			"1.5 room spread a;1.6 producer latency ;1.7 producer ban ;1.9 producer unban ;1.10 producer unreadable ;1.13 room latency ;"
		recordAll(t, db, v, nil)
		all := deeds(t, db, 0)
		if got := brief(all); got != want {
			t.Fatalf("HI10 %s\nwant %s", got, want)
		}
		if d := all[4]; d.Actor != "ann" || d.Key != "press-1" || d.Detail != "on air" || d.At != start+3 || d.Rev != 4 || d.Show == 0 {
			t.Errorf("HI10 take: %+v", d)
		}
		if d := all[7]; d.Subject != "troll" || d.Detail != "spam" {
			t.Errorf("HI10 ban: %+v", d)
		}
		if d := all[5]; d.Actor != "clock" {
			t.Errorf("HI10 by itself: %+v", d)
		}
		if d := all[6]; d.Detail != "3500 ms" || d.At != 1795410000000007 || d.Actor != "" {
			t.Errorf("HI10 latency: %+v", d)
		}
		s := shows(t, db)
		if got := brief(deeds(t, db, s[0].ID)); got != "0.1795410010000000 producer end ;1.1 producer prepare a;1.4 producer take a;1.5 room spread a;" {
			t.Errorf("HI10 the show's: %s", got)
		}
		if h := recordAll(t, db, v, nil); h.Deeds != 0 || brief(deeds(t, db, 0)) != want {
			t.Errorf("HI10 written again: %v", h)
		}
	})
}

// TestAuditFollows has commands noted one by one, more at once than are kept, and
// commands that were not noted at all.
func TestAuditFollows(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		db, v := open(t, e.place(t)), newVenue()
		r := record(t, db, v, func(c *history.RecorderConfig) { c.Every = 3600e9 })
		r.until(t, "begun", func(h history.Health) bool { return h.Passes > 0 })
		for i := range 3 {
			r.Note(v.do("edit", "a", start+clock.Instant(i), nil))
		}
		r.until(t, "noted", func(h history.Health) bool { return h.Audited == 3 })
		for i := range 5000 {
			r.Note(v.do("edit", "b", start+clock.Instant(i), nil))
		}
		r.until(t, "read again", func(h history.Health) bool { return h.Audited == 5003 })
		r.halt()
		v.do("edit", "c", start, nil)
		recordAll(t, db, v, nil)
		all := deeds(t, db, 0)
		if len(all) != 5004 {
			t.Fatalf("HI10 %d rows", len(all))
		}
		for i, d := range all {
			if d.Seq != int64(i+1) {
				t.Fatalf("HI10 row %d has number %d", i, d.Seq)
			}
		}
	})
}

// TestAnotherLog has a data folder that was removed: numbers begin again.
func TestAnotherLog(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		db, v := open(t, e.place(t)), newVenue()
		for range 4 {
			v.do("edit", "a", start, nil)
		}
		recordAll(t, db, v, nil)
		v = newVenue()
		v.do("prepare", "x", start+hour, nil)
		v.do("take", "x", start+hour, nil)
		for range 2 {
			recordAll(t, db, v, nil)
		}
		const want = "1.1 producer edit a;1.2 producer edit a;1.3 producer edit a;1.4 producer edit a;2.1 producer prepare x;2.2 producer take x;"
		if got := brief(deeds(t, db, 0)); got != want {
			t.Errorf("HI10 %s\nwant %s", got, want)
		}
	})
}

// TestNoteDoesNotWait notes while nobody records.
func TestNoteDoesNotWait(t *testing.T) {
	db, err := history.New(history.Config{DSN: "postgres://nobody@127.0.0.1:1/none?sslmode=disable"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	v := newVenue()
	r, err := history.NewRecorder(history.RecorderConfig{DB: db, Source: v, Channel: "show", Now: func() clock.Instant { return start }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		r.Note(v.do("edit", "a", start+clock.Instant(i), nil))
		r.Wake()
	}
}
