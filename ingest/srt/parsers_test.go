package srt_test

import (
	"bytes"
	"embed"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest/srt"
)

// captures are what ffmpeg 5.1 sends, a fraction of a second of each.
//
//go:embed testdata/*.ts
var captures embed.FS

func seeds(f *testing.F) (all [][]byte) {
	f.Helper()
	files, err := captures.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := captures.ReadFile("testdata/" + file.Name())
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

func TestCaptures(t *testing.T) {
	for name, want := range map[string]string{
		"h264_aac.ts": "H.264 AAC", "hevc_latm.ts": "HEVC AAC", "h264_opus.ts": "H.264 Opus",
	} {
		t.Run("IG1 "+name, func(t *testing.T) {
			data, err := captures.ReadFile("testdata/" + name)
			if err != nil {
				t.Fatal(err)
			}
			h := readAll(t, data)
			got := ""
			for _, track := range h.Tracks {
				got += " " + track.Codec.Name()
			}
			if got != " "+want || len(h.Frames) < 5 {
				t.Errorf("%d frames of%s, want %s", len(h.Frames), got, want)
			}
		})
	}
}

// FuzzStream damages captures in places.
func FuzzStream(f *testing.F) {
	for _, data := range seeds(f) {
		f.Add(data, uint64(0))
		f.Add(data, uint64(9))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		if seed != 0 && len(data) > 0 {
			random := rand.New(rand.NewPCG(seed, 1))
			data = bytes.Clone(data)
			for range 10 {
				data[random.IntN(len(data))] ^= byte(random.Uint32())
			}
		}
		h, err := read(t, bytes.NewReader(data))
		if err == nil {
			t.Error("the session ended without the stream's end")
		}
		for _, f := range h.Frames {
			if len(f.Units) == 0 || f.Size() == 0 {
				t.Error("a frame without units")
			}
		}
	})
}

// FuzzDemux gives a demultiplexer packets that need not be any.
func FuzzDemux(f *testing.F) {
	for _, data := range seeds(f) {
		f.Add(data)
	}
	f.Add(slices.Concat(pat(pmtPID), pmt(pmtPID, make([]byte, 400), entry{kind: 0x06, pid: 256, descriptors: []byte{0x7f, 3, 0x80, 0x81, 0}})))
	f.Fuzz(func(t *testing.T, data []byte) {
		take := srt.Demux(func(data []byte) {
			if len(data) > 8<<20 {
				t.Errorf("a unit of %d bytes", len(data))
			}
		})
		for p := range slices.Chunk(data, 188) {
			if len(p) == 188 && take(p, time.Time{}) != nil {
				return
			}
		}
	})
}

// FuzzTables reads sections that have the right checksum.
func FuzzTables(f *testing.F) {
	f.Add(pat(0x900, pmtPID)[5:], true)
	f.Add(pmt(pmtPID, nil, entry{kind: 0x06, pid: 256, descriptors: registration("Opus")})[5:], false)
	f.Fuzz(func(t *testing.T, section []byte, first bool) {
		section = section[:min(len(section), 1000)]
		if len(section) < 8 {
			return
		}
		tables := table(pmtPID, section)
		if first {
			tables = table(0, section)
		}
		_, err := read(t, bytes.NewReader(slices.Concat(pat(pmtPID), tables, tables)))
		if err == nil {
			t.Error("the session ended without the stream's end")
		}
	})
}

// FuzzPackets looks for packets in noise.
func FuzzPackets(f *testing.F) {
	f.Add(append([]byte{1, 2}, pat(pmtPID)...), 7)
	f.Add(bytes.Repeat([]byte{0x47}, 400), 188)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		size = 1 + (size&0x7fff)%1456
		rest := data
		next := srt.Packets(srt.SourceOf(func() ([]byte, time.Time, error) {
			if len(rest) == 0 {
				return nil, time.Time{}, io.EOF
			}
			n := min(size, len(rest))
			payload := rest[:n:n]
			rest = rest[n:]
			return payload, time.Time{}, nil
		}))
		total := 0
		for {
			p, _, err := next()
			if err != nil {
				if !errors.Is(err, io.EOF) && len(data) < 512<<10 {
					t.Fatal(err)
				}
				break
			}
			if len(p) != 188 || p[0] != 0x47 {
				t.Fatalf("a packet of %d bytes", len(p))
			}
			total += len(p)
		}
		if total > len(data) {
			t.Errorf("%d bytes came of %d", total, len(data))
		}
	})
}

// FuzzLATM reads sound whose configuration is in it.
func FuzzLATM(f *testing.F) {
	f.Add([]byte{0x56, 0xe0, 0x10, 0x20, 0, 0x11, 0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add(adts(20, false))
	f.Fuzz(func(t *testing.T, data []byte) {
		data = data[:min(len(data), 4000)]
		tables := slices.Concat(pat(pmtPID), pmt(pmtPID, nil, entry{kind: 0x11, pid: 257}))
		_, err := read(t, bytes.NewReader(slices.Concat(tables, audioPES(0, 90_000, data), audioPES(0, 95_000, data))))
		if err == nil {
			t.Error("the session ended without the stream's end")
		}
	})
}
