package origin_test

import (
	"bytes"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/packager/packagertest"
)

// shelf is an archive in memory, with faults on demand.
type shelf struct {
	mu    sync.Mutex
	files map[packager.Name]packager.File
	bytes map[packager.Name][]byte
	open  int   // files that nobody closed
	fault error // what Open says
	short bool  // files end early
}

func (a *shelf) key(rendition string, msn uint64) packager.Name {
	return packager.Name{Kind: packager.NameSegment, Rendition: rendition, MSN: msn}
}

func (a *shelf) Keep(s *packager.Sealed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.files == nil {
		a.files, a.bytes = map[packager.Name]packager.File{}, map[packager.Name][]byte{}
	}
	a.bytes[s.Name] = bytes.Join(s.Parts, nil)
	a.files[s.Name] = packager.File{Size: int64(s.Size), ETag: s.ETag}
}

func (a *shelf) Kept(rendition string, msn uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.files[a.key(rendition, msn)]
	return ok
}

func (a *shelf) Forget(string, uint64) {}
func (a *shelf) Finish()               {}

func (a *shelf) Open(rendition string, msn uint64) (packager.File, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := a.key(rendition, msn)
	f, ok := a.files[key]
	switch {
	case a.fault != nil:
		return packager.File{}, a.fault
	case !ok:
		return packager.File{}, packager.ErrGone
	}
	text := a.bytes[key]
	if a.short {
		text = text[:len(text)/2]
	}
	a.open++
	f.ReadSeekCloser = &lent{Reader: bytes.NewReader(text), shelf: a}
	return f, nil
}

type lent struct {
	*bytes.Reader
	shelf *shelf
}

func (l *lent) Close() error {
	l.shelf.mu.Lock()
	defer l.shelf.mu.Unlock()
	l.shelf.open--
	return nil
}

// library is a stage whose memory is short, so that the oldest segments of a
// minute are in the archive only.
func library(t *testing.T) (*stage, *shelf) {
	t.Helper()
	a := &shelf{}
	c, err := packager.New(packager.Config{PDT: onR, Archive: a, Memory: time.Second}, packager.Start{MSN: 100})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, c: c, o: origin.New(func(string) (*packager.Channel, bool) { return c, true }, origin.Config{})}
	show := packagertest.Show{Start: first, Duration: 60 * time.Second}
	s.begin(show)
	s.write(show.Frames())
	if c.View().Window(packager.Video).Load().Segment(103) != nil || !a.Kept(packager.Video, 103) {
		t.Fatal("segment 103 is still in memory")
	}
	return s, a
}

func TestArchivedSegments(t *testing.T) {
	s, a := library(t)
	want := a.bytes[a.key(packager.Video, 103)]
	const target = "/hls/show/video-103.mp4"
	w := s.get(target)
	if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), want) || w.Header().Get("Cache-Control") != "max-age=12" || w.Header().Get("Content-Type") != "video/mp4" {
		t.Errorf("C13 %d, %d bytes of %d, %v", w.Code, w.Body.Len(), len(want), w.Header())
	}
	head := s.do(t.Context(), http.MethodHead, target, nil)
	if head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("Content-Length") != w.Header().Get("Content-Length") {
		t.Errorf("C13 HEAD: %d %v", head.Code, head.Header())
	}
	same := s.do(t.Context(), http.MethodGet, target, http.Header{"If-None-Match": {w.Header().Get("ETag")}})
	if same.Code != http.StatusNotModified {
		t.Errorf("C13 the same version: %d", same.Code)
	}
	some := s.do(t.Context(), http.MethodGet, target, http.Header{"Range": {"bytes=100-199"}})
	if some.Code != 206 || !bytes.Equal(some.Body.Bytes(), want[100:200]) {
		t.Errorf("N6 %d, %d bytes", some.Code, some.Body.Len())
	}
	for target, status := range map[string]int{"/hls/show/video-99.mp4": 404, "/hls/show/video-103.0.mp4": 404, "/hls/show/video-999.mp4": 404} {
		if w := s.get(target); w.Code != status || w.Header().Get("Cache-Control") != "max-age=2" {
			t.Errorf("P14 %s: %d %v", target, w.Code, w.Header())
		}
	}
	if a.open != 0 {
		t.Errorf("%d files left open", a.open)
	}
}

func TestArchiveThatCannotBeRead(t *testing.T) {
	s, a := library(t)
	for _, fault := range []error{packager.ErrBusy, errors.New("disk is gone")} {
		a.fault = fault
		w := s.get("/hls/show/video-103.mp4")
		if w.Code != 503 || w.Header().Get("Cache-Control") != "max-age=1" || w.Header().Get("Retry-After") == "" {
			t.Errorf("C13 %v: %d %v", fault, w.Code, w.Header())
		}
		if bytes.Contains(w.Body.Bytes(), []byte("disk")) {
			t.Errorf("the answer tells of the server's disk: %s", w.Body)
		}
	}
	a.fault, a.short = nil, true
	func() {
		defer func() {
			if got := recover(); got != http.ErrAbortHandler {
				t.Errorf("C13 a file that ends early gave %v: the viewer takes it for whole", got)
			}
		}()
		s.get("/hls/show/video-103.mp4")
	}()
	if a.open != 0 {
		t.Errorf("%d files left open", a.open)
	}
}
