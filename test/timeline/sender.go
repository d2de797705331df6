package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/bluenviron/gortmplib"
	rtmpcodecs "github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
	srt "github.com/datarhei/gosrt"

	"github.com/cuelight/cuelight/internal/demo"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// account is what the sender knows: when each of its pictures was captured.
type account struct {
	ppm   float64 // the sender's clock against R
	start time.Time
	clip  *demo.Clip
	sent  int64 // pictures
}

// captured returns when media of the sender's timestamp t was captured.
func (a *account) captured(t clock.Ticks) time.Time {
	return a.start.Add(time.Duration(float64(t.Duration()) / (1 + a.ppm/1e6)))
}

// send sends the demo's clip, paced by the sender's own clock, until ctx ends.
// The number of a picture is that of its frame in the endless clip.
func (a *account) send(ctx context.Context, p *publisher) error {
	defer p.close()
	a.start = time.Now()
	a.clip = p.clip
	for n := int64(0); ; n++ {
		f := a.clip.Frame(n)
		wait := time.NewTimer(time.Until(a.captured(f.DTS)))
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-wait.C:
		}
		if a.clip.Tracks[f.Track].Codec.Kind() == media.Video {
			f.Units = append([][]byte{numbered(n)}, f.Units...)
			a.sent++
		}
		if err := p.write(f); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("send frame %d: %w", n, err)
		}
	}
}

// label marks our SEI messages: user data, unregistered (H.264 D.1.6).
const label = "cuelight-timelin"

// numbered is an SEI message with a picture's number in sixteen digits.
func numbered(n int64) []byte {
	nal := append([]byte{0x06, 5, 32}, label...)
	return append(fmt.Appendf(nal, "%016x", n), 0x80)
}

// numberOf reads the number from a NAL unit; ok is false if it is none of ours.
func numberOf(nal []byte) (n int64, ok bool) {
	if len(nal) < 35 || nal[0]&0x1f != 6 || nal[1] != 5 || nal[2] != 32 || string(nal[3:19]) != label {
		return 0, false
	}
	if _, err := hex.DecodeString(string(nal[19:35])); err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(nal[19:35]), 16, 64)
	return n, err == nil
}

// publisher is a connection that takes the clip's frames.
type publisher struct {
	clip  *demo.Clip
	write func(media.Frame) error
	close func()
}

func connect(ctx context.Context, protocol, addr string) (*publisher, error) {
	clip, err := demo.Load()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	switch protocol {
	case "rtmp":
		return connectRTMP(ctx, clip, addr)
	case "srt":
		return connectSRT(clip, addr)
	default:
		return nil, fmt.Errorf("unknown protocol %q: srt and rtmp are there", protocol)
	}
}

func connectRTMP(ctx context.Context, clip *demo.Clip, addr string) (*publisher, error) {
	conn := &gortmplib.Client{
		URL:     &url.URL{Scheme: "rtmp", Host: addr, Path: "/live", Fragment: channel},
		Publish: true,
	}
	if err := conn.Initialize(ctx); err != nil {
		return nil, err
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		io.Copy(io.Discard, conn.NetConn()) // ends with the connection
	}()
	w := &gortmplib.Writer{Conn: conn}
	for _, t := range clip.Tracks {
		switch c := t.Codec.(type) {
		case *media.H264:
			w.Tracks = append(w.Tracks, &gortmplib.Track{Codec: &rtmpcodecs.H264{SPS: c.SPS, PPS: c.PPS}})
		case *media.AAC:
			w.Tracks = append(w.Tracks, &gortmplib.Track{Codec: &rtmpcodecs.MPEG4Audio{Config: &c.Config}})
		}
	}
	stop := func() { conn.Close(); <-drained }
	if err := w.Initialize(); err != nil {
		stop()
		return nil, err
	}
	return &publisher{clip: clip, close: stop, write: func(f media.Frame) error {
		t := w.Tracks[f.Track]
		if clip.Tracks[f.Track].Codec.Kind() == media.Video {
			return w.WriteH264(t, f.PTS.Duration(), f.DTS.Duration(), f.Units)
		}
		return w.WriteMPEG4Audio(t, f.PTS.Duration(), f.Units[0])
	}}, nil
}

func connectSRT(clip *demo.Clip, addr string) (*publisher, error) {
	cfg := srt.DefaultConfig()
	cfg.StreamId, cfg.Latency = "publish:"+channel, srtLatency
	cfg.PeerIdleTimeout = 10 * time.Second
	conn, err := srt.Dial("srt", addr, cfg)
	if err != nil {
		return nil, err
	}
	out := bufio.NewWriterSize(conn, 7*188)
	w := &mpegts.Writer{W: out}
	sets := map[int][][]byte{} // parameter sets, which a transport stream repeats
	for _, t := range clip.Tracks {
		switch c := t.Codec.(type) {
		case *media.H264:
			w.Tracks = append(w.Tracks, &mpegts.Track{Codec: &tscodecs.H264{}})
			sets[t.ID] = [][]byte{c.SPS, c.PPS}
		case *media.AAC:
			w.Tracks = append(w.Tracks, &mpegts.Track{Codec: &tscodecs.MPEG4Audio{Config: c.Config}})
		}
	}
	if err := w.Initialize(); err != nil {
		conn.Close()
		return nil, err
	}
	return &publisher{clip: clip, close: func() { conn.Close() }, write: func(f media.Frame) error {
		t := w.Tracks[f.Track]
		if sets[f.Track] == nil {
			if err := w.WriteMPEG4Audio(t, int64(f.PTS), f.Units); err != nil {
				return err
			}
			return out.Flush()
		}
		if f.Key {
			f.Units = append(append([][]byte{}, sets[f.Track]...), f.Units...)
		}
		if err := w.WriteH264(t, int64(f.PTS), int64(f.DTS), f.Units); err != nil {
			return err
		}
		return out.Flush()
	}}, nil
}
