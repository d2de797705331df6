package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	channel      = "show"
	hlsPath      = "/hls/" + channel + "/"
	indexPath    = hlsPath + "index.m3u8"
	playlistPath = hlsPath + "video.m3u8"
)

// origin is the real server.
type origin struct {
	*process
	http, rtmp, admin string
}

func startOrigin(ctx context.Context, binary, dir string) (*origin, error) {
	o := new(origin)
	if err := freeAddrs(&o.http, &o.rtmp, &o.admin); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "cuelight.yaml")
	text := "proxies: [127.0.0.1]\nchannels:\n  " + channel + ":\n    open: true\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	p, err := start(binary, "serve", "--config", config, "--data", filepath.Join(dir, "data"), "--http", o.http,
		"--rtmp", o.rtmp, "--srt", "off", "--rtsp", "off", "--webrtc", "auto", "--admin", o.admin, "--log-level", "warn")
	if err != nil {
		return nil, fmt.Errorf("%w (make build makes it)", err)
	}
	o.process = p
	if err := await(ctx, "http://"+o.admin+"/readyz", p); err != nil {
		p.stop()
		return nil, err
	}
	return o, nil
}

// heldMost is how many requests the edge leaves waiting at the origin: one for
// each of two playlists, and as many that are just being replaced.
const heldMost = 4

// watchHeld asks every tenth of a second how many requests wait at the origin,
// until ctx ends, and returns the most.
func (o *origin) watchHeld(ctx context.Context) (most int, err error) {
	for pause(ctx, 100*time.Millisecond) == nil {
		n, err := o.held(ctx)
		if err != nil && ctx.Err() == nil {
			return 0, err
		}
		most = max(most, n)
	}
	return most, nil
}

// held is how many requests wait at the origin, as its metrics say.
func (o *origin) held(ctx context.Context) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+o.admin+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := direct.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(io.LimitReader(answer.Body, bodyLimit))
	for lines.Scan() {
		if n, ok := strings.CutPrefix(lines.Text(), "cuelight_origin_held_requests "); ok {
			return strconv.Atoi(n)
		}
	}
	return 0, errors.Join(errors.New("the origin's metrics do not say how many requests wait"), lines.Err())
}

// clip is a picture with sound that can be sent without coding it again.
const clip = "internal/demo/clip/demo.mp4"

// startPush sends the clip, again and again, as an encoder sends its picture.
func startPush(rtmp string) (*process, error) {
	return start("ffmpeg", "-hide_banner", "-loglevel", "warning", "-nostats", "-re", "-stream_loop", "-1", "-i", clip,
		"-c", "copy", "-flvflags", "no_duration_filesize", "-f", "flv", "rtmp://"+rtmp+"/live/"+channel)
}
