package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/cue"
)

// catch is bytes that reached a viewer.
type catch struct {
	at   time.Time // read
	from string
	data string
}

// tap writes down everything that viewers get.
type tap struct {
	mu  sync.Mutex
	all []catch
}

func (p *tap) add(from string, data []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, catch{time.Now(), from, string(data)})
}

// listen joins as a viewer and writes down what comes until ctx ends.
func (p *tap) listen(ctx context.Context, t *testing.T, s *station, from string) *sync.WaitGroup {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{wire.Subprotocol}}
	ws, _, err := d.DialContext(ctx, "ws"+strings.TrimPrefix(s.web, "http")+"/ws/v1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.WriteMessage(websocket.TextMessage, []byte(`{"t":"hello","v":1,"channel":"show"}`)); err != nil {
		t.Fatal(err)
	}
	context.AfterFunc(ctx, func() { ws.Close() })
	wg := new(sync.WaitGroup)
	wg.Go(func() {
		for {
			_, data, err := ws.ReadMessage()
			if err != nil {
				return
			}
			p.add(from, data)
		}
	})
	return wg
}

var files = regexp.MustCompile(`(?m)(?:^|URI=")([a-z0-9._/-]+\.(?:m4s|mp4)[^"\s]*)`)

// scrape reads playlists, the media they name, and the key, as a viewer without
// a socket would.
func (p *tap) scrape(t *testing.T, s *station, seen map[string]bool) {
	for _, name := range []string{"index.m3u8", "video.m3u8", "audio.m3u8", "timeline.json"} {
		text := s.get(t, "/hls/show/"+name)
		p.add(name, text)
		for _, m := range files.FindAllStringSubmatch(string(text), -1) {
			if !seen[m[1]] {
				seen[m[1]] = true
				p.add(m[1], s.get(t, "/hls/show/"+m[1]))
			}
		}
		for _, path := range keyPath.FindAllString(string(text), -1) {
			p.add("key", s.get(t, path))
		}
	}
}

var keyPath = regexp.MustCompile(`/api/v1/channels/show/keys/[A-Za-z0-9_-]+`)

// TestNothingSecretIsEarly reads every byte that viewers can get, over sockets,
// welcomes, playlists, media and the API: neither the question nor its key is
// among them before κ before O, nor the right answer before the reveal.
func TestNothingSecretIsEarly(t *testing.T) {
	s := onAir(t, "channels: {show: {open: true}}\n")
	encode(t, "-f", "flv", "rtmp://"+s.address(t, "rtmp")+"/live/show")
	s.live(t, "show")
	const cues = "/api/v1/channels/show/cues"
	id := s.post(t, cues, `{"kind":"trivia","title":"Zanzibar or Timbuktu?","options":["Zanzibar","Timbuktu"],"correct":1,"window_ms":3000}`).ID

	ctx, leave := context.WithCancel(t.Context())
	p, seen := new(tap), make(map[string]bool)
	sockets := []*sync.WaitGroup{p.listen(ctx, t, s, "socket")}
	s.post(t, cues+"/"+id+"/take", "{}")
	open := s.instant(t, id)
	var revealed time.Time
	state := func() string {
		if n := len(sockets); n < 30 {
			sockets = append(sockets, p.listen(ctx, t, s, fmt.Sprintf("joiner %d", n)))
		}
		p.scrape(t, s, seen)
		return s.state(t, id)
	}
	until(t, "the end of the window", state, func(s string) bool { return s == "closed" })
	revealed = time.Now()
	s.post(t, cues+"/"+id+"/reveal", "{}")
	until(t, "the reveal", func() bool {
		state()
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.revealed()
	}, func(ok bool) bool { return ok })
	leave()
	for _, wg := range sockets {
		wg.Wait()
	}

	key := p.key(t)
	keyed := open.Add(-cue.KeyLead)
	var early, keys int
	for _, c := range p.all {
		if strings.Contains(c.data, "Zanzibar") || strings.Contains(c.data, "Timbuktu") {
			t.Errorf("EN5 the question in plain in %s, O%v", c.from, c.at.Sub(open))
		}
		if strings.Contains(c.data, key) {
			keys++
			if c.at.Before(keyed) {
				t.Errorf("EN5 the key in %s, O%v", c.from, c.at.Sub(open))
			}
			if strings.HasSuffix(c.from, ".m3u8") || strings.Contains(c.from, ".m4s") || strings.Contains(c.from, ".mp4") {
				t.Errorf("EN5 the key in band, in %s", c.from)
			}
		}
		if strings.Contains(c.data, `"correct"`) && c.at.Before(revealed) {
			t.Errorf("EN5 the right answer in %s, %v before the reveal", c.from, revealed.Sub(c.at))
		}
		if c.at.Before(keyed) {
			early++
		}
	}
	if early < 10 || keys < 3 {
		t.Errorf("only %d catches before the key and %d with it: the test saw too little", early, keys)
	}
}

// revealed says whether a socket heard the right answer. The caller holds mu.
func (p *tap) revealed() bool {
	for _, c := range p.all {
		if strings.Contains(c.data, `"correct":1`) {
			return true
		}
	}
	return false
}

// key is what the sockets were told.
func (p *tap) key(t *testing.T) string {
	t.Helper()
	for _, c := range p.all {
		var k wire.Key
		if strings.HasPrefix(c.data, `{"t":"key"`) && json.Unmarshal([]byte(c.data), &k) == nil {
			return k.Key
		}
	}
	t.Fatal("no socket heard a key")
	return ""
}

// instant returns when the window of a cue opens, on this machine's clock.
func (s *station) instant(t *testing.T, id string) time.Time {
	t.Helper()
	return time.UnixMicro(int64(s.cue(t, id).Open))
}

func (s *station) state(t *testing.T, id string) string { return string(s.cue(t, id).State) }

// cue returns the producer's view of a cue.
func (s *station) cue(t *testing.T, id string) wire.Cue {
	t.Helper()
	var all struct{ Cues []wire.Cue }
	if err := json.Unmarshal(s.get(t, "/api/v1/channels/show/cues"), &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all.Cues {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("no cue %s", id)
	return wire.Cue{}
}
