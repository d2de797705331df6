package timeline

import (
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// SavedVersion is the form of Saved that this package writes and reads.
const SavedVersion = 1

// Unsaved is how long after it was saved a channel may have gone on without
// being saved again. Whoever saves keeps within it: save every second and after
// every Begin, and stop a channel that could not be saved for so long (TL24).
const Unsaved = 5 * time.Second

// Saved is all that another process needs to go on with a channel's timeline.
// It is made to be kept as JSON: 6 KB, 10 KB with an encoder's clock.
type Saved struct {
	// Version is SavedVersion.
	Version int `json:"v"`
	// At is when it was saved, on R.
	At clock.Instant `json:"at"`
	// Start is when the channel came up, on R, and Handed the highest media time
	// that anybody was given.
	Start  clock.Instant `json:"start"`
	Handed clock.Ticks   `json:"handed"`
	// Rate is P's in the last stride. Units: ppm.
	Rate    int64        `json:"rate"`
	Map     SavedMap     `json:"map"`
	Session SavedSession `json:"session"`
}

// SavedMap is a Map, its durations in µs.
type SavedMap struct {
	Epoch      int         `json:"epoch"`
	Rev        int         `json:"rev"`
	State      string      `json:"state"`
	From       clock.Ticks `json:"from"`
	Points     []SavedPair `json:"points"` // media time, P
	PPM        float64     `json:"ppm"`
	Residual   int64       `json:"residual"`
	Jitter     int64       `json:"jitter"`
	Error      int64       `json:"error"`
	NeedsEpoch bool        `json:"needs_epoch,omitempty"`
}

// SavedPair is a media time in ticks and an instant in µs. In Arrivals and
// History both count from the session's zero.
type SavedPair [2]int64

// SavedLine is x in s of media, y in µs, the slope in ppm, and how many bins of
// which p95 distance in µs it was laid through.
type SavedLine struct {
	X        float64 `json:"x"`
	Y        float64 `json:"y"`
	Slope    float64 `json:"slope"`
	Bins     int     `json:"bins"`
	Residual float64 `json:"residual"`
}

// SavedSession is what is known of the publisher. What is not kept is the
// jitter of the last 10 s, which is measured anew.
type SavedSession struct {
	Began    clock.Instant `json:"began"`
	Shift    clock.Ticks   `json:"shift"`
	After    clock.Ticks   `json:"after"`
	Zero     SavedPair     `json:"zero"`
	Prior    float64       `json:"prior"`
	Since    float64       `json:"since"`
	Arrivals SavedBins     `json:"arrivals"`
	History  SavedBins     `json:"history"`
	Captures SavedCaptures `json:"captures"`
	Edge     SavedLine     `json:"edge_line"`
	Line     SavedLine     `json:"line"`
	Long     SavedLine     `json:"long_line"`
	Stale    bool          `json:"stale,omitempty"`
	Follows  bool          `json:"follows,omitempty"`
	Held     bool          `json:"held,omitempty"`
	Ready    bool          `json:"ready"`
	Locked   bool          `json:"locked,omitempty"`
	Lead     float64       `json:"lead,omitempty"`
	Slope    float64       `json:"slope"`
	Pushed   float64       `json:"pushed,omitempty"`
	Low      float64       `json:"low"`
	LowAt    clock.Instant `json:"low_at"`
	Newest   clock.Ticks   `json:"newest"`
	DTS      clock.Ticks   `json:"dts"`
	Last     clock.Instant `json:"last"`
	Early    clock.Instant `json:"early,omitempty"`
	Aliens   SavedAliens   `json:"aliens"`
}

// SavedBins are the least delayed arrivals, oldest first, at most 120.
type SavedBins struct {
	Newest int         `json:"newest"`
	List   []SavedPair `json:"list"`
}

// SavedCaptures are readings of the encoder's own clock, at most 120: their
// second, mean x, mean offset and number.
type SavedCaptures struct {
	Newest int          `json:"newest"`
	N      int          `json:"n"`
	X      float64      `json:"x,omitempty"`
	Offset float64      `json:"offset,omitempty"`
	Strays [4]float64   `json:"strays"` // how many, from, x and y of the last
	List   [][4]float64 `json:"list,omitempty"`
}

// SavedAliens are timestamps that are not believed yet.
type SavedAliens struct {
	N     int           `json:"n,omitempty"`
	Agree int           `json:"agree,omitempty"`
	DTS   clock.Ticks   `json:"dts,omitempty"`
	At    clock.Instant `json:"at,omitempty"`
	Since clock.Instant `json:"since,omitempty"`
}

// Save returns all that [Restore] needs to go on, as of now. It shares nothing
// with the channel.
func (c *Channel) Save(now clock.Instant) Saved {
	m := c.m
	v := Saved{
		Version: SavedVersion, At: now, Start: c.start, Handed: c.handed, Rate: c.rate,
		Map: SavedMap{
			Epoch: m.Epoch, Rev: m.Rev, State: m.State.String(), From: m.From, PPM: m.PPM,
			Residual: m.Residual.Microseconds(), Jitter: m.Jitter.Microseconds(), Error: m.Error.Microseconds(),
			NeedsEpoch: m.NeedsEpoch, Points: make([]SavedPair, len(m.Points)),
		},
		Session: c.session.save(),
	}
	for i, p := range m.Points {
		v.Map.Points[i] = SavedPair{int64(p.Media), int64(p.P)}
	}
	return v
}

func (s *session) save() SavedSession {
	return SavedSession{
		Began: s.began, Shift: s.shift, After: s.after, Zero: SavedPair{int64(s.zero.Media), int64(s.zero.P)},
		Prior: s.prior, Since: s.since,
		Arrivals: s.arrivals.save(s.zero.P), History: s.history.save(s.zero.P), Captures: s.captures.save(),
		Edge: s.edgeLine.save(), Line: s.line.save(), Long: s.long.save(),
		Stale: s.stale, Follows: s.follows, Held: s.held, Ready: s.ready, Locked: s.locked,
		Lead: s.lead, Slope: s.slope, Pushed: s.pushed, Low: s.low, LowAt: s.lowAt,
		Newest: s.edge, DTS: s.dts, Last: s.last, Early: s.earlySince,
		Aliens: SavedAliens{N: s.aliens.n, Agree: s.aliens.agree, DTS: s.aliens.dts, At: s.aliens.at, Since: s.aliens.since},
	}
}

func (l line) save() SavedLine {
	return SavedLine{X: l.x0, Y: l.y0, Slope: l.slope, Bins: l.bins, Residual: l.residual}
}

// save keeps a bin as the arrival that it comes from: x and delay follow from
// its media time and instant, to the last bit.
func (e *envelope) save(zero clock.Instant) SavedBins {
	kept := SavedBins{Newest: e.newest, List: []SavedPair{}}
	for n := e.newest - binCount + 1; n <= e.newest; n++ {
		if b := &e.ring[slot(n)]; b.span > 0 && b.number == n {
			kept.List = append(kept.List, SavedPair{b.media(), int64(b.at - zero)})
		}
	}
	return kept
}

func (k *captures) save() SavedCaptures {
	kept := SavedCaptures{
		Newest: k.newest, N: k.n, X: k.x, Offset: k.offset,
		Strays: [4]float64{float64(k.strays), k.strayFrom, k.strayX, k.strayY},
	}
	for s := k.newest - binCount + 1; s <= k.newest; s++ {
		if r := &k.ring[slot(s)]; r.n > 0 && r.second == s {
			kept.List = append(kept.List, [4]float64{float64(r.second), r.x, r.offset, float64(r.n)})
		}
	}
	return kept
}
