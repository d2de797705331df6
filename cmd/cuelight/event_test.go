package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

func (p *publisher) endEvent() {
	p.t.Helper()
	if _, err := p.ch.endEvent(); err != nil {
		p.t.Fatal(err)
	}
}

// again begins another session.
func (p *publisher) again(returned bool) {
	p.t.Helper()
	p.began, p.next = time.Now(), 0
	if err := p.ch.Begin(ingest.Info{Protocol: "rtmp", Started: p.began, Returned: returned}, p.clip.Tracks); err != nil {
		p.t.Fatal(err)
	}
}

func TestNothingToEnd(t *testing.T) {
	onChannel(t, func(p *publisher) {
		_, err := p.ch.endEvent()
		if e, ok := err.(*interact.Error); !ok || e.Code != interact.CodeConflict || p.ch.ended != 0 {
			t.Errorf("EV1 before anything was on air: %v", err)
		}
	})
}

// An encoder that goes on sending is not seen, also when it lost its connection
// for a moment, and the event's playlists stay as they are.
func TestWhatComesAfterTheEnd(t *testing.T) {
	onChannel(t, func(p *publisher) {
		p.play(10*time.Second, 0)
		p.endEvent()
		at := p.ch.ended
		last, event := p.playlist(), p.ch.event.Load()
		if !strings.HasSuffix(last, "#EXT-X-ENDLIST\n") {
			t.Fatalf("C12 no end in\n%s", last)
		}
		p.play(5*time.Second, 0)
		p.ch.End(nil)
		time.Sleep(2 * time.Second)
		p.again(true)
		p.play(5*time.Second, 0)
		if got := p.playlist(); got != last || p.ch.event.Load() != event {
			t.Errorf("EV2 the playlist goes on:\n%s", got)
		}
		if again, err := p.ch.endEvent(); again != at || err != nil {
			t.Errorf("EV1 ended again at %d, %v; first at %d", again, err, at)
		}
		h := p.ch.health(3 * time.Second)
		if _, _, live := p.ch.Edge(); live || h.Live || !h.Ended || len(h.Advice) != 1 || !strings.HasPrefix(h.Advice[0], "The event has ended") {
			t.Errorf("EV2 live %v, health %+v", live, h)
		}
	})
}

func TestNextEvent(t *testing.T) {
	for _, tc := range []struct {
		name     string
		gone     bool // the encoder had left before the end
		returned bool // the registry takes the next publisher for the same one
	}{
		{"another encoder", false, false},
		{"the encoder left before the end", true, true},
		{"nobody was there at the end", true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onChannel(t, func(p *publisher) {
				p.play(10*time.Second, 0)
				if tc.gone {
					p.ch.End(nil)
				}
				p.endEvent()
				if !tc.gone {
					p.ch.End(nil)
				}
				old := p.ch.event.Load()
				before := old.Stats().Edge.MSN
				time.Sleep(5 * time.Second)
				p.again(tc.returned)
				p.play(10*time.Second, 0)
				if p.ch.event.Load() == old || p.ch.ended != 0 {
					t.Fatal("EV2 no event begins")
				}
				text := p.playlist()
				first, err := strconv.ParseUint(regexp.MustCompile(`MEDIA-SEQUENCE:(\d+)`).FindStringSubmatch(text)[1], 10, 64)
				if err != nil || first < before+8 || strings.Contains(text, "ENDLIST") || strings.Contains(text, "#EXT-X-DISCONTINUITY\n") {
					t.Errorf("EV3 behind segment %d:\n%s", before, text)
				}
				if _, _, live := p.ch.Edge(); !live || p.ch.health(3*time.Second).Ended {
					t.Error("EV2 the next event is not live")
				}
			})
		})
	}
}

// A publisher that cannot begin leaves the last event as it is.
func TestNextEventThatCannotBegin(t *testing.T) {
	onChannel(t, func(p *publisher) {
		p.play(10*time.Second, 0)
		p.ch.End(nil)
		p.endEvent()
		last := p.playlist()
		if err := p.ch.Begin(ingest.Info{Protocol: "rtmp"}, nil); err == nil {
			t.Fatal("a session without tracks begins")
		}
		if p.playlist() != last || p.ch.ended == 0 {
			t.Error("EV4 the last event is gone")
		}
		p.again(false)
		p.play(5*time.Second, 0)
		if p.ch.ended != 0 {
			t.Error("EV4 no event begins afterwards")
		}
	})
}

