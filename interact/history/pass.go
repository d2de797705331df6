package history

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// pass brings the database to what the source has. It keeps going where one cue
// fails, and stops where the database does.
func (r *Recorder) pass(ctx context.Context) error {
	finished, err := r.config.Source.Finished(ctx)
	if err != nil {
		return fault("finished cues: %w", err)
	}
	r.expect(finished)
	if err := r.recordEnds(ctx, false); err != nil {
		return err
	}
	before := r.Health()
	read := r.recordLog(ctx)
	if read != nil && !errors.Is(read, errSource) {
		return read
	}
	written := r.recordCues(ctx, finished)
	if read != nil || written != nil {
		return errors.Join(read, written)
	}
	// Now that the takes are known, the ends find their shows.
	after := r.Health()
	if err := r.recordEnds(ctx, before.Deeds != after.Deeds || before.Cues != after.Cues); err != nil {
		return err
	}
	return r.quieten(ctx)
}

func (r *Recorder) channel() channelName {
	return channelName{r.config.Channel, r.config.Tenant, r.config.Quiet}
}

// expect notes what is pending as far as one can tell without the database, so
// that an outage shows.
func (r *Recorder) expect(finished []Cue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	there := make(map[string]bool, len(finished))
	for i := range finished {
		id := finished[i].ID
		there[id] = true
		if _, seen := r.since[id]; !seen && !r.told[id] {
			r.since[id] = now
		}
	}
	for id := range r.since {
		if !there[id] {
			delete(r.since, id)
		}
	}
	for id := range r.told {
		if !there[id] {
			delete(r.told, id)
		}
	}
}

// recordEnds writes when the event was ended, if that is news, or if again is
// set.
func (r *Recorder) recordEnds(ctx context.Context, again bool) error {
	ends, err := r.config.Source.Ends(ctx)
	if err != nil {
		return fault("ends of the event: %w", err)
	}
	ends = slices.SortedFunc(slices.Values(ends), func(a, b End) int { return cmp.Compare(a.At, b.At) })
	if len(ends) == 0 || !again && slices.Equal(ends, r.ends) {
		return nil
	}
	c := r.channel()
	err = r.config.DB.write(ctx, "record ends of the event", func(ctx context.Context, t *tx) error {
		channel, err := t.hold(ctx, c.name, c.tenant, c.quiet)
		for i := 0; err == nil && i < len(ends); i++ {
			err = t.end(ctx, channel, ends[i])
		}
		return err
	})
	if err == nil {
		r.ends = ends
	}
	return err
}

func (r *Recorder) quieten(ctx context.Context) error {
	c := r.channel()
	return r.config.DB.write(ctx, "end quiet shows", func(ctx context.Context, t *tx) error {
		return t.quieten(ctx, nameText(c.name), r.config.Now().Add(-c.quiet))
	})
}

// recordLog writes what was done, from the notes if they are all there is, else
// from the log.
func (r *Recorder) recordLog(ctx context.Context) error {
	r.mu.Lock()
	notes, reread := r.notes, r.reread
	r.notes, r.reread = nil, false
	r.mu.Unlock()
	if !reread {
		return r.writeDeeds(ctx, notes)
	}
	err := r.readLog(ctx)
	if err != nil {
		r.mu.Lock()
		r.reread = true
		r.mu.Unlock()
	}
	return err
}

// readLog reads the log from where the database is, and the first time from its
// beginning: if it ends before that, it is another log.
func (r *Recorder) readLog(ctx context.Context) error {
	if err := r.findPlace(ctx); err != nil {
		return err
	}
	last, err := r.follow(ctx, r.from())
	if err != nil {
		return err
	}
	if !r.begun && last < r.audited {
		if err := r.anotherLog(ctx); err != nil {
			return err
		}
		if _, err := r.follow(ctx, 0); err != nil {
			return err
		}
	}
	r.begun = true
	return nil
}

func (r *Recorder) from() uint64 {
	if !r.begun {
		return 0
	}
	return r.audited
}

func (r *Recorder) findPlace(ctx context.Context) error {
	c := r.channel()
	return r.config.DB.write(ctx, "find place in the log", func(ctx context.Context, t *tx) error {
		channel, err := t.hold(ctx, c.name, c.tenant, c.quiet)
		r.audited = channel.audited
		return err
	})
}

