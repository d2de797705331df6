package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/packager/packagertest"
)

// picture and tone are what every encoder here is fed with.
var (
	picture = []string{"-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-f", "lavfi", "-i", "sine=sample_rate=48000"}
	coded   = []string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "aac"}
)

func encode(t *testing.T, target ...string) *ingesttest.Encoder {
	t.Helper()
	args := append(append([]string{}, picture...), coded...)
	return ingesttest.Start(t, append(args, target...)...)
}

// station is a running server and a producer's token for it.
type station struct {
	web, text, token string
}

// onAir starts a server with a configuration file.
func onAir(t *testing.T, config string) *station {
	t.Helper()
	e := quiet(t)
	file := writeFile(t, config)
	text, stop := announced(t, e, "serve", "--config", file)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stopped with %v", err)
		}
	})
	token, err := command(t, e, "token", "producer", "--config", file)
	if err != nil {
		t.Fatal(err)
	}
	return &station{web: webAddress.FindString(text), text: text, token: strings.TrimSpace(token)}
}

// address is where the server listens for a protocol, as it announced it.
func (s *station) address(t *testing.T, protocol string) string {
	t.Helper()
	found := regexp.MustCompile(protocol + `://(127\.0\.0\.1:\d+)`).FindStringSubmatch(s.text)
	if found == nil {
		t.Fatalf("no %s in %s", protocol, s.text)
	}
	return found[1]
}

// get returns a file, nil if there is none.
func (s *station) get(t *testing.T, path string) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.web+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil
	}
	return body
}

func (s *station) health(t *testing.T, channel string) wire.Health {
	t.Helper()
	var h wire.Health
	if err := json.Unmarshal(s.get(t, "/api/v1/channels/"+channel), &h); err != nil {
		t.Fatal(err)
	}
	return h
}

// until asks again and again until good says yes.
func until[T any](t *testing.T, what string, ask func() T, good func(T) bool) T {
	t.Helper()
	deadline := time.After(40 * time.Second)
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		got := ask()
		if good(got) {
			return got
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("%s: still %+v", what, got)
		}
	}
}

func (s *station) live(t *testing.T, channel string) wire.Health {
	t.Helper()
	return until(t, channel+" live", func() wire.Health { return s.health(t, channel) }, func(h wire.Health) bool { return h.Live })
}

// certificate makes one that nobody has signed.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	public, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: public}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestRTMPS(t *testing.T) {
	cert, key := certificate(t)
	s := onAir(t, fmt.Sprintf("rtmps: 127.0.0.1:0\ntls: {cert: %s, key: %s}\nchannels: {show: {key: tumbleweed-37}}\n", cert, key))
	encode(t, "-f", "flv", "rtmps://"+s.address(t, "rtmps")+"/live/show:tumbleweed-37")
	if h := s.live(t, "show"); h.Protocol != "RTMPS" || h.Encryption != "TLS" {
		t.Errorf("health %+v", h)
	}
}

func TestRTMPSNeedsACertificate(t *testing.T) {
	_, err := command(t, quiet(t), "serve", "--rtmps", "127.0.0.1:0")
	if err == nil || !strings.Contains(err.Error(), "tls.cert") {
		t.Errorf("err = %v", err)
	}
}

func TestPassphrase(t *testing.T) {
	s := onAir(t, "channels: {show: {open: true, passphrase: correct-horse-battery}}\n")
	target := "srt://" + s.address(t, "srt") + "?streamid=publish:show&pkt_size=1316"
	if code, _ := encode(t, "-f", "mpegts", target).Wait(t); code == 0 {
		t.Error("without a passphrase: ffmpeg ended as if all were well")
	}
	encode(t, "-f", "mpegts", target+"&passphrase=correct-horse-battery&pbkeylen=32")
	h := until(t, "a round trip", func() wire.Health { return s.health(t, "show") }, func(h wire.Health) bool { return h.RTT != nil })
	if !h.Live || h.Encryption != "AES-256" || h.LinkLatency == 0 {
		t.Errorf("health %+v", h)
	}
}

