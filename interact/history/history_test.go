package history_test

import (
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/sync/clock"
)

// TestHistory is the suite that both databases pass.
func TestHistory(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		t.Run("HI1 five that open it at once make one schema", func(t *testing.T) { testOpenTogether(t, e) })
		t.Run("HI2 a cue is recorded whole", func(t *testing.T) { testWhole(t, e) })
		t.Run("HI3 the same again changes nothing", func(t *testing.T) { testAgain(t, e) })
		t.Run("HI4 more answers than a batch", func(t *testing.T) { testBatches(t, e) })
		t.Run("HI5 what the source has twice is there once", func(t *testing.T) { testTwice(t, e) })
		t.Run("HI6 names and text of any bytes", func(t *testing.T) { testWeird(t, e) })
		t.Run("HI7 fewer answers than were counted are not taken", func(t *testing.T) { testMissing(t, e) })
		t.Run("HI16 answers that are gone", func(t *testing.T) { testCountsOnly(t, e) })
	})
}

func testOpenTogether(t *testing.T, e means) {
	place := e.place(t)
	var wg sync.WaitGroup
	errs := make([]error, 5)
	for i := range errs {
		wg.Go(func() {
			db, err := history.Open(t.Context(), place)
			if err == nil {
				err = db.Close()
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if n := count(t, e.look(t, place), "SELECT count(*) FROM cuelight_schema WHERE version_id = 1"); n != 1 {
		t.Errorf("step 1 was made %d times", n)
	}
}

func testWhole(t *testing.T, e means) {
	place := e.place(t)
	db, v := open(t, place), newVenue()
	v.do("take", "c1", start, nil)
	c := v.finish("c1", start, 10, true)
	v.answers["c1"][4].mark.Changes = 2
	h := recordAll(t, db, v, func(c *history.RecorderConfig) {
		c.Tenant = "acme"
		c.Points = func(c *history.Cue, m interact.Mark) (int64, bool) { return int64(m.Choice) * 100, m.Choice != 0 }
	})
	if h.Cues != 1 || h.Answers != 10 || h.Deeds != 1 {
		t.Errorf("health %+v", h)
	}
	got := result(t, db, "c1")
	if got.Title != c.Question.Title || got.Kind != "trivia" || *got.Correct != 1 || got.State != "closed" || got.Rev != 3 ||
		got.Total != 10 || got.Version != 11 || !got.Complete || got.Open != c.Open || got.Close != c.Close || got.Taken != start ||
		!reflect.DeepEqual(got.Options, []history.Option{{Label: "red", Count: 4}, {Label: "green", Count: 6}}) {
		t.Errorf("result %+v", got)
	}
	answers := answersOf(t, db, "c1")
	if len(answers) != 10 {
		t.Fatalf("%d answers", len(answers))
	}
	a := answers[4]
	at := c.Open + 4*7
	if a.Participant != "p000004" || !reflect.DeepEqual(a.Choice, []int{1}) || a.Credited != at || a.Received != at+40_000 ||
		a.Changes != 2 || !*a.Correct || *a.Points != 200 || *answers[0].Correct {
		t.Errorf("answer %+v", a)
	}
	s := shows(t, db)
	if len(s) != 1 || s[0].Channel != "show" || s[0].Tenant != "acme" || s[0].Started != start || s[0].Last != c.Close || s[0].Cues != 1 {
		t.Errorf("shows %+v", s)
	}
	one, err := db.Show(t.Context(), s[0].ID)
	if err != nil || one.Participants != 10 {
		t.Errorf("show %+v, %v", one, err)
	}
	look := e.look(t, place)
	if n := count(t, look, "SELECT count(*) FROM shows WHERE CAST(started_at AS TEXT) LIKE '2026-11-23%05:00:00%'"); n != 1 {
		t.Error("HI2 no readable time beside the one on R")
	}
	var mine []history.Given
	err = db.Participant(t.Context(), "p000003", func(g history.Given) error {
		mine = append(mine, g)
		return nil
	})
	if err != nil || len(mine) != 1 || mine[0].Title != c.Question.Title || mine[0].Cue != "c1" || mine[0].Choice[0] != 0 {
		t.Errorf("HI13 a participant's: %+v, %v", mine, err)
	}
}

func testAgain(t *testing.T, e means) {
	place := e.place(t)
	db, v := open(t, place), newVenue()
	v.do("take", "c1", start, map[string]any{"key": "k1"})
	v.finish("c1", start, 5, false)
	recordAll(t, db, v, nil)
	before := result(t, db, "c1")
	r := record(t, db, v, nil)
	r.await(t, "c1")
	r.passes(t)
	if h := r.Health(); h.Cues != 0 || h.Answers != 0 || h.Deeds != 0 || v.reads["c1"] != 1 {
		t.Errorf("written again: %v, answers read %d times", h, v.reads["c1"])
	}
	v.mu.Lock()
	v.cues[0].Rev, v.cues[0].State = 4, "revealed"
	v.mu.Unlock()
	r.until(t, "revealed", func(h history.Health) bool { return h.Cues == 1 })
	r.halt()
	after := result(t, db, "c1")
	if after.Rev != 4 || after.State != "revealed" || after.Show != before.Show || after.Total != before.Total || v.reads["c1"] != 1 {
		t.Errorf("HI3 %+v after %+v, answers read %d times", after, before, v.reads["c1"])
	}
	v.cues[0].Rev, v.cues[0].State = 2, "open"
	recordAll(t, db, v, nil)
	if got := result(t, db, "c1"); got.Rev != 4 || got.State != "revealed" {
		t.Errorf("HI3 a lower revision came through: %+v", got)
	}
	if n := count(t, e.look(t, place), "SELECT count(*) FROM audit"); n != 1 {
		t.Errorf("HI3 %d rows of audit", n)
	}
}

func testBatches(t *testing.T, e means) {
	db, v := open(t, e.place(t)), newVenue()
	const people = 11_111
	v.finish("c1", start, people, true)
	if h := recordAll(t, db, v, nil); h.Answers != people {
		t.Errorf("health %v", h)
	}
	answers := answersOf(t, db, "c1")
	if len(answers) != people {
		t.Fatalf("%d answers", len(answers))
	}
	for i, a := range answers {
		if a.Participant != fmt.Sprintf("p%06d", i) || (a.Choice[0] == 0) != (i%3 == 0) {
			t.Fatalf("answer %d is %+v", i, a)
		}
	}
}

func testTwice(t *testing.T, e means) {
	db, v := open(t, e.place(t)), newVenue()
	c := v.finish("c1", start, 6000, false)
	// Across batches and inside one.
	v.answers["c1"] = append(v.answers["c1"], v.answers["c1"][:50]...)
	v.answers["c1"] = append(v.answers["c1"], v.answers["c1"][5990:6000]...)
	recordAll(t, db, v, nil)
	if got := len(answersOf(t, db, "c1")); uint64(got) != c.Tally.Total {
		t.Errorf("%d answers of %d", got, c.Tally.Total)
	}
}

func testWeird(t *testing.T, e means) {
	db, v := open(t, e.place(t)), newVenue()
	names := []string{
		"", "a", "a\x00", "a\x00b", `a\x00`, `a\\x00`, `\`, "\xff\xfe", "\xef\xbf\xbd", "a\xffb", "Ünï", "'; DROP TABLE shows; --", "=1+1",
		"p\u202e", `p\`, `\x`, `\xzz`, "\n", "💡",
	}
	c := v.finish("c\x00\xff\\1", start, len(names), false)
	c.Question.Title, c.Question.Options[0], c.Note, c.State = "Is \x00 it\xff?", "a\x00", "n\x00", "void"
	v.do("edit", c.ID, start, map[string]any{"key": "k\u0000", "note": "\u0000", "question": map[string]any{"kind": "poll", "title": "\u0000", "options": []string{"\u0000"}}})
	for i, name := range names {
		v.answers[c.ID][i].entry.Participant = name
		v.answers[c.ID][i].mark.Credited = []clock.Instant{0, -5, 1 << 62, start}[i%4]
	}
	recordAll(t, db, v, nil)
	got := answersOf(t, db, c.ID)
	seen := make(map[string]bool)
	for _, a := range got {
		seen[a.Participant] = true
	}
	for _, name := range names {
		if !seen[name] {
			t.Errorf("no answer of %q", name)
		}
	}
	r := result(t, db, c.ID)
	if len(got) != len(names) || r.Title != "Is \uFFFD it\uFFFD?" || r.Options[0].Label != "a\uFFFD" || r.Cue != c.ID {
		t.Errorf("%d answers, result %+v", len(got), r)
	}
	for _, name := range names {
		n := 0
		if err := db.Participant(t.Context(), name, func(history.Given) error { n++; return nil }); err != nil || n != 1 {
			t.Errorf("%q has %d answers, %v", name, n, err)
		}
	}
}

func testMissing(t *testing.T, e means) {
	place := e.place(t)
	db, v := open(t, place), newVenue()
	v.finish("c1", start, 10, false)
	v.finish("c2", start+60*second, 3, false)
	all := v.answers["c1"]
	v.answers["c1"] = all[:9]
	r := record(t, db, v, nil)
	r.await(t, "c2") // which does not wait for c1
	h := r.until(t, "in trouble", func(h history.Health) bool { return h.Trouble != "" && h.Pending == 1 })
	if h.Lasting || h.Answers != 3 {
		t.Errorf("HI7 health %+v", h)
	}
	if n := count(t, e.look(t, place), "SELECT count(*) FROM cues"); n != 1 {
		t.Errorf("HI7 %d cues are there", n)
	}
	v.mu.Lock()
	v.answers["c1"] = all
	v.mu.Unlock()
	r.await(t, "c1")
	r.until(t, "well", func(h history.Health) bool { return h.Pending == 0 && h.Trouble == "" })
	if got := answersOf(t, db, "c1"); len(got) != 10 {
		t.Errorf("HI7 %d answers", len(got))
	}
}

func testCountsOnly(t *testing.T, e means) {
	db, v := open(t, e.place(t)), newVenue()
	c := v.finish("c1", start, 10, false)
	v.finish("c2", start+60*second, 4, false)
	c.CountsOnly = true
	kept := v.answers["c1"]
	v.cues[0], v.answers["c1"] = *c, nil
	v.cues[0].CountsOnly = true
	recordAll(t, db, v, nil)
	if got := result(t, db, "c1"); got.Complete || got.Total != 10 || got.Options[0].Count != 4 || len(answersOf(t, db, "c1")) != 0 {
		t.Errorf("result %+v", got)
	}
	// Now it is c2 whose answers are gone, and c1's are found again.
	v.cues[0].CountsOnly, v.cues[1].CountsOnly = false, true
	v.answers["c1"], v.answers["c2"] = kept, nil
	v.cues[1].Rev++
	recordAll(t, db, v, nil)
	if got := result(t, db, "c1"); !got.Complete || len(answersOf(t, db, "c1")) != 10 {
		t.Errorf("found again: %+v", got)
	}
	if got := result(t, db, "c2"); !got.Complete || got.Rev != 4 || len(answersOf(t, db, "c2")) != 4 {
		t.Errorf("what was recorded is gone: %+v", got)
	}
}
