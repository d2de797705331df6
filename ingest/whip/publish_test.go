package whip_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/whip"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// Sources of ffmpeg: a small picture and a tone.
var (
	picture = []string{"-re", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25"}
	tone    = []string{"-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"}
	x264    = []string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline", "-g", "25", "-pix_fmt", "yuv420p"}
	x265    = []string{"-c:v", "libx265", "-preset", "ultrafast", "-tune", "zerolatency", "-x265-params", "log-level=none:keyint=25", "-pix_fmt", "yuv420p"}
	opus    = []string{"-c:a", "libopus", "-b:a", "64k", "-ac", "2"}
)

func join(parts ...[]string) (all []string) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func mustPublish(t *testing.T, c *client) {
	t.Helper()
	if !c.publish() {
		t.Fatalf("status %d: %s", c.status, c.body)
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{ICEServers: []whip.ICEServer{{URL: "turn:127.0.0.1:9", Username: "ann", Credential: "pass"}}})
	c := newClient(t, r.endpoint("show"), key, h264Format, opusFormat)
	mustPublish(t, c)
	if !strings.HasPrefix(c.header.Get("Location"), "/whip/show/") || c.header.Get("ETag") == "" ||
		c.header.Get("Content-Type") != "application/sdp" || c.header.Get("Accept-Patch") != "application/trickle-ice-sdpfrag" {
		t.Errorf("IG80 header = %v", c.header)
	}
	if want := `<turn:127.0.0.1:9>; rel="ice-server"; username="ann"; credential="pass"; credential-type="password"`; c.header.Get("Link") != want {
		t.Errorf("IG80 Link = %s", c.header.Get("Link"))
	}
	if !strings.Contains(c.body, "x-google-start-bitrate=1500") || !strings.Contains(c.body, "stereo=1") {
		t.Errorf("IG80 answer = %s", c.body)
	}
	c.feed(join(picture, tone, x264, opus))
	h := r.Await(t, "media", flowing(50, 80))
	checkTimes(t, h)
	info := h.Begins[0]
	if link := info.Stats().Link; link.Encryption != "DTLS-SRTP" || link.Encoder != "OBS-Studio/32.1.0" || link.RTT <= 0 || link.RTT > time.Second || link.Loss != 0 {
		t.Errorf("IG46 link = %+v", link)
	}
}

// checkTimes checks what holds for every stream whose sender's clock is ours.
func checkTimes(t *testing.T, h ingesttest.Heard) {
	t.Helper()
	checkTimesWithin(t, h, time.Second, 3*time.Second)
}

// checkTimesWithin is the same where picture and sound may begin so far apart, and
// arrive so late.
func checkTimesWithin(t *testing.T, h ingesttest.Heard, together, latest time.Duration) {
	t.Helper()
	video, audio := h.Of(media.Video), h.Of(media.Audio)
	if !video[0].Key {
		t.Error("IG14 video does not begin with a key frame")
	}
	if apart := (video[0].DTS - audio[0].DTS).Duration(); apart.Abs() > together {
		t.Errorf("IG31 picture and sound begin %v apart", apart)
	}
	captured := 0
	for _, o := range h.Observations {
		if o.Capture.IsZero() {
			continue
		}
		captured++
		if late := o.Arrival.Sub(o.Capture); late < -time.Second || late > latest {
			t.Fatalf("IG83 captured at %v, arrived at %v", o.Capture, o.Arrival)
		}
	}
	if captured < len(h.Observations)/4 {
		t.Errorf("IG83 %d of %d observations have a capture time", captured, len(h.Observations))
	}
}

func TestHEVC(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	c := newClient(t, r.endpoint("show"), "show:"+key, hevcFormat)
	mustPublish(t, c)
	c.feed(join(picture, x265))
	h := r.Await(t, "IG82 HEVC", flowing(30, 0))
	codec, ok := h.Tracks[0].Codec.(*media.HEVC)
	if !ok || len(codec.VPS) == 0 || !ingest.IsKey(codec, h.Of(media.Video)[0].Units) {
		t.Errorf("IG82 tracks = %+v", h.Tracks)
	}
}

func TestSimulcast(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{KeyFrameEvery: time.Second})
	c := newLayered(t, r.endpoint("show"), key)
	mustPublish(t, c)
	c.feedLayers("320x180", "160x90")
	h := r.Await(t, "IG45 both layers", func(h ingesttest.Heard) bool {
		return len(h.Tracks) == 3 && len(of(h, h.Tracks[0].ID)) > 30 && len(of(h, h.Tracks[1].ID)) > 30 && len(h.Of(media.Audio)) > 10
	})
	large, small := sizeOf(t, h.Tracks[0]), sizeOf(t, h.Tracks[1])
	if large != "320x180" || small != "160x90" {
		t.Errorf("IG45 layers are %s and %s, best first", large, small)
	}
	same := make(map[clock.Ticks]bool)
	for _, f := range of(h, h.Tracks[0].ID) {
		same[f.PTS] = true
	}
	shared := 0
	for _, f := range of(h, h.Tracks[1].ID) {
		if same[f.PTS] {
			shared++
		}
	}
	if shared < 25 {
		t.Errorf("IG31 only %d pictures of both layers have one time", shared)
	}
}

func of(h ingesttest.Heard, track int) (frames []media.Frame) {
	for _, f := range h.Frames {
		if f.Track == track {
			frames = append(frames, f)
		}
	}
	return frames
}

func sizeOf(t *testing.T, track media.Track) string {
	t.Helper()
	width, height := ingest.PictureSize(track)
	return fmt.Sprintf("%dx%d", width, height)
}

