package srt_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/srt"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// encoder writes 25 pictures and 25 pairs of sounds a second.
type encoder struct {
	tb    testing.TB
	out   bytes.Buffer
	w     *mpegts.Writer
	video *mpegts.Track
	audio []*mpegts.Track
}

// aacAt is AAC with a sample rate.
func aacAt(rate int) *tscodecs.MPEG4Audio {
	return &tscodecs.MPEG4Audio{Config: mpeg4audio.AudioSpecificConfig{Type: 2, SampleRate: rate, ChannelConfig: 2, ChannelCount: 2}}
}

func newEncoder(tb testing.TB, audio ...tscodecs.Codec) *encoder {
	tb.Helper()
	e := &encoder{tb: tb, video: &mpegts.Track{PID: 256, Codec: &tscodecs.H264{}}}
	tracks := []*mpegts.Track{e.video}
	for i, c := range audio {
		e.audio = append(e.audio, &mpegts.Track{PID: uint16(257 + i), Codec: c})
	}
	e.w = &mpegts.Writer{W: &e.out, Tracks: append(tracks, e.audio...)}
	if err := e.w.Initialize(); err != nil {
		tb.Fatal(err)
	}
	return e
}

// frames writes n pictures and as many sounds from dts.
func (e *encoder) frames(dts int64, n int) *encoder {
	e.tb.Helper()
	for i := range n {
		units := [][]byte{next}
		if i%25 == 0 {
			units = [][]byte{sps, pps, idr}
		}
		at := dts + int64(i)*3600
		err := e.w.WriteH264(e.video, at, at, units)
		for _, a := range e.audio {
			err = errors.Join(err, e.w.WriteMPEG4Audio(a, at, [][]byte{{1, 2, 3}, {4, 5, 6}}))
		}
		if err != nil {
			e.tb.Fatal(err)
		}
	}
	return e
}

func (e *encoder) bytes() []byte { return e.out.Bytes() }

// readAll runs a session to the end of the data.
func readAll(t *testing.T, data []byte) ingesttest.Heard {
	t.Helper()
	h, err := read(t, bytes.NewReader(data))
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return h
}

func TestSoundChangesItsConfiguration(t *testing.T) {
	data := append(newEncoder(t, aacAt(48000)).frames(90_000, 50).bytes(), newEncoder(t, aacAt(44100)).frames(270_000, 50).bytes()...)
	h := readAll(t, data)
	if len(h.Begins) != 1 || len(h.Changes) != 1 {
		t.Fatalf("IG33 %d begins, %d changes, want one of each", len(h.Begins), len(h.Changes))
	}
	if c, ok := h.Changes[0][1].Codec.(*media.AAC); !ok || c.Config.SampleRate != 44100 {
		t.Errorf("IG33 changed to %+v", h.Changes[0][1].Codec)
	}
	for i, f := range h.Frames {
		if after := f.DTS >= 270_000; after != (i >= h.ChangedAt[0]) {
			t.Fatalf("IG33 frame %d of %v is on the wrong side of the change after %d", i, f.DTS.Duration(), h.ChangedAt[0])
		}
	}
}

func TestAnotherProgramme(t *testing.T) {
	for _, tc := range []struct {
		name   string
		second []byte
		dts    clock.Ticks // of the first frame after the change; <0 for shortly after the last
	}{
		{"IG33 without its sound, timestamps go on", newEncoder(t).frames(270_000, 50).bytes(), 270_000},
		{"IG33 without its sound, timestamps begin again", newEncoder(t).frames(5_000, 50).bytes(), -1},
		{"IG33 with more sound, an hour ahead", newEncoder(t, aacAt(48000), aacAt(48000)).frames(3600*90_000, 50).bytes(), -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			first := newEncoder(t, aacAt(48000)).frames(90_000, 50).bytes()
			h := readAll(t, append(slices.Clone(first), tc.second...))
			if len(h.Begins) != 1 || len(h.Changes) != 1 {
				t.Fatalf("%d begins, %d changes, want one of each", len(h.Begins), len(h.Changes))
			}
			before, after := h.Frames[h.ChangedAt[0]-1], h.Frames[h.ChangedAt[0]]
			if tc.dts >= 0 && after.DTS != tc.dts {
				t.Errorf("goes on at %d, want %d", after.DTS, tc.dts)
			}
			if gap := after.DTS - before.DTS; tc.dts < 0 && (gap < 0 || gap > clock.TicksPerSecond/2) {
				t.Errorf("a gap of %v", gap.Duration())
			}
			if n := len(h.Frames) - h.ChangedAt[0]; n < 49 {
				t.Errorf("%d frames after the change", n)
			}
		})
	}
}