// TestLadder: three qualities of one picture, cut together.
func TestLadder(t *testing.T) {
	s := onAir(t, `channels:
  show:
    open: true
    renditions: [{height: 120, bitrate: 200k}, {height: 90, bitrate: 100k}, {height: 720, bitrate: 3M}]
`)
	encode(t, "-f", "flv", "rtmp://"+s.address(t, "rtmp")+"/live/show")
	index := func() string { return string(s.get(t, "/hls/show/index.m3u8")) }
	text := until(t, "three qualities", index, func(text string) bool { return strings.Count(text, "#EXT-X-STREAM-INF") == 3 })
	for _, size := range []string{"RESOLUTION=320x180", "x120", "x90"} {
		if !strings.Contains(text, size) {
			t.Errorf("no %s in\n%s", size, text)
		}
	}
	qualities := []string{"video", "video2", "video3"}
	for _, name := range qualities {
		playlist := func() string { return string(s.get(t, "/hls/show/"+name+".m3u8")) }
		until(t, "whole segments of "+name, playlist, func(text string) bool { return strings.Count(text, "#EXTINF") >= 4 })
	}
	still := s.moment(t, "show", append(qualities, "audio"))
	var judges []*packagertest.Judge
	for _, name := range qualities {
		j := packagertest.NewJudge(t, func(file string) []byte {
			if text, ok := still[file]; ok {
				return text
			}
			return s.get(t, "/hls/show/"+file)
		})
		j.Read(string(still[name+".m3u8"]), string(still[name+deltaQuery]))
		judges = append(judges, j)
	}
	packagertest.Together(t, judges...)
	h := s.health(t, "show")
	if h.Ladder == nil || h.Ladder.State != "running" || h.Ladder.Restarts != 0 || len(h.Renditions) != 4 {
		t.Errorf("health: ladder %+v, renditions %+v", h.Ladder, h.Renditions)
	}
}

const deltaQuery = ".m3u8?_HLS_skip=YES"

// moment reads the playlists of some renditions, full and delta, all of one
// moment: the channel goes on while they are read, and what one says of another
// can only be judged if nothing was published in between.
func (s *station) moment(t *testing.T, channel string, renditions []string) map[string][]byte {
	t.Helper()
	read := func() map[string][]byte {
		files := map[string][]byte{}
		for _, name := range renditions {
			for _, file := range []string{name + ".m3u8", name + deltaQuery} {
				files[file] = s.get(t, "/hls/"+channel+"/"+file)
			}
		}
		return files
	}
	was := read()
	return until(t, "a moment without a new part", read, func(now map[string][]byte) bool {
		same := maps.EqualFunc(was, now, bytes.Equal)
		was = now
		return same
	})
}

func TestLadderWithoutFFmpeg(t *testing.T) {
	s := onAir(t, "ffmpeg: /nowhere/ffmpeg\nchannels: {show: {open: true, renditions: [{height: 90, bitrate: 100k}]}}\n")
	encode(t, "-f", "flv", "rtmp://"+s.address(t, "rtmp")+"/live/show")
	h := s.live(t, "show")
	if h.Ladder == nil || h.Ladder.State != "missing" || !strings.Contains(h.Ladder.Error, "/nowhere/ffmpeg was not found: install") {
		t.Errorf("ladder %+v", h.Ladder)
	}
}

var dated = regexp.MustCompile(`#EXT-X-PROGRAM-DATE-TIME:(\S+)`)

// TestPull: a channel that takes its stream from another one keeps its dates,
// and comes back when the source does.
func TestPull(t *testing.T) {
	origin := onAir(t, "channels: {show: {open: true}}\n")
	copied := onAir(t, fmt.Sprintf("channels: {copy: {latency: 8s, source: %s/hls/show/index.m3u8}}\n", origin.web))
	until(t, "a word about the source", func() wire.Health { return copied.health(t, "copy") }, func(h wire.Health) bool {
		return len(h.Advice) > 0 && strings.Contains(h.Advice[0], "404")
	})
	encoder := encode(t, "-f", "flv", "rtmp://"+origin.address(t, "rtmp")+"/live/show")
	if h := copied.live(t, "copy"); h.Protocol != "HLS" {
		t.Errorf("health %+v", h)
	}
	checkDates(t, origin, copied)
	encoder.Stop(t)
	until(t, "the end of the source", func() wire.Health { return copied.health(t, "copy") }, func(h wire.Health) bool { return !h.Live })
	encode(t, "-f", "flv", "rtmp://"+origin.address(t, "rtmp")+"/live/show")
	copied.live(t, "copy")
}

// checkDates compares the dates that both give to the same pictures. The copy
// cuts where the source does, at its key frames, so its segments' dates are
// among the source's.
func checkDates(t *testing.T, origin, copied *station) {
	t.Helper()
	times := func(s *station, path string) []time.Time {
		var out []time.Time
		for _, m := range dated.FindAllStringSubmatch(string(s.get(t, path)), -1) {
			at, err := time.Parse(time.RFC3339Nano, m[1])
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, at)
		}
		return out
	}
	ours := until(t, "segments of the copy", func() []time.Time { return times(copied, "/hls/copy/video.m3u8") },
		func(all []time.Time) bool { return len(all) >= 3 })
	theirs := times(origin, "/hls/show/video.m3u8")
	for _, at := range ours {
		nearest := time.Hour
		for _, other := range theirs {
			nearest = min(nearest, at.Sub(other).Abs()%time.Second) // key frames are a second apart
			nearest = min(nearest, time.Second-at.Sub(other).Abs()%time.Second)
		}
		if nearest > 25*time.Millisecond {
			t.Errorf("IG91 %v of the copy is %v from any key frame of the source %v", at, nearest, theirs)
		}
	}
}
