package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// stage is a server with a stream on it: the real program, or the baseline. The
// encoder is a process of its own, and this process is the viewers'.
type stage struct {
	*peer
	name     string
	admin    string // http://HOST:PORT of the product's admin listener, otherwise empty
	encoder  *peer
	playlist string // path of the media playlist of the pictures
}

// How both servers are set for viewers that make twenty requests a second: ten
// parts a second, a playlist and a part for each.
const (
	shortPart    = 100 * time.Millisecond
	partsASecond = int(time.Second / shortPart)
	// shortPartBase is a millisecond less, because the muxer wants a least
	// length, and timestamps of RTMP are rounded.
	shortPartBase = shortPart - time.Millisecond
	fullPlaylist  = listed*segment + 2*time.Second
)

// stager starts stages. All of them show the same clip.
type stager struct {
	program string
	dir     string
	clip    string
}

// newStager builds what stages need. The caller calls clean.
func newStager(ctx context.Context, s settings) (st *stager, err error) {
	dir, err := os.MkdirTemp("", "cuelight-bench-")
	if err != nil {
		return nil, err
	}
	st = &stager{program: s.program, dir: dir}
	defer func() {
		if err != nil {
			st.clean()
		}
	}()
	if st.program == "" {
		if st.program, err = buildProduct(ctx, dir); err != nil {
			return st, err
		}
	}
	st.clip, err = encodeFootage(ctx, dir)
	return st, err
}

func (st *stager) clean() { os.RemoveAll(st.dir) }

// theaters are the two servers of a comparison.
func (st *stager) theaters() []func(context.Context) (*stage, error) {
	return []func(context.Context) (*stage, error){st.ours, st.base}
}

// baseName is the baseline of everything that viewers ask for.
const baseName = "gohlslib " + gohlslibVersion

// ours starts the real program with its channel on the air.
func (st *stager) ours(ctx context.Context) (*stage, error) {
	return st.product(ctx, fmt.Sprintf("part: %v, segment: %v, window: %v", shortPart, segment, listed*segment))
}

// product starts the real program with one channel, which is set so.
func (st *stager) product(ctx context.Context, channelSettings string) (*stage, error) {
	rtmp, err := freePort()
	if err != nil {
		return nil, err
	}
	admin, err := freePort()
	if err != nil {
		return nil, err
	}
	data, err := os.MkdirTemp(st.dir, "data-")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(data, "bench.yaml")
	config := fmt.Sprintf("http: 127.0.0.1:0\nrtmp: 127.0.0.1:%d\nsrt: off\nrtsp: off\nwebrtc: off\nadmin: 127.0.0.1:%d\nlog_level: warn\n"+
		"data: %q\nchannels:\n  %s: {open: true, %s}\n", rtmp, admin, data, channel, channelSettings)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	p, err := startPeer(ctx, "cuelight", watchPage(channel), st.program, "serve", "--config", file)
	if err != nil {
		return nil, err
	}
	s := &stage{peer: p, name: "cuelight", admin: fmt.Sprintf("http://127.0.0.1:%d", admin)}
	return s, s.open(ctx, st.clip, rtmp)
}

// watchPage finds the address of the real program in what it prints.
func watchPage(channel string) func(line string) (string, bool) {
	return func(line string) (string, bool) {
		_, address, ok := strings.Cut(line, "http://")
		host, ours := strings.CutSuffix(address, "/watch/"+channel)
		return "http://" + host, ok && ours
	}
}

// base starts the baseline with the same stream.
func (st *stager) base(ctx context.Context) (*stage, error) {
	return st.baseline(ctx, shortPartBase)
}

func (st *stager) baseline(ctx context.Context, part time.Duration) (*stage, error) {
	p, rtmp, err := startBaseIngest(ctx, part)
	if err != nil {
		return nil, err
	}
	s := &stage{peer: p, name: baseName}
	return s, s.open(ctx, st.clip, rtmp)
}

// open starts the encoder. What it could not open is closed again.
func (s *stage) open(ctx context.Context, clip string, rtmp int) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	target := fmt.Sprintf("rtmp://127.0.0.1:%d/live/%s", rtmp, channel)
	if s.encoder, err = startRole(ctx, "encoder", roleEncoder, "-clip", clip, "-target", target); err != nil {
		return err
	}
	return nil
}

// awaitFull waits until the playlist is there and as long as it gets.
func (s *stage) awaitFull(ctx context.Context) error {
	if err := awaitLive(ctx, s.url+hlsPath+"index.m3u8"); err != nil {
		return err
	}
	var err error
	if s.playlist, err = findPlaylist(ctx, s.url); err != nil {
		return err
	}
	return pause(ctx, fullPlaylist)
}

// file is the path of a file beside the playlist.
func (s *stage) file(uri string) string { return path.Dir(s.playlist) + "/" + uri }

// stop ends the encoder and the server.
func (s *stage) stop() error {
	var err error
	if s.encoder != nil {
		err = s.encoder.stop()
	}
	return errors.Join(err, s.peer.stop())
}

// gauges are what a stage's processes have used so far.
type gauges struct {
	at                         instant
	server, encoder, generator time.Duration // CPU time
	mallocs                    float64       // of the server
	memory                     int64         // resident, of the server
}

func (s *stage) read() (g gauges, err error) {
	if g.mallocs, err = s.mallocs(); err != nil {
		return g, err
	}
	if g.memory, err = residentMemory(s.pid); err != nil {
		return g, err
	}
	for _, of := range []struct {
		pid int
		to  *time.Duration
	}{{s.pid, &g.server}, {s.encoder.pid, &g.encoder}, {os.Getpid(), &g.generator}} {
		if *of.to, err = cpuTime(of.pid); err != nil {
			return g, err
		}
	}
	g.at = now()
	return g, nil
}

// mallocs is how often the server has allocated.
func (s *stage) mallocs() (float64, error) {
	if s.admin == "" {
		var c counts
		err := getJSON(s.url+countsPath, &c)
		return float64(c.Mallocs), err
	}
	const name = "go_memstats_mallocs_total "
	resp, err := asker.Get(s.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("%s/metrics has no %s", s.admin, name)
}

// asker asks servers how they are.
var asker = &http.Client{Timeout: answerWait}
