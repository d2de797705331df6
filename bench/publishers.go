package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// publisherFigures are what a server spends on publishers that nobody watches.
type publisherFigures struct {
	cpu    time.Duration // in a second, of one publisher
	memory int64         // bytes, all together
	idle   int64         // bytes, before the first publisher
	busy   float64       // share of the machine that others took
}

// crowdsOfPublishers are how many publish at once.
var crowdsOfPublishers = []int{1, 10, 50}

const (
	// publisherWarmUp passes before anything is measured: segments pile up until
	// the window is full.
	publisherWarmUp = 10 * time.Second
	publisherLive   = 60 * time.Second
)

// comparePublishers measures 720p publishers by RTMP, without viewers.
func comparePublishers(ctx context.Context, s settings, w io.Writer) error {
	dir, err := os.MkdirTemp("", "cuelight-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := s.program
	if program == "" {
		if program, err = buildProduct(ctx, dir); err != nil {
			return err
		}
	}
	clip, err := encode720p(ctx, dir)
	if err != nil {
		return err
	}
	t := table{
		title: "Publishers: 720p30, 2.5 Mbit/s H.264 and AAC by RTMP, to LL-HLS, no viewers",
		ours:  "cuelight", base: "gortmplib + gohlslib " + gohlslibVersion,
	}
	var first [2]publisherFigures
	for i, n := range crowdsOfPublishers {
		ours, err := measurePublishers(ctx, s, clip, n, func() (*peer, int, error) { return startIngest(ctx, program, dir, n) })
		if err != nil {
			return fmt.Errorf("cuelight: %w", err)
		}
		base, err := measurePublishers(ctx, s, clip, n, func() (*peer, int, error) { return startBaseIngest(ctx, longPartBase) })
		if err != nil {
			return fmt.Errorf("gohlslib: %w", err)
		}
		if i == 0 {
			first = [2]publisherFigures{ours, base}
		}
		prefix := fmt.Sprintf("%d channels: ", n)
		t.addTime(prefix+"server CPU in a second, each", millis, ours.cpu, base.cpu)
		t.add(prefix+"memory on top of the idle server, each", kib, float64(ours.memory-ours.idle)/float64(n), float64(base.memory-base.idle)/float64(n))
		t.tell(prefix+"machine taken by encoders and others", share, ours.busy, base.busy)
		if i > 0 {
			cpu, memory := ours.growth(first[0], n)
			cpuBase, memoryBase := base.growth(first[1], n)
			t.tell(prefix+"CPU of one, times that of a channel alone", decimals, cpu, cpuBase)
			t.tell(prefix+"memory of one, times that of a channel alone", decimals, memory, memoryBase)
		}
	}
	t.print(w)
	return nil
}

// growth is what a channel takes among n, as against one that is alone.
func (f publisherFigures) growth(alone publisherFigures, n int) (cpu, memory float64) {
	return float64(f.cpu) / float64(alone.cpu), float64(f.memory-f.idle) / float64(n) / float64(alone.memory-alone.idle)
}

// encode720p makes the clip that every publisher sends.
func encode720p(ctx context.Context, dir string) (string, error) {
	file := filepath.Join(dir, "720p.flv")
	cmd := exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-loglevel", "error", "-y",
		"-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-t", "10", "-c:v", "libx264", "-preset", "superfast", "-g", "30", "-b:v", "2500k", "-maxrate", "2500k", "-bufsize", "2500k",
		"-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k", file)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("encode a clip with ffmpeg (make tools installs it): %w", err)
	}
	return file, nil
}

// startIngest starts the product with n open channels.
func startIngest(ctx context.Context, program, dir string, n int) (*peer, int, error) {
	port, err := freePort()
	if err != nil {
		return nil, 0, err
	}
	var config strings.Builder
	fmt.Fprintf(&config, "http: 127.0.0.1:0\nrtmp: 127.0.0.1:%d\nsrt: off\nrtsp: off\nwebrtc: off\nadmin: off\nlog_level: warn\n", port)
	fmt.Fprintf(&config, "data: %q\ningest: {per_address: 64}\nchannels:\n", filepath.Join(dir, fmt.Sprintf("data-%d", n)))
	for i := range n {
		fmt.Fprintf(&config, "  c%d: {open: true}\n", i)
	}
	file := filepath.Join(dir, "bench.yaml")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		return nil, 0, err
	}
	p, err := startPeer(ctx, "cuelight", watchPage("c0"), program, "serve", "--config", file)
	return p, port, err
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// measurePublishers lets n encoders publish the clip and measures once all are
// on the air.
func measurePublishers(ctx context.Context, s settings, clip string, n int, start func() (*peer, int, error)) (f publisherFigures, err error) {
	p, port, err := start()
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if f.idle, err = residentMemory(p.pid); err != nil {
		return f, err
	}
	ctx, stop := context.WithCancel(ctx)
	encoders, err := publish(ctx, clip, fmt.Sprintf("rtmp://127.0.0.1:%d/live", port), n)
	defer func() {
		stop()
		for _, e := range encoders {
			_ = e.Wait() // it was told to end
		}
	}()
	if err != nil {
		return f, err
	}
	for i := range n {
		if err := awaitLive(ctx, fmt.Sprintf("%s/hls/c%d/index.m3u8", p.url, i)); err != nil {
			return f, err
		}
	}
	if err := pause(ctx, publisherWarmUp); err != nil {
		return f, err
	}
	return f, f.measure(ctx, p, n, s.publishTime)
}

func (f *publisherFigures) measure(ctx context.Context, p *peer, n int, d time.Duration) error {
	busy, err := watchOthers(p)
	if err != nil {
		return err
	}
	before, err := cpuTime(p.pid)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := pause(ctx, d); err != nil {
		return err
	}
	after, err := cpuTime(p.pid)
	if err != nil {
		return err
	}
	f.cpu = time.Duration(float64(after-before) / time.Since(began).Seconds() / float64(n))
	if f.memory, err = residentMemory(p.pid); err != nil {
		return err
	}
	f.busy, err = busy()
	return err
}

// publish starts n encoders, which send the clip in a loop at its own pace.
func publish(ctx context.Context, clip, target string, n int) ([]*exec.Cmd, error) {
	var encoders []*exec.Cmd
	for i := range n {
		cmd := exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-loglevel", "error", "-re", "-stream_loop", "-1", "-i", clip,
			"-c", "copy", "-f", "flv", fmt.Sprintf("%s/c%d", target, i))
		if err := cmd.Start(); err != nil {
			return encoders, fmt.Errorf("start encoder: %w", err)
		}
		encoders = append(encoders, cmd)
	}
	return encoders, nil
}

// awaitLive waits until a playlist can be had.
func awaitLive(ctx context.Context, url string) error {
	deadline := time.Now().Add(publisherLive)
	client := http.Client{Timeout: publisherLive}
	for {
		resp, err := client.Get(url)
		if err != nil {
			return fmt.Errorf("wait for %s: %w", url, err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("wait for %s: %s after %v", url, resp.Status, publisherLive)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}
