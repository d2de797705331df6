package m3u8_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager/m3u8"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func show() m3u8.Media {
	at := time.Date(2026, 1, 2, 3, 4, 5, 60_700_000, time.FixedZone("", 3600))
	return m3u8.Media{
		Control: m3u8.Control{
			TargetDuration: 2 * time.Second, PartTarget: 334 * time.Millisecond, PartHoldBack: 1002 * time.Millisecond,
			HoldBack: 6 * time.Second, CanSkipUntil: 12 * time.Second,
		},
		MediaSequence: 41, DiscontinuitySequence: 3,
		Segments: []m3u8.Segment{
			{Map: "a.mp4", DateTime: at, Duration: 2 * time.Second, URI: "v-41.mp4"},
			{DateTime: at.Add(2 * time.Second), Duration: 2002 * time.Millisecond, URI: "v-42.mp4", Parts: []m3u8.Part{
				{URI: "v-42.0.mp4", Duration: 333_333_333, Independent: true},
				{URI: "v-42.1.mp4", Duration: 333_666_666},
			}},
			{Discontinuity: true, Map: "b.mp4", DateTime: at.Add(time.Hour), Parts: []m3u8.Part{
				{URI: "v-43.0.mp4", Duration: 334 * time.Millisecond, Independent: true},
			}},
		},
		HintPart: "v-43.1.mp4",
		Reports:  []m3u8.Report{{URI: "audio.m3u8", MSN: 43, LastPart: 0}},
	}
}

func TestMedia(t *testing.T) {
	full := show()
	golden(t, "full.m3u8", full.Append(nil))

	delta := show()
	delta.Skip.Segments = 1
	delta.Segments = delta.Segments[1:]
	delta.HintMap = "c.mp4"
	golden(t, "delta.m3u8", delta.Append(nil))

	gap := show()
	gap.Segments = gap.Segments[:2]
	gap.Segments[1].Gap, gap.Segments[1].Parts = true, nil
	gap.HintPart = "v-43.0.mp4"
	golden(t, "gap.m3u8", gap.Append(nil))

	ended := show()
	ended.Segments = ended.Segments[:2]
	ended.Ended = true
	golden(t, "ended.m3u8", ended.Append(nil))
}

func TestMultivariant(t *testing.T) {
	m := m3u8.Multivariant{
		IndependentSegments: true,
		Renditions:          []m3u8.Rendition{{Group: "sound", Name: "Sound", URI: "audio.m3u8", Channels: 2}},
		Variants: []m3u8.Variant{{
			URI: "video.m3u8", Bandwidth: 2_100_000, AverageBandwidth: 1_900_000, Codecs: "avc1.4d401e,mp4a.40.2",
			Width: 640, Height: 360, FrameRate: 30_000. / 1001, Audio: "sound",
		}},
	}
	golden(t, "multivariant.m3u8", m.Append(nil))
	ladder := m
	ladder.Variants = append(ladder.Variants, m3u8.Variant{
		URI: "video2.m3u8", Bandwidth: 700_000, AverageBandwidth: 600_000, Codecs: "hvc1.1.6.L63.90,mp4a.40.2",
		Width: 320, Height: 180, FrameRate: 25, Audio: "sound",
	})
	golden(t, "ladder.m3u8", ladder.Append(nil))
	alone := m3u8.Multivariant{Variants: []m3u8.Variant{{URI: "audio.m3u8", Bandwidth: 128_000, Codecs: "mp4a.40.2"}}}
	golden(t, "sound.m3u8", alone.Append(nil))
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	m := show()
	got := m.Append([]byte("before"))
	if string(got[:len("before")]) != "before" || string(got[len("before"):]) != string(m.Append(nil)) {
		t.Errorf("got %q", got)
	}
}

func BenchmarkMedia(b *testing.B) {
	m := show()
	for range 30 {
		m.Segments = append(m.Segments[:1], m.Segments...)
	}
	buf := m.Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		buf = m.Append(buf[:0])
	}
}

func TestDateRanges(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 60_600_000, time.UTC)
	list := []m3u8.DateRange{
		{ID: "a", Class: "c", Start: at, Planned: 20 * time.Second, Extra: []m3u8.Attribute{{Name: "X-DATA", Value: "{\"a\":\"100 %\r\n\x7f ñ\"}"}}},
		// Both ends round up, so the duration is not the rounded difference (T6).
		{ID: "b", Class: "c", Start: at, End: at.Add(1500_300 * time.Microsecond), Extra: []m3u8.Attribute{{Name: "X-A", Value: ""}, {Name: "X-B", Value: "b"}}},
		{ID: "c", Class: "c", Start: at, End: at},
	}
	v2 := show()
	v2.Skip = m3u8.Skip{Segments: 1, DateRanges: true, Removed: []string{"x", "y"}}
	v2.Segments = v2.Segments[1:]
	golden(t, "dateranges.m3u8", m3u8.AppendDateRanges(v2.Append(nil), list))
}
