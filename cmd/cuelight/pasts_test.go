package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/admission"
	"github.com/cuelight/cuelight/interact/api"
	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/postgresproc"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// evening is a channel on which something was asked, for a recorder.
type evening struct {
	channel, tenant string
	cues            []history.Cue
	ends            []history.End
}

// asked is a cue that n people answered, every third with the first option.
func asked(id, title string, open clock.Instant, n int) history.Cue {
	q := interact.Question{Kind: interact.KindTrivia, Title: title, Options: []string{"=1+1", "two"}, Correct: 1, Window: 20 * time.Second}.WithDefaults()
	c := history.Cue{ID: id, Rev: 3, State: "revealed", Question: q, Taken: open - 1, Open: open, Close: open.Add(20 * time.Second), Note: "was fun"}
	first := uint64(n+2) / 3
	c.Tally = interact.Tally{Cue: id, Version: 1, Counts: []uint64{first, uint64(n) - first}, Total: uint64(n), Final: true}
	return c
}

func (e *evening) Finished(context.Context) ([]history.Cue, error)                    { return e.cues, nil }
func (e *evening) Records(context.Context, uint64, func(interact.Record) error) error { return nil }
func (e *evening) Ends(context.Context) ([]history.End, error)                        { return e.ends, nil }

func (e *evening) Entries(_ context.Context, cue string, visit func(interact.Entry, interact.Mark) error) error {
	for _, c := range e.cues {
		for i := range int(c.Tally.Total) {
			if c.ID != cue {
				break
			}
			choice := interact.Selection(2)
			if i%3 == 0 {
				choice = 1
			}
			at := c.Open.Add(time.Duration(i) * time.Microsecond)
			err := visit(interact.Entry{Participant: fmt.Sprintf("@p%06d", i), Choice: choice, Credited: at, Received: at},
				interact.Mark{Credited: at, Seq: uint32(i + 1), Choice: choice})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// record writes evenings into a history, one after the other.
func record(t *testing.T, db *history.DB, evenings ...*evening) {
	t.Helper()
	for _, e := range evenings {
		rec, err := history.NewRecorder(history.RecorderConfig{
			DB: db, Source: e, Channel: e.channel, Tenant: e.tenant,
			Now: func() clock.Instant { return clock.Instant(time.Now().UnixMicro()) },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- rec.Run(ctx) }()
		until(t, "the history of "+e.channel, rec.Health, func(h history.Health) bool { return h.Passes > 0 && h.Pending == 0 && h.Trouble == "" })
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// library is the API of channels one and two, with a history and nothing else.
type library struct {
	*httptest.Server
	t     *testing.T
	keys  *token.Keys
	ended chan any // what handlers of exports panicked with, or nil
}

func newLibrary(t *testing.T, db *history.DB, tenants map[string]string) *library {
	t.Helper()
	keys, err := token.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	desk, err := admission.New(admission.Config{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	srv := &server{history: db, log: slog.New(slog.NewTextHandler(t.Output(), nil)), settings: settings{Channels: map[string]channelSettings{
		"one": {Tenant: tenants["one"]}, "two": {Tenant: tenants["two"]},
	}}}
	a, err := api.New(api.Config{
		Rooms:    func(name string) (api.Room, bool) { _, ok := srv.settings.Channels[name]; return nil, ok },
		Channels: func() []api.ChannelInfo { return nil },
		Health:   func(string) (wire.Health, bool) { return wire.Health{}, true },
		Events: api.Events{
			End:        func(context.Context, string) (clock.Instant, error) { return 0, nil },
			Recordings: func(context.Context, string) ([]api.Recording, error) { return nil, nil },
			Delete:     func(context.Context, string, string) error { return nil },
		},
		Tokens: keys, Desk: desk, Crowd: nowhere{}, Clock: clock.NewRoom(time.Now(), 1, 1), History: srv.pasts(), Log: srv.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	l := &library{t: t, keys: keys, ended: make(chan any, 100)}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			what := recover()
			if strings.HasSuffix(r.URL.Path, "/export") {
				l.ended <- what
			}
			if what != nil {
				panic(what)
			}
		}()
		a.ServeHTTP(w, r)
	}))
	t.Cleanup(l.Close)
	return l
}

// nowhere is where nobody is.
type nowhere struct{}

func (nowhere) Roster(string, int) *wire.Roster           { return &wire.Roster{} }
func (nowhere) Remove(string, string, wire.CloseCode) int { return 0 }

// request is one of a producer of some channels, all without.
func (l *library) request(path string, channels ...string) *http.Request {
	l.t.Helper()
	now := time.Now()
	tok, err := l.keys.Mint(token.Claims{Role: token.RoleProducer, Subject: "ann", Channels: channels, Expires: now.Add(time.Hour)}, now)
	if err != nil {
		l.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, l.URL+"/api/v1/channels/"+path, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+tok)
	return r
}

func (l *library) get(path string, channels ...string) reply {
	l.t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(l.request(path, channels...))
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(body)}
}

// says checks what a producer is answered.
func (l *library) says(status int, words, path string, channels ...string) reply {
	l.t.Helper()
	got := l.get(path, channels...)
	if got.status != status || !strings.Contains(got.body, words) {
		l.t.Errorf("%s for %v: %d %s, want %d %s", path, channels, got.status, got.body, status, words)
	}
	return got
}

func openFile(t *testing.T) *history.DB {
	t.Helper()
	return openAt(t, history.Config{Path: filepath.Join(t.TempDir(), historyFile)})
}

func openAt(t *testing.T, c history.Config) *history.DB {
	t.Helper()
	db, err := history.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

const (
	evening1 = clock.Instant(1600000000000000) // 2020-09-13T12:26:40Z
	day      = clock.Instant(24 * 3600 * 1e6)
)

// Shows 1 to 3 are of channels one, two and one.
func threeShows(t *testing.T, db *history.DB) {
	t.Helper()
	record(t, db,
		&evening{channel: "one", tenant: "red", cues: []history.Cue{asked("b", "=second()", evening1+60e6, 4), asked("a", "First?", evening1, 7)}, ends: []history.End{{At: evening1 + 120e6}}},
		&evening{channel: "two", tenant: "blue", cues: []history.Cue{asked("c", "Theirs?", evening1, 1)}},
		&evening{channel: "one", tenant: "red", cues: []history.Cue{asked("d", "Later?", evening1+2*day, 0)}},
	)
}

func TestShowsOfAChannel(t *testing.T) {
	db := openFile(t)
	threeShows(t, db)
	l := newLibrary(t, db, map[string]string{"one": "red", "two": "blue"})
	var page struct {
		Shows []api.Show
		Next  int64
	}
	read := func(text string, v any) {
		t.Helper()
		if err := json.Unmarshal([]byte(text), v); err != nil {
			t.Fatal(err, text)
		}
	}
	read(l.says(200, "", "one/shows", "one").body, &page)
	if len(page.Shows) != 2 || page.Shows[0].ID != 3 || page.Shows[1].ID != 1 || page.Next != 0 || page.Shows[1].Cues != 2 ||
		page.Shows[1].Ended != evening1+120e6 || page.Shows[1].EndedBy != "producer" || page.Shows[1].Started != evening1-1 {
		t.Errorf("shows %+v", page)
	}
	read(l.says(200, `"next":3`, "one/shows?limit=1", "one").body, &page)
	read(l.says(200, "", "one/shows?limit=1&before=3", "one").body, &page)
	if len(page.Shows) != 1 || page.Shows[0].ID != 1 {
		t.Errorf("second page %+v", page)
	}
	l.says(200, `{"shows":[]}`, "one/shows?before=1", "one")

	var show struct {
		Show    api.Show
		Results []api.Result
	}
	read(l.says(200, "", "one/shows/1", "one").body, &show)
	if show.Show.ID != 1 || len(show.Results) != 2 || show.Results[0].Cue != "a" || show.Results[1].Cue != "b" {
		t.Fatalf("show %+v", show)
	}
	if r := show.Results[0]; r.Kind != "trivia" || r.Title != "First?" || r.State != "revealed" || r.Open != evening1 || r.Close != evening1+20e6 ||
		r.Correct == nil || *r.Correct != 1 || r.Total != 7 || !r.Complete || r.Note != "was fun" || len(r.Options) != 2 || r.Options[0] != (api.Option{Label: "=1+1", Count: 3}) {
		t.Errorf("result %+v", r)
	}
	for _, path := range []string{"", "/export?format=csv"} {
		l.says(404, "no show", "one/shows/2"+path, "one")
		l.says(404, "no show", "two/shows/1"+path)
		l.says(403, "not for this channel", "two/shows/2"+path, "one")
		l.says(404, "no show", "one/shows/9"+path)
		l.says(200, "", "two/shows/2"+path)
	}
	newLibrary(t, nil, nil).says(404, `"no_history"`, "one/shows")
}

// A channel's name may be another tenant's some day.
func TestShowsOfAnotherTenant(t *testing.T) {
	db := openFile(t)
	threeShows(t, db)
	record(t, db,
		&evening{channel: "one", tenant: "blue", cues: []history.Cue{asked("e", "Ours?", evening1+4*day, 0)}},
		&evening{channel: "one", cues: []history.Cue{asked("f", "Nobody's?", evening1+6*day, 0)}})
	l := newLibrary(t, db, map[string]string{"one": "blue"})
	if got := l.says(200, "", "one/shows?limit=2", "one").body; !strings.HasPrefix(got, `{"shows":[{"id":5`) || !strings.Contains(got, `"id":4`) || strings.Contains(got, "next") {
		t.Errorf("tenant blue sees %s", got)
	}
	l.says(200, `{"shows":[]}`, "one/shows?limit=1&before=4", "one")
	for _, path := range []string{"one/shows/1", "one/shows/3", "one/shows/1/export?format=json"} {
		l.says(404, "no show", path, "one")
	}
	l.says(200, "Ours?", "one/shows/4", "one")
}

func TestExportOfAShow(t *testing.T) {
	db := openFile(t)
	threeShows(t, db)
	l := newLibrary(t, db, map[string]string{"one": "red"})
	got := l.says(200, "", "one/shows/1/export?format=csv", "one")
	if h := got.header; h.Get("Content-Disposition") != `attachment; filename="one-1.csv"` || h.Get("Cache-Control") != "no-store" || !strings.HasPrefix(h.Get("Content-Type"), "text/csv") {
		t.Errorf("headers %v", h)
	}
	lines, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	if err != nil || len(lines) != 1+7+4 {
		t.Fatalf("HI13 %d lines, %v", len(lines), err)
	}
	for _, line := range lines {
		for _, cell := range line {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Errorf("HI13 a spreadsheet calculates %q", cell)
			}
		}
	}
	if last := lines[8]; last[4] != "'=second()" || last[7] != "'@p000000" || last[9] != "'=1+1" {
		t.Errorf("HI13 line %q", last)
	}
	var whole struct {
		Show struct{ ID int }
		Cues []struct{ Answers []history.Answer }
	}
	if err := json.Unmarshal([]byte(l.says(200, "", "one/shows/1/export?format=json", "one").body), &whole); err != nil ||
		whole.Show.ID != 1 || len(whole.Cues) != 2 || len(whole.Cues[0].Answers) != 7 {
		t.Errorf("json %+v, %v", whole, err)
	}
}

// many answers are more than sockets hold between them.
const many = 80_000

// begun asks for an export and reads its head, through a window of 64 KiB.
func (l *library) begun(path string) *http.Response {
	l.t.Helper()
	client := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
		}
		return conn, err
	}}
	l.t.Cleanup(client.CloseIdleConnections)
	resp, err := client.RoundTrip(l.request(path))
	if err != nil {
		l.t.Fatal(err)
	}
	head := make([]byte, 100)
	if _, err := io.ReadFull(resp.Body, head); err != nil || resp.StatusCode != http.StatusOK || !bytes.HasPrefix(head, []byte("show,channel")) {
		l.t.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
	return resp
}

func (l *library) cut() {
	l.t.Helper()
	select {
	case what := <-l.ended:
		if what != http.ErrAbortHandler {
			l.t.Errorf("AP14 the export ended with %v", what)
		}
	case <-time.After(20 * time.Second):
		l.t.Error("AP14 the export goes on")
	}
}

func TestClientLeavesAnExport(t *testing.T) {
	db := openFile(t)
	record(t, db, &evening{channel: "one", cues: []history.Cue{asked("a", "Many?", evening1, many)}})
	l := newLibrary(t, db, nil)
	for range 3 { // more than there may be at once
		_ = l.begun("one/shows/1/export?format=csv").Body.Close()
		l.cut()
	}
	if got := l.says(200, "", "one/shows/1/export?format=csv"); strings.Count(got.body, "\n") != many+1 {
		t.Errorf("%d lines", strings.Count(got.body, "\n"))
	}
}

// postgresHere is a PostgreSQL of the test's own.
func postgresHere(t *testing.T) (*postgresproc.Server, string) {
	t.Helper()
	s, err := postgresproc.Start(context.WithoutCancel(t.Context()), postgresproc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s, s.DSNFor("postgres", s.Password, "postgres", "sslmode=disable")
}

func TestShowsWhilePostgreSQLIsAway(t *testing.T) {
	s, dsn := postgresHere(t)
	db := openAt(t, history.Config{DSN: dsn, Timeout: 2 * time.Second})
	record(t, db, &evening{channel: "one", cues: []history.Cue{asked("a", "Many?", evening1, many)}, ends: []history.End{{At: evening1 + 60e6}}})
	l := newLibrary(t, db, nil)
	l.says(200, `"total":80000`, "one/shows/1", "one")

	half := l.begun("one/shows/1/export?format=csv")
	defer half.Body.Close()
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, half.Body); err == nil {
		t.Errorf("AP14 an export that ended after %d bytes looks whole", n)
	}
	l.cut()
	for _, path := range []string{"one/shows", "one/shows/1", "one/shows/1/export?format=csv"} {
		got := l.says(503, `"unavailable"`, path, "one")
		if got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "Nothing is lost") || strings.Contains(got.body, "127.0.0.1") {
			t.Errorf("%s: %v %s", path, got.header, got.body)
		}
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "PostgreSQL back", func() int { return l.get("one/shows", "one").status }, func(status int) bool { return status == 200 })
	if got := l.says(200, "", "one/shows/1/export?format=csv", "one"); strings.Count(got.body, "\n") != many+1 {
		t.Errorf("%d lines", strings.Count(got.body, "\n"))
	}
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	l.says(503, `"unavailable"`, "one/shows", "one")
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
}

// A node that leads nothing answers for itself.
func TestShowsOnEveryNode(t *testing.T) {
	for _, path := range []string{"shows", "shows/1", "shows/1/export"} {
		if _, to := targetOf(httptest.NewRequest(http.MethodGet, "/api/v1/channels/show/"+path, nil)); to != hereTarget {
			t.Errorf("%s is handed on to %d", path, to)
		}
	}
	_, dsn := postgresHere(t)
	db := openAt(t, history.Config{DSN: dsn})
	record(t, db, &evening{channel: "show", cues: []history.Cue{asked("a", "Who?", evening1, 5)}})
	v := newVillage(t)
	more := fmt.Sprintf("postgres: {dsn: %q}\n", dsn)
	const keep = "history_keep: 90d\n"
	studio := v.settle("s1", "studio,gateway", more+keep)
	producer := []string{"Authorization", "Bearer " + studio.mint(token.RoleProducer, time.Hour)}
	if got := studio.get("/api/v1/channels/show/shows/1", producer...); got.status != 200 || !strings.Contains(got.body, `"title":"Who?"`) {
		t.Errorf("nobody leads: %d %s", got.status, got.body)
	}
	leader := v.settle("e1", "engine,ingest,origin,studio", more)
	for _, node := range []*resident{studio, leader} {
		if got := node.get("/api/v1/channels/show/shows/1/export?format=csv", producer...); got.status != 200 || strings.Count(got.body, "\n") != 6 {
			t.Errorf("export: %d %s", got.status, got.body)
		}
	}
	v.settle("e2", "engine,gateway", more+keep) // what records also deletes
	until(t, "the old show deleted", func() int { return studio.get("/api/v1/channels/show/shows/1", producer...).status }, func(status int) bool { return status == 404 })
}

func TestTroubleOfTheHistory(t *testing.T) {
	var log bytes.Buffer
	p := &pasts{log: slog.New(slog.NewTextHandler(&log, nil))}
	for _, tc := range []struct {
		err  error
		code interact.Code
		in   string
	}{
		{fmt.Errorf("x 10.0.0.1: %w", history.ErrUnreachable), interact.CodeUnavailable, "WARN"},
		{fmt.Errorf("x 10.0.0.1: %w", history.ErrRefused), interact.CodeUnavailable, "ERROR"},
		{fmt.Errorf("x 10.0.0.1: %w", history.ErrNewer), interact.CodeUnavailable, "ERROR"},
		{errors.New("disk"), interact.CodeInternal, ""},
	} {
		log.Reset()
		err := p.failed("one", tc.err)
		if interact.CodeOf(err) != tc.code || !strings.Contains(log.String(), tc.in) || strings.Contains(err.Error(), "10.0.0.1") {
			t.Errorf("AP5 of %v is told %v, logged %s", tc.err, err, log.String())
		}
	}
	if err := p.failed("one", nil); err != nil {
		t.Errorf("nothing is %v", err)
	}
}
