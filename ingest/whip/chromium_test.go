package whip_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/whip"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// browserPatience is how long a browser may take to begin: it is large, and
// shares the machine.
const browserPatience = 60 * time.Second

// page publishes a made-up camera and microphone, and reports what happens.
const page = `<!doctype html><meta charset="utf-8"><title>publish</title><script type="module">
const query = new URLSearchParams(location.search);
const report = (what) => fetch("/report", { method: "POST", body: JSON.stringify(what) });
try {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 360, frameRate: 30 } });
  const pc = new RTCPeerConnection();
  const [sound, picture] = [stream.getAudioTracks()[0], stream.getVideoTracks()[0]];
  const encodings = query.has("layers")
    ? [{ rid: "l", scaleResolutionDownBy: 2, maxBitrate: 200e3 }, { rid: "h", maxBitrate: 800e3 }] : [{}];
  pc.addTransceiver(sound, { direction: "sendonly", streams: [stream] });
  const sender = pc.addTransceiver(picture, { direction: "sendonly", streams: [stream], sendEncodings: encodings });
  const all = RTCRtpSender.getCapabilities("video").codecs;
  const wanted = all.filter((c) => c.mimeType === query.get("codec") || c.mimeType === "video/rtx");
  sender.setCodecPreferences(wanted);
  for (const t of pc.getTransceivers()) {
    const extensions = t.getHeaderExtensionsToNegotiate?.();
    if (!extensions) continue;
    for (const e of extensions) if (e.uri.endsWith("/abs-capture-time")) e.direction = "sendrecv";
    t.setHeaderExtensionsToNegotiate(extensions);
  }
  pc.onconnectionstatechange = () => report({ state: pc.connectionState });
  // Candidates come from now on, however long the answer takes: they wait for it.
  const trickle = Promise.withResolvers();
  pc.onicecandidate = async ({ candidate: c }) => (await trickle.promise)(c?.candidate ? "a=mid:" + c.sdpMid + "\r\na=" + c.candidate + "\r\n" : "a=end-of-candidates\r\n");
  await pc.setLocalDescription();
  const authorization = "Bearer " + query.get("token");
  const target = query.get("target");
  const response = await fetch(target, {
    method: "POST", body: pc.localDescription.sdp, headers: { "Content-Type": "application/sdp", Authorization: authorization },
  });
  const answer = await response.text();
  await report({ status: response.status, codecs: [...new Set(all.map((c) => c.mimeType))], offer: pc.localDescription.sdp, answer });
  const resource = new URL(response.headers.get("Location"), target), etag = response.headers.get("ETag");
  await pc.setRemoteDescription({ type: "answer", sdp: answer });
  trickle.resolve(async (text) => {
    const r = await fetch(resource, {
      method: "PATCH", body: text,
      headers: { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": etag, Authorization: authorization },
    });
    await report({ patch: r.status, fragment: text });
  });
} catch (error) {
  await report({ error: String(error) });
}
</script>`

// browser is a headless Chromium that publishes.
type browser struct {
	reports chan map[string]any
}

func browse(t *testing.T, target, query string) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("WHIP is tested with a real browser: install Chromium (apt-get install chromium): %v", err)
	}
	b := &browser{reports: make(chan map[string]any, 100)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, page)
	})
	mux.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		var report map[string]any
		if json.NewDecoder(r.Body).Decode(&report) == nil {
			b.reports <- report
		}
	})
	url := fmt.Sprintf("%s/?target=%s&%s", strings.Replace(web(t, mux), "127.0.0.1", "localhost", 1), target, query)
	log, err := os.Create(filepath.Join(t.TempDir(), "chromium.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
		"--disable-extensions", "--no-first-run", "--mute-audio", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
		"--allow-loopback-in-peer-connection", "--user-data-dir="+profile(t), url)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // and its children
		_ = cmd.Wait()
		_ = log.Close()
	})
	return b
}

// profile is a folder that outlives the browser's children, which still write
// into it when they are killed.
func profile(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // runs after the browser has been killed
	return dir
}

// await returns the first report with a key.
func (b *browser) await(t *testing.T, key string) map[string]any {
	t.Helper()
	late := time.After(browserPatience)
	for {
		select {
		case r := <-b.reports:
			if r["error"] != nil {
				t.Fatalf("the page failed: %v", r["error"])
			}
			if r[key] != nil {
				return r
			}
		case <-late:
			t.Fatalf("the browser reports no %s within %v", key, browserPatience)
		}
	}
}

func TestBrowser(t *testing.T) {
	for _, codec := range []string{"H264", "AV1"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			testBrowser(t, codec)
		})
	}
}

