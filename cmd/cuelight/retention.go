package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/internal/lifecycle"
	"github.com/cuelight/cuelight/sync/clock"
)

// shortestKeep is longer than any show waits for its next cue.
const shortestKeep = 24 * time.Hour

func (s settings) validateHistory() error {
	keep := s.HistoryKeep.Duration
	switch {
	case keep == 0:
		return nil
	case keep < shortestKeep:
		return fmt.Errorf("history_keep: %v is less than a day: leave it out to keep all shows", s.HistoryKeep)
	case !s.History && s.Postgres == (postgresSettings{}):
		return errors.New("history_keep: there is nothing to delete without history: true or postgres.dsn_file")
	}
	return nil
}

// addRetention deletes old shows, on every node that records some.
func (srv *server) addRetention() {
	if srv.history != nil && srv.settings.HistoryKeep.Duration > 0 && srv.settings.Roles.has(roleEngine) {
		srv.group.Add("retention", lifecycle.ServiceFunc(srv.runRetention))
	}
}

// runRetention begins once the room clock is that of the other nodes: what is
// old is told by it.
func (srv *server) runRetention(ctx context.Context) error {
	if srv.cluster != nil {
		look := time.NewTicker(openingLook)
		defer look.Stop()
		for !srv.cluster.opened.Load() {
			select {
			case <-ctx.Done():
				return nil
			case <-look.C:
			}
		}
	}
	return history.Retention{
		DB: srv.history, Keep: srv.settings.HistoryKeep.Duration, Log: srv.log,
		Now: func() clock.Instant { return srv.room.At(time.Now()) },
	}.Run(ctx)
}
