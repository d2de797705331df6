package gateway

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/cuelight/cuelight/interact/wire"
)

// preface is what all viewers of a channel are welcomed with, as it was written
// last. A crowd that comes back has the same one, and writing it takes longer
// than all that is each viewer's own.
type preface struct {
	mu   sync.Mutex // protects last
	last [2]*shared // text, binary
}

// shared are the members of a welcome that are the same for all viewers.
type shared struct {
	timeline *wire.Timeline
	cues     []wire.Cue
	tallies  []wire.Tally
	members  []byte // as the codec writes them
}

// of returns the shared members of w. Rooms hand the same lists to everybody
// and never change one, so that one look tells whether they are the last ones.
func (p *preface) of(codec wire.Codec, w *wire.Welcome) (*shared, error) {
	at := 0
	if codec.Binary() {
		at = 1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.last[at]; s != nil && s.timeline == w.Timeline && same(s.cues, w.Cues) && same(s.tallies, w.Tallies) {
		return s, nil
	}
	s, err := newShared(codec, w)
	if err == nil {
		p.last[at] = s
	}
	return s, err
}

func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// marks are the words of a codec around and instead of the shared members. No
// text inside a welcome holds them: JSON escapes quotes, and what MessagePack
// has is no UTF-8.
type marks struct{ before, behind, none []byte }

func marksOf(codec wire.Codec) marks {
	if codec.Binary() {
		return marks{[]byte("\xa6now_us\x00"), []byte("\xa8receipts\x90"), []byte("\xa4cues\x90\xa7tallies\x90")}
	}
	return marks{[]byte(`,"now_us":0`), []byte(`,"receipts":[]}`), []byte(`,"cues":[],"tallies":[]`)}
}

// newShared writes a welcome of which nothing but the shared members is known
// and cuts them out.
func newShared(codec wire.Codec, w *wire.Welcome) (*shared, error) {
	s := &shared{timeline: w.Timeline, cues: w.Cues, tallies: w.Tallies}
	all, err := codec.Encode(&wire.Welcome{Timeline: w.Timeline, Cues: w.Cues, Tallies: w.Tallies, Receipts: []wire.Receipt{}})
	if err != nil {
		return nil, err
	}
	m := marksOf(codec)
	_, rest, ok := bytes.Cut(all, m.before)
	members, found := bytes.CutSuffix(rest, m.behind)
	if !ok || !found {
		return nil, errWelcome
	}
	s.members = members
	return s, nil
}

// errWelcome means a codec that writes welcomes in another way than ours do.
var errWelcome = errors.New("welcome is not as the codec writes it")

// appendWelcome adds one frame with w. Of a viewer's, only what is its own is
// written anew.
func (p *preface) appendWelcome(b []byte, codec wire.Codec, w *wire.Welcome) ([]byte, error) {
	if w.Role != wire.RoleViewer || w.Resumed {
		return appendMessage(b, codec, w)
	}
	s, err := p.of(codec, w)
	if err != nil {
		return b, err
	}
	lone := *w
	lone.Timeline, lone.Cues, lone.Tallies = nil, []wire.Cue{}, []wire.Tally{}
	own, err := codec.Encode(&lone)
	if err != nil {
		return b, err
	}
	head, tail, ok := bytes.Cut(own, marksOf(codec).none)
	if !ok {
		return b, errWelcome
	}
	if codec.Binary() && w.Timeline != nil {
		head = oneMore(head)
	}
	b = slices.Grow(b, frameHead+len(head)+len(s.members)+len(tail))
	b = appendHead(b, opcodeOf(codec), len(head)+len(s.members)+len(tail))
	return append(append(append(b, head...), s.members...), tail...), nil
}

// oneMore returns a MessagePack map with room for one member more.
// Spec: MessagePack, map format family.
func oneMore(m []byte) []byte {
	const fixMap, map16 = 0x80, 0xde
	n := uint16(0)
	switch {
	case m[0]&0xf0 == fixMap:
		n, m = uint16(m[0]&0x0f), m[1:]
	default: // map16: a welcome has fewer members than map32 is for
		n, m = binary.BigEndian.Uint16(m[1:]), m[3:]
	}
	if n++; n <= 15 {
		return append([]byte{fixMap | byte(n)}, m...)
	}
	return append(binary.BigEndian.AppendUint16([]byte{map16}, n), m...)
}
