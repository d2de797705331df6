package rtmp

import (
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// unannounced is how much media to wait for a second kind of track when
	// nothing says whether there is one.
	unannounced = clock.TicksPerSecond
	// late is how much media to wait for a track that was announced.
	late = 2 * clock.TicksPerSecond
)

// publisher is the part of ingest.Session that media go to.
type publisher interface {
	Begin(tracks []media.Track) error
	Change(tracks []media.Track) error
	Observe(o ingest.Observation)
	Write(f media.Frame) error
}

// intake turns RTMP messages into the calls of one session. It begins the
// session at the first coded frame after every announced track is known; the
// specification puts all codec configurations before the frames. It belongs to
// one goroutine.
type intake struct {
	session publisher
	// named is told what the encoder calls itself, ignored of each data message
	// that makes no sense.
	named   func(encoder string)
	ignored func()

	times  *timestamps
	clock  encoderClock
	said   announced
	tracks tracks
	first  clock.Ticks // of the first coded frame
	last   clock.Ticks
	coded  bool // there was one
}

func newIntake(session publisher, named func(string), ignored func()) *intake {
	return &intake{
		session: session, named: named, ignored: ignored,
		times: newTimestamps(), tracks: tracks{byKey: make(map[trackKey]*track)},
	}
}

// take handles one message that had arrived whole at arrival.
//
// Errors: *ingest.Error for what cannot be taken in, and the session's.
func (in *intake) take(m message, arrival time.Time) error {
	switch m.kind {
	case kindVideo:
		return in.packets(readVideo, m, arrival)
	case kindAudio:
		return in.packets(readAudio, m, arrival)
	case kindData, kindData3:
		in.data(m, arrival)
		if in.said.unsupported != "" && !in.tracks.begun {
			return ingest.Unsupported(in.said.unsupported)
		}
		return nil
	case kindAggregate:
		return in.aggregate(m, arrival)
	}
	return nil
}

func (in *intake) aggregate(m message, arrival time.Time) error {
	inner, err := readAggregate(m)
	if err != nil {
		return err
	}
	for _, m := range inner {
		if m.kind == kindAggregate {
			continue
		}
		if err := in.take(m, arrival); err != nil {
			return err
		}
	}
	return nil
}

func (in *intake) packets(read func([]byte) ([]packet, error), m message, arrival time.Time) error {
	packets, err := read(m.body)
	if err != nil {
		return err
	}
	for i, p := range packets {
		if err := in.packet(p, m.time, arrival, i == 0); err != nil {
			return err
		}
	}
	return nil
}

// packet handles one track's part of a message. Only the first part that holds
// a frame is observed: they share a timestamp.
func (in *intake) packet(p packet, at uint32, arrival time.Time, first bool) error {
	if p.what != packetStart && p.what != packetFrames {
		return nil // ends, colours, orders of channels and what else there may be
	}
	codec := taken[p.kind][p.codec]
	if codec == "" {
		return ingest.Unsupported(nameOf(p.kind, p.codec))
	}
	key := trackKey{p.kind, p.track}
	if p.what == packetStart {
		c, f, err := configure(codec, p.body)
		if err != nil || c == nil {
			return err
		}
		return in.tracks.configure(key, c, f)
	}
	dts := in.stamp(at)
	if first {
		in.session.Observe(ingest.Observation{DTS: dts, Arrival: arrival, Capture: in.clock.capture(dts)})
	}
	return in.frame(key, codec, p, dts)
}

func (in *intake) stamp(at uint32) clock.Ticks {
	dts := clock.Ticks(in.times.at(at)) * ingest.TicksPerMilli
	if !in.coded {
		in.coded, in.first = true, dts
	}
	in.last = dts
	return dts
}

// frame hands one frame on. Without a configuration nothing can be decoded,
// apart from Opus, which needs none.
func (in *intake) frame(key trackKey, codec string, p packet, dts clock.Ticks) error {
	t := in.tracks.byKey[key]
	if t == nil && codec == fourOpus {
		if err := in.tracks.configure(key, &media.Opus{Channels: 2}, format{}); err != nil {
			return err
		}
		t = in.tracks.byKey[key]
	}
	if t == nil {
		return nil
	}
	units, err := split(t.codec, t.format, p.body)
	if err != nil || len(units) == 0 {
		return err
	}
	f := media.Frame{Track: t.id, DTS: dts, PTS: dts + clock.Ticks(p.offset)*ingest.TicksPerMilli, Key: true, Units: units}
	if key.kind == media.Video && !in.picture(t, &f) {
		return nil
	}
	return in.write(t, f)
}

// picture looks into a frame of pictures, and reports false if it holds none.
func (in *intake) picture(t *track, f *media.Frame) bool {
	if !ingest.HasPicture(t.codec, f.Units) {
		return false
	}
	f.Key = ingest.IsKey(t.codec, f.Units)
	if f.Key {
		in.tracks.learn(t, f.Units)
		f.Units = t.carry(f.Units)
	}
	return true
}

func (in *intake) write(t *track, f media.Frame) error {
	switch {
	case !in.tracks.begun && in.complete(f.DTS):
		in.tracks.begun = true
		if err := in.session.Begin(in.tracks.list(in.said.hints)); err != nil {
			return err
		}
	case in.tracks.changed:
		if list := in.tracks.list(in.said.hints); len(list) > 0 {
			in.tracks.changed = false
			if err := in.session.Change(list); err != nil {
				return err
			}
		}
	}
	if in.tracks.begun && !t.ready {
		return nil
	}
	return in.session.Write(f)
}

// complete reports whether no further track is worth waiting for.
func (in *intake) complete(now clock.Ticks) bool {
	video, audio := in.tracks.count(media.Video), in.tracks.count(media.Audio)
	if video+audio == 0 {
		return false
	}
	waited := now - in.first
	if in.said.known {
		return video >= in.said.video && audio >= in.said.audio || waited >= late
	}
	return video > 0 && audio > 0 || waited >= unannounced
}
