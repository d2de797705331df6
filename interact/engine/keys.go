package engine

import (
	"sync"
	"sync/atomic"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// keyboard hangs out the keys of seals, for those who have no socket. Its size
// is that of the cues that the room keeps.
type keyboard struct {
	mu   sync.RWMutex            // protects keys
	keys map[string]interact.Key // by their names; zero before κ

	served, early, unknown atomic.Uint64
}

// set makes a key known, and public if out is set. open is O, which is fixed
// by then.
func (k *keyboard) set(s *seal, open clock.Instant, out bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if out {
		k.keys[s.keyID()] = interact.Key{Key: s.key(), Open: open}
	} else {
		k.keys[s.keyID()] = interact.Key{}
	}
}

func (k *keyboard) remove(s *seal) {
	if s == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.keys, s.keyID())
}

// Key returns the key of a seal by its name, once it is out: from κ before O
// on, while the cue is not withdrawn. It never blocks.
//
// Errors: *interact.Error with CodeNotYet or CodeUnknown.
func (r *Room) Key(keyID string) (interact.Key, error) {
	r.keyboard.mu.RLock()
	key, ok := r.keyboard.keys[keyID]
	r.keyboard.mu.RUnlock()
	switch {
	case !ok:
		r.keyboard.unknown.Add(1)
		return interact.Key{}, interact.Errorf(interact.CodeUnknown, "There is no such key here.")
	case key.Key == "":
		r.keyboard.early.Add(1)
		return interact.Key{}, interact.Errorf(interact.CodeNotYet, "This key is not out yet. Ask again shortly.")
	}
	r.keyboard.served.Add(1)
	return key, nil
}
