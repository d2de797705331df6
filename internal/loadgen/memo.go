package loadgen

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cuelight/cuelight/interact/wire"
)

// broadcast is a message that the server sent to many.
type broadcast struct {
	data   []byte
	msg    wire.Message
	offset uint64 // in the channel's log
}

// memo remembers the last broadcasts, which are the same bytes for everybody:
// they are decoded once, not once a viewer. Safe for concurrent use.
type memo struct {
	codec  wire.Codec
	recent atomic.Pointer[[]*broadcast] // newest first; never changed in place

	mu sync.Mutex // protects everything below
	// log has what every broadcast with an offset was about. It grows with the
	// broadcasts of one run.
	log map[uint64]string
}

// maxRecent is how many different broadcasts are on their way at one time.
const maxRecent = 8

func newMemo(codec wire.Codec) *memo {
	m := &memo{codec: codec, log: make(map[uint64]string)}
	m.recent.Store(new([]*broadcast))
	return m
}

// read decodes data, or finds it decoded.
func (m *memo) read(data []byte) (wire.Message, uint64, error) {
	for _, b := range *m.recent.Load() {
		if bytes.Equal(b.data, data) {
			return b.msg, b.offset, nil
		}
	}
	msg, offset, err := m.codec.DecodeServer(data)
	if err == nil && offset > 0 {
		m.keep(&broadcast{bytes.Clone(data), msg, offset})
	}
	return msg, offset, err
}

func (m *memo) keep(b *broadcast) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log[b.offset] = subject(b.msg)
	old := *m.recent.Load()
	if slices.ContainsFunc(old, func(o *broadcast) bool { return bytes.Equal(o.data, b.data) }) {
		return // two viewers read it at once
	}
	recent := append(make([]*broadcast, 0, maxRecent), b)
	recent = append(recent, old[:min(len(old), maxRecent-1)]...)
	m.recent.Store(&recent)
}

// subject is what a newer message may replace an older one about.
func subject(msg wire.Message) string {
	switch m := msg.(type) {
	case *wire.CueChanged:
		return "cue " + m.Cue.ID
	case *wire.Key:
		return "cue " + m.Cue
	case *wire.Tally:
		return "tally " + m.Cue
	default:
		return m.Type()
	}
}

// replaced says whether each offset from first up to but not including next
// was made superfluous by one about the same, not before next.
func (m *memo) replaced(first, next uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for o := first; o < next; o++ {
		about, known := m.log[o]
		if known && !m.saidAgain(about, next) {
			return false
		}
	}
	return true
}

func (m *memo) saidAgain(about string, from uint64) bool {
	for o, other := range m.log {
		if o >= from && other == about {
			return true
		}
	}
	return false
}
