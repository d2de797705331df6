package packager_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// shelf is an archive in memory. What lost says never gets there.
type shelf struct {
	segments map[packager.Name]*packager.Sealed
	got      []*packager.Sealed
	lost     func(*packager.Sealed) bool
	before   map[string]uint64
	ended    bool
}

func newShelf() *shelf {
	return &shelf{
		segments: map[packager.Name]*packager.Sealed{}, before: map[string]uint64{},
		lost: func(*packager.Sealed) bool { return false },
	}
}

func (s *shelf) name(rendition string, msn uint64) packager.Name {
	return packager.Name{Kind: packager.NameSegment, Rendition: rendition, MSN: msn}
}

func (s *shelf) Keep(seg *packager.Sealed) {
	s.got = append(s.got, seg)
	if !seg.Gap && !s.lost(seg) {
		s.segments[seg.Name] = seg
	}
}

func (s *shelf) Kept(rendition string, msn uint64) bool {
	return s.segments[s.name(rendition, msn)] != nil
}

func (s *shelf) Forget(rendition string, msn uint64) {
	for ; s.before[rendition] < msn; s.before[rendition]++ {
		delete(s.segments, s.name(rendition, s.before[rendition]))
	}
}

func (s *shelf) Finish() { s.ended = true }

type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

func (s *shelf) Open(rendition string, msn uint64) (packager.File, error) {
	seg := s.segments[s.name(rendition, msn)]
	if seg == nil {
		return packager.File{}, packager.ErrGone
	}
	return packager.File{
		ReadSeekCloser: reader{bytes.NewReader(bytes.Join(seg.Parts, nil))}, Size: int64(seg.Size), ETag: seg.ETag,
	}, nil
}

// archived loads a segment as the origin would.
func (s *stage) archived(file string) []byte {
	if b := s.fetch(file); b != nil {
		return b
	}
	name, _ := packager.ParseName(file)
	f, err := s.c.Archived(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil || int64(len(b)) != f.Size {
		s.t.Errorf("A3 %s has %d bytes, %v; it says %d", file, len(b), err, f.Size)
	}
	return b
}

// whole returns a text in one piece, and fails when the compressed one or its
// length tells something else.
func whole(t testing.TB, text packager.Text) string {
	t.Helper()
	plain := slices.Concat(append([][]byte{text.Plain.Bytes}, text.Plain.More...)...)
	zipped := slices.Concat(append([][]byte{text.Gzip.Bytes}, text.Gzip.More...)...)
	z, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("N2 the compressed playlist has %d bytes, the plain one %d; %v", len(got), len(plain), err)
	}
	return string(plain)
}

func TestArchive(t *testing.T) {
	files := newShelf()
	s := newStage(t, packager.Config{Window: 3 * time.Minute, Archive: files, Memory: 30 * time.Second})
	long := packagertest.Show{Start: first, Duration: 4 * time.Minute, FPSNum: 6, GOP: 12}
	tall := packagertest.Show{Start: first + 600*clock.TicksPerSecond, Duration: 210 * time.Second, FPSNum: 6, GOP: 12, SPS: packagertest.SPS180}
	s.play(long)
	s.play(tall)
	p := s.video.Last()
	var total time.Duration
	for _, seg := range p.Segments {
		total += seg.Duration
	}
	if total < 3*time.Minute {
		t.Errorf("A1 %v are listed, want 3m", total)
	}
	for _, j := range []*packagertest.Judge{s.video, s.audio} {
		for _, seg := range j.Last().Segments {
			if seg.URI != "" && s.archived(seg.URI) == nil {
				t.Errorf("A1 %s is listed, but cannot be loaded", seg.URI)
			}
			if s.archived(seg.Map) == nil {
				t.Errorf("A1 %s is listed, but cannot be loaded", seg.Map)
			}
		}
	}
	// What left the playlist can be loaded for another window.
	gone := p.Segments[0].MSN - 80
	if name := files.name(packager.Video, gone); s.archived(name.String()) == nil {
		t.Errorf("C13 segment %d left the playlist 160 s ago and cannot be loaded", gone)
	}
	snap := s.c.View().Window(packager.Video).Load()
	if snap.Segment(p.Segments[0].MSN) != nil || snap.Segment(snap.Closed-10) == nil {
		t.Errorf("A2 memory does not hold the last 30 seconds")
	}
	whole(t, snap.Full)
	whole(t, snap.Delta)
	if n := len(snap.Delta.Plain.Bytes); n > 8<<10 {
		t.Errorf("A2 a delta update has %d bytes", n)
	}
	if err := s.c.Finish(); err != nil || !files.ended {
		t.Errorf("A6 the archive was not told of the end: %v", err)
	}
	if text := whole(t, s.c.View().Window(packager.Video).Load().Full); !strings.HasSuffix(text, "#EXT-X-ENDLIST\n") ||
		strings.Count(text, "#EXTINF") != len(p.Segments) {
		t.Errorf("C12 the last playlist lists %d segments", strings.Count(text, "#EXTINF"))
	}
}

