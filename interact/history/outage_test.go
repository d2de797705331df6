package history_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/sync/clock"
)

// TestKilledInTheMiddle kills PostgreSQL while the answers of a cue are written.
func TestKilledInTheMiddle(t *testing.T) {
	s := server(t, fragile)
	place := history.Config{DSN: empty(t, s), Timeout: 2 * time.Second}
	db, v := open(t, place), newVenue()
	const people = 12_000
	v.do("take", "c1", start, nil)
	v.finish("c1", start, people, true)
	kill := sync.OnceValue(s.Kill)
	v.each = func(n int) error {
		if n == 7_000 { // a batch is there, not committed
			if err := kill(); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	r := record(t, db, v, nil)
	h := r.until(t, "in trouble", func(h history.Health) bool { return h.Trouble != "" })
	if h.Pending != 1 || h.Answers != 0 || h.Lasting || !strings.Contains(h.String(), "waiting with 1 cues") {
		t.Errorf("HI11 health %v", h)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.await(t, "c1")
	h = r.until(t, "well", func(h history.Health) bool { return h.Trouble == "" && h.Pending == 0 })
	if h.Answers != people || h.Cues != 1 || h.Failures == 0 || h.LastTrouble == "" {
		t.Errorf("HI11 health %+v", h)
	}
	if got := answersOf(t, db, "c1"); len(got) != people {
		t.Errorf("HI11 %d answers", len(got))
	}
	if n := count(t, both[1].look(t, place), "SELECT count(*) FROM results WHERE complete AND total = $1", people); n != 1 {
		t.Error("HI11 no complete result")
	}
}

// TestAwayForLong has a database that is gone while cues finish, commands are
// given and the node is restarted.
func TestAwayForLong(t *testing.T) {
	s := server(t, fragile)
	place := history.Config{DSN: empty(t, s), Timeout: time.Second}
	v := newVenue()
	play := func(id string, at clock.Instant) {
		v.do("prepare", id, at-1, map[string]any{"question": map[string]any{"kind": "poll", "title": id, "options": []string{"x", "y"}}})
		v.do("take", id, at, nil)
		v.finish(id, at, 50, false)
	}
	before := record(t, open(t, place), v, nil)
	play("c0", start)
	before.await(t, "c0")
	if err := s.Down(); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		play(fmt.Sprintf("c%d", i+1), start+clock.Instant(i+1)*60*second)
	}
	h := before.until(t, "in trouble", func(h history.Health) bool { return h.Failures >= 3 && h.Pending == 5 })
	if h.Oldest <= 0 || h.Lasting {
		t.Errorf("HI11 health %+v", h)
	}
	before.halt()

	// Another node takes over, with the database still away: it starts all the same.
	db, err := history.New(place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	mustContain(t, db.Prepare(t.Context()), history.ErrUnreachable)
	after := record(t, db, v, nil)
	after.until(t, "in trouble", func(h history.Health) bool { return h.Failures >= 2 && h.Pending == 6 })
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	after.await(t, "c5")
	after.until(t, "well", func(h history.Health) bool { return h.Trouble == "" && h.Pending == 0 })
	if h := after.Health(); h.Cues != 5 || h.Answers != 250 || h.Deeds != 10 {
		t.Errorf("HI11 written: %v", h)
	}
	all := shows(t, db)
	if len(all) != 1 || all[0].Cues != 6 {
		t.Errorf("HI11 shows %+v", all)
	}
	for i, d := range deeds(t, db, 0) {
		if d.Seq != int64(i+1) || d.Show != all[0].ID {
			t.Errorf("HI10 row %d: %+v", i, d)
		}
	}
}

// TestFrozen has a database that keeps its connections and answers nothing.
func TestFrozen(t *testing.T) {
	s := server(t, fragile)
	db, v := open(t, history.Config{DSN: empty(t, s), Timeout: 300 * time.Millisecond}), newVenue()
	v.finish("c1", start, 10, false)
	r := record(t, db, v, nil)
	r.await(t, "c1")
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	v.finish("c2", start+60*second, 10, false)
	h := r.until(t, "in trouble", func(h history.Health) bool { return h.Trouble != "" && h.Pending == 1 })
	if h.Lasting || !strings.Contains(h.Trouble, "does not answer in time") {
		t.Errorf("HI11 health %v", h)
	}
	began := time.Now()
	r.halt()
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("it took %v to stop", d)
	}
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
	r = record(t, db, v, nil)
	r.await(t, "c2")
	if got := answersOf(t, db, "c2"); len(got) != 10 {
		t.Errorf("HI11 %d answers", len(got))
	}
}

// TestRestoredFromBackup has a database that forgot what it had committed, as a
// copy does that took over too early.
func TestRestoredFromBackup(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		place := e.place(t)
		db, v := open(t, place), newVenue()
		v.do("take", "c1", start, nil)
		v.finish("c1", start, 20, false)
		r := record(t, db, v, nil)
		r.await(t, "c1")
		r.passes(t)
		forget(t, e.look(t, place))
		r.until(t, "written again", func(h history.Health) bool { return h.Cues == 2 })
		if got := result(t, db, "c1"); got.Total != 20 || len(answersOf(t, db, "c1")) != 20 {
			t.Errorf("HI11 %+v", got)
		}
	})
}

// forget removes all cues at once, as if they had never been written.
func forget(t *testing.T, look *sql.DB) {
	t.Helper()
	tx, err := look.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"channels", "answers", "results", "counts", "cues"} {
		query := "DELETE FROM " + table
		if table == "channels" { // held, as whoever writes does
			query = "UPDATE channels SET audited = audited"
		}
		if _, err := tx.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// TestSynchronousCommit looks at what a setting of off becomes.
func TestSynchronousCommit(t *testing.T) {
	s := server(t, shared)
	var told strings.Builder
	place := history.Config{DSN: empty(t, s, "sslmode=disable", "synchronous_commit=off"), Log: slog.New(slog.NewTextHandler(&told, nil))}
	db, v := open(t, place), newVenue()
	if !strings.Contains(told.String(), "may lose what it has committed") || strings.Contains(told.String(), s.Password) {
		t.Errorf("HI12 log %q", told.String())
	}
	// A row that is written while a cue is recorded says what was in force.
	look := both[1].look(t, place)
	for _, query := range []string{
		"CREATE TABLE seen (setting text)",
		"CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$",
		"CREATE TRIGGER see AFTER INSERT ON results FOR EACH ROW EXECUTE FUNCTION see()",
	} {
		if _, err := look.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	v.finish("c1", start, 1, false)
	recordAll(t, db, v, nil)
	if n := count(t, look, "SELECT count(*) FROM seen WHERE setting = 'on'"); n != 1 {
		t.Error("HI12 a commit could have been lost")
	}
}

// BenchmarkRecord says how long a large cue takes.
func BenchmarkRecord(b *testing.B) {
	for _, e := range both {
		b.Run(e.name, func(b *testing.B) {
			db := open(b, e.place(b))
			const people = 100_000
			for n := 0; b.Loop(); n++ {
				v := newVenue()
				v.finish(fmt.Sprintf("c%d", n), start, people, true)
				if h := recordAll(b, db, v, nil); h.Answers != people {
					b.Fatal(h)
				}
			}
			b.ReportMetric(float64(b.N)*people/b.Elapsed().Seconds(), "answers/s")
		})
	}
}
