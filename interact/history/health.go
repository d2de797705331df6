package history

import (
	"fmt"
	"time"
)

// Health says how a Recorder is doing.
type Health struct {
	// Pending is how many finished cues of the source are not known to be in the
	// database, Oldest how long the first of them has been waiting.
	Pending int
	Oldest  time.Duration
	// Trouble is why the last pass did not succeed, empty if it did; Lasting says
	// that a person has to act. LastTrouble is the last one there was.
	Trouble       string
	Lasting       bool
	LastTrouble   string
	LastTroubleAt time.Time
	// Caught is when source and database were last the same.
	Caught time.Time
	// Cues, Answers and Deeds count what was written: revisions of cues, answers,
	// rows of the audit.
	Cues, Answers, Deeds uint64
	// Audited is the log's last record whose audit was written by this recorder.
	// A log that is compacted beyond it loses audit, and nothing else.
	Audited uint64
	// Passes and Failures count how often they were compared, and how often that
	// went wrong.
	Passes, Failures uint64
}

// Health returns how it is doing now.
func (r *Recorder) Health() Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.health
	h.Pending = len(r.since)
	for _, since := range r.since {
		h.Oldest = max(h.Oldest, time.Since(since))
	}
	return h
}

// String is one line for a person.
func (h Health) String() string {
	wrote := fmt.Sprintf("%d cues, %d answers, %d commands written", h.Cues, h.Answers, h.Deeds)
	switch {
	case h.Trouble != "":
		return fmt.Sprintf("waiting with %d cues, the oldest for %v: %s; %s", h.Pending, h.Oldest.Round(time.Second), h.Trouble, wrote)
	case h.Pending > 0:
		return fmt.Sprintf("%d cues to write; %s", h.Pending, wrote)
	}
	return "all written; " + wrote
}
