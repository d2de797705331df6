package hlstest

import (
	"encoding/binary"
	"testing"
	"time"
)

const sample = `#EXTM3U
#EXT-X-VERSION:10
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.002,CAN-SKIP-UNTIL=12.0,CAN-SKIP-DATERANGES=YES
#EXT-X-PART-INF:PART-TARGET=0.334
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-DISCONTINUITY-SEQUENCE:1
#EXT-X-SKIP:SKIPPED-SEGMENTS=3,RECENTLY-REMOVED-DATERANGES="a	b"
#EXT-X-DATERANGE:ID="c",START-DATE="2026-01-01T00:00:00.000Z",DURATION=1.5,X-A="{}"
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="i.mp4",BYTERANGE="10@0"
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z
#EXT-X-PART:DURATION=0.33333,URI="p.mp4",INDEPENDENT=YES
#EXTINF:0.33333,
s.mp4
#EXT-X-PART:DURATION=0.33333,URI="q.mp4"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="r.mp4"
#EXT-X-RENDITION-REPORT:URI="a.m3u8",LAST-MSN=10,LAST-PART=0
`

// FuzzPlaylist reads anything as a playlist and judges it.
func FuzzPlaylist(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:18446744073709551615\n#EXT-X-SKIP:SKIPPED-SEGMENTS=18446744073709551615\n#EXTINF:1e9,\nx\n"))
	f.Add([]byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n#EXT-X-MEDIA:TYPE=AUDIO\n"))
	f.Add([]byte("#EXTM3U\n#EXT-X-PART:\n#EXTINF:,\n\n#EXT-X-DATERANGE:ID=\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseMultivariant(text)
		if err == nil && len(m.Variants) == 0 {
			t.Error("a multivariant playlist without variants")
		}
		p, err := ParsePlaylist(text)
		if err != nil {
			return
		}
		if len(p.Faults) > maxFaults+10 {
			t.Errorf("%d faults", len(p.Faults))
		}
		r := &Rendition{URI: "v", URL: "http://h/v", Reloads: []Reload{{Playlist: p}, {Playlist: p}}}
		r.Deltas = []Delta{
			{Update: Reload{Playlist: p}, Full: p, Before: p},
			{Update: Reload{Playlist: p, Asked: Directives{Skip: "YES"}}, Full: p, Before: p},
			{Update: Reload{Playlist: p, Asked: Directives{Skip: "v2"}}, Full: p, Before: p},
		}
		at := p.Next()
		asked := Directives{MSN: at.MSN, Part: at.Part, HasMSN: true, HasPart: true}
		r.Reloads = append(r.Reloads, Reload{Asked: asked, Exchange: Exchange{Status: 503}}, Reload{Asked: asked, Playlist: p, Exchange: Exchange{Status: 200}})
		r.Pending = Reload{Asked: asked, Exchange: Exchange{Sent: time.Unix(1, 0), Received: time.Unix(90, 0)}}
		trial := Trial{Kind: TrialEnded, Known: p, Playlist: p, After: p, Exchange: Exchange{Status: 200}}
		c := Capture{Renditions: []*Rendition{r, r}, Multivariant: m, Trials: []Trial{trial}}
		trial.Kind = TrialReport
		c.Trials = append(c.Trials, trial)
		for _, x := range Check(c) {
			if len(x.Seen) > maxSeen {
				t.Errorf("%s lists %d findings", x.Rule, len(x.Seen))
			}
		}
	})
}

// FuzzBoxes reads anything as an init section and as media.
func FuzzBoxes(f *testing.F) {
	trun := []byte{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0}
	f.Add(wrap("moof", wrap("traf", wrap("tfhd", []byte{0, 2, 0, 0, 0, 0, 0, 1}), wrap("tfdt", make([]byte, 8)), wrap("trun", trun))))
	f.Add(wrap("moof", wrap("traf", wrap("trun", []byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}))))
	f.Add(append(wrap("ftyp", []byte("iso6\x00\x00\x00\x00iso6")), wrap("moov", wrap("trak"), wrap("mvex", wrap("trex", make([]byte, 24))))...))
	f.Add(wrap("emsg", append([]byte{1, 0, 0, 0}, make([]byte, 24)...)))
	f.Add([]byte{0, 0, 0, 1, 'm', 'o', 'o', 'f', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		in := ParseInit(b)
		in.wrong()
		m := parseMedia(b, in)
		for i := range m.Runs {
			if len(m.Runs[i].Samples) > maxSamples {
				t.Errorf("%d samples", len(m.Runs[i].Samples))
			}
		}
		for i := range in.Tracks {
			m.duration(&in.Tracks[i])
			m.shown(&in.Tracks[i])
		}
	})
}

// wrap makes a box.
func wrap(kind string, content ...[]byte) []byte {
	b := append(make([]byte, 4, 64), kind...)
	for _, c := range content {
		b = append(b, c...)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}
