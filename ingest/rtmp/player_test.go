package rtmp_test

import (
	"context"
	"crypto/tls"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"

	"github.com/cuelight/cuelight/ingest/ingesttest"
)

// player is an encoder of enhanced RTMP, which ffmpeg does not send: it plays
// what ffmpeg made, in real time, and stays until it is ended.
type player struct {
	conn *gortmplib.Client
	stop chan struct{} // closed by Kill
	kill func()
	wg   sync.WaitGroup
	gone chan struct{} // closed when the connection has ended
	err  error         // why, valid once gone
}

var _ ingesttest.Client = (*player)(nil)

// made is one act: tracks that ffmpeg makes.
func made(tracks ...[]string) (act []func(*testing.T) clip) {
	for _, args := range tracks {
		read := makeTS
		if slices.Contains(args, "libaom-av1") {
			read = makeIVF
		}
		act = append(act, func(t *testing.T) clip { return read(t, args) })
	}
	return act
}

// startPlayer publishes acts of two seconds one after the other, on one
// connection.
func startPlayer(t *testing.T, address string, acts ...[]func(*testing.T) clip) *player {
	t.Helper()
	var clips [][]clip
	for _, act := range acts {
		var tracks []clip
		for _, make := range act {
			tracks = append(tracks, make(t))
		}
		clips = append(clips, tracks)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := &player{stop: make(chan struct{}), gone: make(chan struct{})}
	p.conn = &gortmplib.Client{URL: u, Publish: true, TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := p.conn.Initialize(ctx); err != nil {
		t.Fatal(err)
	}
	p.kill = sync.OnceFunc(func() {
		close(p.stop)
		p.conn.Close()
		p.wg.Wait()
	})
	t.Cleanup(p.Kill)
	p.wg.Go(p.listen)
	p.wg.Go(func() { p.play(clips) })
	return p
}

// listen notices the end of the connection.
func (p *player) listen() {
	defer close(p.gone)
	for p.err == nil {
		_, p.err = p.conn.Read()
	}
}

func (p *player) play(acts [][]clip) {
	const act = 2 * time.Second
	start := time.Now()
	due := func(dts time.Duration) bool {
		select {
		case <-time.After(time.Until(start.Add(dts))):
			return true
		case <-p.stop:
			return false
		}
	}
	for i, clips := range acts {
		if err := writeClips(p.conn, time.Duration(i)*act, due, clips...); err != nil {
			return // listen knows why
		}
	}
}

// Kill closes the connection and waits.
func (p *player) Kill() { p.kill() }

// Stop ends like Kill: the library says no goodbye.
func (p *player) Stop(*testing.T) { p.kill() }

// Wait returns 1 and why the connection has ended.
func (p *player) Wait(t *testing.T) (code int, output string) {
	t.Helper()
	select {
	case <-p.gone:
		return 1, p.err.Error()
	case <-time.After(15 * time.Second):
		t.Fatal("still connected")
		return 0, ""
	}
}

// Running reports whether the connection stands.
func (p *player) Running() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}
