package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/api"
	"github.com/cuelight/cuelight/internal/token"
)

// past has shows 1 to n of the channel show.
type past struct {
	n      int64
	err    error
	export func(ctx context.Context, w io.Writer) error
	held   chan struct{} // if there is one, Shows waits until it is closed
}

func (p *past) Shows(ctx context.Context, channel string, before int64, limit int) (out []api.Show, err error) {
	if p.held != nil {
		select {
		case <-p.held:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if channel != "show" {
		return nil, p.err
	}
	for id := p.n; id > 0 && len(out) < limit; id-- {
		if before == 0 || id < before {
			out = append(out, api.Show{ID: id, Started: 1, Last: 2, Ended: 3, EndedBy: "quiet", Cues: 4})
		}
	}
	return out, p.err
}

func (p *past) Show(_ context.Context, channel string, id int64) (api.Show, []api.Result, error) {
	if channel != "show" || id > p.n {
		return api.Show{}, nil, api.ErrNoShow
	}
	right := int64(0)
	return api.Show{ID: id, Started: 1, Last: 2}, []api.Result{
		{Cue: "c1", Kind: "trivia", Title: "Why?", State: "revealed", Open: 5, Close: 6, Correct: &right, Options: []api.Option{{Label: "a", Count: 3}}, Total: 3, Complete: true, Note: "n"},
		{Cue: "c2", Kind: "poll", Title: "How?", State: "void", Options: []api.Option{}},
	}, p.err
}

func (p *past) Export(ctx context.Context, w io.Writer, _ string, id int64, format string) error {
	if p.export != nil {
		return p.export(ctx, w)
	}
	_, err := fmt.Fprintf(w, "%s of %d", format, id)
	return errors.Join(err, p.err)
}

const showsPath = "/api/v1/channels/show/shows"

func TestShows(t *testing.T) {
	r := newRig(t)
	says := func(path, want string) {
		t.Helper()
		if w := r.do("GET", path, ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != want || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s, want %s", path, w.Code, w.Body, want)
		}
	}
	says(showsPath, `{"shows":[]}`)
	r.past.n = 3
	one := func(id int) string {
		return fmt.Sprintf(`{"id":%d,"started_us":1,"last_us":2,"ended_us":3,"ended_by":"quiet","cues":4}`, id)
	}
	says(showsPath, `{"shows":[`+one(3)+","+one(2)+","+one(1)+`]}`)
	says(showsPath+"?limit=3", `{"shows":[`+one(3)+","+one(2)+","+one(1)+`]}`)
	says(showsPath+"?limit=2", `{"shows":[`+one(3)+","+one(2)+`],"next":2}`)
	says(showsPath+"?limit=2&before=2", `{"shows":[`+one(1)+`]}`)
	says(showsPath+"/2", `{"show":{"id":2,"started_us":1,"last_us":2,"cues":0},"results":[`+
		`{"cue":"c1","kind":"trivia","title":"Why?","state":"revealed","open_us":5,"close_us":6,"correct":0,"options":[{"label":"a","count":3}],"total":3,"complete":true,"note":"n"},`+
		`{"cue":"c2","kind":"poll","title":"How?","state":"void","open_us":0,"close_us":0,"options":[],"total":0,"complete":false}]}`)
	r.past.n = 50
	if w := r.do("GET", showsPath, ""); strings.Count(w.Body.String(), `"id"`) != 20 || !strings.HasSuffix(w.Body.String(), `"next":31}`+"\n") {
		t.Errorf("a page is %s", w.Body)
	}
	for _, query := range []string{"limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "before=0", "before=-1", "before=9223372036854775808"} {
		name, _, _ := strings.Cut(query, "=")
		r.failed(r.do("GET", showsPath+"?"+query, ""), 400, interact.CodeInvalid, name+": ")
	}
	for _, id := range []string{"51", "0", "-1", "x", "1e3", "9223372036854775808"} {
		r.failed(r.do("GET", showsPath+"/"+id, ""), 404, interact.CodeInvalid, "no show")
		r.failed(r.do("GET", showsPath+"/"+id+"/export?format=csv", ""), 404, interact.CodeInvalid, "no show")
	}
}

func TestShowsAreForTheirProducers(t *testing.T) {
	r := newRig(t)
	r.past.n = 1
	all := "Bearer " + r.mint(token.RoleProducer)
	for _, path := range []string{"/shows", "/shows/1", "/shows/1/export?format=csv"} {
		here, there, nowhere := "/api/v1/channels/show"+path, "/api/v1/channels/other"+path, "/api/v1/channels/nope"+path
		r.failed(r.do("GET", here, "", "Authorization", ""), 401, interact.CodeDenied, "")
		r.failed(r.do("GET", here, "", "Authorization", "Bearer "+r.mint(token.RoleViewer)), 401, interact.CodeDenied, "viewer")
		r.failed(r.do("GET", there, ""), 403, interact.CodeDenied, "not for this channel")
		r.failed(r.do("GET", nowhere, ""), 403, interact.CodeDenied, "not for this channel")
		r.failed(r.do("GET", nowhere, "", "Authorization", all), 404, interact.CodeInvalid, `"nope"`)
		w := r.do("DELETE", here, "")
		r.failed(w, 405, interact.CodeInvalid, "GET, HEAD")
		if w := r.do("HEAD", here, ""); w.Code != 200 {
			t.Errorf("HEAD %s: %d", here, w.Code)
		}
	}
	r.failed(r.do("GET", "/api/v1/channels/other/shows/1", "", "Authorization", all), 404, interact.CodeInvalid, "no show")
	none := newRigWith(t, func(c *api.Config) { c.History = nil })
	for _, path := range []string{"", "/1", "/1/export?format=csv"} {
		none.failed(none.do("GET", showsPath+path, ""), 404, api.CodeNoHistory, "history: true")
		none.failed(none.do("GET", showsPath+path, "", "Authorization", ""), 401, interact.CodeDenied, "")
	}
	r.past.err = interact.Errorf(interact.CodeUnavailable, "away")
	for _, path := range []string{"", "/1", "/1/export?format=csv"} {
		w := r.do("GET", showsPath+path, "")
		r.failed(w, 503, interact.CodeUnavailable, "away")
		if w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Disposition") != "" {
			t.Errorf("headers %v", w.Header())
		}
	}
}

// TestLooksAreFew has requests that wait for a history that does not answer.
func TestLooksAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.past.held = make(chan struct{})
		codes := make(chan int)
		for range 5 {
			go func() { codes <- r.do("GET", showsPath, "").Code }()
		}
		synctest.Wait()
		begin := time.Now()
		for range 5 {
			if got := <-codes; got != 503 {
				t.Errorf("AP13 answered %d", got)
			}
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("AP13 answered after %v", took)
		}
		close(r.past.held)
		if w := r.do("GET", showsPath, ""); w.Code != 200 {
			t.Errorf("AP13 afterwards %d", w.Code)
		}
	})
}