func testBrowser(t *testing.T, codec string) {
	r := start(t, whip.Config{UDPAddr: ":0", KeyFrameEvery: time.Second})
	b := browse(t, r.endpoint("show"), "codec=video/"+codec+"&token="+key)
	posted := b.await(t, "status")
	if posted["status"] != float64(http.StatusCreated) {
		t.Fatalf("IG80 status %v: %v", posted["status"], posted["answer"])
	}
	if answer := fmt.Sprint(posted["answer"]); !strings.Contains(answer, "abs-capture-time") {
		t.Errorf("IG83 the answer does not ask for capture times: %s", answer)
	}
	if patched := b.await(t, "patch"); patched["patch"] != float64(http.StatusNoContent) {
		t.Errorf("IG81 trickled %v: %v", patched["fragment"], patched["patch"])
	}
	flows := flowing(60, 150)
	h := r.Await(t, "IG82 a browser's picture and sound, key frames as asked", func(h ingesttest.Heard) bool { return flows(h) && askedKeys(h) })
	if got := strings.ReplaceAll(h.Tracks[0].Codec.Name(), ".", ""); got != codec || h.Tracks[1].Codec.Name() != "Opus" {
		t.Errorf("IG82 %s and %s", got, h.Tracks[1].Codec.Name())
	}
	checkTimesWithin(t, h, 5*time.Second, 30*time.Second) // a browser shares the machine
	checkBrowser(t, h)
	st := h.Begins[0].Stats()
	t.Logf("link %+v, tracks %+v, sound %v behind", st.Link, st.Tracks, st.AVOffset)
	if !strings.Contains(st.Link.Encoder, "Chrome/") {
		t.Errorf("IG46 encoder %q", st.Link.Encoder)
	}
}

func TestBrowserLayers(t *testing.T) {
	t.Parallel()
	r := start(t, whip.Config{UDPAddr: ":0", KeyFrameEvery: time.Second})
	b := browse(t, r.endpoint("show"), "layers&codec=video/H264&token="+key)
	posted := b.await(t, "status")
	if posted["status"] != float64(http.StatusCreated) {
		t.Fatalf("IG80 status %v: %v", posted["status"], posted["answer"])
	}
	h := r.Await(t, "IG45 a browser's layers", func(h ingesttest.Heard) bool {
		return len(h.Tracks) == 3 && len(of(h, h.Tracks[0].ID)) > 60 && len(of(h, h.Tracks[1].ID)) > 60
	})
	checkTimesWithin(t, h, 5*time.Second, 30*time.Second) // a browser shares the machine
	if large, small := sizeOf(t, h.Tracks[0]), sizeOf(t, h.Tracks[1]); large != "640x360" || small != "320x180" {
		t.Errorf("IG45 layers are %s and %s", large, small)
	}
	keys := make(map[clock.Ticks]int)
	for _, track := range h.Tracks[:2] {
		for _, f := range of(h, track.ID) {
			if f.Key {
				keys[f.PTS]++
			}
		}
	}
	t.Logf("key frames %v, changes %d", keys, len(h.Changes))
}

// askedKeys says that the browser was asked for key frames, and sent them: the
// first one every publisher begins with.
func askedKeys(h ingesttest.Heard) bool {
	keys := 0
	for _, f := range h.Of(media.Video) {
		if f.Key {
			keys++
		}
	}
	return keys >= 3
}

// checkBrowser checks the rhythm of pictures, key frames and sound. How soon a
// browser encodes what it was asked for depends on the machine, and is told.
func checkBrowser(t *testing.T, h ingesttest.Heard) {
	t.Helper()
	video, audio := h.Of(media.Video), h.Of(media.Audio)
	span := (video[len(video)-1].DTS - video[0].DTS).Duration()
	var gaps []time.Duration
	var last time.Duration
	for i, f := range video {
		at := (f.DTS - video[0].DTS).Duration()
		if i > 0 && f.DTS <= video[i-1].DTS {
			t.Errorf("IG14 picture %d at %v does not follow the one before", i, at)
		}
		if f.Key && i > 0 {
			gaps, last = append(gaps, (at-last).Round(10*time.Millisecond)), at
		}
	}
	t.Logf("%.1f pictures a second, key frames after %v", float64(len(video)-1)/span.Seconds(), gaps)
	if rate := float64(len(video)-1) / span.Seconds(); rate > 33 {
		t.Errorf("%.1f pictures a second of a camera with 30", rate)
	}
	var steps []time.Duration
	for i := 1; i < len(audio); i++ {
		steps = append(steps, (audio[i].DTS - audio[i-1].DTS).Duration())
	}
	slices.Sort(steps)
	if short, usual := steps[0], steps[len(steps)/2]; short < 15*time.Millisecond || usual > 25*time.Millisecond {
		t.Errorf("steps of the sound are %v and more, most %v, want 20ms", short, usual)
	}
	if size := sizeOf(t, h.Tracks[0]); size != "640x360" {
		t.Errorf("IG80 a browser begins with %s", size)
	}
}
