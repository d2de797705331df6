package history

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/cuelight/cuelight/sync/clock"
)

// Pages of queries.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Show is one run of a rundown on a channel.
type Show struct {
	ID      int64  `json:"id"`
	Channel string `json:"channel"`
	Tenant  string `json:"tenant,omitempty"`
	// Started is when its first cue was taken, Last when its last window ended or
	// its last cue was taken. Ended is zero while it runs, EndedBy "producer" or
	// "quiet". All on R.
	Started clock.Instant `json:"started_us"`
	Last    clock.Instant `json:"last_us"`
	Ended   clock.Instant `json:"ended_us,omitempty"`
	EndedBy string        `json:"ended_by,omitempty"`
	// Cues is how many were finished, Participants how many different people
	// answered. Participants is counted for a single show only, in Show.
	Cues         int64 `json:"cues"`
	Participants int64 `json:"participants,omitempty"`
}

// ShowsQuery selects shows.
type ShowsQuery struct {
	// Channels and Tenant narrow it down; empty: all. A producer's token names
	// channels: whoever asks for a producer gives those.
	Channels []string
	Tenant   string
	// Before gives those with a lower ID, the next page. Zero: the newest.
	Before int64
	// Limit is at most MaxLimit. Default DefaultLimit.
	Limit int
}

const selectShow = `
	SELECT s.id, s.channel, s.tenant, s.started_us, s.last_us, s.ended_us, s.ended_by,
		(SELECT count(*) FROM cues c WHERE c.show_id = s.id) FROM shows s `

// Shows returns shows, the newest first.
//
// Errors, here and in all queries: ErrUnreachable, ErrRefused, ErrNewer; ctx's.
func (d *DB) Shows(ctx context.Context, q ShowsQuery) ([]Show, error) {
	names := make([]string, len(q.Channels))
	for i, name := range q.Channels {
		names[i] = nameText(name)
	}
	shows := []Show{}
	err := d.read(ctx, "list shows", selectShow+`
		WHERE (CAST($1 AS BIGINT) = 0 OR s.id < $1) AND ($2 = '' OR s.tenant = $2) AND (CAST($3 AS BIGINT) = 0 OR `+d.means.among("s.channel", 4)+`)
		ORDER BY s.id DESC LIMIT $5`,
		[]any{q.Before, nameText(q.Tenant), len(names), d.means.list(names), limit(q.Limit)},
		func(scan func(...any) error) error {
			s, err := scanShow(scan)
			shows = append(shows, s)
			return err
		})
	return shows, err
}

// Show returns one show.
//
// Errors: ErrNotFound.
func (d *DB) Show(ctx context.Context, id int64) (Show, error) {
	var shows []Show
	err := d.read(ctx, "read show", selectShow+` WHERE s.id = $1`, []any{id}, func(scan func(...any) error) error {
		s, err := scanShow(scan)
		shows = append(shows, s)
		return err
	})
	if err != nil {
		return Show{}, err
	}
	if len(shows) == 0 {
		return Show{}, fmt.Errorf("show %d: %w", id, ErrNotFound)
	}
	err = d.read(ctx, "count participants", `
		SELECT count(DISTINCT a.participant) FROM answers a JOIN cues c ON c.id = a.cue_id WHERE c.show_id = $1`,
		[]any{id}, func(scan func(...any) error) error { return scan(&shows[0].Participants) })
	return shows[0], err
}

func scanShow(scan func(...any) error) (s Show, err error) {
	var ended sql.Null[int64]
	var by sql.Null[string]
	err = scan(&s.ID, &s.Channel, &s.Tenant, &s.Started, &s.Last, &ended, &by, &s.Cues)
	s.Channel, s.Tenant, s.Ended, s.EndedBy = nameOf(s.Channel), nameOf(s.Tenant), instantOf(ended), by.V
	return s, err
}

func limit(n int) int { return min(cmp.Or(max(n, 0), DefaultLimit), MaxLimit) }

// Result is what became of a cue.
type Result struct {
	Show    int64  `json:"show"`
	Channel string `json:"channel"`
	Cue     string `json:"cue"`
	Rev     int64  `json:"rev"`
	State   string `json:"state"`
	Kind    string `json:"kind"`
	Title   string `json:"title"`
	// Correct is the right option, nil for a poll.
	Correct *int64        `json:"correct,omitempty"`
	Taken   clock.Instant `json:"taken_us,omitempty"`
	Open    clock.Instant `json:"open_us,omitempty"`
	Close   clock.Instant `json:"close_us,omitempty"`
	Note    string        `json:"note,omitempty"`
	Options []Option      `json:"options"`
	// Total is how many participants were counted, Version that of the tally.
	Total   int64 `json:"total"`
	Version int64 `json:"version"`
	// Complete says that the answers themselves were recorded.
	Complete bool `json:"complete"`

	number int64
}

// Option is one of the options of a cue, with its count.
type Option struct {
	Label string `json:"label"`
	Count int64  `json:"count"`
}

