package hlspull_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/hlspull"
)

// plain is a playlist of segments named by their numbers.
func plain(first, last int, more ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", first)
	for i := first; i <= last; i++ {
		fmt.Fprintf(&b, "#EXTINF:2,\n%d\n", i)
	}
	return b.String() + strings.Join(more, "\n") + "\n"
}

// parted is one whose last segment is being written.
func parted(first, last int, parts ...string) string {
	head := "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1\n#EXT-X-PART-INF:PART-TARGET=0.5\n#EXT-X-MAP:URI=\"i\"\n#EXTINF"
	text := strings.Replace(plain(first, last), "#EXTINF", head, 1)
	for i, p := range parts {
		independent := ""
		if i == 0 {
			independent = ",INDEPENDENT=YES"
		}
		text += fmt.Sprintf("#EXT-X-PART:DURATION=0.5,URI=%q%s\n", p, independent)
	}
	return text + "#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"j\"\n"
}

func uris(items [][]hlspull.Item) string {
	var lists []string
	for _, list := range items {
		var names []string
		for _, i := range list {
			name := i.URI
			if i.Missed {
				name = "…" + name
			}
			names = append(names, name)
		}
		lists = append(lists, strings.Join(names, " "))
	}
	return strings.Join(lists, " | ")
}

func TestFollow(t *testing.T) {
	for _, tc := range []struct {
		name  string
		texts []string
		want  string
	}{
		{"IG90 from the last but one", []string{plain(1, 5), plain(2, 6), plain(2, 6), plain(4, 8)}, "4 5 | 6 |  | 7 8"},
		{"IG90 one segment", []string{plain(1, 1), plain(1, 2)}, "1 | 2"},
		{"IG90 behind", []string{plain(1, 5), plain(9, 12)}, "4 5 | …9 10 11 12"},
		{"IG90 an old copy", []string{plain(1, 5), plain(1, 4), plain(1, 6)}, "4 5 |  | 6"},
		{"IG90 a gap", []string{plain(1, 3), strings.Replace(plain(1, 5), "#EXTINF:2,\n4\n", "#EXT-X-GAP\n#EXTINF:2,\n4\n", 1)}, "2 3 | …5"},
		{"IG95 parts", []string{parted(1, 3, "4a", "4b"), parted(1, 3, "4a", "4b", "4c"), parted(2, 4, "5a")}, "4a 4b | 4c | …5a"},
		{"IG95 whole segments when behind", []string{parted(1, 3, "4a"), parted(5, 7, "8a", "8b")}, "4a | …5 6 7 8a 8b"},
		{"IG95 segments before there are parts", []string{parted(1, 3), parted(1, 4)}, "2 3 | 4"},
	} {
		items, err := hlspull.Follow(tc.texts...)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		} else if got := uris(items); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestFollowKeepsPartsOfFinishedSegments(t *testing.T) {
	listed := strings.Replace(parted(1, 4, "5a"), "#EXTINF:2,\n4\n",
		"#EXT-X-PART:DURATION=0.5,URI=\"4a\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=0.5,URI=\"4b\"\n#EXT-X-PART:DURATION=1,URI=\"4c\"\n#EXTINF:2,\n4\n", 1)
	items, err := hlspull.Follow(parted(1, 3, "4a", "4b"), listed)
	if got := uris(items); err != nil || got != "4a 4b | 4c 5a" {
		t.Errorf("IG95 %s, %v", got, err)
	}
}

func TestEpochsAndDates(t *testing.T) {
	text := "#EXTM3U\n#EXT-X-VERSION:12\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-DISCONTINUITY-SEQUENCE:3\n" +
		"#EXTINF:2,\n7\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n#EXTINF:2,\n8\n#EXT-X-DISCONTINUITY\n#EXTINF:2,\n9\n"
	items, err := hlspull.Follow(text)
	want := [][]hlspull.Item{{{URI: "8", Epoch: 3, Dated: true}, {URI: "9", Epoch: 4}}}
	if err != nil || !reflect.DeepEqual(items, want) {
		t.Errorf("IG91, IG93 items = %+v, %v; want %+v", items, err, want)
	}
}

func TestVariant(t *testing.T) {
	const media = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"1\",URI=\"one\"\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"2\",DEFAULT=YES,URI=\"two\"\n" +
		"#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"b\",NAME=\"1\"\n"
	stream := func(bits int, codecs, group, uri string) string {
		return fmt.Sprintf("#EXT-X-STREAM-INF:BANDWIDTH=%d,CODECS=%q,AUDIO=%q\n%s\n", bits, codecs, group, uri)
	}
	for _, tc := range []struct {
		name, text, uri, sound string
		code                   ingest.Code
	}{
		{"IG96 the most bits", stream(1, "avc1.4d401f", "", "low") + stream(3, "avc1.4d401f,mp4a.40.2", "", "high"), "high", "", ""},
		{"IG96 of those that are taken", stream(9, "dvh1.05.06,ec-3", "", "best") + stream(3, "hvc1.1.6.L93.B0", "", "good"), "good", "", ""},
		{"IG96 Opus and AV1 however written", stream(3, "av01.0.04M.08, Opus", "", "a"), "a", "", ""},
		{"IG96 the default sound", stream(3, "avc1.4d401f,mp4a.40.2", "a", "v"), "v", "two", ""},
		{"IG96 sound in the video's segments", stream(3, "avc1.4d401f,mp4a.40.2", "b", "v"), "v", "", ""},
		{"IG5 nothing that is taken", stream(3, "vp09.00.10.08", "", "v"), "", "", ingest.CodeUnsupportedCodec},
		{"IG94 no variant", "", "", "", ingest.CodeMalformed},
	} {
		uri, sound, err := hlspull.Variant(media + tc.text)
		if uri != tc.uri || sound != tc.sound || ingest.CodeOf(err) != tc.code {
			t.Errorf("%s: %q, %q, %v", tc.name, uri, sound, err)
		}
	}
}

func FuzzPlaylists(f *testing.F) {
	f.Add(plain(1, 3), plain(2, 4))
	f.Add(parted(1, 3, "4a", "4b"), parted(1, 4, "5a"))
	f.Add("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MAP:URI=\"a\",BYTERANGE=\"1@2\"\n#EXTINF:1,\n#EXT-X-BYTERANGE:1\nx\n", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		items, err := hlspull.Follow(a, b)
		if err != nil && ingest.CodeOf(err) == ingest.CodeInternal {
			t.Errorf("an error that says nothing: %v", err)
		}
		for _, list := range items {
			for _, i := range list {
				if i.URI == "" || strings.Contains(i.URI, "\n") {
					t.Errorf("an item at %q", i.URI)
				}
			}
		}
		if _, _, err := hlspull.Variant(a); err != nil && ingest.CodeOf(err) == ingest.CodeInternal {
			t.Errorf("an error that says nothing: %v", err)
		}
	})
}

func FuzzDemux(f *testing.F) {
	f.Add([]byte(nil), read(f, "testdata/h264.ts"))
	f.Add(read(f, "testdata/h264-init.mp4"), read(f, "testdata/h264.m4s"))
	f.Fuzz(func(t *testing.T, sets, data []byte) {
		if len(sets) == 0 {
			sets = nil
		}
		defer func() {
			if p := recover(); p != nil { // the libraries'; a session survives it
				t.Logf("panicked: %v", p)
			}
		}()
		if _, err := hlspull.Demux(sets, data); err != nil && ingest.CodeOf(err) == ingest.CodeInternal {
			t.Errorf("an error that says nothing: %v", err)
		}
	})
}
