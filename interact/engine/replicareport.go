package engine

import (
	"context"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

const (
	// reportEvery is how often reports of viewers are passed on to the leader, at
	// most so many at a time.
	reportEvery  = 50 * time.Millisecond
	reportsTaken = 8192
	// watchLead is how long before O somebody's coming and going is of interest.
	watchLead = maxEarly
)

// replicaReport is a viewer's report, or that one has come or left.
type replicaReport struct {
	report
	move move // unless its participant is empty
}

// Opened takes in a viewer's report for the leader and never blocks. Reports
// beyond what can be held are dropped.
func (r *Replica) Opened(o interact.Opening) {
	r.reports.push(&replicaReport{report: report{opening: o}})
}

// Closed takes in a viewer's report that its window closed. As Opened.
func (r *Replica) Closed(c interact.Closing) {
	r.reports.push(&replicaReport{report: report{closing: c}})
}

// Left notes that a participant has no connection here any more. It never blocks.
func (r *Replica) Left(participant string) { r.moved(participant, false) }

// moved tells the leader who came or left, while that is of interest.
func (r *Replica) moved(participant string, here bool) {
	if !r.counting.Load() {
		return
	}
	r.reports.push(&replicaReport{move: move{participant, here}})
}

// report passes reports on until ctx ends.
func (r *Replica) report(ctx context.Context) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	var spent []replicaReport
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r.counting.Store(r.book.Load().watched(r.now()))
		if !r.reports.waiting() {
			continue
		}
		spent, _ = r.reports.swap(emptied(spent))
		for from := 0; from < len(spent) && ctx.Err() == nil; from += reportsTaken {
			r.passOn(ctx, spent[from:min(from+reportsTaken, len(spent))])
		}
	}
}

// watched says whether viewers' windows of a cue are of interest.
func (b *book) watched(now clock.Instant) bool {
	for _, k := range b.known {
		s := k.cue.State(now)
		if s.Live() && now >= k.cue.Open.Add(-watchLead) || s == cue.Closed && now < k.cue.Close.Add(watchFor) {
			return true
		}
	}
	return false
}

// passOn whispers reports. What cannot be told is dropped: it is worth nothing a
// moment later.
func (r *Replica) passOn(ctx context.Context, taken []replicaReport) {
	var reports []report
	var moves []move
	for i := range taken {
		if one := &taken[i]; one.move.participant != "" {
			moves = append(moves, one.move)
		} else {
			reports = append(reports, one.report)
		}
	}
	all, err := encodeReports(reports, moves)
	if err != nil {
		r.log.Warn("reports not passed on", "err", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, postWait)
	defer cancel()
	for _, data := range all {
		w := interact.Whisper{Kind: WhisperOpenings, Node: r.cfg.Node, Data: data}
		if err := r.cfg.Bus.Whisper(ctx, r.cfg.Channel.Name, w); err != nil {
			r.counts.reportsLost.Add(uint64(len(taken)))
			return
		}
	}
}
