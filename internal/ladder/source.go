package ladder

import (
	"context"
	"reflect"
	"sync/atomic"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// queued is how many pictures wait for the transcoder: 4 s at 60 per second.
const queued = 240

// source is one publisher's pictures on their way into the transcoder.
type source struct {
	codec  media.Codec
	made   []Rendition // of it
	emit   Emit
	frames chan media.Frame
	over   context.Context // ends with the publisher
	close  func()
	last   atomic.Int64 // newest presentation time written

	skipping bool // up to the next key frame; belongs to the writer

	held *media.Frame // taken from frames, not yet fed; belongs to the transcoder
}

func newSource(codec media.Codec, made []Rendition, emit Emit) *source {
	s := &source{codec: clone(codec), made: made, emit: emit, frames: make(chan media.Frame, queued)}
	s.over, s.close = context.WithCancel(context.Background())
	return s
}

func (s *source) closed() bool { return s.over.Err() != nil }

// push queues f. It reports false when f had to go.
func (s *source) push(f media.Frame) bool {
	if s.skipping && !f.Key {
		return false
	}
	select {
	case s.frames <- f:
		s.skipping = false
		s.last.Store(int64(f.PTS))
		return true
	default:
		s.skipping = true
		return false
	}
}

// unwrap extends a 33-bit time to the one nearest to what was last written.
func (s *source) unwrap(pts int64) clock.Ticks {
	last := s.last.Load()
	const unused = 64 - 33
	return clock.Ticks(last + (pts-last)<<unused>>unused)
}

// next returns the next picture, false when ctx ended.
func (s *source) next(ctx context.Context) (media.Frame, bool) {
	if f := s.held; f != nil {
		s.held = nil
		return *f, true
	}
	select {
	case f := <-s.frames:
		return f, true
	case <-ctx.Done():
		return media.Frame{}, false
	}
}

// start waits for a picture at which decoding can start.
func (s *source) start(ctx context.Context) (media.Frame, bool) {
	for {
		f, ok := s.next(ctx)
		if !ok || f.Key && ingest.Learn(s.codec, f.Units) {
			return f, ok
		}
	}
}

// differs reports whether f begins with other parameter sets than those in use.
func (s *source) differs(f media.Frame) bool {
	if !f.Key {
		return false
	}
	fresh := clone(s.codec)
	ingest.Learn(fresh, f.Units)
	return !reflect.DeepEqual(fresh, s.codec)
}

// clone copies a video codec, because parameter sets are learned into it.
func clone(codec media.Codec) media.Codec {
	switch c := codec.(type) {
	case *media.H264:
		return &media.H264{SPS: c.SPS, PPS: c.PPS}
	case *media.HEVC:
		return &media.HEVC{VPS: c.VPS, SPS: c.SPS, PPS: c.PPS}
	case *media.AV1:
		return &media.AV1{SequenceHeader: c.SequenceHeader}
	}
	return codec
}
