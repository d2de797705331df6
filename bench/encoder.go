package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
)

// encoder publishes footage by RTMP in real time, in a process of its own, and
// notes when each picture left: delays count from there.
type encoder struct {
	footage *footage
	client  *gortmplib.Client
	writer  *gortmplib.Writer
	track   *gortmplib.Track

	mu     sync.Mutex // protects pushed
	pushed []instant  // by number of the picture
}

// pushedPath is where an encoder says when its pictures left.
const pushedPath = "/bench/pushed"

// addEncoder connects to target and publishes the clip until the process ends.
func addEncoder(mux *http.ServeMux, clip, target string) error {
	f, err := readFootage(clip)
	if err != nil {
		return err
	}
	e := &encoder{footage: f}
	if err := e.connect(target); err != nil {
		return err
	}
	mux.HandleFunc("GET "+pushedPath, func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(e.all()) // the parent is gone if this fails
	})
	go func() { log.Fatal("publish: ", e.run()) }() // without media there is nothing to measure
	return nil
}

func (e *encoder) connect(target string) error {
	to, err := url.Parse(target)
	if err != nil {
		return err
	}
	e.client = &gortmplib.Client{URL: to, Publish: true}
	ctx, cancel := context.WithTimeout(context.Background(), startWait)
	defer cancel()
	if err := e.client.Initialize(ctx); err != nil {
		return fmt.Errorf("publish to %s: %w", target, err)
	}
	e.track = &gortmplib.Track{Codec: &codecs.H264{SPS: e.footage.sps, PPS: e.footage.pps}}
	e.writer = &gortmplib.Writer{Conn: e.client, Tracks: []*gortmplib.Track{e.track}}
	return e.writer.Initialize()
}

// run publishes until the server hangs up.
func (e *encoder) run() error {
	start := now()
	for n := int64(0); ; n++ {
		units, _, due := e.footage.at(n)
		if wait := (start + instant(due)).sub(now()); wait > 0 {
			time.Sleep(wait)
		}
		e.note(now())
		e.client.NetConn().SetWriteDeadline(time.Now().Add(answerWait))
		if err := e.writer.WriteH264(e.track, due, due, units); err != nil {
			return err
		}
	}
}

func (e *encoder) note(at instant) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pushed = append(e.pushed, at)
}

func (e *encoder) all() []instant {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]instant(nil), e.pushed...)
}
