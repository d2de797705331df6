package engine

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
)

const (
	// lookupsAtOnce of receipts are under way; others wait for them, up to
	// lookupWait all in all.
	lookupsAtOnce = 128
	lookupWait    = 1500 * time.Millisecond
)

// lookups are receipts that are being asked for. The same question is asked once
// at a time.
type lookups struct {
	free chan struct{} // holds a token for each that may begin

	mu      sync.Mutex // protects waiting
	waiting map[string]*lookup
}

// lookup is one question. What it holds is set when done is closed.
type lookup struct {
	done  chan struct{}
	found []interact.Receipt
	err   error
}

func (l *lookups) init() {
	l.free, l.waiting = make(chan struct{}, lookupsAtOnce), make(map[string]*lookup)
}

// ask returns the receipts of a participant for those of the polls that it has
// answered. They are shared.
func (l *lookups) ask(ctx context.Context, r *Replica, polls []interact.Poll, participant string) ([]interact.Receipt, error) {
	name := lookupName(polls, participant)
	l.mu.Lock()
	one := l.waiting[name]
	if one != nil {
		l.mu.Unlock()
		select {
		case <-one.done:
			return one.found, one.err
		case <-ctx.Done():
			return nil, refuse(interact.CodeUnavailable)
		}
	}
	one = &lookup{done: make(chan struct{})}
	l.waiting[name] = one
	l.mu.Unlock()
	one.found, one.err = l.fetch(ctx, r, polls, participant)
	l.mu.Lock()
	delete(l.waiting, name)
	l.mu.Unlock()
	close(one.done)
	return one.found, one.err
}

func lookupName(polls []interact.Poll, participant string) string {
	var b strings.Builder
	b.WriteString(participant)
	for i := range polls {
		b.WriteByte('\n')
		b.WriteString(polls[i].Cue)
	}
	return b.String()
}

func (l *lookups) fetch(ctx context.Context, r *Replica, polls []interact.Poll, participant string) ([]interact.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupWait)
	defer cancel()
	select {
	case l.free <- struct{}{}:
		defer func() { <-l.free }()
	case <-ctx.Done():
		r.counts.lookupsRefused.Add(1)
		return nil, refuse(interact.CodeBusy)
	}
	r.counts.lookups.Add(1)
	found, err := r.cfg.Ballots.Receipts(ctx, polls, participant)
	if err != nil {
		r.counts.lookupsRefused.Add(1)
		r.complain(err)
		return nil, refuse(interact.CodeUnavailable)
	}
	b := r.book.Load()
	for _, rec := range found {
		if k, ok := b.known[rec.Cue]; ok {
			k.booth.remember(participant, rec)
		}
	}
	return found, nil
}
