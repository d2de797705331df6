package main

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/demo"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/sync/clock"
)

// publisher plays the demo's clip into a channel, in a bubble's time.
type publisher struct {
	t     *testing.T
	ch    *channel
	clip  *demo.Clip
	began time.Time
	next  int64
}

// onChannel runs a test with a channel that somebody has just begun to publish to.
func onChannel(t *testing.T, test func(p *publisher)) {
	synctest.Test(t, func(t *testing.T) {
		clip, err := demo.Load()
		if err != nil {
			t.Fatal(err)
		}
		room := clock.NewRoom(time.Now(), clock.InstantOf(time.Now()), 1)
		cfg := packager.Config{PartTarget: 334 * time.Millisecond, SegmentTarget: 2 * time.Second, Window: time.Minute}
		ch, err := newChannel(channelConfig{name: "show", room: room, packager: cfg, log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		p := &publisher{t: t, ch: ch, clip: clip}
		p.begin()
		test(p)
	})
}

func (p *publisher) begin() {
	p.t.Helper()
	p.began, p.next = time.Now(), 0
	if err := p.ch.Begin(ingest.Info{Protocol: "rtmp", Started: p.began}, p.clip.Tracks); err != nil {
		p.t.Fatal(err)
	}
}

// play hands over what the publisher sends for d; each frame arrives late by
// the given time.
func (p *publisher) play(d, late time.Duration) {
	p.t.Helper()
	for end := time.Now().Add(d); ; p.next++ {
		f := p.clip.Frame(p.next)
		due := p.began.Add(f.DTS.Duration() + late)
		if due.After(end) {
			return
		}
		time.Sleep(time.Until(due))
		p.ch.Observe(ingest.Observation{DTS: f.DTS, Arrival: time.Now()})
		if err := p.ch.Write(f); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *publisher) playlist() string {
	return string(p.ch.event.Load().View().Window(packager.Video).Load().Full.Plain.Bytes)
}

func TestEdgeIsLiveOnceItsInstantIsKnown(t *testing.T) {
	onChannel(t, func(p *publisher) {
		p.play(100*time.Millisecond, 0)
		if media, at, live := p.ch.Edge(); live {
			t.Errorf("live at %d, %v before the timeline is ready", media, at)
		}
		p.play(3*time.Second, 0)
		now := p.ch.room.At(time.Now())
		if media, at, live := p.ch.Edge(); !live || now.Sub(at).Abs() > 100*time.Millisecond {
			t.Errorf("edge %d is %v old, live = %v", media, now.Sub(at), live)
		}
		time.Sleep(staleAfter)
		if _, _, live := p.ch.Edge(); live {
			t.Error("live although nothing came for 3 s")
		}
	})
}

// A publisher that comes back is not live with the edge of the one before.
func TestEdgeAfterAReconnect(t *testing.T) {
	onChannel(t, func(p *publisher) {
		p.play(5*time.Second, 0)
		p.ch.End(nil)
		time.Sleep(time.Minute)
		p.begin()
		p.play(100*time.Millisecond, 0)
		if _, at, live := p.ch.Edge(); live {
			t.Errorf("live at the old edge, %v ago", p.ch.room.At(time.Now()).Sub(at))
		}
		p.play(3*time.Second, 0)
		if _, _, live := p.ch.Edge(); !live {
			t.Error("not live 3 s after the reconnect")
		}
		if !strings.Contains(p.playlist(), "#EXT-X-DISCONTINUITY\n") {
			t.Errorf("no discontinuity in\n%s", p.playlist())
		}
	})
}

// Media that falls behind for good gets a new epoch, at a key frame, and the
// publisher's session goes on.
func TestNewEpochWhenMediaFallsBehind(t *testing.T) {
	onChannel(t, func(p *publisher) {
		p.play(30*time.Second, 0)
		if e := p.ch.current.Load().Epoch; e != 1 {
			t.Fatalf("epoch = %d before anything happened", e)
		}
		p.play(30*time.Second, 2*time.Second)
		m := p.ch.current.Load()
		if m.Epoch != 2 || m.NeedsEpoch {
			t.Errorf("epoch = %d, needs another: %v", m.Epoch, m.NeedsEpoch)
		}
		if n := strings.Count(p.playlist(), "#EXT-X-DISCONTINUITY\n"); n != 1 {
			t.Errorf("%d discontinuities, want one, in\n%s", n, p.playlist())
		}
		now := p.ch.room.At(time.Now())
		if _, at, live := p.ch.Edge(); !live || now.Sub(at).Abs() > 200*time.Millisecond {
			t.Errorf("edge is %v old, live = %v", now.Sub(at), live)
		}
	})
}

// What was held back when a publisher left is not part of the next session.
func TestNothingIsHeldOverASession(t *testing.T) {
	onChannel(t, func(p *publisher) {
		p.play(100*time.Millisecond, 0)
		if len(p.ch.waiting) == 0 {
			t.Fatal("nothing is held back before the timeline is ready")
		}
		p.ch.End(nil)
		if n := len(p.ch.waiting); n != 0 {
			t.Errorf("%d frames are kept after the publisher left", n)
		}
	})
}
