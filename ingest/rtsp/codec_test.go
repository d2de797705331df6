package rtsp_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/rtsp"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// encoding returns ffmpeg's inputs and codings of a small picture with a tone.
func encoding(codings ...string) []string {
	return append([]string{"-re", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25", "-re", "-f", "lavfi", "-i", "sine=sample_rate=48000"}, codings...)
}

func flowing(video, audio int) func(ingesttest.Heard) bool {
	return func(h ingesttest.Heard) bool {
		return len(h.Of(media.Video)) >= video && len(h.Of(media.Audio)) >= audio
	}
}

// checkPictures is what must hold for the pictures of any codec.
func checkPictures(t *testing.T, frames []media.Frame, codec media.Codec) {
	t.Helper()
	if !frames[0].Key || !ingest.IsKey(codec, frames[0].Units) {
		t.Error("IG14 video does not begin with a key frame")
	}
	for i, f := range frames[1:] {
		if f.DTS <= frames[i].DTS || f.PTS < f.DTS {
			t.Errorf("IG15 frame %d: DTS %d after %d, PTS %d", i+1, f.DTS, frames[i].DTS, f.PTS)
		}
	}
	shown := make([]clock.Ticks, len(frames))
	for i, f := range frames {
		shown[i] = f.PTS
	}
	slices.Sort(shown)
	settled := shown[:len(shown)-8] // those after them may still wait for others
	for i, pts := range settled[1:] {
		if step := pts - settled[i]; step < 3590 || step > 3610 {
			t.Errorf("IG8 picture %d is shown %v after the one before", i+1, step.Duration())
		}
	}
}

func TestCodecs(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		for _, tc := range []struct {
			name         string
			codings      []string
			video, audio media.Codec
		}{
			{"IG5 HEVC and Opus", []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=25:bframes=0", "-c:a", "libopus"}, new(media.HEVC), new(media.Opus)},
			{"IG8 HEVC with B-frames", []string{"-c:v", "libx265", "-preset", "fast", "-x265-params", "log-level=none:keyint=25:bframes=3:pools=1", "-c:a", "aac"}, new(media.HEVC), new(media.AAC)},
			{"IG8 H.264 with a pyramid of B-frames", []string{"-c:v", "libx264", "-preset", "fast", "-g", "25", "-bf", "3", "-b_strategy", "0", "-pix_fmt", "yuv420p", "-c:a", "aac", "-rtpflags", "latm"}, new(media.H264), new(media.AAC)},
		} {
			t.Run(tc.name+" over "+transport, func(t *testing.T) {
				out := ingesttest.NewRecorder()
				p := open(t, ingest.Config{}, map[string]ingest.Output{"show": out})
				ingesttest.Start(t, append(encoding(tc.codings...), over(transport, "rtsp://"+p.addr+"/show")...)...)
				h := out.Await(t, "media", flowing(60, 60))
				for _, track := range h.Tracks {
					if name := track.Codec.Name(); name != tc.video.Name() && name != tc.audio.Name() {
						t.Errorf("a track of %s", name)
					}
				}
				checkPictures(t, h.Of(media.Video), tc.video)
				checkCaptures(t, h)
			})
		}
	}
}

// checkCaptures looks at what ffmpeg's reports say: it works on this machine
// and stamps what it sends with the time of sending.
func checkCaptures(t *testing.T, h ingesttest.Heard) {
	t.Helper()
	told := 0
	for _, o := range h.Observations {
		if o.Capture.IsZero() {
			continue
		}
		told++
		if late := o.Arrival.Sub(o.Capture); late < -time.Second || late > 2*time.Second {
			t.Errorf("IG70 captured %v before it arrived", late)
		}
	}
	if told < len(h.Observations)/2 {
		t.Errorf("IG70 %d of %d observations have a capture time", told, len(h.Observations))
	}
}

// temporalUnits encodes n pictures as AV1.
func temporalUnits(t *testing.T, n string) [][]byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pictures.ivf")
	e := ingesttest.Start(t, "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25", "-frames:v", n, "-c:v", "libaom-av1", "-cpu-used", "8",
		"-usage", "realtime", "-g", "10", "-lag-in-frames", "0", path)
	if code, output := e.Wait(t); code != 0 {
		t.Fatalf("ffmpeg cannot encode AV1: %s", output)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var units [][]byte
	for b = b[32:]; len(b) > 12; { // after the file's header, each with a header of 12 bytes
		size := 12 + binary.LittleEndian.Uint32(b)
		units = append(units, b[12:size])
		b = b[size:]
	}
	return units
}

func TestAV1(t *testing.T) {
	units := temporalUnits(t, "30")
	for _, transport := range []gortsplib.Protocol{gortsplib.ProtocolTCP, gortsplib.ProtocolUDP} {
		t.Run("IG5 AV1 over "+transport.String(), func(t *testing.T) {
			out := ingesttest.NewRecorder()
			p := open(t, ingest.Config{}, map[string]ingest.Output{"show": out})
			f := &format.AV1{PayloadTyp: 96}
			pub := p.publishFormat(t, "show", transport, f)
			encoder, err := f.CreateEncoder()
			if err != nil {
				t.Fatal(err)
			}
			ts := uint32(0)
			send := func(unit []byte) {
				var obus av1.Bitstream
				if err := obus.Unmarshal(unit); err != nil {
					t.Fatal(err)
				}
				packets, err := encoder.Encode(obus)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range packets {
					r.Timestamp = ts
				}
				pub.send(packets...)
				ts += 3600
			}
			await(t, "begin", func() bool { send(units[0]); return len(out.Heard().Begins) == 1 })
			for _, u := range units {
				send(u)
			}
			h := out.Await(t, "the pictures", flowing(int(ts/3600), 0))
			sequence := h.Tracks[0].Codec.(*media.AV1).SequenceHeader
			if len(sequence) == 0 || sequence[0]&2 != 0 {
				t.Errorf("sequence header = %x, want one without a size field", sequence)
			}
			frames := h.Of(media.Video)
			last := frames[len(frames)-len(units):]
			for i, f := range last {
				if key := i%10 == 0; f.Key != key || f.PTS != f.DTS {
					t.Errorf("picture %d: key %v, PTS %d, DTS %d", i, f.Key, f.PTS, f.DTS)
				}
				for _, u := range f.Units {
					if u[0]&2 != 0 || u[0]>>3 == 2 {
						t.Errorf("picture %d has an OBU that begins with %#x", i, u[0])
					}
				}
			}
		})
	}
}

func TestBareOBUs(t *testing.T) {
	got := rtsp.BareOBUs([][]byte{{0x12, 0x00}, {0x0a, 0x01, 7}, {0x36, 0x20, 0x02, 1, 2}, {0x30, 9}, {}, {0x32, 0x7f, 1}})
	want := [][]byte{{0x08, 7}, {0x34, 0x20, 1, 2}, {0x30, 9}}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("OBUs = %x, want %x", got, want)
	}
}

func TestLink(t *testing.T) {
	out := ingesttest.NewRecorder()
	p := open(t, ingest.Config{}, map[string]ingest.Output{"show": out})
	pub := p.publish(t, "show", gortsplib.ProtocolUDP)
	ts := pub.begin(out)
	stats := out.Heard().Begins[0].Stats
	if l := stats().Link; l.Loss != 0 || l.Lost != 0 || l.Encryption != "" || !strings.Contains(l.Encoder, "gortsplib") {
		t.Errorf("IG46 link = %+v", l)
	}
	await(t, "losses", func() bool {
		for range 3 {
			pub.send(pub.rtp(ts, true, 0x65, 0x88))
			ts += 90
		}
		pub.rtp(ts, true, 0x65, 0x88) // is never sent
		return stats().Link.Lost >= 80
	})
	if l := stats().Link; l.Loss < 0.1 || l.Loss > 0.4 || l.Dropped < l.Lost {
		t.Errorf("IG46 a quarter lost: %+v", l)
	}
	pub.client.Close()
	out.Await(t, "end", func(h ingesttest.Heard) bool { return len(h.Ends) == 1 })
	if l := stats().Link; l.Lost < 80 {
		t.Errorf("IG46 after the end: %+v", l)
	}
}

func TestLinkOverTCP(t *testing.T) {
	out := ingesttest.NewRecorder()
	p := open(t, ingest.Config{}, map[string]ingest.Output{"show": out})
	p.publish(t, "show", gortsplib.ProtocolTCP).begin(out)
	if l := out.Heard().Begins[0].Stats().Link; l.Loss >= 0 || l.RTT <= 0 || l.RTT > time.Second {
		t.Errorf("IG46 link = %+v, want a round trip and no loss known", l)
	}
}

// publishFormat is one track of a format from the library's own client.
func (p *port) publishFormat(t *testing.T, channel string, transport gortsplib.Protocol, f format.Format) *publish {
	t.Helper()
	m := &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{f}}
	c := &gortsplib.Client{Protocol: &transport, WriteQueueSize: 4096}
	if err := c.StartRecording("rtsp://"+p.addr+"/"+channel, &description.Session{Medias: []*description.Media{m}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &publish{t, c, m, sender{payload: f.PayloadType(), seq: 65530}}
}
