package srt

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// intake turns one MPEG-TS program into the calls of one session. It belongs
// to one goroutine.
type intake struct {
	session *ingest.Session
	stamps  stamps
	order   []uint16 // PIDs, as the program lists them
	tracks  map[uint16]*track
	begun   bool
	changed bool // the tracks are not those that the session knows

	waiting []media.Frame // between a change and when all tracks are known
	bytes   int
	floor   map[media.Kind]clock.Ticks // newest DTS before the change
	newest  map[media.Kind]clock.Ticks
}

// track is one elementary stream of the programme.
type track struct {
	stream
	codec media.Codec
	known bool
	audio audio
}

const (
	// What may wait after a change, as before Begin.
	maxWaiting      = 2048
	maxWaitingBytes = 32 << 20
)

// readMedia runs an admitted session until its connection ends.
func readMedia(src source, session *ingest.Session) error {
	in := &intake{
		session: session, stamps: newStamps(), tracks: make(map[uint16]*track),
		floor: make(map[media.Kind]clock.Ticks), newest: make(map[media.Kind]clock.Ticks),
	}
	d := &demux{onProgram: in.program, onUnit: in.unit, onJump: func() { in.stamps.joint = true }}
	ts := &packets{src: src, received: session.Received}
	for {
		packet, at, err := ts.next()
		if errors.Is(err, io.EOF) {
			return cmp.Or(d.end(), err)
		}
		if err != nil {
			return err
		}
		if err := d.take(packet, at); err != nil {
			return err
		}
	}
}

// program takes up the tracks of a program. Those that it had before keep what
// is known of them.
func (in *intake) program(p program) error {
	in.stamps.joint = true
	tracks, order := make(map[uint16]*track), []uint16(nil)
	for _, s := range p.streams {
		if s.how == refused {
			return ingest.Unsupported(s.codec)
		}
		if s.how == ignored {
			continue
		}
		if old := in.tracks[s.pid]; old != nil && old.stream == s {
			tracks[s.pid] = old
		} else {
			tracks[s.pid] = newTrack(s)
			in.changed = true
		}
		order = append(order, s.pid)
	}
	if len(order) == 0 {
		return ingest.Errorf(ingest.CodeUnsupportedCodec, "the MPEG-TS program has neither video nor audio that is known: send H.264 or HEVC video and AAC or Opus audio")
	}
	in.changed = in.changed || len(order) != len(in.order)
	in.tracks, in.order = tracks, order
	return nil
}

func newTrack(s stream) *track {
	t := &track{stream: s}
	switch s.how {
	case h264Video:
		t.codec = new(media.H264)
	case hevcVideo:
		t.codec = new(media.HEVC)
	case adtsAudio, latmAudio:
		t.codec = new(media.AAC)
	case opusAudio:
		t.codec, t.known = &media.Opus{Channels: s.opus}, true
	}
	return t
}

// unit takes one PES packet of the programme.
func (in *intake) unit(s stream, u unit) error {
	t := in.tracks[s.pid]
	if t == nil {
		return nil
	}
	pts, dts := in.stamps.read(u)
	in.session.Observe(ingest.Observation{DTS: dts, Arrival: u.at})
	switch t.how {
	case h264Video, hevcVideo:
		return in.picture(t, pts, dts, u.data)
	case adtsAudio:
		return in.adts(t, dts, u.data)
	case latmAudio:
		return in.latm(t, dts, u.data)
	case opusAudio:
		return in.opus(t, dts, u.data)
	}
	return nil
}

// write hands a frame on once every track is known. What comes before Begin,
// the session holds.
func (in *intake) write(f media.Frame) error {
	if in.changed && in.complete() {
		if err := in.settle(); err != nil {
			return err
		}
	}
	if in.changed && in.begun {
		return in.wait(f)
	}
	return in.pass(f)
}

// pass writes a frame. After a change to another time base the tracks may
// overlap with what was; the Output must not hear that.
func (in *intake) pass(f media.Frame) error {
	kind := media.Audio
	if t := in.tracks[uint16(f.Track)]; t != nil {
		kind = t.codec.Kind()
	}
	if floor, ok := in.floor[kind]; ok && f.DTS <= floor {
		return nil
	}
	in.newest[kind] = max(in.newest[kind], f.DTS)
	return in.session.Write(f)
}

func (in *intake) complete() bool {
	for _, t := range in.tracks {
		if !t.known {
			return false
		}
	}
	return true
}

// settle tells the session its tracks, and hands on what waited for that.
func (in *intake) settle() error {
	tracks := make([]media.Track, 0, len(in.order))
	for _, pid := range in.order {
		tracks = append(tracks, media.Track{ID: int(pid), Codec: in.tracks[pid].codec})
	}
	tracks = ingest.BestFirst(tracks)
	in.changed = false
	if !in.begun {
		in.begun = true
		if err := in.session.Begin(tracks); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		return nil
	}
	in.floor, in.newest = in.newest, make(map[media.Kind]clock.Ticks)
	if err := in.session.Change(tracks); err != nil {
		return fmt.Errorf("change: %w", err)
	}
	waiting := in.waiting
	in.waiting, in.bytes = nil, 0
	for _, f := range waiting {
		if err := in.pass(f); err != nil {
			return err
		}
	}
	return nil
}

func (in *intake) wait(f media.Frame) error {
	in.bytes += f.Size()
	if len(in.waiting) == maxWaiting || in.bytes > maxWaitingBytes {
		return ingest.Errorf(ingest.CodeTimeout, "after the stream changed, one of its tracks did not come: restart the encoder")
	}
	in.waiting = append(in.waiting, f)
	return nil
}