// TestTheClockBeginsAgain has no other programme, only the mark in the packets.
func TestTheClockBeginsAgain(t *testing.T) {
	second := newEncoder(t, aacAt(48000)).frames(5_000, 50).bytes()
	for p := range slices.Chunk(second, 188) { // the first packet of the clock's PID
		if pid := binary.BigEndian.Uint16(p[1:]) & 0x1fff; pid == 256 && p[3]&0x20 != 0 && p[4] > 0 {
			p[5] |= 0x80
			break
		}
	}
	h := readAll(t, append(newEncoder(t, aacAt(48000)).frames(90_000, 50).bytes(), second...))
	video := h.Of(media.Video)
	if len(h.Changes) != 0 || len(video) < 99 {
		t.Fatalf("IG33 %d changes, %d pictures; want none, 100", len(h.Changes), len(video))
	}
	for i := 1; i < len(video); i++ {
		if step := video[i].DTS - video[i-1].DTS; step < 0 || step > clock.TicksPerSecond/2 {
			t.Errorf("IG33 a step of %v after picture %d", step.Duration(), i)
		}
	}
}

func TestFurtherSoundIsHandedOn(t *testing.T) {
	h := readAll(t, newEncoder(t, aacAt(48000), aacAt(44100)).frames(90_000, 10).bytes())
	if len(h.Tracks) != 3 || h.Tracks[1].ID != 257 || h.Tracks[2].ID != 258 {
		t.Errorf("IG45 tracks = %+v", h.Tracks)
	}
}

func TestALostPacketDropsItsPictureOnly(t *testing.T) {
	whole := newEncoder(t, aacAt(48000)).frames(90_000, 10).bytes()
	at := -1
	for i := 0; i < len(whole); i += 188 {
		// In the third key frame's worth of packets: a picture's second packet.
		if pid := binary.BigEndian.Uint16(whole[i+1:]) & 0x1fff; pid == 256 && whole[i+1]&0x40 == 0 && i > len(whole)/2 {
			at = i
			break
		}
	}
	h := readAll(t, slices.Concat(whole[:at], whole[at+188:]))
	if n := len(h.Of(media.Video)); n != 9 {
		t.Errorf("IG7 %d pictures of 10, want all but the broken one", n)
	}
	for _, f := range h.Of(media.Video) {
		if len(f.Units[len(f.Units)-1]) != len(next) && !f.Key {
			t.Errorf("IG7 a broken picture of %d bytes was handed on", len(f.Units[0]))
		}
	}
	twice := readAll(t, slices.Concat(whole[:at], whole[at:at+188], whole[at:]))
	if n := len(twice.Of(media.Video)); n != 10 {
		t.Errorf("IG7 %d pictures of 10, though a packet only came twice", n)
	}
}

// table makes the packets of a section.
func table(pid uint16, section []byte) (packets []byte) {
	section = slices.Clone(section)
	binary.BigEndian.PutUint16(section[1:], 0xb000|uint16(len(section)+4-3))
	section = binary.BigEndian.AppendUint32(section, srt.CRC32(section))
	body := append([]byte{0}, section...)
	for n := 0; len(body) > 0; n++ {
		head := []byte{0x47, byte(pid >> 8), byte(pid), 0x10 | byte(n&15)}
		if n == 0 {
			head[1] |= 0x40
		}
		k := min(184, len(body))
		p := append(head, body[:k]...)
		packets = append(packets, append(p, bytes.Repeat([]byte{0xff}, 188-len(p))...)...)
		body = body[k:]
	}
	return packets
}

const pmtPID = 0x1000

// pat names programs by their PMTs' PIDs.
func pat(pmts ...uint16) []byte {
	s := []byte{0, 0, 0, 0, 1, 0xc1, 0, 0}
	for i, pid := range pmts {
		s = binary.BigEndian.AppendUint16(s, uint16(i+1))
		s = binary.BigEndian.AppendUint16(s, 0xe000|pid)
	}
	return table(0, s)
}

// entry is a stream of a PMT.
type entry struct {
	kind        byte
	pid         uint16
	descriptors []byte
}

func pmt(at uint16, about []byte, entries ...entry) []byte {
	s := []byte{2, 0, 0, 0, 1, 0xc1, 0, 0, 0xe1, 0}
	s = binary.BigEndian.AppendUint16(s, 0xf000|uint16(len(about)))
	s = append(s, about...)
	for _, e := range entries {
		s = append(s, e.kind)
		s = binary.BigEndian.AppendUint16(s, 0xe000|e.pid)
		s = binary.BigEndian.AppendUint16(s, 0xf000|uint16(len(e.descriptors)))
		s = append(s, e.descriptors...)
	}
	return table(at, s)
}

func registration(name string) []byte { return append([]byte{5, 4}, name...) }

