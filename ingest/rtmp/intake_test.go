package rtmp_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/rtmp"
	"github.com/cuelight/cuelight/internal/media"
)

// session remembers what an intake tells it.
type session struct {
	begun    []media.Track
	changes  [][]media.Track
	observed []ingest.Observation
	frames   []media.Frame
}

func (s *session) Begin(tracks []media.Track) error { s.begun = tracks; return nil }
func (s *session) Change(tracks []media.Track) error {
	s.changes = append(s.changes, tracks)
	return nil
}
func (s *session) Observe(o ingest.Observation) { s.observed = append(s.observed, o) }
func (s *session) Write(f media.Frame) error    { s.frames = append(s.frames, f); return nil }

// noon is when everything arrives here.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func take(t *testing.T, in *rtmp.Intake, messages ...rtmp.Message) {
	t.Helper()
	for i, m := range messages {
		if err := in.Take(m, noon); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
}

func avcRecord(sps, pps []byte) string {
	record := []byte{1, sps[1], sps[2], sps[3], 0xff, 0xe1, 0, byte(len(sps))}
	record = append(append(record, sps...), 1, 0, byte(len(pps)))
	return string(append(record, pps...))
}

func hevcRecord(sets ...[]byte) string {
	record := append(make([]byte, 21), 3, byte(len(sets)))
	record[0] = 1
	for _, s := range sets {
		record = append(append(record, s[0]>>1&0x3f, 0, 1, 0, byte(len(s))), s...)
	}
	return string(record)
}

// Parameter sets of x265 for 192x108, and a key frame's first bytes.
var (
	vps265 = []byte("\x40\x01\x0c\x01\xff\xff\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x3c\x95\x98\x09")
	sps265 = []byte{
		0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x78, 0xa0, 0x03,
		0xc0, 0x80, 0x10, 0xe5, 0x96, 0x66, 0x69, 0x24, 0xca, 0xe0, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x01, 0xe0, 0x80,
	}
	pps265 = []byte{0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40}
	idr265 = "\x00\x00\x00\x04\x26\x01\xaf\x00"
	aac48  = "\x11\x90" // LC, 48 kHz, stereo
	aac44  = "\x12\x10" // LC, 44.1 kHz, stereo
)

const (
	key264  = "\x00\x00\x00\x02\x65\x88"
	next264 = "\x00\x00\x00\x02\x41\x9a"
	sound   = "\x21\x10\x04"
)

func videoAt(at uint32, body string) rtmp.Message {
	return rtmp.Message{Kind: 9, Stream: 1, Time: at, Body: []byte(body)}
}
func audioAt(at uint32, body string) rtmp.Message {
	return rtmp.Message{Kind: 8, Stream: 1, Time: at, Body: []byte(body)}
}

func avcStart() rtmp.Message          { return videoAt(0, "\x17\x00\x00\x00\x00"+avcRecord(sps1, pps1)) }
func avcKey(at uint32) rtmp.Message   { return videoAt(at, "\x17\x01\x00\x00\x00"+key264) }
func avcNext(at uint32) rtmp.Message  { return videoAt(at, "\x27\x01\x00\x00\x00"+next264) }
func aacStart(c string) rtmp.Message  { return audioAt(0, "\xaf\x00"+c) }
func aacFrame(at uint32) rtmp.Message { return audioAt(at, "\xaf\x01"+sound) }

func data(at uint32, values ...any) rtmp.Message {
	body, err := amf0.Data(values).Marshal()
	if err != nil {
		panic(err)
	}
	return rtmp.Message{Kind: 18, Stream: 1, Time: at, Body: body}
}

