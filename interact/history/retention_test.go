package history_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/sync/clock"
)

// twoShows records one that is over and one that runs.
func twoShows(t *testing.T, db *history.DB) *venue {
	t.Helper()
	v := newVenue()
	for _, one := range []struct {
		cue string
		at  clock.Instant
	}{{"old", start}, {"new", start + 10*hour}} {
		v.do("prepare", one.cue, one.at-5, map[string]any{"question": map[string]any{"kind": "poll", "title": "t", "options": []string{"x", "y"}}})
		v.do("take", one.cue, one.at, nil)
		v.finish(one.cue, one.at, 9, true)
	}
	recordAll(t, db, v, func(c *history.RecorderConfig) { c.Now = func() clock.Instant { return start + 10*hour } })
	return v
}

func TestRetention(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		place := e.place(t)
		db := open(t, place)
		v := twoShows(t, db)
		if n, err := db.DeleteShows(t.Context(), start); n != 0 || err != nil {
			t.Errorf("HI14 deleted %d, %v", n, err)
		}
		n, err := db.DeleteShows(t.Context(), start+100*hour)
		if n != 1 || err != nil {
			t.Fatalf("HI14 deleted %d, %v", n, err)
		}
		check := func() {
			t.Helper()
			if s := shows(t, db); len(s) != 1 || s[0].Started != start+10*hour {
				t.Errorf("HI14 left: %+v", s)
			}
			look := e.look(t, place)
			for query, want := range map[string]int64{
				"SELECT count(*) FROM cues": 1, "SELECT count(*) FROM results": 1, "SELECT count(*) FROM counts": 2,
				"SELECT count(*) FROM answers": 9, "SELECT count(*) FROM rundowns": 1, "SELECT count(*) FROM audit": 2,
			} {
				if n := count(t, look, query); n != want {
					t.Errorf("HI14 %s: %d, want %d", query, n, want)
				}
			}
		}
		check()
		// The source has both for a long time yet, and so has its log.
		r := record(t, db, v, nil)
		r.await(t, "old")
		r.halt()
		check()
	})
}

// TestRetentionRuns lets it run, with a show that is over and one that is not.
func TestRetentionRuns(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		db := open(t, e.place(t))
		twoShows(t, db)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		deleted := &ear{words: "old shows deleted", heard: make(chan struct{}, 1)}
		go func() {
			done <- history.Retention{DB: db, Keep: hours(9), Now: func() clock.Instant { return start + 10*hour }, Log: slog.New(deleted)}.Run(ctx)
		}()
		select {
		case <-deleted.heard:
		case err := <-done:
			t.Fatalf("HI14 ended: %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if s := shows(t, db); len(s) != 1 || s[0].Started != start+10*hour {
			t.Errorf("HI14 left: %+v", s)
		}
		if err := (history.Retention{DB: db, Now: func() clock.Instant { return start }}).Run(t.Context()); err == nil {
			t.Error("HI14 kept for no time at all")
		}
	})
}

func hours(n int64) time.Duration { return time.Duration(n) * time.Hour }

// ear is a log that waits for words.
type ear struct {
	slog.Handler
	words string
	heard chan struct{}
}

func (e *ear) Enabled(context.Context, slog.Level) bool { return true }

func (e *ear) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, e.words) {
		select {
		case e.heard <- struct{}{}:
		default:
		}
	}
	return nil
}

// TestDeleteInSteps has a show with more answers than are deleted at a time.
func TestDeleteInSteps(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		place := e.place(t)
		db, v := open(t, place), newVenue()
		v.finish("c1", start, 21_000, false)
		v.finish("c2", start+60*second, 100, false)
		recordAll(t, db, v, nil)
		for range 2 { // the second time there is nothing
			if err := db.DeleteShow(t.Context(), lastShow(t, e, place)); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(t, e.look(t, place), "SELECT (SELECT count(*) FROM answers) + (SELECT count(*) FROM cues) + (SELECT count(*) FROM shows)"); n != 0 {
			t.Errorf("HI14 %d rows are left", n)
		}
	})
}

func lastShow(t *testing.T, e means, place history.Config) int64 {
	t.Helper()
	return count(t, e.look(t, place), "SELECT coalesce(max(id), 1) FROM shows")
}

