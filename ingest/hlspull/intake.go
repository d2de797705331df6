package hlspull

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

// intake turns pieces into the calls of one session. It belongs to one goroutine.
type intake struct {
	session *ingest.Session
	src     *source
	begun   func()
	streams []*stream
	times   *timebase
	pace    pacer
	length  time.Duration // of the leading stream's pieces
	ended   error         // why there will be no more pieces
	live    bool          // the session has begun
}

func newIntake(session *ingest.Session, src *source, begun func()) *intake {
	in := &intake{session: session, src: src, begun: begun, times: newTimebase()}
	for i, f := range src.followers() {
		in.streams = append(in.streams, &stream{pieces: f.pieces, first: 1 + i*ingest.MaxTracks})
	}
	return in
}

// run takes what the followers fetch until ctx ends or there is no more, and
// waits for them.
func (in *intake) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var followers sync.WaitGroup
	defer followers.Wait()
	defer cancel()
	for _, f := range in.src.followers() {
		followers.Go(func() { f.run(ctx) })
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		next := in.next()
		if next == nil && in.ended != nil {
			return ending(in.ended)
		}
		if next != nil {
			timer.Reset(time.Until(in.pace.due(next.queue[0].DTS)))
		}
		if err := in.step(ctx, next, timer.C); err != nil {
			return err
		}
	}
}

// ending makes a follower's panic a panic of the session's goroutine, which
// logs it; a source that has ended is no error.
func ending(err error) error {
	if p, ok := errors.AsType[*panicked](err); ok {
		panic(p.text)
	}
	if errors.Is(err, errEnded) {
		return nil
	}
	if _, ok := errors.AsType[*ingest.Error](err); ok {
		return err
	}
	return ingest.Errorf(ingest.CodeStalled, "%v", err)
}

// step does the next thing that happens: a piece comes, or a frame is due.
func (in *intake) step(ctx context.Context, next *stream, due <-chan time.Time) error {
	if next == nil {
		due = nil
	}
	var lead, sound <-chan piece
	lead = in.streams[0].wanted()
	if len(in.streams) > 1 {
		sound = in.streams[1].wanted()
	}
	select {
	case p, ok := <-lead:
		return in.take(in.streams[0], p, ok)
	case p, ok := <-sound:
		return in.take(in.streams[1], p, ok)
	case <-due:
		return in.hand(next)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// next is the stream whose first frame is due before those of the others, nil
// before the session can begin and when there is none.
func (in *intake) next() *stream {
	if !in.live {
		return nil
	}
	var next *stream
	for _, s := range in.streams {
		if len(s.queue) > 0 && (next == nil || s.queue[0].DTS < next.queue[0].DTS) {
			next = s
		}
	}
	return next
}

// take takes up a piece, after the leading one of the same epoch.
func (in *intake) take(s *stream, p piece, ok bool) error {
	if !ok || p.err != nil {
		s.pieces = nil
		if in.ended == nil {
			in.ended = p.err
		}
		return nil
	}
	leads := s == in.streams[0]
	if !leads && !in.times.knows(p.epoch) {
		s.held = &p
		return nil
	}
	if err := in.add(s, p, leads); err != nil {
		return err
	}
	for _, other := range in.streams[1:] {
		if held := other.held; leads && held != nil && in.times.knows(held.epoch) {
			other.held = nil
			if err := in.add(other, *held, false); err != nil {
				return err
			}
		}
	}
	return in.begin()
}

// add queues the frames of a piece.
func (in *intake) add(s *stream, p piece, leads bool) error {
	c, err := demux(p)
	if err != nil {
		return err
	}
	if len(c.samples) == 0 {
		return nil
	}
	if err := in.times.place(p, &c, leads); err != nil {
		return err
	}
	first, _ := ends(c.samples)
	if leads {
		in.length = p.target
	}
	if in.live {
		in.pace.arrived(first, in.length, p.fetched)
	}
	s.setTracks(&c, p)
	slices.SortStableFunc(c.samples, func(a, b sample) int { return int(a.dts - b.dts) })
	before := len(s.queue)
	for _, sample := range c.samples {
		s.add(sample, p.fetched, in.times)
	}
	if len(s.queue) > before {
		s.account(s.queue[before:], p.size)
	}
	return nil
}

// begin begins the session once every stream has brought something.
func (in *intake) begin() error {
	if in.live {
		return nil
	}
	for _, s := range in.streams {
		if len(s.queue) == 0 {
			return nil
		}
	}
	start := in.streams[0].queue[0].DTS
	for _, s := range in.streams {
		s.startAt(start)
	}
	tracks := in.tracks()
	if tracks == nil {
		return nil
	}
	in.pace.begin(start, in.src.ahead, in.length, time.Now())
	in.live = true
	if err := in.session.Begin(tracks); err != nil {
		return err
	}
	in.begun()
	return nil
}

// tracks returns what the Output is told of all streams, best first, nil while the parameter sets
// of one are not known.
func (in *intake) tracks() []media.Track {
	var tracks []media.Track
	for _, s := range in.streams {
		for _, t := range s.told {
			codec, known := frozen(t.codec)
			if !known {
				return nil
			}
			tracks = append(tracks, media.Track{ID: t.id, Codec: codec})
		}
	}
	return ingest.BestFirst(tracks)
}

// hand hands the first frame of a stream on.
func (in *intake) hand(s *stream) error {
	f := s.drop()
	if f.tracks != nil {
		s.told = f.tracks
		if err := in.session.Change(in.tracks()); err != nil {
			return err
		}
	}
	arrival := in.pace.due(f.DTS)
	if f.fetched.After(arrival) {
		arrival = f.fetched
	}
	in.session.Received(f.size)
	in.session.Observe(ingest.Observation{DTS: f.DTS, Arrival: arrival, Capture: f.date})
	return in.session.Write(f.Frame)
}