// ask sends a request and returns status and answer; 0 and why if there is none.
func (s *station) ask(t *testing.T, method, path string) (int, string) {
	r, err := http.NewRequestWithContext(t.Context(), method, s.web+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(body)
}

type recorded struct {
	ID       string
	Started  int64 `json:"started_at_us"`
	Duration int64 `json:"duration_ms"`
	Bytes    int64
	Live     bool
	URL      string
}

func (s *station) recordings(t *testing.T) []recorded {
	t.Helper()
	var list struct{ Recordings []recorded }
	if err := json.Unmarshal(s.get(t, "/api/v1/channels/show/recordings"), &list); err != nil {
		t.Fatal(err)
	}
	return list.Recordings
}

var newest = regexp.MustCompile(`(?m)^#EXT-X-MEDIA-SEQUENCE:(\d+)$`)

// numbers returns the first and the last sequence number of a playlist.
func numbers(t *testing.T, playlist string) (first, last int) {
	t.Helper()
	found := newest.FindStringSubmatch(playlist)
	if found == nil {
		t.Fatalf("no sequence number in\n%s", playlist)
	}
	first, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return first, first + strings.Count(playlist, "#EXTINF") - 1
}

// TestEndOfAnEvent ends one while its encoder goes on, plays it to its end, and
// begins the next.
func TestEndOfAnEvent(t *testing.T) {
	s := onAir(t, "channels: {show: {open: true, record: true}}\n")
	const end = "/api/v1/channels/show/end"
	if status, text := s.ask(t, "POST", end); status != 409 || !strings.Contains(text, "Nothing has been on air") {
		t.Errorf("EV1 before the event: %d %s", status, text)
	}
	encoder := encode(t, "-f", "flv", "rtmp://"+s.address(t, "rtmp")+"/live/show")
	playlist := func() string { return string(s.get(t, "/hls/show/video.m3u8")) }
	text := until(t, "six seconds", playlist, func(text string) bool { return strings.Count(text, "#EXTINF") >= 4 })
	if live := s.recordings(t); len(live) != 1 || !live[0].Live {
		t.Errorf("RC3 recordings on air: %+v", live)
	} else if status, _ := s.ask(t, "DELETE", "/api/v1/channels/show/recordings/"+live[0].ID); status != 409 {
		t.Errorf("RC9 deleting the one that is made: %d", status)
	}
	_, last := numbers(t, text)
	blocked := make(chan string, 1)
	go func() { // a segment that this event will not have, or not whole
		_, body := s.ask(t, "GET", fmt.Sprintf("/hls/show/video.m3u8?_HLS_msn=%d", last+2))
		blocked <- body
	}()
	status, first := s.ask(t, "POST", end)
	if _, again := s.ask(t, "POST", end); status != 200 || again != first || !strings.Contains(first, `"channel":"show","ended_at_us":`) {
		t.Errorf("EV1 the end: %d %s, then %s", status, first, again)
	}
	if text := <-blocked; !strings.Contains(text, "#EXT-X-ENDLIST") {
		t.Errorf("C12 who waited was told\n%s", text)
	}
	ended := playlist()
	s.playsToItsEnd(t, "/hls/show/index.m3u8", ended)
	if h := s.health(t, "show"); !h.Ended || h.Live || h.Protocol != "RTMP" {
		t.Errorf("EV2 health %+v", h)
	}
	s.theRecording(t)
	encoder.Stop(t)

	s.nextEvent(t, ended)
}

// nextEvent publishes in another way, so that it is another encoder.
func (s *station) nextEvent(t *testing.T, ended string) {
	t.Helper()
	until(t, "the encoder gone", func() wire.Health { return s.health(t, "show") }, func(h wire.Health) bool { return h.Protocol == "" })
	if now := string(s.get(t, "/hls/show/video.m3u8")); now != ended {
		t.Errorf("EV2 the last event became\n%s\nfrom\n%s", now, ended)
	}
	encode(t, "-f", "rtsp", "-rtsp_transport", "tcp", "rtsp://"+s.address(t, "rtsp")+"/show")
	if h := s.live(t, "show"); h.Ended {
		t.Errorf("EV2 health %+v", h)
	}
	text := until(t, "the next event", func() string { return string(s.get(t, "/hls/show/video.m3u8")) },
		func(text string) bool { return strings.Contains(text, "#EXTINF") })
	_, last := numbers(t, ended)
	if first, _ := numbers(t, text); first <= last+2 || strings.Contains(text, "ENDLIST") || strings.Contains(text, fmt.Sprintf("video-%d.", last)) {
		t.Errorf("EV3 behind segment %d comes\n%s", last, text)
	}
	for _, file := range regexp.MustCompile(`(?m)^video-\d+\.mp4$|video-init-\w+\.mp4`).FindAllString(ended, -1) {
		if s.get(t, "/hls/show/"+file) == nil {
			t.Errorf("EV5 %s of the last event cannot be loaded any more", file)
		}
	}
	until(t, "two recordings", func() []recorded { return s.recordings(t) }, func(all []recorded) bool {
		return len(all) == 2 && all[0].Live && all[0].Started > all[1].Started
	})
}

// theRecording plays the only one, which is closed.
func (s *station) theRecording(t *testing.T) {
	t.Helper()
	all := until(t, "the recording closed", func() []recorded { return s.recordings(t) }, func(all []recorded) bool { return len(all) == 1 && !all[0].Live })
	r := all[0]
	if r.Duration < 4000 || r.Bytes < 10_000 || r.URL != "/vod/show/"+r.ID+"/index.m3u8" {
		t.Errorf("RC9 recording %+v", r)
	}
	text := string(s.get(t, strings.Replace(r.URL, "index", "video", 1)))
	if !strings.Contains(text, "#EXT-X-PLAYLIST-TYPE:VOD") {
		t.Errorf("RC3 the recording is\n%s", text)
	}
	s.playsToItsEnd(t, r.URL, text)
}

// playsToItsEnd lets ffmpeg decode a presentation that has an end, and holds how
// long it is against its pictures' playlist.
func (s *station) playsToItsEnd(t *testing.T, path, pictures string) {
	t.Helper()
	if !strings.HasSuffix(pictures, "#EXT-X-ENDLIST\n") {
		t.Fatalf("C12 no end in\n%s", pictures)
	}
	var want float64
	for _, m := range regexp.MustCompile(`#EXTINF:([\d.]+)`).FindAllStringSubmatch(pictures, -1) {
		d, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		want += d
	}
	cmd := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-live_start_index", "0", "-count_frames", "-select_streams", "v",
		"-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", s.web+path)
	out, err := cmd.CombinedOutput()
	frames, bad := strconv.Atoi(strings.TrimSpace(strings.SplitN(string(out), "\n", 2)[0]))
	if err != nil || bad != nil || float64(frames) < want*30-1 || float64(frames) > want*30+1 {
		t.Errorf("%s has %d pictures, its playlist %.3f s of them: %v\n%s", path, frames, want, err, out)
	}
}