func TestNewAudioConfigurationIsAChange(t *testing.T) {
	s := new(session)
	in := rtmp.NewIntake(s)
	take(t, in, avcStart(), aacStart(aac48), avcKey(0), aacFrame(0), aacStart(aac48), aacFrame(20))
	if len(s.begun) != 2 || len(s.changes) != 0 {
		t.Fatalf("IG33 the same configuration again: %d tracks, changes %v", len(s.begun), s.changes)
	}
	take(t, in, aacStart(aac44), avcNext(40), aacFrame(43))
	if len(s.changes) != 1 || len(s.changes[0]) != 2 {
		t.Fatalf("IG33 changes %v", s.changes)
	}
	if rate := s.changes[0][1].Codec.(*media.AAC).Config.SampleRate; rate != 44100 {
		t.Errorf("IG33 changed to %d Hz", rate)
	}
	if last := s.frames[len(s.frames)-1]; last.DTS != 43*90 {
		t.Errorf("IG33 timestamps do not go on: %d", last.DTS)
	}
}

func TestAnotherVideoCodecIsAChange(t *testing.T) {
	s := new(session)
	in := rtmp.NewIntake(s)
	take(t, in, avcStart(), aacStart(aac48), avcKey(0), aacFrame(0),
		videoAt(40, "\x90hvc1"+hevcRecord(vps265, sps265, pps265)), videoAt(40, "\x91hvc1\x00\x00\x00"+idr265))
	if len(s.changes) != 1 || s.changes[0][0].Codec.Name() != "HEVC" {
		t.Fatalf("IG33 changes %v", s.changes)
	}
	if f := s.frames[len(s.frames)-1]; !f.Key || f.Track != s.changes[0][0].ID {
		t.Errorf("IG33 the frame after it: %+v", f)
	}
}

func TestChangeToACodecWhoseSetsComeLater(t *testing.T) {
	s := new(session)
	in := rtmp.NewIntake(s)
	inBand := "\x00\x00\x00\x18" + string(vps265) + "\x00\x00\x00\x2a" + string(sps265) + "\x00\x00\x00\x07" + string(pps265) + idr265
	take(t, in, avcStart(), aacStart(aac48), avcKey(0), aacFrame(0), videoAt(40, "\x90hvc1"+hevcRecord()),
		videoAt(40, "\xa3hvc1\x00\x00\x00\x04\x02\x01\xaf\x00"), videoAt(80, "\x93hvc1"+inBand))
	last := s.changes[len(s.changes)-1]
	if len(last) != 2 || last[0].Codec.Name() != "HEVC" || !bytes.Equal(last[0].Codec.(*media.HEVC).SPS, sps265) {
		t.Fatalf("IG33 changes %v", s.changes)
	}
	if f := s.frames[len(s.frames)-1]; f.DTS != 80*90 || len(s.frames) != 3 {
		t.Errorf("IG33 %d frames, the last %+v", len(s.frames), f)
	}
}

func TestALateTrackIsAChange(t *testing.T) {
	s := new(session)
	in := rtmp.NewIntake(s)
	take(t, in, avcStart())
	for at := range uint32(40) {
		take(t, in, avcKey(at*40))
	}
	take(t, in, aacStart(aac48), aacFrame(1600))
	if len(s.begun) != 1 || len(s.changes) != 1 || len(s.changes[0]) != 2 {
		t.Errorf("IG33 begun with %v, changes %v", s.begun, s.changes)
	}
}

func TestCodecRefusedInMidStream(t *testing.T) {
	for name, m := range map[string]rtmp.Message{
		"VP6 video": videoAt(80, "\x14\x00"), "VP9 video": videoAt(80, "\x90vp09"), "VVC video": videoAt(80, "\x91vvc1"),
		"MP3 audio": audioAt(80, "\x2f\x00"), "Speex audio": audioAt(80, "\xb2\x00"), "FLAC audio": audioAt(80, "\x90fLaC"),
		"E-AC-3 audio":       audioAt(80, "\x95\x01ec-3\x01x"),
		`audio codec "abcd"`: audioAt(80, "\x91abcd"),
	} {
		in := rtmp.NewIntake(new(session))
		take(t, in, avcStart(), aacStart(aac48), avcKey(0), aacFrame(0))
		err := in.Take(m, noon)
		if ingest.CodeOf(err) != ingest.CodeUnsupportedCodec || !strings.Contains(err.Error(), name) {
			t.Errorf("IG5 %s: %v", name, err)
		}
	}
}

