package cluster_test

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/nodeproc"
)

// streamKey is what a node's operator pastes into an encoder.
func (s *stand) streamKey(n *nodeproc.Node) string {
	s.t.Helper()
	binary, err := program()
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := exec.CommandContext(s.t.Context(), binary, "token", "publish", "--data", n.Data(),
		"--channel", s.channel, "--config", filepath.Join(filepath.Dir(n.Data()), "node.yaml")).Output()
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// encoder pushes to a node until it is stopped, and comes back whenever it is
// cut off, as encoders do.
func (s *stand) encoder(n *nodeproc.Node) (stop func()) {
	s.t.Helper()
	key := s.streamKey(n)
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		again := time.NewTicker(300 * time.Millisecond)
		defer again.Stop()
		for ctx.Err() == nil {
			_ = exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=30",
				"-f", "lavfi", "-i", "sine=sample_rate=48000", "-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-pix_fmt", "yuv420p",
				"-c:a", "aac", "-f", "flv", n.RTMP+"/"+key).Run() // it ends when it is refused, or killed
			select {
			case <-again.C:
			case <-ctx.Done():
			}
		}
	}()
	stop = func() { cancel(); <-done }
	s.t.Cleanup(stop)
	return stop
}

var (
	sequence = regexp.MustCompile(`#EXT-X-MEDIA-SEQUENCE:(\d+)`)
	breaks   = regexp.MustCompile(`#EXT-X-DISCONTINUITY-SEQUENCE:(\d+)`)
	date     = regexp.MustCompile(`#EXT-X-PROGRAM-DATE-TIME:(\S+)`)
)

// edge is how far a playlist has come.
type edge struct {
	msn, domain uint64
	date        time.Time // of its newest segment
	text        string
}

// playlist reads the pictures' playlist over a node, once it has a segment.
func (s *stand) playlist(n *nodeproc.Node, enough func(edge) bool) (e edge) {
	s.t.Helper()
	s.until("a playlist over "+n.Name(), func() bool {
		status, text, err := s.ask("GET", n.Web+"/hls/"+channel+"/video.m3u8", "", nil)
		if err != nil || status != 200 || !strings.Contains(text, "#EXTINF") {
			return false
		}
		e = readEdge(s.t, text)
		return enough(e)
	})
	return e
}

func readEdge(t *testing.T, text string) edge {
	t.Helper()
	number := func(of *regexp.Regexp) uint64 {
		if found := of.FindStringSubmatch(text); found != nil {
			n, err := strconv.ParseUint(found[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		return 0
	}
	e := edge{text: text}
	e.msn = number(sequence) + uint64(strings.Count(text, "#EXTINF"))
	e.domain = number(breaks) + uint64(strings.Count(text, "#EXT-X-DISCONTINUITY\n"))
	dates := date.FindAllStringSubmatch(text, -1)
	if len(dates) == 0 {
		t.Fatalf("no date in %s", text)
	}
	var err error
	if e.date, err = time.Parse(time.RFC3339Nano, dates[len(dates)-1][1]); err != nil {
		t.Fatal(err)
	}
	return e
}

// The node that takes the broadcast is killed. The encoder comes back to another
// one, and viewers of a third go on with the same channel.
func TestIngestKilled(t *testing.T) {
	s := newStand(t)
	any := func(edge) bool { return true }
	stop := s.encoder(s.leaders[0])
	before := s.playlist(s.gateways[0], any)
	for _, n := range s.nodes() { // the same names everywhere
		if e := s.playlist(n, any); e.msn < before.msn || e.domain != before.domain {
			t.Errorf("%s has segment %d of part %d, want %d of %d", n.Name(), e.msn, e.domain, before.msn, before.domain)
		}
	}
	s.until("both leaders know of the picture", func() bool {
		for _, n := range s.leaders {
			if text, err := s.get(n.Web + "/api/v1/channels"); err != nil || !strings.Contains(text, `"live":true`) {
				return false
			}
		}
		return true
	})
	q := s.take(0, window)
	if q.Media == 0 {
		t.Errorf("cue %+v is not anchored on the picture", q)
	}
	s.leaders[0].Kill()
	stop()
	killed := time.Now()
	s.encoder(s.leaders[1])
	after := s.playlist(s.gateways[0], func(e edge) bool { return e.domain > before.domain })
	t.Logf("the picture was back after %v", time.Since(killed))
	if after.msn <= before.msn || !after.date.After(before.date) {
		t.Errorf("HV went back: segment %d at %v, then %d at %v", before.msn, before.date, after.msn, after.date)
	}
	s.until("the timeline goes on everywhere", func() bool {
		line, err := s.get(s.gateways[1].Web + "/hls/" + channel + "/timeline.json")
		var is wire.Timeline
		return err == nil && json.Unmarshal([]byte(line), &is) == nil && is.Epoch > 1 && is.Live
	})
}

// A channel is published on one node at a time.
func TestPublishedOnce(t *testing.T) {
	s := newStand(t)
	s.encoder(s.leaders[0])
	s.playlist(s.gateways[0], func(edge) bool { return true })
	key := s.streamKey(s.leaders[1])
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=30",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-pix_fmt", "yuv420p", "-t", "8", "-f", "flv", s.leaders[1].RTMP+"/"+key).CombinedOutput()
	if err == nil {
		t.Errorf("two nodes take the same channel: %s", out)
	}
	if log := s.leaders[1].Said(); !strings.Contains(log, "published to another server") {
		t.Errorf("the refusal does not say why: %s", log)
	}
}
