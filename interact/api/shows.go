package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// History is what is left of the shows of channels. Safe for concurrent use; the
// channel is one that Config.Rooms knows. A channel's shows are its own: for one
// of another channel there is ErrNoShow.
//
// Errors are *interact.Error with CodeUnavailable while it cannot be read; any
// other is our fault.
type History interface {
	// Shows returns at most limit shows of a channel with a lower ID than before,
	// the newest first. Before zero it begins with the newest there is.
	Shows(ctx context.Context, channel string, before int64, limit int) ([]Show, error)
	// Show returns one show with its results, in the order in which they opened.
	//
	// Errors: ErrNoShow.
	Show(ctx context.Context, channel string, id int64) (Show, []Result, error)
	// Export writes a show to w as it reads it, "csv" or "json".
	//
	// Errors: ErrNoShow before anything is written; w's.
	Export(ctx context.Context, w io.Writer, channel string, id int64, format string) error
}

// ErrNoShow means that the channel has no show of that ID.
var ErrNoShow = errors.New("no such show")

// Show is one run of a rundown on a channel. All instants are on R.
type Show struct {
	ID int64 `json:"id"`
	// Started is when its first cue was taken, Last when its last window ended.
	Started clock.Instant `json:"started_us"`
	Last    clock.Instant `json:"last_us"`
	// Ended is zero while it runs; EndedBy is "producer" or "quiet".
	Ended   clock.Instant `json:"ended_us,omitempty"`
	EndedBy string        `json:"ended_by,omitempty"`
	Cues    int64         `json:"cues"` // that are finished
}

// Result is what became of a cue.
type Result struct {
	Cue   string        `json:"cue"`
	Kind  string        `json:"kind"`
	Title string        `json:"title"`
	State string        `json:"state"`
	Open  clock.Instant `json:"open_us"` // on R, as Close; zero if it never opened
	Close clock.Instant `json:"close_us"`
	// Correct is the right option, nil for a poll.
	Correct *int64   `json:"correct,omitempty"`
	Options []Option `json:"options"`
	Total   int64    `json:"total"` // participants who were counted
	// Complete says that the answers themselves were recorded too.
	Complete bool   `json:"complete"`
	Note     string `json:"note,omitempty"`
}

// Option is one of the options of a cue, with its count.
type Option struct {
	Label string `json:"label"`
	Count int64  `json:"count"`
}

// CodeNoHistory says that this server keeps no history.
const CodeNoHistory interact.Code = "no_history"

var errNoHistory = &problem{http.StatusNotFound, CodeNoHistory,
	"This server keeps no results. Its operator can set history: true, or postgres.dsn_file where there are several servers."}

// Pages of shows.
const (
	showsPage    = 20
	maxShowsPage = 100
)

// maxLooks is how many requests read the history at once. Recording, which has
// the same few connections, goes on beside them.
const maxLooks = 2

// kept returns the name of the request's channel, for a producer who may use it
// (AP2), where there is a history.
func (a *API) kept(r *http.Request) (string, error) {
	name, err := a.known(r)
	if err == nil && a.cfg.History == nil {
		err = errNoHistory
	}
	return name, err
}

// look waits until the history may be read, and returns what ends that.
func (a *API) look(ctx context.Context) (done func(), err error) {
	select {
	case a.looks <- struct{}{}:
		return func() { <-a.looks }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *API) shows(r *http.Request) (reply, error) {
	name, err := a.kept(r)
	if err != nil {
		return reply{}, err
	}
	limit, err := number(r, "limit", showsPage, maxShowsPage)
	if err != nil {
		return reply{}, err
	}
	before, err := number(r, "before", 0, 1<<53)
	if err != nil {
		return reply{}, err
	}
	done, err := a.look(r.Context())
	if err != nil {
		return reply{}, err
	}
	defer done()
	list, err := a.cfg.History.Shows(r.Context(), name, before, int(limit)+1)
	if err != nil {
		return reply{}, err
	}
	var body struct {
		Shows []Show `json:"shows"`
		Next  int64  `json:"next,omitempty"`
	}
	if body.Shows = list; list == nil {
		body.Shows = []Show{}
	}
	if len(list) > int(limit) { // there is another page
		body.Shows = list[:limit]
		body.Next = list[limit-1].ID
	}
	return reply{status: http.StatusOK, body: body}, nil
}

// number reads a positive number of r's query that is not above most.
func number(r *http.Request, name string, otherwise, most int64) (int64, error) {
	query := r.URL.Query()
	if !query.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(query.Get(name), 10, 64)
	if err != nil || n < 1 || n > most {
		return 0, interact.Errorf(interact.CodeInvalid, "%s: %.20q is not a number between 1 and %d", name, query.Get(name), most)
	}
	return n, nil
}

func (a *API) show(r *http.Request) (reply, error) {
	name, err := a.kept(r)
	if err != nil {
		return reply{}, err
	}
	show, results, err := a.result(r, name)
	if results == nil {
		results = []Result{}
	}
	return reply{status: http.StatusOK, body: struct {
		Show    Show     `json:"show"`
		Results []Result `json:"results"`
	}{show, results}}, err
}

// result reads the show that r's path names.
func (a *API) result(r *http.Request, channel string) (Show, []Result, error) {
	id, err := strconv.ParseInt(r.PathValue("show"), 10, 64)
	if err != nil || id < 1 {
		return Show{}, nil, noShow(r)
	}
	done, err := a.look(r.Context())
	if err != nil {
		return Show{}, nil, err
	}
	defer done()
	show, results, err := a.cfg.History.Show(r.Context(), channel, id)
	if errors.Is(err, ErrNoShow) {
		err = noShow(r)
	}
	return show, results, err
}

func noShow(r *http.Request) error {
	return notFound(fmt.Sprintf("There is no show %.20q of this channel.", r.PathValue("show")))
}