func TestLateLayer(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	c := newLayered(t, r.endpoint("show"), key)
	mustPublish(t, c)
	all := c.tracks
	c.tracks = []*webrtc.TrackLocalStaticRTP{all[1], all[2]}
	c.feed(join(picture, tone, x264, opus))
	h := r.Await(t, "the small layer", flowing(10, 10))
	if len(h.Tracks) != 2 {
		t.Fatalf("IG86 %d tracks at begin, want 2", len(h.Tracks))
	}
	c.tracks = all[:1]
	c.feed(join([]string{"-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"}, x264))
	h = r.Await(t, "the large layer", func(h ingesttest.Heard) bool { return len(h.Tracks) == 3 && len(of(h, h.Tracks[0].ID)) > 10 })
	if len(h.Changes) != 1 || sizeOf(t, h.Tracks[0]) != "320x180" {
		t.Errorf("IG86 %d changes, first track %s", len(h.Changes), sizeOf(t, h.Tracks[0]))
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	c := newClient(t, r.endpoint("show"), key, h264Format)
	mustPublish(t, c)
	c.feed(join(picture, x264))
	r.Await(t, "media", flowing(5, 0))
	c.do(http.MethodDelete, c.location, "", "", nil)
	if c.status != http.StatusOK {
		t.Fatalf("IG81 status %d: %s", c.status, c.body)
	}
	if h := r.Heard(); len(h.Ends) != 1 || h.Ends[0] != nil {
		t.Errorf("IG81 ends = %v when DELETE was answered", h.Ends)
	}
	c.await("end of the connection", c.closed)
	c.do(http.MethodDelete, c.location, "", "", nil)
	if c.status != http.StatusNotFound {
		t.Errorf("IG81 second DELETE: status %d", c.status)
	}
}

func TestGoodbye(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	c := newClient(t, r.endpoint("show"), key, h264Format)
	mustPublish(t, c)
	c.feed(join(picture, x264))
	r.Await(t, "media", flowing(5, 0))
	begun := time.Now()
	c.must(c.pc.Close())
	r.Await(t, "end", ended(1))
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("IG85 a publisher that closed its connection was noticed after %v", took)
	}
}

func TestTakeover(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	first := newClient(t, r.endpoint("solo"), "solo-"+key, h264Format)
	mustPublish(t, first)
	first.feed(join(picture, x264))
	r.solo.Await(t, "media", flowing(5, 0))
	second := newClient(t, r.endpoint("solo"), "solo-"+key, h264Format)
	mustPublish(t, second)
	second.feed(join(picture, x264))
	h := r.solo.Await(t, "the second's media", func(h ingesttest.Heard) bool { return len(h.Begins) == 2 && flowing(5, 0)(h) })
	if ingest.CodeOf(h.Ends[0]) != ingest.CodeReplaced {
		t.Errorf("IG40 the first ended with %v", h.Ends[0])
	}
	first.await("end of the first connection", first.closed)
}

// TestUnreachable posts an offer and never answers a check.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	c := newClient(t, r.endpoint("show"), key, h264Format)
	offer := c.offer()
	c.crash()
	c.post(offer)
	if c.status != http.StatusCreated {
		t.Fatalf("status %d: %s", c.status, c.body)
	}
	r.log.await(t, "publisher refused")
	if got := r.registry.Counters().Refused[ingest.CodeTimeout]; got != 1 || !strings.Contains(r.log.String(), "UDP port") {
		t.Errorf("IG22 refused %v", r.registry.Counters().Refused)
	}
}

// TestLossyWay loses each 20th packet, which is sent again in time.
func TestLossyWay(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	c := newClient(t, r.endpoint("show"), key, h264Format, opusFormat)
	c.lose.Store(20)
	mustPublish(t, c)
	c.feed(join(picture, tone, x264, opus))
	h := r.Await(t, "media", flowing(100, 100))
	video := h.Of(media.Video)
	if steps := (video[len(video)-1].DTS - video[0].DTS) / 3600; int(steps) != len(video)-1 {
		t.Errorf("IG86 %d pictures in the time of %d", len(video)-1, steps)
	}
	link := h.Begins[0].Stats().Link
	if link.Retransmitted == 0 || link.Lost < link.Retransmitted || link.Loss <= 0 || link.Loss > 0.5 {
		t.Errorf("IG46 link = %+v", link)
	}
	t.Logf("%+v", link)
}

// TestNoMedia connects and sends nothing.
func TestNoMedia(t *testing.T) {
	t.Parallel()
	r := startWith(t, whip.Config{}, ingest.Config{Handshake: time.Second})
	c := newClient(t, r.endpoint("show"), key, h264Format)
	mustPublish(t, c)
	c.await("end of the connection", c.closed)
	if got := r.registry.Counters().Refused[ingest.CodeTimeout]; got != 1 {
		t.Errorf("IG22 refused %v", r.registry.Counters().Refused)
	}
}

// fragile is an Output in whose Write something is wrong.
type fragile struct{ *ingesttest.Recorder }

func (f fragile) Write(media.Frame) error { panic("out of order") }

func TestPanic(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{})
	good := newClient(t, r.endpoint("show"), key, h264Format)
	mustPublish(t, good)
	good.feed(join(picture, x264))
	before := r.Await(t, "media", flowing(5, 0))
	bad := newClient(t, r.endpoint("fragile"), "fragile-"+key, h264Format)
	mustPublish(t, bad)
	bad.feed(join(picture, x264))
	r.log.await(t, "session panicked")
	bad.await("end of the connection", bad.closed)
	r.Await(t, "further media of the other", flowing(len(before.Of(media.Video))+10, 0))
	r.panics = true
}
