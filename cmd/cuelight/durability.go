package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/embedded"
	"github.com/cuelight/cuelight/interact/memory"
	"github.com/cuelight/cuelight/interact/wire"
)

// logFile is the log of cues and answers in the data folder.
const logFile = "answers.db"

func (s settings) validateDurability() error {
	switch interact.Level(s.Durability) {
	case interact.LevelLog, interact.LevelMemory:
		return nil
	case interact.LevelReplicated:
		if s.clustered() {
			return nil
		}
		return errors.New("durability: replicated needs more than one machine, and this server is one: choose log (on this machine's disk) or memory, or give redis.addresses")
	}
	return fmt.Errorf("durability: %q is neither log nor memory nor replicated", s.Durability)
}

// openStore opens what keeps cues and answers, and with it the lock of the data
// folder.
func (srv *server) openStore(ctx context.Context) (err error) {
	path := filepath.Join(srv.settings.Data, logFile)
	if srv.settings.clustered() { // the log is in Redis
		srv.storage, err = embedded.Lock(path)
		return err
	}
	if interact.Level(srv.settings.Durability) != interact.LevelMemory {
		kept, err := embedded.Open(ctx, path, srv.log)
		if err != nil {
			return err
		}
		srv.store, srv.storage = &watched{Store: kept}, kept
		return nil
	}
	if srv.storage, err = embedded.Lock(path); err != nil {
		return err
	}
	srv.store = new(memory.Store)
	srv.log.Warn("cues and answers are kept in memory alone: when the server stops they are gone")
	return nil
}

// closeStore lets go of the log and of the data folder.
func (srv *server) closeStore() error {
	if srv.storage == nil {
		return nil
	}
	return srv.storage.Close()
}

// watched is the log with what its last write came to.
type watched struct {
	interact.Store
	failing atomic.Bool
}

// Append writes to the log.
func (w *watched) Append(ctx context.Context, records []interact.Record) error {
	err := w.Store.Append(ctx, records)
	switch interact.CodeOf(err) {
	case "":
		w.failing.Store(false)
	case interact.CodeUnavailable:
		w.failing.Store(true)
	}
	return err
}

// unwritable is the advice that answers are not counted.
const unwritable = "Answers cannot be saved, so they are not counted: make room on the disk of the data folder. The server need not be restarted."

// advise puts what is wrong with the log before everything else.
func (srv *server) advise(h wire.Health) wire.Health {
	if w, ok := srv.store.(*watched); ok && w.failing.Load() {
		h.Advice = append([]string{unwritable}, h.Advice...)
	}
	return h
}
