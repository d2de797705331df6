package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/sync/clock"
)

// historyCommand looks after the history, whether a server runs or not.
type historyCommand struct {
	List   historyListCommand   `cmd:"" help:"List shows, the newest first."`
	Export historyExportCommand `cmd:"" help:"Write a show with everybody's answers, as CSV or JSON."`
	Erase  historyEraseCommand  `cmd:"" help:"Delete every answer of a participant, on all channels, and its name. Counts stay."`
	Delete historyDeleteCommand `cmd:"" help:"Delete a show with its results, answers and audit."`
}

// historyFlags say whose history it is.
type historyFlags struct {
	Config string `placeholder:"FILE" help:"The server's configuration file, YAML. The history is where its postgres says."`
	Data   string `placeholder:"DIR" help:"The server's data folder, for a history without PostgreSQL. Default: cuelight-data beside the program."`
}

type historyListCommand struct {
	historyFlags
	Channel string `placeholder:"NAME" help:"Channel. Default all."`
	Limit   int    `default:"20" placeholder:"N" help:"How many, up to 1000. Default 20."`
	Before  int64  `placeholder:"ID" help:"Only shows before this one: the next page."`
}

type historyExportCommand struct {
	historyFlags
	Show   int64  `arg:"" name:"show" help:"The show's number, from list."`
	Format string `enum:"csv,json" default:"csv" help:"csv or json. Default csv."`
	Out    string `placeholder:"FILE" help:"File to write. There must be none of that name. Default: standard output."`
}

type historyEraseCommand struct {
	historyFlags
	Participant string `arg:"" name:"participant" help:"The participant, as in the studio and in exports."`
	Yes         bool   `help:"Do it. Without, only what would be erased is printed."`
}

type historyDeleteCommand struct {
	historyFlags
	Show int64 `arg:"" name:"show" help:"The show's number, from list."`
	Yes  bool  `help:"Do it. Without, only what would be deleted is printed."`
}

// errUnsure means that nothing was done.
var errUnsure = errors.New("nothing was done: this cannot be undone. Say --yes to do it")

// with opens the history for f. It makes none.
func (c historyFlags) with(ctx context.Context, f func(*history.DB) error) (err error) {
	cfg, err := c.place()
	if err != nil {
		return err
	}
	db, err := history.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return f(db)
}

// place is where the server with these settings keeps its history.
func (c historyFlags) place() (history.Config, error) {
	s, err := readSettings(c.Config, listenFlags{Data: c.Data})
	if err != nil {
		return history.Config{}, err
	}
	dsn, err := s.Postgres.dsn()
	if err != nil || dsn != "" {
		return history.Config{DSN: dsn}, err
	}
	if s.Data == "" {
		if s.Data, err = dataBesideProgram(); err != nil {
			return history.Config{}, err
		}
	}
	path := filepath.Join(s.Data, historyFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return history.Config{}, fmt.Errorf("there is no history at %s: name the server's configuration with --config, or its data folder with --data", path)
	} else if err != nil {
		return history.Config{}, fmt.Errorf("find the history: %w", err)
	}
	return history.Config{Path: path}, nil
}

// Run prints shows.
func (c historyListCommand) Run(ctx context.Context, p *program) error {
	if c.Limit < 1 || c.Limit > history.MaxLimit {
		return fmt.Errorf("limit: %d is not between 1 and %d", c.Limit, history.MaxLimit)
	}
	if c.Before < 0 {
		return fmt.Errorf("before: %d is no number of a show", c.Before)
	}
	q := history.ShowsQuery{Before: c.Before, Limit: c.Limit}
	if c.Channel != "" {
		q.Channels = []string{c.Channel}
	}
	return c.with(ctx, func(db *history.DB) error {
		shows, err := db.Shows(ctx, q)
		if err != nil {
			return err
		}
		return printShows(p.stdout, shows)
	})
}

func printShows(w io.Writer, shows []history.Show) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(table, "SHOW\tCHANNEL\tTENANT\tBEGAN\tENDED\tCUES")
	for _, s := range shows {
		_, more := fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%d\n", s.ID, s.Channel, orDash(s.Tenant), second(s.Started), endOf(s), s.Cues)
		err = errors.Join(err, more)
	}
	return errors.Join(err, table.Flush())
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// second is an instant for a person.
func second(i clock.Instant) string { return i.Time().UTC().Format("2006-01-02T15:04:05Z") }

func endOf(s history.Show) string {
	if s.Ended == 0 {
		return "not yet"
	}
	return second(s.Ended) + " (" + s.EndedBy + ")"
}

// Run writes a show.
func (c historyExportCommand) Run(ctx context.Context, p *program) error {
	return c.with(ctx, func(db *history.DB) error {
		if c.Out == "" {
			return exportShow(ctx, db, p.stdout, c.Show, c.Format)
		}
		return c.toFile(ctx, db)
	})
}

// toFile writes a new file, and leaves none if it cannot be whole.
func (c historyExportCommand) toFile(ctx context.Context, db *history.DB) error {
	f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("out: there is a file %s already: name another, or move it away", c.Out)
	}
	if err != nil {
		return fmt.Errorf("out: %w", err)
	}
	err = exportShow(ctx, db, f, c.Show, c.Format)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(c.Out))
	}
	return nil
}

func exportShow(ctx context.Context, db *history.DB, w io.Writer, show int64, format string) error {
	out := bufio.NewWriter(w)
	err := db.Export(ctx, out, show, history.Format(format))
	if errors.Is(err, history.ErrNotFound) {
		return noSuchShow(show)
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

func noSuchShow(id int64) error {
	return fmt.Errorf("show: there is no show %d: `cuelight history list` has those there are", id)
}

// Run erases a participant.
func (c historyEraseCommand) Run(ctx context.Context, p *program) error {
	if c.Participant == "" {
		return errors.New("participant: say who")
	}
	return c.with(ctx, func(db *history.DB) error {
		if c.Yes {
			n, err := db.Erase(ctx, c.Participant)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.stdout, "%s is erased, answers: %d; counts stay, and what is still on its way is not recorded\n", c.Participant, n)
			return err
		}
		n, shows := 0, make(map[int64]bool)
		err := db.Participant(ctx, c.Participant, func(g history.Given) error {
			n++
			shows[g.Show] = true
			return nil
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "%s, answers: %d, in shows: %d\n", c.Participant, n, len(shows))
		return errors.Join(err, errUnsure)
	})
}

// Run deletes a show.
func (c historyDeleteCommand) Run(ctx context.Context, p *program) error {
	return c.with(ctx, func(db *history.DB) error {
		s, err := db.Show(ctx, c.Show)
		if errors.Is(err, history.ErrNotFound) {
			return noSuchShow(c.Show)
		}
		if err != nil {
			return err
		}
		what := fmt.Sprintf("show %d of channel %s, begun %s, cues: %d, participants: %d", s.ID, s.Channel, second(s.Started), s.Cues, s.Participants)
		if s.Ended == 0 && time.Since(s.Last.Time()) < history.DefaultQuiet {
			return fmt.Errorf("%s is still going on: end the event, or wait until nothing has been asked for %v", what, history.DefaultQuiet)
		}
		if !c.Yes {
			_, err := fmt.Fprintln(p.stdout, what)
			return errors.Join(err, errUnsure)
		}
		if err := db.DeleteShow(ctx, s.ID); err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.stdout, "deleted "+what)
		return err
	})
}
