package srt_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/srt"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

var (
	sps = []byte{
		0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xff, 0xc3, 0x89, 0xc3, 0x88,
		0x04, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0x60, 0x78, 0xc1, 0x8c, 0xb0,
	}
	pps  = []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0}
	idr  = append([]byte{0x65, 0x88}, bytes.Repeat([]byte{7}, 2000)...)
	next = append([]byte{0x41, 0x9a}, bytes.Repeat([]byte{8}, 500)...)
)

// stream writes a program of video from dts first, and sound beside it.
func stream(t testing.TB, first int64, frames int) []byte {
	t.Helper()
	var out bytes.Buffer
	video := &mpegts.Track{PID: 256, Codec: &tscodecs.H264{}}
	audio := &mpegts.Track{PID: 257, Codec: &tscodecs.MPEG4Audio{Config: mpeg4audio.AudioSpecificConfig{
		Type: 2, SampleRate: 48000, ChannelConfig: 2, ChannelCount: 2}}}
	w := &mpegts.Writer{W: &out, Tracks: []*mpegts.Track{video, audio}}
	if err := w.Initialize(); err != nil {
		t.Fatal(err)
	}
	for i := range frames {
		units := [][]byte{next}
		if i%25 == 0 {
			units = [][]byte{sps, pps, idr}
		}
		dts := (first + int64(i)*3600) & (1<<33 - 1)
		pts := (dts + 7200) & (1<<33 - 1)
		if err := errors.Join(
			w.WriteH264(video, pts, dts, units),
			w.WriteMPEG4Audio(audio, dts, [][]byte{{1, 2, 3}, {4, 5, 6}}),
		); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// read runs a session over the bytes.
func read(t testing.TB, src io.Reader) (ingesttest.Heard, error) {
	t.Helper()
	return readFrom(t, srt.Source(src))
}

func readFrom(t testing.TB, src srt.AnySource) (ingesttest.Heard, error) {
	t.Helper()
	out := ingesttest.NewRecorder()
	registry, err := ingest.NewRegistry([]ingest.Channel{{Name: "show", Open: true, Output: out}}, ingest.Config{MaxBitrate: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	session, err := registry.Admit(ingest.Request{Channel: "show", Protocol: "srt", Remote: "192.0.2.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	err = srt.ReadMedia(src, session)
	session.Close(err)
	for _, b := range out.Heard().Broken {
		t.Errorf("IG10 out of order: %s", b)
	}
	return out.Heard(), err
}

func TestWrapInsideTheStream(t *testing.T) {
	const first = 1<<33 - 10*3600
	h, err := read(t, bytes.NewReader(stream(t, first, 30)))
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	video := h.Of(media.Video)
	if len(video) < 29 {
		t.Fatalf("%d frames", len(video))
	}
	for i, f := range video {
		if want := clock.Ticks(first + i*3600); f.DTS != want || f.PTS != want+7200 {
			t.Errorf("IG30 frame %d: DTS %d, PTS %d; want %d, %d", i, f.DTS, f.PTS, want, want+7200)
		}
	}
	for _, o := range h.Observations {
		if o.DTS < first || o.DTS > first+30*3600 {
			t.Errorf("IG31 observed %d, which is not on the frames' time base", o.DTS)
		}
	}
}

func TestSoundOfOnePacketIsSpread(t *testing.T) {
	h, _ := read(t, bytes.NewReader(stream(t, 90_000, 5)))
	audio := h.Of(media.Audio)
	if len(audio) < 4 || audio[1].DTS-audio[0].DTS != 1920 {
		t.Errorf("IG15 sound = %+v, want the second unit 1024 samples after the first", audio)
	}
}

func TestJoinsInTheMiddle(t *testing.T) {
	whole := stream(t, 90_000, 60)
	// Without the first key frame: the tables come again before the next one.
	h, err := read(t, bytes.NewReader(whole[188*40:]))
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if video := h.Of(media.Video); len(video) == 0 || !video[0].Key {
		t.Errorf("IG14 video = %d frames, not beginning with a key frame", len(video))
	}
}

func TestPacketsFindTheirFooting(t *testing.T) {
	clean := stream(t, 90_000, 3)
	noisy := append([]byte{1, 2, 3}, clean[:188*4]...)
	noisy = append(append(noisy, bytes.Repeat([]byte{9}, 100)...), clean[188*4:]...)
	for _, src := range []io.Reader{bytes.NewReader(noisy), iotest.OneByteReader(bytes.NewReader(noisy))} {
		var got []byte
		next := srt.Packets(srt.Source(src))
		for {
			packet, _, err := next()
			if err != nil {
				break
			}
			got = append(got, packet...)
		}
		if !bytes.Equal(got, clean) {
			t.Errorf("IG7 %d bytes of %d came through the noise", len(got), len(clean))
		}
	}
}

func TestNoiseEndsTheSession(t *testing.T) {
	_, err := read(t, iotest.DataErrReader(bytes.NewReader(make([]byte, 2<<20))))
	if ingest.CodeOf(err) != ingest.CodeMalformed {
		t.Errorf("IG7 err = %v", err)
	}
}

// slow is a source of one TS packet a second.
type slow struct {
	data  []byte
	start time.Time
	n     int
}

func (s *slow) Next() ([]byte, time.Time, error) {
	if len(s.data) == 0 {
		return nil, time.Time{}, io.EOF
	}
	packet := s.data[:188]
	s.data = s.data[188:]
	s.n++
	return packet, s.start.Add(time.Duration(s.n-1) * time.Second), nil
}

func TestArrivalIsThatOfTheLastPacket(t *testing.T) {
	whole := stream(t, 90_000, 3)
	start := time.Now()
	last, ends := -1, []int(nil) // of video units, numbers of their last packets
	for i := 0; i < len(whole)/188; i++ {
		p := whole[i*188:]
		if pid := int(p[1]&0x1f)<<8 | int(p[2]); pid != 256 {
			continue
		}
		if p[1]&0x40 != 0 && last >= 0 {
			ends = append(ends, last)
		}
		last = i
	}
	ends = append(ends, last)
	h, _ := readFrom(t, srt.SourceOf((&slow{data: whole, start: start}).Next))
	seen := make(map[clock.Ticks]map[int]bool)
	for _, o := range h.Observations {
		if seen[o.DTS] == nil {
			seen[o.DTS] = make(map[int]bool)
		}
		seen[o.DTS][int(o.Arrival.Sub(start)/time.Second)] = true
	}
	for i, end := range ends {
		if dts := clock.Ticks(90_000 + i*3600); !seen[dts][end] {
			t.Errorf("IG16 frame %d was observed at %v, want %d", i, seen[dts], end)
		}
	}
	if len(ends) != 3 {
		t.Fatalf("%d access units in the test, want 3", len(ends))
	}
}

func FuzzReadMedia(f *testing.F) {
	whole := stream(f, 90_000, 3)
	f.Add(whole, uint64(0))
	f.Add(whole, uint64(7))
	f.Add(whole[:188*3], uint64(1))
	f.Add([]byte{0x47}, uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		if seed != 0 { // damage what the fuzzer keeps whole
			random := rand.New(rand.NewPCG(seed, 1))
			data = bytes.Clone(data)
			for range min(len(data), 10) {
				data[random.IntN(len(data))] ^= byte(random.Uint32())
			}
		}
		h, err := read(t, bytes.NewReader(data))
		if err == nil {
			t.Error("the session ended without the stream's end")
		}
		for _, f := range h.Frames {
			if len(f.Units) == 0 {
				t.Error("a frame without units")
			}
		}
	})
}