func TestArchiveLosesASegment(t *testing.T) {
	files := newShelf()
	files.lost = func(s *packager.Sealed) bool { return s.Name.Rendition == packager.Video && s.Name.MSN == 1030 }
	s := newStage(t, packager.Config{Window: 6 * time.Minute, Archive: files, Memory: 30 * time.Second})
	s.play(packagertest.Show{Start: first, Duration: 3 * time.Minute, FPSNum: 6, GOP: 12})
	if got := s.video.Last().Segments[0].MSN; got != 1031 {
		t.Errorf("A4 the playlist begins with %d, want what follows the lost 1030", got)
	}
	if got := s.audio.Last().Segments[0].MSN; got != 1002 {
		t.Errorf("A4 the sound begins with %d, want 1002: nothing of it was lost", got)
	}
}

func TestMemoryBudget(t *testing.T) {
	files := newShelf()
	const budget = 200 << 10
	s := newStage(t, packager.Config{Window: 5 * time.Minute, Archive: files, MemoryBytes: budget})
	s.play(packagertest.Show{Start: first, Duration: 2 * time.Minute, FPSNum: 6, GOP: 12})
	size := 0
	for _, name := range []string{packager.Video, packager.Audio} {
		snap := s.c.View().Window(name).Load()
		for msn := snap.Closed; snap.Segment(msn) != nil; msn-- {
			for _, p := range snap.Segment(msn).Parts {
				size += len(p.Bytes)
			}
		}
		if snap.Segment(snap.Closed-9) == nil {
			t.Errorf("A2 of %s less than 9 target durations are in memory", name)
		}
	}
	if size == 0 || size > budget+40<<10 {
		t.Errorf("A2 %d bytes in memory, want at most %d and a segment each", size, budget)
	}
}

func TestWindowOfHoursIsInPieces(t *testing.T) {
	files := newShelf()
	s := newStage(t, packager.Config{SegmentTarget: time.Second, Window: 50 * time.Minute, Archive: files, Memory: 10 * time.Second})
	show := packagertest.Show{Start: first, Duration: 55 * time.Minute, FPSNum: 6, GOP: 6, NoAudio: true}
	if err := s.c.Begin(show.Tracks()); err != nil {
		t.Fatal(err)
	}
	for _, f := range show.Frames() {
		if err := s.c.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	full := s.c.View().Window(packager.Video).Load().Full
	text := whole(t, full)
	if len(full.Plain.More) == 0 {
		t.Errorf("A5 %d bytes in one piece", len(full.Plain.Bytes))
	}
	p, err := packagertest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(p.Segments); n < 50*60 || n > 50*60+2 {
		t.Errorf("A1 %d segments of 1 s are listed, want 3000", n)
	}
	if n := strings.Count(text, "#EXT-X-MAP"); n != 1 {
		t.Errorf("C7 %d MAPs, want only that of the first segment", n)
	}
	if want := full.Plain.Length[0]; want != strconv.Itoa(len(text)) {
		t.Errorf("A5 Content-Length %s for %d bytes", want, len(text))
	}
}