// Results returns the cues of a show in the order in which they opened. An
// unknown show has none.
func (d *DB) Results(ctx context.Context, show int64) ([]Result, error) {
	return d.results(ctx, `c.show_id = $1`, show)
}

// Result returns one cue of a channel.
//
// Errors: ErrNotFound.
func (d *DB) Result(ctx context.Context, channel, cue string) (Result, error) {
	found, err := d.results(ctx, `c.channel = $1 AND c.cue = $2`, nameText(channel), nameText(cue))
	switch {
	case err != nil:
		return Result{}, err
	case len(found) == 0:
		return Result{}, fmt.Errorf("cue %.64q: %w", cue, ErrNotFound)
	}
	return found[0], nil
}

func (d *DB) results(ctx context.Context, where string, args ...any) ([]Result, error) {
	out := []Result{}
	err := d.read(ctx, "read results", `
		SELECT c.id, c.show_id, c.channel, c.cue, c.rev, c.state, c.kind, c.title, c.correct, c.taken_us, c.open_us, c.close_us,
			c.note, r.total, r.version, r.complete, n.label, n.count
		FROM cues c JOIN results r ON r.cue_id = c.id LEFT JOIN counts n ON n.cue_id = c.id
		WHERE `+where+` ORDER BY coalesce(c.open_us, c.taken_us, 0), c.id, n.option`, args,
		func(scan func(...any) error) error {
			one, option, err := scanResult(scan)
			if last := len(out) - 1; last < 0 || out[last].number != one.number {
				out = append(out, one)
			}
			if last := &out[len(out)-1]; option != nil {
				last.Options = append(last.Options, *option)
			}
			return err
		})
	return out, err
}

func scanResult(scan func(...any) error) (r Result, o *Option, err error) {
	var correct, taken, open, closed, count sql.Null[int64]
	var label sql.Null[string]
	err = scan(&r.number, &r.Show, &r.Channel, &r.Cue, &r.Rev, &r.State, &r.Kind, &r.Title, &correct, &taken, &open, &closed,
		&r.Note, &r.Total, &r.Version, &r.Complete, &label, &count)
	r.Channel, r.Cue, r.Options = nameOf(r.Channel), nameOf(r.Cue), []Option{}
	r.Correct, r.Taken, r.Open, r.Close = orNull(correct), instantOf(taken), instantOf(open), instantOf(closed)
	if label.Valid {
		o = &Option{Label: label.V, Count: count.V}
	}
	return r, o, err
}

// Answer is a participant's answer that counted.
type Answer struct {
	Participant string        `json:"participant"`
	Choice      []int         `json:"choice"`
	Credited    clock.Instant `json:"credited_us,omitempty"`
	Received    clock.Instant `json:"received_us,omitempty"`
	Changes     int64         `json:"changes,omitempty"`
	// Correct is nil for a poll, Points nil where none are given.
	Correct *bool  `json:"correct,omitempty"`
	Points  *int64 `json:"points,omitempty"`
}

// Answers visits the answers to a cue by participant, in the order of their
// bytes. It holds a page of them at a time and nothing in the database, however
// slow visit is. An unknown cue has none.
//
// Errors: visit's.
func (d *DB) Answers(ctx context.Context, channel, cue string, visit func(Answer) error) error {
	return d.answers(ctx, nameText(channel), nameText(cue), visit)
}

// exportPage is how many rows are read at a time.
const exportPage = 5000

