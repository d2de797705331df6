package whip

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/cuelight/cuelight/ingest"
)

const (
	HoleWait = holeWait
	MaxHeld  = maxHeld
	MinAsk   = minAsk
)

// EncoderName, ParseFragment and ParseOffer are what outside text goes through.
func EncoderName(agent string) string { return encoderName(agent) }

// ParseFragment returns what a fragment holds, and what a restart makes of it.
func ParseFragment(text, offer string) (ufrag string, candidates int, complete bool, restart string, err error) {
	f, err := parseFragment(text)
	if err == nil && f.ufrag != "" {
		restart, _ = restarted(offer, f)
	}
	return f.ufrag, len(f.candidates), f.complete, restart, err
}

// ParseOffer returns what an offer sends.
func ParseOffer(text string) (codecs []string, layers int, err error) {
	o, err := parseOffer(text)
	if err != nil {
		return nil, 0, err
	}
	for _, s := range o.sections {
		codecs = append(codecs, s.codec.MimeType)
		layers += len(s.rids)
	}
	return codecs, layers, nil
}

// Window is a reorder window that tells sequence numbers only.
type Window struct {
	w *window
	t tally
}

func NewWindow() *Window { return &Window{w: newWindow(holeWait)} }

// Seq is a packet in order.
type Seq struct {
	Number uint16
	Lost   bool
}

func (w *Window) Push(seq uint16, at time.Time, resent bool) []Seq {
	out, t := w.w.push(message{packet: &rtp.Packet{Header: rtp.Header{SequenceNumber: seq}}, arrival: at, resent: resent})
	w.t.add(t)
	return numbers(out)
}

func (w *Window) Expire(now time.Time) []Seq {
	out, t := w.w.expire(now)
	w.t.add(t)
	return numbers(out)
}

// Tally returns what was expected, lost at the first try, sent again and never
// came.
func (w *Window) Tally() (expected, lost, resent, dropped int) {
	return w.t.expected, w.t.lost, w.t.resent, w.t.dropped
}

// Waiting returns how much the window keeps.
func (w *Window) Waiting() int { return len(w.w.held) + len(w.w.missing) }

func numbers(out []arrived) (seqs []Seq) {
	for _, a := range out {
		seqs = append(seqs, Seq{a.packet.SequenceNumber, a.lost})
	}
	return seqs
}

// Keys says when key frames are asked for.
type Keys struct{ k keys }

func NewKeys(every time.Duration, now time.Time) *Keys {
	k := &Keys{keys{every: every}}
	k.k.start(now)
	return k
}

func (k *Keys) Want() { k.k.want() }

func (k *Keys) Due(now, oldest time.Time, blind bool) bool { return k.k.due(now, oldest, blind) }

// Intake is a session's intake without a connection.
type Intake struct{ in *intake }

// NewIntake returns the intake of an offer.
//
// Errors: the offer's.
func NewIntake(session *ingest.Session, offer string) (*Intake, error) {
	o, err := parseOffer(offer)
	if err != nil {
		return nil, err
	}
	in := newIntake(session, o, 2*time.Second)
	for i, s := range in.streams {
		s.ssrc, s.captureID = uint32(i+1), 1
	}
	return &Intake{in}, nil
}

// Streams is how many tracks and layers were offered.
func (i *Intake) Streams() int { return len(i.in.streams) }

func (i *Intake) Packet(stream int, p *rtp.Packet, at time.Time) error {
	return i.in.take(message{stream: i.in.streams[stream], packet: p, size: p.MarshalSize(), arrival: at})
}

func (i *Intake) Report(stream int, sr *rtcp.SenderReport, at time.Time) error {
	return i.in.take(message{stream: i.in.streams[stream], report: sr, arrival: at})
}

func (i *Intake) Tick(now time.Time) error { return i.in.tick(now) }

func (i *Intake) KeysDue(now time.Time) bool { return i.in.keysDue(now) }

// Link is what is known of the way.
func (i *Intake) Link(now time.Time) ingest.Link { return i.in.way.link(now) }