func TestHEVCUnderItsOldNumber(t *testing.T) {
	s := new(session)
	in := rtmp.NewIntake(s)
	take(t, in, videoAt(0, "\x1c\x00\x00\x00\x00"+hevcRecord(vps265, sps265, pps265)), aacStart(aac48), videoAt(0, "\x1c\x01\x00\x00\x50"+idr265), aacFrame(0))
	if len(s.begun) != 2 || s.begun[0].Codec.Name() != "HEVC" || s.frames[0].PTS != 80*90 {
		t.Errorf("IG61 tracks %v, frames %v", s.begun, s.frames)
	}
}

func TestMetadataNamesAndHints(t *testing.T) {
	s := new(session)
	in := rtmp.NewIntake(s)
	take(t, in, data(0, "@setDataFrame", "onMetaData", amf0.ECMAArray{
		{Key: "width", Value: 1920.0}, {Key: "height", Value: 1080.0}, {Key: "videodatarate", Value: 2500.0},
		{Key: "videocodecid", Value: 7.0}, {Key: "audiocodecid", Value: "mp4a"},
		{Key: "encoder", Value: "obs-output\x00 module (libobs version 31.0.0)\n" + strings.Repeat("x", 99)},
	}), avcStart(), avcKey(0))
	if len(s.begun) != 0 {
		t.Fatal("IG63 begun without the sound that was announced")
	}
	take(t, in, aacStart(aac48), aacFrame(10))
	want := media.Track{ID: 1, Codec: s.begun[0].Codec, Width: 1920, Height: 1080, Bitrate: 2_500_000}
	if s.begun[0] != want {
		t.Errorf("IG63 track %+v, want %+v", s.begun[0], want)
	}
	if !strings.HasPrefix(in.Encoder, "obs-output module (libobs version 31.0.0)") || len(in.Encoder) != 64 {
		t.Errorf("IG63 encoder %q", in.Encoder)
	}
}

func TestMetadataOfOneKindAlone(t *testing.T) {
	s := new(session)
	in := rtmp.NewIntake(s)
	take(t, in, data(0, "onMetaData", amf0.Object{{Key: "videocodecid", Value: 7.0}, {Key: "audiocodecid", Value: 0.0}}), avcStart(), avcKey(0))
	if len(s.begun) != 1 {
		t.Error("IG63 waits for sound that was not announced")
	}
}

func TestMetadataOfSeveralTracks(t *testing.T) {
	s := new(session)
	in := rtmp.NewIntake(s)
	take(t, in, data(0, "@setDataFrame", "onMetaData", amf0.Object{
		{Key: "videocodecid", Value: 7.0}, {Key: "audiocodecid", Value: 10.0}, {Key: "width", Value: 640.0}, {Key: "height", Value: 360.0},
		{Key: "videoTrackIdInfoMap", Value: amf0.Object{{Key: "1", Value: amf0.Object{
			{Key: "videocodecid", Value: float64('a'<<24 | 'v'<<16 | 'c'<<8 | '1')}, {Key: "videodatarate", Value: 900.0},
		}}}},
	}), avcStart(), aacStart(aac48), avcKey(0), aacFrame(0))
	if len(s.begun) != 0 {
		t.Fatal("IG62 begun without a rendition that was announced")
	}
	take(t, in, videoAt(0, "\x96\x00avc1\x01"+avcRecord(sps1, pps2)), aacFrame(20))
	if len(s.begun) != 3 || s.begun[0].Bitrate != 900_000 {
		t.Errorf("IG62 tracks %+v", s.begun)
	}
}

func TestEncoderClock(t *testing.T) {
	s := new(session)
	in := rtmp.NewIntake(s)
	onFI := func(at uint32, clock string) rtmp.Message {
		return data(at, "onFI", amf0.Object{{Key: "sd", Value: "23-11-2026"}, {Key: "st", Value: clock}})
	}
	take(t, in, avcStart(), aacStart(aac48), avcKey(1000), aacFrame(1000), onFI(1000, "11:59:58.500"), avcNext(1040),
		onFI(0, "11:59:59.000"), aacFrame(1060), data(1060, "onFI", amf0.Object{{Key: "tc", Value: "01:02:03:04"}}), avcNext(1080), avcNext(62_000))
	want := []time.Time{{}, {}, noon.Add(-1460 * ms), noon.Add(-980 * ms), noon.Add(-960 * ms), {}}
	for i, o := range s.observed {
		if !o.Capture.Equal(want[i]) {
			t.Errorf("IG63 observation %d: capture %v, want %v", i, o.Capture, want[i])
		}
	}
	if len(s.observed) != len(want) || !s.observed[0].Arrival.Equal(noon) {
		t.Errorf("IG16 observations %v", s.observed)
	}
}

