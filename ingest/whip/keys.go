package whip

import "time"

// minAsk is how soon key frames are asked for again.
const minAsk = 500 * time.Millisecond

// keys says when key frames are asked for. It is arithmetic; it belongs to one
// goroutine.
type keys struct {
	every  time.Duration
	asked  time.Time
	urgent bool
}

// start says that a stream begins at now, as they do with a key frame.
func (k *keys) start(now time.Time) { k.asked = now }

// want asks for key frames as soon as it may be.
func (k *keys) want() { k.urgent = true }

// due reports whether to ask at now, given when the layer that waited longest
// had its last one, and whether a layer can do nothing without. One that came
// unasked in the second half of the period counts: an encoder with an interval
// of its own is not disturbed.
func (k *keys) due(now, oldest time.Time, blind bool) bool {
	since := now.Sub(k.asked)
	switch {
	case (blind || k.urgent) && since >= minAsk:
	case since < k.every:
		return false
	case oldest.Sub(k.asked) >= k.every/2:
		k.asked = oldest
		return false
	}
	k.asked, k.urgent = now, false
	return true
}
