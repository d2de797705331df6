package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/lifecycle"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

const (
	// retireAfter is how long the answers of a cue stay where they were counted
	// once they are in the history, unrecordedFor without one, or when it was
	// closed and not revealed.
	retireAfter   = 300 * time.Second
	unrecordedFor = 24 * time.Hour
	retireEvery   = 10 * time.Second
	retireWait    = 5 * time.Second

	endSlate    = "ended"
	endSlateTTL = 30 * 24 * time.Hour
)

// historyFile is the history in the data folder.
const historyFile = "history.db"

// openHistory opens where the history is kept; nil where it is not.
func (srv *server) openHistory(context.Context) error {
	dsn, err := srv.settings.Postgres.dsn()
	if err != nil {
		return err
	}
	cfg := history.Config{DSN: dsn, Log: srv.log}
	switch {
	case dsn == "" && !srv.settings.History:
		return nil
	case dsn == "":
		cfg.Path = filepath.Join(srv.settings.Data, historyFile)
	}
	if srv.history, err = history.New(cfg); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	return nil
}

// ledger is a channel's truth for the history: its engine's room, and where
// log and answers are.
type ledger struct {
	channel string
	room    *engine.Room
	store   interact.Store
	// entries visits the answers to a cue that count, ends says when the event
	// was ended.
	entries func(ctx context.Context, p interact.Poll, visit func(interact.Entry, interact.Mark) error) error
	ends    func(ctx context.Context) ([]history.End, error)
}

// Finished returns the cues whose count is final.
func (l *ledger) Finished(ctx context.Context) ([]history.Cue, error) {
	cues, tallies, err := l.room.Cues(ctx)
	if err != nil {
		return nil, err
	}
	var out []history.Cue
	for _, q := range cues {
		i := slices.IndexFunc(tallies, func(t wire.Tally) bool { return t.Cue == q.ID })
		if i >= 0 && tallies[i].Final && ended(q) {
			out = append(out, historyCue(q, tallies[i]))
		}
	}
	return out, nil
}

func ended(q wire.Cue) bool { return q.State == wire.StateClosed || over(q) }

// historyCue is a cue as the history has it.
func historyCue(q wire.Cue, t wire.Tally) history.Cue {
	out := history.Cue{
		ID: q.ID, Rev: q.Rev, State: string(q.State), Question: questionOf(q), Open: q.Open, Close: q.Close, Note: q.Note,
		Tally: interact.Tally{Cue: q.ID, Version: t.Version, Counts: t.Counts, Total: t.Total, Final: true},
	}
	return out
}

// questionOf is what was asked, from the producer's view of a cue.
func questionOf(q wire.Cue) interact.Question {
	out := interact.Question{
		Kind: interact.Kind(q.Kind), Correct: -1, Results: interact.Results(q.Results), Changes: q.Changes,
		Window: time.Duration(q.Window) * time.Millisecond, Slot: q.Slot, MaxLag: time.Duration(q.MaxLag) * time.Millisecond,
	}
	if q.Text != nil {
		out.Title, out.Options = q.Text.Title, q.Text.Options
	}
	if q.Correct != nil {
		out.Correct = *q.Correct
	}
	switch q.Policy {
	case wire.PolicyPlayhead:
		out.Policy = cue.Playhead
	case wire.PolicyArchive:
		out.Policy = cue.Archive
	}
	return out.WithDefaults()
}

// poll names a cue in Ballots.
func poll(channel string, q interact.Question, id string) interact.Poll {
	return interact.Poll{Channel: channel, Cue: id, Options: len(q.Options), Changes: q.Changes}
}

// Entries visits the answers that count.
func (l *ledger) Entries(ctx context.Context, id string, visit func(interact.Entry, interact.Mark) error) error {
	all, err := l.Finished(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.ID == id {
			return l.entries(ctx, poll(l.channel, c.Question, id), visit)
		}
	}
	return interact.Errorf(interact.CodeUnknownCue, "there is no cue %s", id)
}

// Records visits the log after a record.
func (l *ledger) Records(ctx context.Context, after uint64, visit func(interact.Record) error) error {
	return l.store.Replay(ctx, l.channel, func(r interact.Record) error {
		if r.Seq <= after {
			return nil
		}
		return visit(r)
	})
}