func TestCodecsThatAreRefusedByName(t *testing.T) {
	for _, tc := range []struct {
		name  string
		entry entry
	}{
		{"MPEG-1/2 video", entry{kind: 0x02}},
		{"MPEG-1/2 audio (MP2, MP3)", entry{kind: 0x03}},
		{"MPEG-1/2 audio (MP2, MP3)", entry{kind: 0x04}},
		{"MPEG-4 Part 2 video", entry{kind: 0x10}},
		{"AC-3 audio", entry{kind: 0x81}},
		{"AC-3 audio", entry{kind: 0x06, descriptors: []byte{0x6a, 1, 0}}},
		{"E-AC-3 audio", entry{kind: 0x87}},
		{"E-AC-3 audio", entry{kind: 0x06, descriptors: []byte{0x7a, 1, 0}}},
		{"DTS audio", entry{kind: 0x06, descriptors: registration("DTS2")}},
		{"PCM audio", entry{kind: 0x06, descriptors: registration("BSSD")}},
		{"AV1 in MPEG-TS", entry{kind: 0x06, descriptors: registration("AV01")}},
		{"VVC video", entry{kind: 0x33}},
		{"Opus without its channels", entry{kind: 0x06, descriptors: registration("Opus")}},
	} {
		t.Run("IG5 "+tc.name, func(t *testing.T) {
			tc.entry.pid = 300
			_, err := read(t, bytes.NewReader(slices.Concat(pat(pmtPID), pmt(pmtPID, nil, entry{kind: 0x1b, pid: 256}, tc.entry))))
			if ingest.CodeOf(err) != ingest.CodeUnsupportedCodec || !bytes.Contains([]byte(err.Error()), []byte(tc.name)) {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func TestDataBesideTheProgramme(t *testing.T) {
	data := []entry{{kind: 0x06, pid: 300, descriptors: registration("KLVA")}, {kind: 0x86, pid: 301, descriptors: registration("CUEI")}, {kind: 0x15, pid: 302}}
	_, err := read(t, bytes.NewReader(slices.Concat(pat(pmtPID), pmt(pmtPID, nil, data...))))
	if ingest.CodeOf(err) != ingest.CodeUnsupportedCodec {
		t.Errorf("IG5 data alone: err = %v", err)
	}
	body := newEncoder(t).frames(90_000, 5).bytes()[2*188:]
	h := readAll(t, slices.Concat(pat(pmtPID), pmt(pmtPID, nil, append(data, entry{kind: 0x1b, pid: 256})...), body))
	if len(h.Tracks) != 1 || len(h.Frames) != 5 {
		t.Errorf("IG5 %d tracks, %d frames; want the picture's 5", len(h.Tracks), len(h.Frames))
	}
}

func TestTables(t *testing.T) {
	whole := newEncoder(t).frames(90_000, 5).bytes()
	body := whole[2*188:]
	picture := entry{kind: 0x1b, pid: 256}
	broken := pmt(pmtPID, nil, entry{kind: 0x02, pid: 256})
	broken[20] ^= 1
	for _, tc := range []struct {
		name   string
		tables []byte
	}{
		{"IG1 a PMT of several packets", slices.Concat(pat(pmtPID), pmt(pmtPID, make([]byte, 400), picture))},
		{"IG1 of several programmes the first that comes", slices.Concat(pat(0x900, pmtPID), pmt(pmtPID, nil, picture), pmt(0x900, nil, entry{kind: 0x24, pid: 256}))},
		{"IG7 a table with a wrong checksum", slices.Concat(pat(pmtPID), broken, pmt(pmtPID, nil, picture))},
		{"IG7 a table that is cut short", slices.Concat(pat(pmtPID), pmt(pmtPID, make([]byte, 400), picture)[:188], pmt(pmtPID, nil, picture))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := readAll(t, slices.Concat(tc.tables, body))
			if len(h.Frames) != 5 {
				t.Errorf("%d frames, want 5", len(h.Frames))
			}
		})
	}
	if !bytes.Equal(whole[1:3], []byte{0x40, 0}) || binary.BigEndian.Uint16(whole[189:])&0x1fff != pmtPID {
		t.Fatalf("the writer does not begin with the tables")
	}
}

func TestScrambledStreamsAreRefused(t *testing.T) {
	data := newEncoder(t).frames(90_000, 5).bytes()
	for p := range slices.Chunk(data[2*188:], 188) {
		p[3] |= 0x80
	}
	if _, err := read(t, bytes.NewReader(data)); ingest.CodeOf(err) != ingest.CodeUnsupportedCodec {
		t.Errorf("IG5 err = %v", err)
	}
}

func TestAPictureThatNeverEnds(t *testing.T) {
	p := append([]byte{0x47, 1, 0, 0x10}, make([]byte, 184)...)
	first := slices.Clone(p)
	first[1] |= 0x40
	copy(first[4:], []byte{0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1})
	data := slices.Concat(pat(pmtPID), pmt(pmtPID, nil, entry{kind: 0x1b, pid: 256}), first)
	for n := 1; n < 9<<20/184; n++ {
		p[3] = 0x10 | byte(n&15)
		data = append(data, p...)
	}
	if _, err := read(t, bytes.NewReader(data)); ingest.CodeOf(err) != ingest.CodeMalformed {
		t.Errorf("IG25 err = %v", err)
	}
}
