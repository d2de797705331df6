package history_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/internal/postgresproc"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	second = clock.Instant(1e6)
	hour   = 3600 * second
	start  = clock.Instant(1795410000000000) // 2026-11-23T05:00:00Z
)

// shared is the PostgreSQL of the tests that do it no harm, fragile the one of
// the others, which leave it running. It takes TLS.
var (
	shared = sync.OnceValues(func() (*postgresproc.Server, error) {
		return launch(postgresproc.Options{Settings: []string{"fsync=off"}})
	})
	fragile = sync.OnceValues(func() (*postgresproc.Server, error) {
		return launch(postgresproc.Options{Settings: []string{"max_connections=15", "superuser_reserved_connections=3"}, TLS: true})
	})

	mu      sync.Mutex // protects servers
	servers []*postgresproc.Server
)

// launch starts a server that TestMain stops.
func launch(o postgresproc.Options) (*postgresproc.Server, error) {
	s, err := postgresproc.Start(context.Background(), o)
	if err == nil {
		mu.Lock()
		servers = append(servers, s)
		mu.Unlock()
	}
	return s, err
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, s := range servers {
		if err := s.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func server(t testing.TB, of func() (*postgresproc.Server, error)) *postgresproc.Server {
	t.Helper()
	s, err := of()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var places atomic.Int64

// empty makes an empty schema, and returns how to reach it.
func empty(t testing.TB, s *postgresproc.Server, settings ...string) string {
	t.Helper()
	name := fmt.Sprintf("history%d", places.Add(1))
	if err := s.Exec(t.Context(), "postgres", "CREATE SCHEMA "+name); err != nil {
		t.Fatal(err)
	}
	if len(settings) == 0 {
		settings = []string{"sslmode=disable"}
	}
	return s.DSNFor("postgres", s.Password, "postgres", append(settings, "search_path="+name)...)
}

// means is one of the two: every test of it gets an empty place.
type means struct {
	name  string
	place func(t testing.TB) history.Config
	look  func(t *testing.T, c history.Config) *sql.DB
}

var both = []means{
	{"SQLite", func(t testing.TB) history.Config {
		return history.Config{Path: filepath.Join(t.TempDir(), "history.db")}
	}, func(t *testing.T, c history.Config) *sql.DB {
		return sqlDB(t, "sqlite", "file:"+c.Path+"?_pragma=busy_timeout(20000)&_txlock=immediate")
	}},
	{"PostgreSQL", func(t testing.TB) history.Config {
		s := server(t, shared)
		return history.Config{DSN: empty(t, s)}
	}, func(t *testing.T, c history.Config) *sql.DB { return sqlDB(t, "pgx", c.DSN) }},
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, f func(t *testing.T, e means)) {
	t.Helper()
	for _, e := range both {
		t.Run(e.name, func(t *testing.T) { f(t, e) })
	}
}

func sqlDB(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func open(t testing.TB, c history.Config) *history.DB {
	t.Helper()
	db, err := history.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// venue is a channel as a node has it: its log, its cues, their answers.
type venue struct {
	mu      sync.Mutex
	cues    []history.Cue
	answers map[string][]given
	records []interact.Record
	ends    []history.End
	broken  error
	// each is called before every answer is given out.
	each func(n int) error
	// reads counts how often all the answers of a cue were asked for.
	reads map[string]int
}

type given struct {
	entry interact.Entry
	mark  interact.Mark
}

func newVenue() *venue {
	return &venue{answers: make(map[string][]given), reads: make(map[string]int)}
}

func (v *venue) Finished(context.Context) ([]history.Cue, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.cues), v.broken
}

func (v *venue) Entries(ctx context.Context, cue string, visit func(interact.Entry, interact.Mark) error) error {
	v.mu.Lock()
	all, each := v.answers[cue], v.each
	v.reads[cue]++
	v.mu.Unlock()
	for n, a := range all {
		if each != nil {
			if err := each(n); err != nil {
				return err
			}
		}
		if err := visit(a.entry, a.mark); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (v *venue) Records(_ context.Context, after uint64, visit func(interact.Record) error) error {
	v.mu.Lock()
	records := slices.Clone(v.records)
	v.mu.Unlock()
	for _, r := range records {
		if r.Seq > after {
			if err := visit(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *venue) Ends(context.Context) ([]history.End, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.ends), nil
}

// do puts a command into the log and returns its record.
func (v *venue) do(action, cue string, at clock.Instant, more map[string]any) interact.Record {
	v.mu.Lock()
	defer v.mu.Unlock()
	m := map[string]any{"v": 3, "id": cue, "action": action, "at_us": at, "cue": map[string]any{"rev": len(v.records) + 1}}
	for k, x := range more {
		m[k] = x
	}
	data, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	r := interact.Record{Seq: uint64(len(v.records) + 1), Channel: "show", Kind: interact.RecordCue, Cue: cue, Data: data}
	v.records = append(v.records, r)
	return r
}

// poll is a question whose second option is right if trivia says so.
func question(trivia bool) interact.Question {
	q := interact.Question{Kind: interact.KindPoll, Title: "Which colour?", Options: []string{"red", "green"}, Correct: -1, Window: 20 * time.Second}
	if trivia {
		q.Kind, q.Correct = interact.KindTrivia, 1
	}
	return q.WithDefaults()
}

// finish adds a finished cue with answers of n participants, every third of
// which chose red.
func (v *venue) finish(id string, taken clock.Instant, n int, trivia bool) *history.Cue {
	v.mu.Lock()
	defer v.mu.Unlock()
	c := history.Cue{
		ID: id, Rev: 3, State: "closed", Question: question(trivia), Taken: taken, Open: taken + 3*second, Close: taken + 23*second,
		Tally: interact.Tally{Cue: id, Version: uint64(n + 1), Counts: make([]uint64, 2), Total: uint64(n), Final: true},
	}
	for i := range n {
		option := 1
		if i%3 == 0 {
			option = 0
		}
		c.Tally.Counts[option]++
		at := c.Open + clock.Instant(i)*7
		v.answers[id] = append(v.answers[id], given{
			interact.Entry{Participant: fmt.Sprintf("p%06d", i), Choice: 1 << option, Credited: at, Received: at + 40_000},
			interact.Mark{Credited: at, Seq: uint32(i + 1), Choice: 1 << option},
		})
	}
	v.cues = append(v.cues, c)
	return &v.cues[len(v.cues)-1]
}

// running is a recorder that runs until the test ends, or halt.
type running struct {
	*history.Recorder
	recorded chan string
	halt     func()
}

func record(t testing.TB, db *history.DB, v *venue, change func(*history.RecorderConfig)) *running {
	t.Helper()
	r := &running{recorded: make(chan string, 1000)}
	c := history.RecorderConfig{
		DB: db, Source: v, Channel: "show", Every: 20 * time.Millisecond,
		Now: func() clock.Instant { return start }, Recorded: func(cue string) { r.recorded <- cue },
	}
	if change != nil {
		change(&c)
	}
	var err error
	if r.Recorder, err = history.NewRecorder(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.halt = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.halt)
	return r
}

// await waits for a cue to be recorded.
func (r *running) await(t *testing.T, cue string) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case got := <-r.recorded:
			if got == cue {
				return
			}
		case <-late:
			t.Fatalf("cue %s was not recorded: %v", cue, r.Health())
		}
	}
}

// until waits for what a recorder's health says.
func (r *running) until(t testing.TB, what string, ok func(history.Health) bool) history.Health {
	t.Helper()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	late := time.After(time.Minute)
	for {
		h := r.Health()
		if ok(h) {
			return h
		}
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("not %s: %v", what, h)
		}
	}
}

// passes waits for one more whole pass that went well.
func (r *running) passes(t *testing.T) {
	t.Helper()
	h := r.Health()
	r.until(t, "compared again", func(now history.Health) bool {
		return now.Passes >= h.Passes+2 && now.Trouble == ""
	})
}

// recordAll records what a venue has, and ends.
func recordAll(t testing.TB, db *history.DB, v *venue, change func(*history.RecorderConfig)) history.Health {
	t.Helper()
	r := record(t, db, v, change)
	h := r.until(t, "all written", func(h history.Health) bool { return h.Passes > 0 && h.Pending == 0 && h.Trouble == "" })
	r.halt()
	return h
}

func answersOf(t *testing.T, db *history.DB, cue string) (out []history.Answer) {
	t.Helper()
	err := db.Answers(t.Context(), "show", cue, func(a history.Answer) error {
		out = append(out, a)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func shows(t *testing.T, db *history.DB) []history.Show {
	t.Helper()
	all, err := db.Shows(t.Context(), history.ShowsQuery{})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func result(t *testing.T, db *history.DB, cue string) history.Result {
	t.Helper()
	r, err := db.Result(t.Context(), "show", cue)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func count(t *testing.T, db *sql.DB, query string, args ...any) (n int64) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func mustContain(t *testing.T, err error, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("error %v is not %v", err, kind)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}