func TestExport(t *testing.T) {
	r := newRig(t)
	r.past.n = 7
	for format, kind := range map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/json; charset=utf-8"} {
		for _, method := range []string{"GET", "HEAD"} {
			w := r.do(method, showsPath+"/7/export?format="+format, "")
			h := w.Header()
			if w.Code != 200 || h.Get("Content-Type") != kind || h.Get("Cache-Control") != "no-store" ||
				h.Get("Content-Disposition") != `attachment; filename="show-7.`+format+`"` {
				t.Errorf("%s: %d %v", method, w.Code, h)
			}
			if want := format + " of 7"; method == "GET" && w.Body.String() != want {
				t.Errorf("exported %q, want %q", w.Body, want)
			}
		}
	}
	for _, query := range []string{"", "?format=", "?format=xlsx", "?format=CSV"} {
		r.failed(r.do("GET", showsPath+"/7/export"+query, ""), 400, interact.CodeInvalid, "format: ")
	}
	req := httptest.NewRequest("GET", showsPath+"/7/export?format=csv", nil)
	req.Header.Set("Authorization", "Bearer "+r.tok)
	req.Proto, req.ProtoMajor, req.ProtoMinor = "HTTP/1.0", 1, 0
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	r.failed(w, 505, interact.CodeInvalid, "HTTP/1.1")
	r.past.export = func(context.Context, io.Writer) error { return api.ErrNoShow }
	r.failed(r.do("GET", showsPath+"/7/export?format=csv", ""), 404, interact.CodeInvalid, "no show")
	r.past.export = func(_ context.Context, w io.Writer) error {
		io.WriteString(w, "not enough for a chunk")
		return errors.New("secret of the disk")
	}
	r.failed(r.do("GET", showsPath+"/7/export?format=csv", ""), 500, interact.CodeInternal, "logged")
}

// exportServer serves the API over a real connection.
func exportServer(t *testing.T, r *rig) string {
	t.Helper()
	srv := httptest.NewServer(r.api)
	t.Cleanup(srv.Close)
	return srv.URL + showsPath + "/1/export?format=csv"
}

func (r *rig) ask(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.tok)
	return http.DefaultTransport.RoundTrip(req)
}

var chunk = strings.Repeat("x", 64<<10)