func (d *DB) answers(ctx context.Context, channel, cue string, visit func(Answer) error) error {
	page := make([]Answer, 0, exportPage)
	from, but := "", `\` // which no name is here
	for {
		page = page[:0]
		err := d.read(ctx, "read answers", `
			SELECT a.participant, a.choice, a.credited_us, a.received_us, a.changes, a.correct, a.points
			FROM answers a JOIN cues c ON c.id = a.cue_id
			WHERE c.channel = $1 AND c.cue = $2 AND a.participant >= $3 AND a.participant <> $4
			ORDER BY a.participant LIMIT $5`,
			[]any{channel, cue, from, but, exportPage}, func(scan func(...any) error) error {
				a, err := scanAnswer(scan)
				page = append(page, a)
				return err
			})
		if err != nil {
			return err
		}
		for _, a := range page {
			if err := visit(a); err != nil {
				return err
			}
		}
		if len(page) < exportPage {
			return nil
		}
		from = nameText(page[len(page)-1].Participant)
		but = from
	}
}

func scanAnswer(scan func(...any) error, more ...any) (a Answer, err error) {
	var choice string
	var credited, received, points sql.Null[int64]
	var correct sql.Null[bool]
	err = scan(append([]any{&a.Participant, &choice, &credited, &received, &a.Changes, &correct, &points}, more...)...)
	a.Participant, a.Choice = nameOf(a.Participant), choiceOf(choice)
	a.Credited, a.Received, a.Correct, a.Points = instantOf(credited), instantOf(received), orNull(correct), orNull(points)
	return a, err
}

// Given is an answer with the question it was given to.
type Given struct {
	Answer
	Show    int64  `json:"show"`
	Channel string `json:"channel"`
	Cue     string `json:"cue"`
	Title   string `json:"title"`
	number  int64
}

// Participant visits the answers of a participant on all channels, in the order
// in which the cues were recorded.
//
// Errors: visit's.
func (d *DB) Participant(ctx context.Context, participant string, visit func(Given) error) error {
	for last := int64(0); ; {
		var page []Given
		err := d.read(ctx, "read answers of a participant", `
			SELECT a.participant, a.choice, a.credited_us, a.received_us, a.changes, a.correct, a.points,
				c.show_id, c.channel, c.cue, c.title, c.id
			FROM answers a JOIN cues c ON c.id = a.cue_id
			WHERE a.participant = $1 AND a.cue_id > $2 ORDER BY a.cue_id LIMIT $3`,
			[]any{nameText(participant), last, MaxLimit}, func(scan func(...any) error) (err error) {
				var g Given
				g.Answer, err = scanAnswer(scan, &g.Show, &g.Channel, &g.Cue, &g.Title, &g.number)
				g.Channel, g.Cue = nameOf(g.Channel), nameOf(g.Cue)
				page = append(page, g)
				return err
			})
		if err != nil {
			return err
		}
		for _, g := range page {
			last = g.number
			if err := visit(g); err != nil {
				return err
			}
		}
		if len(page) < MaxLimit {
			return nil
		}
	}
}

// Planned is a question that was prepared.
type Planned struct {
	Cue      string        `json:"cue"`
	Kind     string        `json:"kind"`
	Title    string        `json:"title"`
	Options  []string      `json:"options"`
	Prepared clock.Instant `json:"prepared_us,omitempty"`
	Taken    clock.Instant `json:"taken_us,omitempty"`
}

// Rundown returns what was prepared and taken in a show, in the order in which
// it was prepared.
func (d *DB) Rundown(ctx context.Context, show int64) ([]Planned, error) {
	out := []Planned{}
	err := d.read(ctx, "read rundown", `
		SELECT cue, kind, title, options, prepared_us, taken_us FROM rundowns WHERE show_id = $1 ORDER BY position, cue`,
		[]any{show}, func(scan func(...any) error) error {
			var p Planned
			var options string
			var prepared, taken sql.Null[int64]
			if err := scan(&p.Cue, &p.Kind, &p.Title, &options, &prepared, &taken); err != nil {
				return err
			}
			p.Cue, p.Prepared, p.Taken = nameOf(p.Cue), instantOf(prepared), instantOf(taken)
			out = append(out, p)
			return json.Unmarshal([]byte(options), &out[len(out)-1].Options)
		})
	return out, err
}

// Deed is something that somebody did.
type Deed struct {
	// Log and Seq number it on its channel; log 0 is for what is in no log.
	Log     int64         `json:"log"`
	Seq     int64         `json:"seq"`
	At      clock.Instant `json:"at_us,omitempty"`
	Actor   string        `json:"actor,omitempty"`
	Role    string        `json:"role"`
	Action  string        `json:"action"`
	Cue     string        `json:"cue,omitempty"`
	Rev     int64         `json:"rev,omitempty"`
	Key     string        `json:"key,omitempty"`
	Subject string        `json:"subject,omitempty"`
	Detail  string        `json:"detail,omitempty"`
	Show    int64         `json:"show,omitempty"`
}

// Audit visits what was done on a channel, in the order of its log; show zero
// means all shows and what belongs to none.
//
// Errors: visit's.
func (d *DB) Audit(ctx context.Context, channel string, show int64, visit func(Deed) error) error {
	for last := (Deed{Log: -1}); ; {
		var page []Deed
		err := d.read(ctx, "read audit", `
			SELECT log, seq, at_us, actor, role, action, cue, rev, key, subject, detail, show_id FROM audit
			WHERE channel = $1 AND (CAST($2 AS BIGINT) = 0 OR show_id = $2) AND (log > $3 OR log = $3 AND seq > $4)
			ORDER BY log, seq LIMIT $5`,
			[]any{nameText(channel), show, last.Log, last.Seq, MaxLimit}, func(scan func(...any) error) error {
				var one Deed
				var at, rev, in sql.Null[int64]
				err := scan(&one.Log, &one.Seq, &at, &one.Actor, &one.Role, &one.Action, &one.Cue, &rev, &one.Key, &one.Subject, &one.Detail, &in)
				one.At, one.Rev, one.Show = instantOf(at), rev.V, in.V
				one.Cue, one.Key, one.Subject = nameOf(one.Cue), nameOf(one.Key), nameOf(one.Subject)
				page = append(page, one)
				return err
			})
		if err != nil {
			return err
		}
		for _, last = range page {
			if err := visit(last); err != nil {
				return err
			}
		}
		if len(page) < MaxLimit {
			return nil
		}
	}
}
