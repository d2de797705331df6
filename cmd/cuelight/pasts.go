package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/api"
	"github.com/cuelight/cuelight/interact/history"
)

// pasts are the shows of channels that producers ask for, from the history.
type pasts struct {
	db *history.DB
	// tenant is whose a channel is, empty for nobody's.
	tenant func(channel string) string
	log    *slog.Logger
}

// pasts is what the API reads, nil where no history is kept.
func (srv *server) pasts() api.History {
	if srv.history == nil {
		return nil
	}
	return &pasts{db: srv.history, tenant: func(name string) string { return srv.settings.Channels[name].Tenant }, log: srv.log}
}

// ours reports whether a show is one of whoever has the channel now: its name
// may have been another tenant's.
func (p *pasts) ours(s history.Show) bool { return s.Tenant == "" || s.Tenant == p.tenant(s.Channel) }

// Shows returns shows of a channel, the newest first.
func (p *pasts) Shows(ctx context.Context, channel string, before int64, limit int) ([]api.Show, error) {
	var out []api.Show
	for {
		page, err := p.db.Shows(ctx, history.ShowsQuery{Channels: []string{channel}, Before: before, Limit: limit})
		if err != nil {
			return nil, p.failed(channel, err)
		}
		for _, s := range page {
			if before = s.ID; p.ours(s) {
				out = append(out, showOf(s))
			}
		}
		if len(page) < limit || len(out) >= limit {
			return out[:min(limit, len(out))], nil
		}
	}
}

func showOf(s history.Show) api.Show {
	return api.Show{ID: s.ID, Started: s.Started, Last: s.Last, Ended: s.Ended, EndedBy: s.EndedBy, Cues: s.Cues}
}

// find returns a show of a channel. It does not count who took part, which takes
// long after a large show.
func (p *pasts) find(ctx context.Context, channel string, id int64) (history.Show, error) {
	found, err := p.db.Shows(ctx, history.ShowsQuery{Channels: []string{channel}, Before: id + 1, Limit: 1})
	switch {
	case err != nil:
		return history.Show{}, p.failed(channel, err)
	case len(found) == 0 || found[0].ID != id || !p.ours(found[0]):
		return history.Show{}, api.ErrNoShow
	}
	return found[0], nil
}

// Show returns a show with its results.
func (p *pasts) Show(ctx context.Context, channel string, id int64) (api.Show, []api.Result, error) {
	s, err := p.find(ctx, channel, id)
	if err != nil {
		return api.Show{}, nil, err
	}
	results, err := p.db.Results(ctx, id)
	if err != nil {
		return api.Show{}, nil, p.failed(channel, err)
	}
	out := make([]api.Result, len(results))
	for i, r := range results {
		out[i] = resultOf(r)
	}
	return showOf(s), out, nil
}

func resultOf(r history.Result) api.Result {
	out := api.Result{
		Cue: r.Cue, Kind: r.Kind, Title: r.Title, State: r.State, Open: r.Open, Close: r.Close, Correct: r.Correct,
		Options: make([]api.Option, len(r.Options)), Total: r.Total, Complete: r.Complete, Note: r.Note,
	}
	for i, o := range r.Options {
		out.Options[i] = api.Option(o)
	}
	return out
}

// Export writes a show to w as it reads it.
func (p *pasts) Export(ctx context.Context, w io.Writer, channel string, id int64, format string) error {
	if _, err := p.find(ctx, channel, id); err != nil {
		return err
	}
	return p.failed(channel, p.db.Export(ctx, w, id, history.Format(format)))
}

// failed says what a producer may read of err. The database's own words are for
// the log.
func (p *pasts) failed(channel string, err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, history.ErrNotFound):
		return api.ErrNoShow
	case errors.Is(err, history.ErrUnreachable):
		p.log.Warn("history not read", "channel", channel, "err", err)
		return interact.Errorf(interact.CodeUnavailable, "The database that keeps the results does not answer. Nothing is lost, shows go on. Try again in a moment.")
	case errors.Is(err, history.ErrRefused), errors.Is(err, history.ErrNewer):
		p.log.Error("history not read", "channel", channel, "err", err)
		return interact.Errorf(interact.CodeUnavailable, "The database that keeps the results refuses to be read. Nothing is lost. The server's log tells its operator what to do.")
	}
	return fmt.Errorf("read the history: %w", err)
}
