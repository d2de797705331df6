package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/api"
)

// A recording stays on the disk of the node that made it. The others ask for it
// there, and say what to do where that node is not running.

const (
	// shelfFresh is how long it is believed where a recording is, shelfAgain how
	// often it is asked for one that nobody has had: so often a channel's
	// recordings are listed, whatever viewers ask for.
	shelfFresh = 30 * time.Second
	shelfAgain = time.Second
)

var (
	errNowhere = errors.New("no node that runs has the recording")
	errSilent  = errors.New("a node that may have the recording does not answer")
)

// farRecording is one on another node.
type farRecording struct {
	api.Recording
	node string
}

// shelves know which other node has which recording.
type shelves struct {
	// ask lists what the other nodes have of a channel, and names those that do
	// not say.
	ask func(ctx context.Context, channel string) (found []farRecording, silent []string)
	log *slog.Logger

	mu sync.Mutex // protects of
	of map[string]*shelf
}

// shelf is what the other nodes have of one channel.
type shelf struct {
	turn chan struct{} // held by whoever asks

	mu     sync.Mutex // protects what follows
	at     time.Time  // when it was last asked
	where  map[string]string
	silent []string
}

func newShelves(ask func(context.Context, string) ([]farRecording, []string), log *slog.Logger) *shelves {
	return &shelves{ask: ask, log: log, of: make(map[string]*shelf)}
}

// shelf returns a channel's. Callers have checked that there is such a channel.
func (s *shelves) shelf(channel string) *shelf {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[channel] == nil {
		s.of[channel] = &shelf{turn: make(chan struct{}, 1)}
	}
	return s.of[channel]
}

// list returns what the other nodes have of a channel.
func (s *shelves) list(ctx context.Context, channel string) []farRecording {
	sh := s.shelf(channel)
	found, silent := s.ask(ctx, channel)
	s.put(channel, sh, found, silent)
	return found
}

// find returns the node that has a recording.
//
// Errors: errNowhere, errSilent; ctx's.
func (s *shelves) find(ctx context.Context, channel, id string) (node string, err error) {
	sh := s.shelf(channel)
	if node, known, err := sh.look(id); known {
		return node, err
	}
	select {
	case sh.turn <- struct{}{}:
		defer func() { <-sh.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if node, known, err := sh.look(id); known { // somebody has asked meanwhile
		return node, err
	}
	// Who asked may leave while others wait for the answer.
	found, silent := s.ask(context.WithoutCancel(ctx), channel)
	s.put(channel, sh, found, silent)
	node, _, err = sh.look(id)
	return node, err
}

// put keeps an answer, and tells of nodes that did not give theirs when those
// are others than before.
func (s *shelves) put(channel string, sh *shelf, found []farRecording, silent []string) {
	slices.Sort(silent)
	sh.mu.Lock()
	news := !slices.Equal(sh.silent, silent)
	sh.at, sh.silent, sh.where = time.Now(), silent, make(map[string]string, len(found))
	for _, r := range found {
		sh.where[r.ID] = r.node
	}
	sh.mu.Unlock()
	switch {
	case news && len(silent) > 0:
		s.log.Warn("recordings of other nodes are not known", "channel", channel, "nodes", strings.Join(silent, ","))
	case news:
		s.log.Info("recordings of all nodes are known again", "channel", channel)
	}
}

// look returns what is known of a recording, unless it has to be asked.
func (sh *shelf) look(id string) (node string, known bool, err error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	age := time.Since(sh.at)
	switch node, ok := sh.where[id]; {
	case ok && age < shelfFresh:
		return node, true, nil
	case sh.at.IsZero() || age >= shelfAgain:
		return "", false, nil
	case len(sh.silent) > 0:
		return "", true, errSilent
	}
	return "", true, errNowhere
}

// forget drops what is known of a channel's: a node did not have what it should.
func (s *shelves) forget(channel, id string) {
	sh := s.shelf(channel)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.where, id)
}
