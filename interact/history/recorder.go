package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// RecorderConfig says whose history is written, and from what.
type RecorderConfig struct {
	DB     *DB
	Source Source
	// Channel is whose; Tenant may be empty.
	Channel, Tenant string
	// Quiet is how long nothing has to be taken and no window open for a show to be
	// over. Default 4 h.
	Quiet time.Duration
	// Every is how often the source is compared with the database without being
	// told of anything. Default 30 s.
	Every time.Duration
	// Points says what an answer to a cue is worth, false if nothing is given.
	// Nil gives nothing.
	Points func(c *Cue, m interact.Mark) (int64, bool)
	// Recorded is called, at least once in the life of a Recorder, for every cue
	// that the source has and that is in the database, committed: from then on the
	// source may let go of it. It does not block. Nil is not called.
	Recorded func(cue string)
	// Now is R's, for shows that end by being quiet.
	Now func() clock.Instant
	// Log is told when recording begins to fail and when it works again. Nil
	// discards.
	Log *slog.Logger
}

// Limits and defaults of a Recorder.
const (
	DefaultQuiet  = 4 * time.Hour
	shortestQuiet = time.Minute
	defaultEvery  = 30 * time.Second

	firstRetry  = 250 * time.Millisecond
	longestWait = 30 * time.Second
	remindEvery = time.Minute
	mostNotes   = 1024
)

// Validate reports everything that is wrong with c; each problem starts with the
// setting's name.
func (c RecorderConfig) Validate() error {
	var errs []error
	if c.DB == nil || c.Source == nil || c.Now == nil || c.Channel == "" {
		errs = append(errs, errors.New("db, source, now, channel: none may be missing"))
	}
	if c.Quiet != 0 && c.Quiet < shortestQuiet {
		errs = append(errs, fmt.Errorf("quiet: %v is less than %v", c.Quiet, shortestQuiet))
	}
	if c.Every < 0 {
		errs = append(errs, errors.New("every: less than nothing"))
	}
	return errors.Join(errs...)
}

// Recorder writes the history of one channel, on the node that leads it. Two of
// them for the same channel, while one takes over from the other, do no harm.
type Recorder struct {
	config RecorderConfig
	log    *slog.Logger
	wake   chan struct{} // holds one

	mu     sync.Mutex // protects what follows
	notes  []deed     // of the log, in its order
	reread bool       // notes are not all there is
	health Health
	since  map[string]time.Time // of what is pending, when it was first seen

	// Run's own.
	audited uint64
	ends    []End           // that are in the database
	begun   bool            // the log was read from its beginning
	told    map[string]bool // Recorded was called for it
	failing time.Time       // zero if it works
	remind  time.Time
}

// channelName is whose history it is.
type channelName struct {
	name, tenant string
	quiet        time.Duration
}

// NewRecorder returns a recorder that does nothing until Run.
//
// Errors: RecorderConfig.Validate's.
func NewRecorder(c RecorderConfig) (*Recorder, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("history of channel %q: %w", c.Channel, err)
	}
	c.Quiet, c.Every = cmp.Or(c.Quiet, DefaultQuiet), cmp.Or(c.Every, defaultEvery)
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Recorder{
		config: c, log: log.With("channel", c.Channel), wake: make(chan struct{}, 1), reread: true,
		since: make(map[string]time.Time), told: make(map[string]bool),
	}, nil
}

// Wake says that the source has something new: a cue has become final, was
// revealed or withdrawn, or the event was ended. It never blocks.
func (r *Recorder) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Note tells of a record that the log has just taken, so that the log need not
// be read for it. It keeps nothing of the record, never blocks, and may be left
// out: what was not noted is read from the log later. Records are noted in their
// order.
func (r *Recorder) Note(rec interact.Record) {
	d, ok := deedOf(rec)
	if !ok {
		return
	}
	r.mu.Lock()
	if len(r.notes) < mostNotes {
		r.notes = append(r.notes, d)
	} else {
		r.notes, r.reread = nil, true
	}
	r.mu.Unlock()
	r.Wake()
}

// Run records until ctx ends, and returns nil then. Nothing ends it but ctx: it
// tries again what could not be done.
func (r *Recorder) Run(ctx context.Context) error {
	failed := 0
	for ctx.Err() == nil {
		err := r.pass(ctx)
		if ctx.Err() != nil {
			break
		}
		wait := r.config.Every
		if err != nil {
			failed++
			wait = retryAfter(failed, rand.Float64())
		} else {
			failed = 0
		}
		r.note(err)
		r.pause(ctx, wait, err == nil)
	}
	return nil
}

// retryAfter is how long to wait after a number of failures in a row: twice as
// long each time, from half of that to all of it by a share between 0 and 1.
func retryAfter(failed int, share float64) time.Duration {
	wait := longestWait
	if failed <= 8 {
		wait = min(firstRetry<<(failed-1), longestWait)
	}
	return wait/2 + time.Duration(share*float64(wait/2))
}

// pause waits, no longer than until something is new unless that would press a
// database that is in trouble.
func (r *Recorder) pause(ctx context.Context, wait time.Duration, wakes bool) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	wake := r.wake
	if !wakes {
		wake = nil
	}
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
}

// note keeps and tells how a pass went.
func (r *Recorder) note(err error) {
	now := time.Now()
	r.mu.Lock()
	h := &r.health
	h.Passes++
	if err == nil {
		h.Trouble, h.Lasting, h.Caught = "", false, now
	} else {
		h.Failures++
		h.Trouble, h.Lasting, h.LastTrouble, h.LastTroubleAt = err.Error(), lasting(err), err.Error(), now
		r.reread = true
	}
	r.mu.Unlock()
	switch {
	case err == nil && !r.failing.IsZero():
		r.log.Info("history is recorded again", "dur", now.Sub(r.failing))
		r.failing = time.Time{}
	case err != nil && (r.failing.IsZero() || now.After(r.remind)):
		if r.failing.IsZero() {
			r.failing = now
		}
		r.remind = now.Add(remindEvery)
		level := slog.LevelWarn
		if lasting(err) {
			level = slog.LevelError // a person has to act
		}
		r.log.Log(context.Background(), level, "history is not recorded now, nothing is lost", "err", err)
	}
}
