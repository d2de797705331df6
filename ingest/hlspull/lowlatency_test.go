package hlspull_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	gocodecs "github.com/bluenviron/gohlslib/v2/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/hlspull"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/internal/media"
)

// access is a picture or a sound of a recording.
type access struct {
	video bool
	pts   int64
	units [][]byte
}

// accessUnits takes a recording in MPEG-TS apart.
func accessUnits(t *testing.T, r recording) (units []access, sound codecs.MPEG4Audio) {
	t.Helper()
	reader := &mpegts.Reader{R: bytes.NewReader(bytes.Join(r.segments, nil))}
	if err := reader.Initialize(); err != nil {
		t.Fatal(err)
	}
	for _, track := range reader.Tracks() {
		switch c := track.Codec.(type) {
		case *codecs.H264:
			reader.OnDataH264(track, func(pts, _ int64, au [][]byte) error {
				units = append(units, access{true, pts, au})
				return nil
			})
		case *codecs.MPEG4Audio:
			sound = *c
			reader.OnDataMPEG4Audio(track, func(pts int64, aus [][]byte) error {
				for i, au := range aus {
					units = append(units, access{false, pts + int64(i)*1920, [][]byte{au}})
				}
				return nil
			})
		}
	}
	for {
		if err := reader.Read(); errors.Is(err, io.EOF) {
			return units, sound
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// broadcast feeds a muxer in real time until the context ends.
func broadcast(ctx context.Context, t *testing.T, m *gohlslib.Muxer, video, audio *gohlslib.Track, units []access) {
	begun, first := time.Now(), units[0].pts
	for _, u := range units {
		at := begun.Add(time.Duration(u.pts-first) * time.Second / 90000)
		select {
		case <-time.After(time.Until(at)):
		case <-ctx.Done():
			return
		}
		var err error
		if u.video {
			err = m.WriteH264(video, at, u.pts-first, u.units)
		} else if pts := (u.pts - first) * 48000 / 90000; pts >= 0 {
			err = m.WriteMPEG4Audio(audio, at, pts, u.units)
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}

func TestLowLatency(t *testing.T) {
	units, sound := accessUnits(t, record(t, 20, inTS...))
	video := &gohlslib.Track{Codec: new(gocodecs.H264), ClockRate: 90000}
	audio := &gohlslib.Track{Codec: &gocodecs.MPEG4Audio{Config: sound.Config}, ClockRate: 48000}
	m := &gohlslib.Muxer{Variant: gohlslib.MuxerVariantLowLatency, SegmentCount: 7, SegmentMinDuration: time.Second,
		PartMinDuration: 200 * time.Millisecond, Tracks: []*gohlslib.Track{video, audio}}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	requests := make(chan string, 4096)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r.URL.RequestURI()
		m.Handle(w, r)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		broadcast(ctx, t, m, video, audio, units)
	}()
	defer func() { cancel(); <-fed; m.Close(); server.Close() }()

	r := start(t, hlspull.Config{URL: server.URL + "/index.m3u8", RetryAfter: 100 * time.Millisecond, RetryMax: 100 * time.Millisecond})
	h := r.Await(t, "media", func(h ingesttest.Heard) bool { return len(h.Of(media.Video)) > 150 && len(h.Of(media.Audio)) > 250 })
	checkFrames(t, h)
	checkCaptures(t, h, 60*time.Millisecond)
	newest := h.Observations[len(h.Observations)-1]
	late := newest.Arrival.Sub(newest.Capture)
	t.Logf("frames are handed on %v after the origin had them", late)
	if late < 0 || late > 2*time.Second {
		t.Errorf("IG91 handed on %v after the origin had them", late)
	}
	if len(h.Begins) != 1 || len(h.Tracks) != 2 {
		t.Errorf("%d sessions, tracks %+v", len(h.Begins), h.Tracks)
	}
	checkPace(t, h, 250*time.Millisecond)
	r.stop()
	blocked := 0
	for len(requests) > 0 {
		if u := <-requests; bytes.Contains([]byte(u), []byte("_HLS_part=")) {
			blocked++
		}
	}
	if blocked < 20 {
		t.Errorf("IG95 %d reloads waited for a part", blocked)
	}
}

func TestSoundInARenditionOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	ingesttest.Start(t, "-re", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25", "-re", "-f", "lavfi", "-i", "sine=sample_rate=48000",
		"-map", "0:v", "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-sc_threshold", "0", "-pix_fmt", "yuv420p",
		"-b:v:0", "100k", "-b:v:1", "400k", "-filter:v:1", "scale=320:180", "-c:a", "aac",
		"-f", "hls", "-hls_time", "1", "-hls_segment_type", "fmp4", "-hls_flags", "program_date_time+delete_segments", "-master_pl_name", "master.m3u8",
		"-var_stream_map", "v:0,agroup:sound v:1,agroup:sound a:0,agroup:sound,default:yes",
		"-hls_segment_filename", filepath.Join(dir, "%v-%d.m4s"), filepath.Join(dir, "%v.m3u8"))
	r := start(t, hlspull.Config{URL: server.URL + "/master.m3u8", RetryAfter: 200 * time.Millisecond, RetryMax: 200 * time.Millisecond})
	h := r.Await(t, "media", func(h ingesttest.Heard) bool { return len(h.Of(media.Video)) > 100 && len(h.Of(media.Audio)) > 150 })
	checkFrames(t, h)
	checkCaptures(t, h, 60*time.Millisecond)
	if len(h.Tracks) != 2 {
		t.Fatalf("tracks = %+v", h.Tracks)
	}
	if width, _ := ingest.PictureSize(h.Tracks[0]); width != 320 {
		t.Errorf("IG96 pictures are %d wide, want the larger variant", width)
	}
	r.stop()
	if t.Failed() {
		b, _ := os.ReadFile(filepath.Join(dir, "master.m3u8"))
		t.Logf("%s", b)
	}
}
