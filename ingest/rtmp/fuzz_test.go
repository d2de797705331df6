package rtmp_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/rtmp"
	"github.com/cuelight/cuelight/internal/media"
)

// captured returns what encoders sent after the handshake: ffmpeg.rtmp is all
// of a short stream of ffmpeg's, the others are media that ffmpeg made, as an
// enhanced RTMP library sends them.
func captured(tb testing.TB) map[string][]byte {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.rtmp")
	if err != nil || len(files) != 4 {
		tb.Fatalf("captures %v, %v", files, err)
	}
	all := make(map[string][]byte)
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		all[filepath.Base(name)] = data
	}
	return all
}

// check looks at what a session was told.
func (s *session) check(t *testing.T) {
	t.Helper()
	for _, tracks := range append(s.changes, s.begun) {
		ids := make(map[int]bool)
		for _, track := range tracks {
			if ids[track.ID] || track.Codec == nil {
				t.Errorf("tracks %+v", tracks)
			}
			ids[track.ID] = true
		}
		if len(tracks) > ingest.MaxTracks {
			t.Errorf("IG25 %d tracks", len(tracks))
		}
	}
	for _, f := range s.frames {
		if f.Size() == 0 || len(f.Units) > 1027 || f.Track < 1 {
			t.Errorf("frame %+v", f)
		}
	}
}

func TestCaptures(t *testing.T) {
	for name, want := range map[string]struct{ tracks, frames int }{
		"ffmpeg.rtmp": {2, 16}, "hevc_opus.rtmp": {2, 9}, "av1_aac.rtmp": {2, 9}, "renditions.rtmp": {3, 9},
	} {
		s := new(session)
		in := rtmp.NewIntake(s)
		messages, err := rtmp.ReadChunks(captured(t)[name])
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
		take(t, in, messages...)
		s.check(t)
		if len(s.begun) != want.tracks || len(s.frames) != want.frames || in.Ignored != 0 {
			t.Errorf("IG1 %s: %d tracks, %d frames, %d ignored; want %+v", name, len(s.begun), len(s.frames), in.Ignored, want)
		}
	}
	s := new(session)
	if channel, err := rtmp.Converse(captured(t)["ffmpeg.rtmp"], s); channel != "show" || !errors.Is(err, io.EOF) || len(s.begun) != 2 {
		t.Errorf("IG13 channel %q, %d tracks, %v", channel, len(s.begun), err)
	}
}

func FuzzConversation(f *testing.F) {
	f.Add(captured(f)["ffmpeg.rtmp"])
	f.Fuzz(func(t *testing.T, sent []byte) {
		s := new(session)
		if _, err := rtmp.Converse(sent, s); err == nil {
			t.Fatal("no end")
		}
		s.check(t)
	})
}

func FuzzMedia(f *testing.F) {
	for _, data := range captured(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := new(session)
		in := rtmp.NewIntake(s)
		messages, _ := rtmp.ReadChunks(data)
		for _, m := range messages {
			err := in.Take(m, noon)
			if code := ingest.CodeOf(err); code != "" && code != ingest.CodeMalformed && code != ingest.CodeUnsupportedCodec {
				t.Fatalf("message %+v: %v", m, err)
			}
			if err != nil {
				break
			}
		}
		s.check(t)
	})
}

func FuzzTags(f *testing.F) {
	for _, data := range captured(f) {
		messages, _ := rtmp.ReadChunks(data)
		for _, m := range messages {
			if m.Kind == 8 || m.Kind == 9 {
				f.Add(m.Kind == 9, m.Body)
			}
		}
	}
	f.Add(true, []byte("\x96\x21avc1\x00\x00\x00\x05\x00\x00\x28abav01\x01\x00\x00\x01c"))
	f.Add(false, []byte("\x97\x02\x00\x00\x07\x05\x01mp4a\x03abc"))
	f.Fuzz(func(t *testing.T, video bool, body []byte) {
		kind := media.Audio
		if video {
			kind = media.Video
		}
		packets, err := rtmp.ReadTag(kind, body)
		if err != nil && ingest.CodeOf(err) != ingest.CodeMalformed {
			t.Fatal(err)
		}
		size := 0
		for _, p := range packets {
			size += len(p.Body)
			for _, codec := range []string{"avc1", "hvc1", "av01", "mp4a", "Opus"} {
				_, _ = rtmp.Configure(codec, []byte(p.Body))
			}
		}
		if size > len(body) {
			t.Errorf("%d bytes of packets in %d", size, len(body))
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add("avc1", []byte(avcRecord(sps1, pps1)), []byte(key264+next264))
	f.Add("hvc1", []byte(hevcRecord(vps265, sps265, pps265)), []byte(idr265))
	f.Add("av01", []byte("\x81\x00\x0c\x00\x0a\x02\x01\x02"), []byte("\x12\x00\x0a\x02\x01\x02\x36\x01\x02\x03"))
	f.Fuzz(func(t *testing.T, codec string, config, body []byte) {
		units, err := rtmp.Split(codec, config, body)
		size := 0
		for _, u := range units {
			size += len(u)
		}
		if err == nil && (size > len(body) || len(units) > 1024) {
			t.Errorf("%d units of %d bytes in %d", len(units), size, len(body))
		}
	})
}

func FuzzAggregate(f *testing.F) {
	f.Add(uint32(7), []byte("\x08\x00\x00\x02\x00\x00\x05\x00\x00\x00\x00ab\x00\x00\x00\x0d\x09\x00\x00\x01\x00\x00\x09\x00\x00\x00\x00c"))
	f.Fuzz(func(t *testing.T, at uint32, body []byte) {
		inner, err := rtmp.ReadAggregate(rtmp.Message{Kind: 22, Time: at, Body: body})
		if err == nil && len(inner) > 0 && inner[0].Time != at {
			t.Errorf("the first is at %d, want %d", inner[0].Time, at)
		}
	})
}

func FuzzWords(f *testing.F) {
	f.Add("live?key=K", "show", "23-11-2026", "13:14:15.250")
	f.Add("live", "show%3AK?x=%zz", "2026/11/23", "1:2:3,4")
	f.Fuzz(func(t *testing.T, app, name, date, at string) {
		rtmp.StreamKey(app, name)
		if got, ok := rtmp.ClockTime(date, at, noon); ok && got.Sub(noon).Abs() > 450*1e9 {
			t.Errorf("%q %q is %v, far from its arrival", date, at, got)
		}
		if got := rtmp.Printable(name); len([]rune(got)) > 64 {
			t.Errorf("%q is shown as %q", name, got)
		}
	})
}
