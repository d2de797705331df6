package memory

import (
	"bytes"
	"context"
	"sync"

	"github.com/cuelight/cuelight/interact"
)

// maxWhispers is how many whispers wait for a listener that is busy; more are
// lost.
const maxWhispers = 1024

// ear is one who follows. Posts it looks up itself, whispers it is given.
type ear struct {
	news chan struct{} // of length 1: there is something to look up

	mu       sync.Mutex // protects whispers; taken after Bus.mu or alone
	whispers []interact.Whisper
}

func (e *ear) wake() {
	select {
	case e.news <- struct{}{}:
	default:
	}
}

func (e *ear) hear(w interact.Whisper) {
	e.mu.Lock()
	if len(e.whispers) < maxWhispers {
		e.whispers = append(e.whispers, w)
	}
	e.mu.Unlock()
	e.wake()
}

func (e *ear) heard() []interact.Whisper {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.whispers
	e.whispers = nil
	return w
}

// Follow gives to listener what is posted after the place, until ctx ends.
//
// Errors: interact.ErrLost; ctx's.
func (b *Bus) Follow(ctx context.Context, channel string, from interact.Place, listener interact.Listener) error {
	e := &ear{news: make(chan struct{}, 1)}
	b.enter(channel, e)
	defer b.leave(channel, e)
	e.wake()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-e.news:
		}
		found, err := b.posted(channel, &from)
		for _, p := range found {
			listener.Posted(p.own())
		}
		if err != nil {
			return err
		}
		for _, w := range e.heard() {
			w.Data = bytes.Clone(w.Data)
			listener.Whispered(w)
		}
	}
}

func (b *Bus) enter(channel string, e *ear) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.channel(channel).ears[e] = true
}

func (b *Bus) leave(channel string, e *ear) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.channel(channel).ears, e)
}

// posted returns what came after from and moves it there. An empty epoch with
// no posts is the beginning, whatever its name.
func (b *Bus) posted(channel string, from *interact.Place) ([]keptPost, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.channel(channel)
	if from.Epoch != c.place.Epoch && (from.Epoch != "" || from.N != 0) {
		return nil, interact.ErrLost
	}
	found, whole := c.after(from.N)
	if !whole {
		return nil, interact.ErrLost
	}
	*from = c.place
	return found, nil
}

// Whisper tells whoever follows now.
//
// Errors: *interact.Error with CodeInvalid; ctx's.
func (b *Bus) Whisper(ctx context.Context, channel string, whisper interact.Whisper) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := whisper.Validate(channel); err != nil {
		return err
	}
	whisper.Data = bytes.Clone(whisper.Data)
	b.mu.Lock()
	defer b.mu.Unlock()
	for e := range b.channel(channel).ears {
		e.hear(whisper)
	}
	return nil
}