// TestExportCutOff has a history that ends in the middle.
func TestExportCutOff(t *testing.T) {
	r := newRig(t)
	r.past.n = 1
	r.past.export = func(_ context.Context, w io.Writer) error {
		if _, err := io.WriteString(w, chunk+"more"); err != nil {
			return err
		}
		return interact.Errorf(interact.CodeUnavailable, "away")
	}
	resp, err := r.ask(t.Context(), exportServer(t, r))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != 200 || err == nil || len(body) < len(chunk) {
		t.Errorf("AP14 %s, %d bytes, %v: it looks whole", resp.Status, len(body), err)
	}
}

// TestExportsAreFew holds two exports, and lets one leave.
func TestExportsAreFew(t *testing.T) {
	r := newRig(t)
	r.past.n = 1
	begun, ended, finish := make(chan struct{}, 3), make(chan error, 3), make(chan struct{})
	r.past.export = func(ctx context.Context, w io.Writer) error {
		_, err := io.WriteString(w, chunk+"more")
		begun <- struct{}{}
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-finish:
		}
		ended <- err
		return err
	}
	url := exportServer(t, r)
	leave, left := context.WithCancel(t.Context())
	defer left()
	stays, err := r.ask(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer stays.Body.Close()
	leaves, err := r.ask(leave, url)
	if err != nil {
		t.Fatal(err)
	}
	defer leaves.Body.Close()
	<-begun
	<-begun
	w := r.do("GET", showsPath+"/1/export?format=csv", "")
	r.failed(w, 503, interact.CodeBusy, "2 exports")
	if w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Disposition") != "" {
		t.Errorf("AP13 headers %v", w.Header())
	}
	left()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("AP14 for who left it ends with %v", err)
	}
	for again := true; again; { // the handler returns a moment later
		third, err := r.ask(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		again = third.StatusCode == 503
		if !again {
			<-begun
			close(finish)
			if body, err := io.ReadAll(third.Body); err != nil || string(body) != chunk+"more" {
				t.Errorf("AP13 the third is %d bytes, %v", len(body), err)
			}
		}
		_ = third.Body.Close()
	}
	if body, err := io.ReadAll(stays.Body); err != nil || string(body) != chunk+"more" {
		t.Errorf("AP13 who stays has %d bytes, %v", len(body), err)
	}
}

// narrow is a client's connection that the test reads by hand.
func narrow(t *testing.T, r *rig, url string) (net.Conn, *bufio.Reader) {
	t.Helper()
	at, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", path, r.tok); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// line is a client's, with the deadline that it has now.
type line struct {
	http.ResponseWriter
	deadline time.Time
	left     []time.Duration // at each write
}

func (l *line) SetWriteDeadline(at time.Time) error {
	l.deadline = at
	return nil
}

func (l *line) Write(b []byte) (int, error) {
	l.left = append(l.left, time.Until(l.deadline))
	return l.ResponseWriter.Write(b)
}

func (l *line) FlushError() error { return nil }

// TestExportDeadlines has a database that takes longer than any client may.
func TestExportDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.past.n = 1
		slow := 20 * time.Second
		r.past.export = func(ctx context.Context, w io.Writer) error {
			for range 3 {
				time.Sleep(slow)
				if _, err := io.WriteString(w, chunk); err != nil {
					return err
				}
			}
			return ctx.Err()
		}
		get := func() *line {
			req := httptest.NewRequest("GET", showsPath+"/1/export?format=csv", nil)
			req.Header.Set("Authorization", "Bearer "+r.tok)
			l := &line{ResponseWriter: httptest.NewRecorder()}
			defer func() {
				if what := recover(); slow == time.Hour && what != http.ErrAbortHandler {
					t.Errorf("AP14 an export of hours ends with %v", what)
				}
			}()
			r.api.ServeHTTP(l, req)
			return l
		}
		if l := get(); len(l.left) != 3 || l.left[0] != 10*time.Second || l.left[2] != 10*time.Second || !l.deadline.IsZero() {
			t.Errorf("AP14 deadlines %v, then %v", l.left, l.deadline)
		}
		slow = time.Hour
		r.tok = r.mint(token.RoleProducer, "show")
		get()
	})
}

// TestExportKeepsItsConnection asks again on the same connection: the
// deadlines of a file are not those of what follows.
func TestExportKeepsItsConnection(t *testing.T) {
	r := newRig(t)
	r.past.n = 1
	r.past.export = func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, chunk+chunk)
		return err
	}
	url := exportServer(t, r)
	conn, in := narrow(t, r, url)
	for range 2 {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || len(body) != 2*len(chunk) {
			t.Fatalf("%d bytes, %v", len(body), err)
		}
		_ = resp.Body.Close()
		if _, err := fmt.Fprintf(conn, "GET %s/1/export?format=csv HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", showsPath, r.tok); err != nil {
			t.Fatal(err)
		}
	}
}
