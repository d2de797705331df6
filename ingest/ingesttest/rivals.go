package ingesttest

import (
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

func (p Protocol) testSecond(t *testing.T) {
	r := p.start(t)
	first := r.publish(t, "show:"+Key, p.everything()...)
	before := r.Await(t, "media of the first", flowing(5, 5))
	r.refused(t, ingest.CodeBusy, "show:"+Key, p.everything()...)
	h := r.Await(t, "further media of the first", flowing(len(before.Of(media.Video))+10, 10))
	if len(h.Begins) != 1 || len(h.Ends) != 0 || !first.Running() {
		t.Errorf("the first was disturbed: begins %v, ends %v", h.Begins, h.Ends)
	}
	video := h.Of(media.Video)
	for i := 1; i < len(video); i++ {
		if step := video[i].DTS - video[i-1].DTS; step > 2*clock.TicksPerSecond/25 {
			t.Errorf("frames are missing: a step of %v", step.Duration())
		}
	}
}

// testCut cuts a publisher off between key frames. The next one starts clean.
func (p Protocol) testCut(t *testing.T) {
	r := p.start(t)
	first := r.publish(t, "show:"+Key, p.everything()...)
	r.Await(t, "media", flowing(35, 5))
	first.Kill()
	r.Await(t, "end", ended(1))
	r.publish(t, "show:"+Key, p.everything()...)
	h := r.Await(t, "second session", func(h Heard) bool { return len(h.Begins) == 2 && flowing(30, 45)(h) })
	if h.Begins[0].Session == h.Begins[1].Session {
		t.Error("both sessions have one id")
	}
	checkFrames(t, h)
}

func (p Protocol) testTakeover(t *testing.T) {
	r := p.startWith(t, ingest.Config{}, true)
	first := r.publish(t, "show:"+Key, p.everything()...)
	r.Await(t, "media of the first", flowing(5, 5))
	r.publish(t, "show:"+Key, p.everything()...)
	h := r.Await(t, "media of the second", func(h Heard) bool { return len(h.Begins) == 2 && flowing(30, 45)(h) })
	if len(h.Ends) != 1 || ingest.CodeOf(h.Ends[0]) != ingest.CodeReplaced {
		t.Errorf("ends = %v, want the first to be replaced", h.Ends)
	}
	if h.Begins[1].Returned {
		t.Error("IG42 a rival counts as the encoder back")
	}
	checkFrames(t, h)
	first.Wait(t) // its connection has ended
	r.counted(t, "that it was replaced", func(s ingest.Snapshot) bool { return s.Cut[ingest.CodeReplaced] == 1 })
}

// testRestart ends the encoder as its user would, and starts it again.
func (p Protocol) testRestart(t *testing.T) {
	r := p.start(t)
	first := r.publish(t, "show:"+Key, p.everything()...)
	r.Await(t, "media", flowing(5, 5))
	first.Stop(t)
	r.Await(t, "end", ended(1))
	r.publish(t, "show:"+Key, p.everything()...)
	h := r.Await(t, "second session", func(h Heard) bool { return len(h.Begins) == 2 && flowing(5, 5)(h) })
	if h.Begins[0].Returned || !h.Begins[1].Returned {
		t.Errorf("returned = %v and %v, want only the second", h.Begins[0].Returned, h.Begins[1].Returned)
	}
}

// testCrash kills the encoder and tries again until it is let in, as people and
// encoders do, also where the server does not yet know.
func (p Protocol) testCrash(t *testing.T) {
	r := p.start(t)
	first := r.publish(t, "show:"+Key, p.everything()...)
	r.Await(t, "media", flowing(5, 5))
	first.Kill()
	killed := time.Now()
	r.persist(t, func(h Heard) bool { return len(h.Begins) == 2 })
	h := r.Await(t, "media again", flowing(5, 5))
	t.Logf("back after %v", time.Since(killed).Round(10*time.Millisecond))
	if !h.Begins[1].Returned {
		t.Error("the second has not returned")
	}
}

// persist publishes again and again until enough has been heard.
func (r *rig) persist(t *testing.T, enough func(Heard) bool) {
	t.Helper()
	late := time.After(patience)
	again := r.publish(t, "show:"+Key, r.p.everything()...)
	for {
		h, changed := r.look()
		if enough(h) {
			return
		}
		if !again.Running() {
			again = r.publish(t, "show:"+Key, r.p.everything()...)
		}
		select {
		case <-changed:
		case <-time.After(20 * time.Millisecond): // a client tells nobody that it ended
		case <-late:
			t.Fatalf("nobody is let in within %v: %d begins, ends %v", patience, len(h.Begins), h.Ends)
		}
	}
}

func (p Protocol) testStop(t *testing.T) {
	r := p.start(t)
	r.publish(t, "show:"+Key, p.everything()...)
	r.Await(t, "media", flowing(5, 5))
	if err := r.stop(); err != nil {
		t.Errorf("run: %v", err)
	}
	if h := r.Heard(); len(h.Ends) != 1 || h.Ends[0] != nil {
		t.Errorf("ends = %v, want one without a reason", h.Ends)
	}
}