func TestDataThatMakesNoSense(t *testing.T) {
	s := new(session)
	in := rtmp.NewIntake(s)
	nested := bytes.Repeat([]byte{3, 0, 1, 'a'}, 1<<20)
	take(t, in, avcStart(), aacStart(aac48), avcKey(0), aacFrame(0),
		rtmp.Message{Kind: 18, Body: nested}, rtmp.Message{Kind: 18, Body: []byte{2, 0, 99, 'o'}}, rtmp.Message{Kind: 18, Body: []byte{0xff}},
		rtmp.Message{Kind: 15, Body: []byte{0, 2, 0, 10, 'o', 'n', 'M', 'e', 't', 'a', 'D', 'a', 't', 'a', 0x11, 0x0a}},
		rtmp.Message{Kind: 15}, rtmp.Message{Kind: 16, Body: []byte{1}}, rtmp.Message{Kind: 19, Body: []byte{1}}, avcNext(40))
	if in.Ignored != 4 || len(s.frames) != 3 {
		t.Errorf("IG63 %d ignored, %d frames", in.Ignored, len(s.frames))
	}
}

func TestAMF3DataHoldsMetadata(t *testing.T) {
	in := rtmp.NewIntake(new(session))
	m := data(0, "onMetaData", amf0.Object{{Key: "encoder", Value: "FMLE"}})
	take(t, in, rtmp.Message{Kind: 15, Body: append([]byte{0}, m.Body...)})
	if in.Encoder != "FMLE" {
		t.Errorf("IG63 encoder %q", in.Encoder)
	}
}

func TestAggregates(t *testing.T) {
	s := new(session)
	in := rtmp.NewIntake(s)
	tag := func(m rtmp.Message) []byte {
		n := len(m.Body)
		b := []byte{m.Kind, byte(n >> 16), byte(n >> 8), byte(n), byte(m.Time >> 16), byte(m.Time >> 8), byte(m.Time), byte(m.Time >> 24), 0, 0, 0}
		return append(append(b, m.Body...), 0, 0, 0, byte(n+11))
	}
	const far = 1 << 25
	body := slices.Concat(tag(avcStart()), tag(aacStart(aac48)), tag(avcKey(0)), tag(aacFrame(20)), tag(avcNext(40)))
	take(t, in, rtmp.Message{Kind: 22, Time: far, Body: body}, avcNext(far+80))
	var times []int64
	for _, f := range s.frames {
		times = append(times, int64(f.DTS)/90-far)
	}
	if !slices.Equal(times, []int64{0, 20, 40, 80}) {
		t.Errorf("IG63 frames at %v", times)
	}
}

func TestAlienTimestampMovesNothing(t *testing.T) {
	s := new(session)
	in := rtmp.NewIntake(s)
	take(t, in, avcStart(), aacStart(aac48), avcKey(5000), aacFrame(5000), aacFrame(90_000_000), avcNext(5040), aacFrame(0), avcNext(5080))
	if a, b := s.frames[3].DTS, s.frames[5].DTS; a != 5040*90 || b != 5080*90 {
		t.Errorf("IG32 frames at %d, %d", a, b)
	}
}

func TestNotBegunWithoutParameterSets(t *testing.T) {
	s := new(session)
	in := rtmp.NewIntake(s)
	take(t, in, videoAt(0, "\x90hvc1"+hevcRecord()), aacStart(aac48))
	for at := range uint32(20) {
		take(t, in, videoAt(at*40, "\x93hvc1"+idr265))
	}
	if len(s.begun) != 0 {
		t.Errorf("IG1 begun with %v", s.begun)
	}
}