func (r *Recorder) anotherLog(ctx context.Context) error {
	c := r.channel()
	r.log.Warn("the channel has another log than the history knows, its audit begins anew")
	r.audited = 0
	return r.config.DB.write(ctx, "begin another log", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `UPDATE channels SET log = log + 1, audited = 0, last_take_us = 0 WHERE channel = $1`, nameText(c.name))
		return err
	})
}

// follow writes what the log has after a record, a page at a time, and returns
// the number of its last record.
func (r *Recorder) follow(ctx context.Context, after uint64) (last uint64, err error) {
	var page []deed
	var own error // ours, which the source hands back
	err = r.config.Source.Records(ctx, after, func(rec interact.Record) error {
		last = max(last, rec.Seq)
		if rec.Seq <= r.audited {
			return nil
		}
		if d, ok := deedOf(rec); ok {
			page = append(page, d)
		}
		if len(page) >= ledgerPage {
			own = r.writeDeeds(ctx, page)
			page = page[:0]
		}
		return own
	})
	if own != nil {
		return last, own
	}
	if err != nil {
		return last, fault("log: %w", err)
	}
	return last, r.writeDeeds(ctx, page)
}

// writeDeeds writes those that are new, in pages.
func (r *Recorder) writeDeeds(ctx context.Context, deeds []deed) error {
	deeds = slices.DeleteFunc(deeds, func(d deed) bool { return d.seq <= r.audited })
	for page := range slices.Chunk(deeds, ledgerPage) {
		upTo := page[len(page)-1].seq
		if err := r.config.DB.audit(ctx, r.channel(), page, upTo); err != nil {
			return err
		}
		r.audited = upTo
		r.mu.Lock()
		r.health.Deeds += uint64(len(page))
		r.health.Audited = upTo
		r.mu.Unlock()
	}
	return nil
}

// recordCues writes what the database lacks of the finished cues, in the order
// in which they were taken.
func (r *Recorder) recordCues(ctx context.Context, finished []Cue) error {
	if len(finished) == 0 {
		return nil
	}
	finished = slices.SortedFunc(slices.Values(finished), func(a, b Cue) int {
		return cmp.Or(cmp.Compare(a.began(), b.began()), cmp.Compare(a.ID, b.ID))
	})
	has, err := r.compare(ctx, finished)
	if err != nil {
		return err
	}
	var errs []error
	for i := range finished {
		c := &finished[i]
		if h, there := has[c.ID]; there && h.covers(c) {
			r.recorded(c.ID)
			continue
		}
		if err := r.recordCue(ctx, c); err != nil {
			errs = append(errs, err)
			if !errors.Is(err, errSource) && !errors.Is(err, ErrRefused) {
				break // the next would not fare better
			}
		}
	}
	if len(errs) > mostErrors {
		errs = errs[:mostErrors]
	}
	return errors.Join(errs...)
}

// mostErrors of a pass are told.
const mostErrors = 3

// compare returns what the database has of cues.
func (r *Recorder) compare(ctx context.Context, finished []Cue) (has map[string]held, err error) {
	ids := make([]string, len(finished))
	for i := range finished {
		ids[i] = finished[i].ID
	}
	err = r.config.DB.write(ctx, "compare cues", func(ctx context.Context, t *tx) error {
		has, err = t.heldOf(ctx, nameText(r.config.Channel), ids)
		return err
	})
	return has, err
}

func (r *Recorder) recordCue(ctx context.Context, c *Cue) error {
	if !c.Tally.Final {
		return fault("the count of cue %s is not final", c.ID)
	}
	var rows uint64
	err := r.config.DB.record(ctx, &recording{
		channel: r.config.Channel, tenant: r.config.Tenant, quiet: r.config.Quiet, cue: c, source: r.config.Source,
		points: r.config.Points, now: time.Now(), progress: func(n int64) { rows += uint64(n) },
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.health.Cues++
	r.health.Answers += rows
	r.mu.Unlock()
	r.recorded(c.ID)
	return nil
}

// recorded tells, once, that a cue is in the database.
func (r *Recorder) recorded(cue string) {
	r.mu.Lock()
	delete(r.since, cue)
	told := r.told[cue]
	r.told[cue] = true
	r.mu.Unlock()
	if !told && r.config.Recorded != nil {
		r.config.Recorded(cue)
	}
}
