package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	hlscodecs "github.com/bluenviron/gohlslib/v2/pkg/codecs"
	"github.com/bluenviron/gortmplib"
	rtmpcodecs "github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// baseIngest is the baseline for publishers: gortmplib in front of gohlslib's
// low-latency muxer, a muxer for each publisher, and nothing else.
type baseIngest struct {
	part   time.Duration // least length of a part
	mu     sync.RWMutex  // protects muxers
	muxers map[string]*gohlslib.Muxer
}

const ingestPort = "/bench/rtmp"

// addBaseIngest listens for RTMP and serves what comes.
func addBaseIngest(mux *http.ServeMux, part time.Duration) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	b := &baseIngest{part: part, muxers: make(map[string]*gohlslib.Muxer)}
	go b.accept(ln)
	mux.HandleFunc("GET "+ingestPort, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "%d", ln.Addr().(*net.TCPAddr).Port)
	})
	mux.HandleFunc("GET /hls/{channel}/{file}", b.serve)
	return nil
}

// startBaseIngest starts the baseline and asks for its RTMP port. Parts are at
// least so long.
func startBaseIngest(ctx context.Context, part time.Duration) (*peer, int, error) {
	p, err := startRole(ctx, "gohlslib", roleIngest, "-part", part.String())
	if err != nil {
		return nil, 0, err
	}
	var port int
	if err := getJSON(p.url+ingestPort, &port); err != nil {
		return nil, 0, errors.Join(err, p.stop())
	}
	return p, port, nil
}

func (b *baseIngest) serve(w http.ResponseWriter, r *http.Request) {
	b.mu.RLock()
	m := b.muxers[r.PathValue("channel")]
	b.mu.RUnlock()
	if m == nil {
		http.NotFound(w, r)
		return
	}
	r.URL.Path = "/" + r.PathValue("file")
	m.Handle(w, r)
}

func (b *baseIngest) accept(ln net.Listener) {
	for {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer nc.Close()
			if err := b.publisher(nc); err != nil {
				slog.Warn("baseline publisher ended", "err", err)
			}
		}()
	}
}

func (b *baseIngest) publisher(nc net.Conn) error {
	conn := &gortmplib.ServerConn{RW: nc}
	if err := conn.Initialize(); err != nil {
		return err
	}
	if err := conn.Accept(); err != nil {
		return err
	}
	reader := &gortmplib.Reader{Conn: conn}
	if err := reader.Initialize(); err != nil {
		return err
	}
	muxer := &gohlslib.Muxer{
		Variant: gohlslib.MuxerVariantLowLatency, SegmentCount: listed,
		SegmentMinDuration: segment, PartMinDuration: b.part,
	}
	start := time.Now()
	for _, t := range reader.Tracks() {
		if err := carry(reader, t, muxer, start); err != nil {
			return err
		}
	}
	if err := muxer.Start(); err != nil {
		return err
	}
	b.mu.Lock()
	b.muxers[path.Base(strings.TrimSuffix(conn.URL.Path, "/"))] = muxer
	b.mu.Unlock()
	for {
		if err := reader.Read(); err != nil {
			return err
		}
	}
}

func isIDR(au [][]byte) bool {
	for _, unit := range au {
		if len(unit) > 0 && h264.NALUType(unit[0]&0x1F) == h264.NALUTypeIDR {
			return true
		}
	}
	return false
}

// carry hands a track's frames to the muxer. What the muxer refuses is logged
// once by the reader's end; the figures would show it.
func carry(reader *gortmplib.Reader, t *gortmplib.Track, muxer *gohlslib.Muxer, start time.Time) error {
	switch c := t.Codec.(type) {
	case *rtmpcodecs.H264:
		track := &gohlslib.Track{Codec: &hlscodecs.H264{SPS: c.SPS, PPS: c.PPS}, ClockRate: 90_000}
		muxer.Tracks = append(muxer.Tracks, track)
		reader.OnDataH264(t, func(pts, dts time.Duration, au [][]byte) {
			if isIDR(au) { // its timestamps need the parameter sets in the stream
				au = append([][]byte{c.SPS, c.PPS}, au...)
			}
			muxer.WriteH264(track, start.Add(pts), int64(pts*9/100_000), au)
		})
	case *rtmpcodecs.MPEG4Audio:
		config := *c.Config
		track := &gohlslib.Track{Codec: &hlscodecs.MPEG4Audio{Config: mpeg4audio.AudioSpecificConfig(config)}, ClockRate: config.SampleRate}
		muxer.Tracks = append(muxer.Tracks, track)
		rate := int64(config.SampleRate)
		reader.OnDataMPEG4Audio(t, func(pts time.Duration, au []byte) {
			muxer.WriteMPEG4Audio(track, start.Add(pts), int64(pts)*rate/int64(time.Second), [][]byte{au})
		})
	default:
		return fmt.Errorf("baseline publisher: codec %T", t.Codec)
	}
	return nil
}