// Ends returns when a producer ended the event, as far back as is known.
func (l *ledger) Ends(ctx context.Context) ([]history.End, error) { return l.ends(ctx) }

// replayed visits the answers to a cue as the log has them.
func replayed(store interact.Store) func(context.Context, interact.Poll, func(interact.Entry, interact.Mark) error) error {
	type counted struct {
		entry interact.Entry
		mark  interact.Mark
	}
	return func(ctx context.Context, p interact.Poll, visit func(interact.Entry, interact.Mark) error) error {
		sheet, last := interact.NewLedger(store.Level()).Sheet(p.Cue), make(map[string]counted)
		err := store.Replay(ctx, p.Channel, func(r interact.Record) error {
			if r.Kind != interact.RecordAnswers || r.Cue != p.Cue {
				return nil
			}
			entries, err := interact.ParseBatch(r.Data)
			for _, e := range entries {
				if m, ok := sheet.ApplyHashed(interact.HashOf(e.Participant), e); ok {
					last[e.Participant] = counted{e, m}
				}
			}
			return err
		})
		for _, c := range last {
			err = errors.Join(err, visit(c.entry, c.mark))
			if err != nil {
				return err
			}
		}
		return err
	}
}

// endedBefore reads when a producer ended the event last.
func (c *cluster) endedBefore(channel string) func(context.Context) ([]history.End, error) {
	return func(ctx context.Context) ([]history.End, error) {
		data, err := c.slate.Read(ctx, channel, endSlate)
		if err != nil || data == nil {
			return nil, err
		}
		var at clock.Instant
		if err := json.Unmarshal(data, &at); err != nil {
			return nil, fmt.Errorf("read when the event ended: %w", err)
		}
		return []history.End{{At: at}}, nil
	}
}

// endedHere is the same where there is one node.
func (c *channel) endedHere(context.Context) ([]history.End, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended == 0 {
		return nil, nil
	}
	return []history.End{{At: c.ended}}, nil
}

// noteEnd keeps for the history when a producer ended the event.
func (c *cluster) noteEnd(ctx context.Context, channel string, at clock.Instant) {
	if err := c.slate.Write(ctx, channel, endSlate, 0, packed(at), endSlateTTL); err != nil {
		c.log.Warn("history is not told that the event ended", "channel", channel, "err", err)
	}
}

// newRecorder writes the history of a channel from its truth.
func (srv *server) newRecorder(truth *ledger, recorded func(string)) (*history.Recorder, error) {
	return history.NewRecorder(history.RecorderConfig{
		DB: srv.history, Source: truth, Channel: truth.channel, Tenant: srv.settings.Channels[truth.channel].Tenant, Log: srv.log,
		Now: func() clock.Instant { return srv.room.At(time.Now()) }, Recorded: recorded,
	})
}

// addRecorders writes the history of all channels where there is one node.
func (srv *server) addRecorders() error {
	if srv.history == nil {
		return nil
	}
	srv.recorders = make(map[string]*history.Recorder)
	for _, name := range srv.settings.sortedChannels() {
		room, ok := srv.engine.Room(name)
		if !ok {
			continue
		}
		rec, err := srv.newRecorder(&ledger{
			channel: name, room: room, store: srv.store, entries: replayed(srv.store), ends: srv.channels[name].endedHere,
		}, nil)
		if err != nil {
			return err
		}
		srv.recorders[name] = rec
		srv.group.Add("history of "+name, rec)
	}
	return nil
}

// addRecorder lets who leads a channel write its history, and let go of answers
// that are in it.
func (c *cluster) addRecorder(group *lifecycle.Group, s *seat, room *engine.Room) error {
	truth := &ledger{channel: s.name, room: room, store: c.redis.Store(), entries: c.ballots.Entries, ends: c.endedBefore(s.name)}
	r := &retirement{
		ledger: truth, ballots: c.ballots, log: c.log,
		recorded: make(chan string, 256), retired: make(map[string]time.Duration), waits: c.srv.history != nil,
	}
	group.Add("retirement", lifecycle.ServiceFunc(r.run))
	if c.srv.history == nil {
		return nil
	}
	rec, err := c.srv.newRecorder(truth, r.note)
	if err != nil {
		return err
	}
	group.Add("history", rec)
	s.recorder.Store(rec)
	return nil
}
