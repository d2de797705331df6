package srt_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"github.com/cuelight/cuelight/ingest/ingesttest"
)

// publisher sends bytes over SRT as they are, which no encoder does.
type publisher struct {
	conn gosrt.Conn
	done chan struct{}
	stop chan struct{}
	once sync.Once
	err  error
}

var _ ingesttest.Client = (*publisher)(nil)

// dialSRT connects as libraries other than ours do.
func dialSRT(addr, id string, set func(*gosrt.Config)) (gosrt.Conn, error) {
	cfg := gosrt.DefaultConfig()
	cfg.StreamId = id
	if set != nil {
		set(&cfg)
	}
	return gosrt.Dial("srt", addr, cfg)
}

// publish sends data at so many bytes a second.
func publish(t *testing.T, addr, id string, data []byte, rate int) *publisher {
	t.Helper()
	conn, err := dialSRT(addr, id, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &publisher{conn: conn, done: make(chan struct{}), stop: make(chan struct{})}
	go p.run(data, rate)
	t.Cleanup(p.Kill)
	return p
}

func (p *publisher) run(data []byte, rate int) {
	defer close(p.done)
	defer func() { _ = p.conn.Close() }()
	const chunk = 7 * 188
	tick := time.NewTicker(time.Second * chunk / time.Duration(rate))
	defer tick.Stop()
	for len(data) > 0 {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		n := min(chunk, len(data))
		if _, err := p.conn.Write(data[:n]); err != nil {
			p.err = err
			return
		}
		data = data[n:]
	}
	select { // what was written is on its way for as long as the latency
	case <-p.stop:
	case <-time.After(time.Second):
	}
}

func (p *publisher) Kill() {
	p.once.Do(func() { close(p.stop) })
	<-p.done
}

func (p *publisher) Stop(t *testing.T) { p.Kill() }

func (p *publisher) Wait(t *testing.T) (int, string) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(15 * time.Second):
		t.Fatal("the publisher does not end")
	}
	if p.err != nil {
		return 1, p.err.Error()
	}
	return 0, ""
}

func (p *publisher) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// record makes a transport stream with ffmpeg.
func record(t testing.TB, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stream.ts")
	tt, ok := t.(*testing.T)
	if !ok {
		t.Fatal(errors.New("only tests record"))
	}
	args = append(args, "-muxdelay", "0", "-muxpreload", "0", "-f", "mpegts", file)
	if code, output := ingesttest.Start(tt, args...).Wait(tt); code != 0 {
		t.Fatalf("ffmpeg: %s", output)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// generate is a picture and a tone of some seconds, made as fast as possible.
func generate(seconds string, codings ...string) []string {
	return append([]string{
		"-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-t", seconds, "-g", "25", "-pix_fmt", "yuv420p",
	}, codings...)
}

var (
	asH264 = []string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"}
	asHEVC = []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=25"}
	asAAC  = []string{"-c:a", "aac", "-b:a", "64k", "-ac", "2"}
)

func join(parts ...[]string) (all []string) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// withAV1 is what ffmpeg puts into MPEG-TS though there is no name for it.
var withAV1 = join(
	[]string{"-re", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25", "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"},
	[]string{"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-g", "25", "-pix_fmt", "yuv420p"}, asAAC)

// publishNothing connects and waits for what the server says to that.
func publishNothing(t *testing.T, addr, key string) ingesttest.Client {
	conn, err := dialSRT(addr, "publish:"+key, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &publisher{conn: conn, done: make(chan struct{}), stop: make(chan struct{})}
	go func() {
		defer close(p.done)
		_, p.err = conn.Read(make([]byte, 1)) // until the connection ends
	}()
	t.Cleanup(func() { _ = conn.Close() })
	return p
}

// publishTwoEncoders sends what comes when another encoder takes over behind
// the same connection: other codecs, and timestamps that begin again.
func publishTwoEncoders(t *testing.T, addr, key string) ingesttest.Client {
	first := record(t, generate("2", join(asH264, asAAC)...)...)
	second := record(t, generate("4", join(asHEVC, asAAC, []string{"-ar", "44100"})...)...)
	return publish(t, addr, "publish:"+key, append(first, second...), (len(first)+len(second))/6)
}
