package main

import "testing"

const listing = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:41\n" +
	"#EXTINF:2.00000,\ns41.mp4\n" +
	"#EXT-X-PART:DURATION=1,URI=\"a.mp4\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=1,URI=\"b.mp4\"\n" +
	"#EXTINF:2.00000,\ns42.mp4\n"

func TestTipOf(t *testing.T) {
	for _, tc := range []struct {
		name, playlist string
		want           tip
	}{
		{"a segment just closed", listing,
			tip{position{42, 1}, position{43, 0}, "b.mp4"}},
		{"inside a segment", listing + "#EXT-X-PART:URI=\"c.mp4\",DURATION=1\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"d.mp4\"\n",
			tip{position{43, 0}, position{43, 1}, "c.mp4"}},
		{"no segment closed yet", "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PART:DURATION=1,URI=\"a.mp4\"\n",
			tip{position{0, 0}, position{0, 1}, "a.mp4"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tipOf([]byte(tc.playlist))
			if err != nil || got != tc.want {
				t.Errorf("tip = %+v, %v; want %+v", got, err, tc.want)
			}
		})
	}
	for name, bad := range map[string]string{
		"nothing":            "",
		"no part":            "#EXT-X-MEDIA-SEQUENCE:41\n#EXTINF:2,\ns41.mp4\n",
		"no sequence number": "#EXT-X-PART:DURATION=1,URI=\"a.mp4\"\n",
		"a bad number":       "#EXT-X-MEDIA-SEQUENCE:x\n#EXT-X-PART:DURATION=1,URI=\"a.mp4\"\n",
	} {
		if got, err := tipOf([]byte(bad)); err == nil {
			t.Errorf("%s: tip = %+v, want an error", name, got)
		}
	}
}

func TestTipOfADeltaUpdate(t *testing.T) {
	const delta = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:41\n#EXT-X-SKIP:SKIPPED-SEGMENTS=12,RECENTLY-REMOVED-DATERANGES=\"\"\n" +
		"#EXTINF:2.00000,\ns53.mp4\n#EXT-X-PART:DURATION=1,URI=\"a.mp4\",INDEPENDENT=YES\n"
	got, err := tipOf([]byte(delta))
	if want := (tip{position{54, 0}, position{54, 1}, "a.mp4"}); err != nil || got != want {
		t.Errorf("tip = %+v, %v; want %+v", got, err, want)
	}
	if got, err := tipOf([]byte("#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-SKIP:\n#EXT-X-PART:URI=\"a.mp4\"\n")); err == nil {
		t.Errorf("tip = %+v, want an error", got)
	}
}