func TestErase(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		place := e.place(t)
		db := open(t, place)
		v := twoShows(t, db)
		v.records = append(v.records, interact.Record{
			Seq: 5, Channel: "show", Kind: interact.RecordBan, Data: []byte(`{"v":1,"participant":"p000003","at_us":1795410000000009,"reason":"p000003 is rude"}`),
		})
		recordAll(t, db, v, nil)
		n, err := db.Erase(t.Context(), "p000003")
		if n != 2 || err != nil {
			t.Fatalf("HI15 %d answers, %v", n, err)
		}
		gone := func() {
			t.Helper()
			if err := db.Participant(t.Context(), "p000003", func(g history.Given) error { return errors.New(g.Cue) }); err != nil {
				t.Errorf("HI15 still there: %v", err)
			}
			for _, d := range deeds(t, db, 0) {
				if strings.Contains(d.Subject+d.Detail, "p000003") {
					t.Errorf("HI15 still in the audit: %+v", d)
				}
			}
		}
		gone()
		if got := result(t, db, "old"); got.Total != 9 || len(answersOf(t, db, "old")) != 8 {
			t.Errorf("HI15 counts %+v", got)
		}
		// What is recorded later leaves it out, and is complete all the same.
		v.finish("later", start+11*hour, 5, false)
		v.records = append(v.records, interact.Record{Seq: 6, Channel: "show", Kind: interact.RecordBan, Data: []byte(`{"v":1,"participant":"p000003"}`)})
		recordAll(t, db, v, nil)
		gone()
		if got := result(t, db, "later"); got.Total != 5 || !got.Complete || len(answersOf(t, db, "later")) != 4 {
			t.Errorf("HI15 recorded later: %+v", got)
		}
		if n, err := db.Erase(t.Context(), "p000003"); n != 0 || err != nil {
			t.Errorf("HI15 again: %d, %v", n, err)
		}
	})
}

// TestEraseLeavesNoBytes looks into the file itself.
func TestEraseLeavesNoBytes(t *testing.T) {
	place := both[0].place(t)
	db := open(t, place)
	v := newVenue()
	v.finish("c1", start, 3, false)
	v.answers["c1"][1].entry.Participant = "somebody-who-wants-to-go"
	recordAll(t, db, v, nil)
	if _, err := db.Erase(t.Context(), "somebody-who-wants-to-go"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil { // which folds what was written into the file
		t.Fatal(err)
	}
	file, err := os.ReadFile(place.Path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(file, []byte("somebody-who-wants-to-go")) {
		t.Error("HI15 the name is in the file")
	}
	if stat, err := os.Stat(place.Path); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("HI12 mode %v, %v", stat.Mode(), err)
	}
}

func TestExport(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		db, v := open(t, e.place(t)), newVenue()
		v.do("prepare", "c1", start, map[string]any{"question": map[string]any{"kind": "trivia", "title": "=1+1", "options": []string{"a", "b"}}})
		v.do("take", "c1", start, nil)
		const people = 6000 // more than a page
		c := v.finish("c1", start, people, true)
		c.Question.Title, c.Question.Options[1] = `=HYPERLINK("x")`, "green, or \"teal\""
		v.answers["c1"][0].entry.Participant = "\x00 odd"
		v.finish("c2", start+60*second, 0, false)
		recordAll(t, db, v, nil)
		id := shows(t, db)[0].ID

		var out bytes.Buffer
		if err := db.Export(t.Context(), &out, id, history.CSV); err != nil {
			t.Fatal(err)
		}
		lines, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(lines) != 1+people+1 {
			t.Fatalf("HI13 %d lines, %v", len(lines), err)
		}
		if got := strings.Join(lines[2], "|"); got != `1|show|c1|trivia|'=HYPERLINK("x")|closed|2026-11-23T05:00:03.000000Z|p000001|1|green, or "teal"|`+
			`2026-11-23T05:00:03.000007Z|1795410003000007|0|true|` {
			t.Errorf("HI13 line %s", got)
		}
		if lines[1][7] != `\x00 odd` || lines[people+1][2] != "c2" || lines[people+1][7] != "" {
			t.Errorf("HI13 lines %v, %v", lines[1], lines[people+1])
		}

		out.Reset()
		if err := db.Export(t.Context(), &out, id, history.JSON); err != nil {
			t.Fatal(err)
		}
		var all struct {
			Show    history.Show
			Rundown []history.Planned
			Cues    []struct {
				Cue     history.Result
				Answers []history.Answer
			}
			Audit []history.Deed
		}
		if err := json.Unmarshal(out.Bytes(), &all); err != nil {
			t.Fatalf("HI13 %v in %.300s", err, out.Bytes())
		}
		if len(all.Cues) != 2 || len(all.Cues[0].Answers) != people || len(all.Cues[1].Answers) != 0 || len(all.Audit) != 2 ||
			len(all.Rundown) != 1 || all.Show.ID != id || all.Show.Participants != people || all.Cues[0].Cue.Options[0].Count != people/3 {
			t.Errorf("HI13 %+v, %d cues, %d deeds, rundown %+v", all.Show, len(all.Cues), len(all.Audit), all.Rundown)
		}
		mustContain(t, db.Export(t.Context(), &out, 77, history.CSV), history.ErrNotFound, "77")
		if err := db.Export(t.Context(), &out, id, "xml"); err == nil || !strings.Contains(err.Error(), "csv") {
			t.Errorf("HI13 format: %v", err)
		}
		for _, f := range []history.Format{history.CSV, history.JSON} {
			if err := db.Export(t.Context(), &full{room: 1000}, id, f); !errors.Is(err, errFull) {
				t.Errorf("HI13 %s to a writer that is full: %v", f, err)
			}
		}
	})
}

var errFull = errors.New("full")

// full takes so many bytes.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	f.room -= len(b)
	if f.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}
