package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/admission"
	"github.com/cuelight/cuelight/interact/api"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// nobody is connected.
type nobody struct{}

func (nobody) Broadcast(string, wire.Audience, wire.Message) {}
func (nobody) Viewers(string) int                            { return 0 }
func (nobody) Stuck(string) int                              { return 0 }

// TestAnswersOverHTTPCountOnce has many participants who send several answers
// each, all at once, to an engine that is no stand-in.
func TestAnswersOverHTTPCountOnce(t *testing.T) {
	keys, err := token.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		room := clock.NewRoom(time.Now(), roomStart, 7)
		e, err := engine.New(ctx, engine.Config{
			Store: new(interacttest.Memory), Clock: room, Broadcaster: nobody{},
			Channels: []engine.Channel{{Name: "first", Latency: 3 * time.Second}, {Name: "show", Latency: 3 * time.Second}},
		})
		if err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		running.Go(func() { _ = e.Run(ctx) }) // it has nothing to say
		defer running.Wait()
		defer cancel()
		show, _ := e.Room("show")
		c := onAir(t, show)
		time.Sleep(c.Open.Sub(room.At(time.Now())) + time.Second)
		p := &people{T: t, api: over(t, e, keys, room), keys: keys, cue: c.ID}
		const many = 40
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() { p.answer(fmt.Sprint("p", i), i%2) })
		}
		all.Wait()
		tally, err := show.Tally(ctx, c.ID)
		if err != nil || tally.Total != many || tally.Counts[0] != many/2 {
			t.Errorf("IN2 tally %+v, %v", tally, err)
		}
		p.banned(show, "mallory")
		if again, err := show.Tally(ctx, c.ID); err != nil || again.Total != many {
			t.Errorf("EN27 with a banned one's answer the tally is %+v, %v", again, err)
		}
	})
}

func onAir(t *testing.T, show *engine.Room) wire.Cue {
	t.Helper()
	c, err := show.Prepare(t.Context(), interact.Question{Kind: interact.KindPoll, Title: "Tea?", Options: []string{"Yes", "No"}}.WithDefaults())
	if err == nil {
		c, err = show.Take(t.Context(), c.ID, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// over returns the API of an engine's channels.
func over(t *testing.T, e *engine.Engine, keys *token.Keys, room *clock.Room) *api.API {
	t.Helper()
	desk, err := admission.New(admission.Config{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	a, err := api.New(api.Config{
		Rooms:    func(name string) (api.Room, bool) { r, ok := e.Room(name); return r, ok },
		Channels: func() []api.ChannelInfo { return []api.ChannelInfo{{Name: "first"}, {Name: "show"}} },
		Health:   func(string) (wire.Health, bool) { return wire.Health{}, true },
		Events:   (&events{}).functions(), Tokens: keys, Desk: desk, Crowd: &crowd{}, Clock: room,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// people answer a cue over HTTP.
type people struct {
	*testing.T
	api  *api.API
	keys *token.Keys
	cue  string
}

// answer sends the same answer several times at once: each gets one receipt.
func (p *people) answer(who string, choice int) {
	now := time.Now()
	tok, err := p.keys.Mint(token.Claims{Role: token.RoleViewer, Subject: who, Expires: now.Add(time.Hour)}, now)
	if err != nil {
		p.Error(err)
		return
	}
	const tries = 3
	receipts := make(chan wire.Receipt, tries)
	for range tries {
		go func() { receipts <- p.send(tok, choice) }()
	}
	first := <-receipts
	for range tries - 1 {
		if again := <-receipts; again.Seq != first.Seq || again.At != first.At {
			p.Errorf("IN3 receipts %+v and %+v", first, again)
		}
	}
}

// banned has somebody who may not take part try it over HTTP.
func (p *people) banned(show *engine.Room, who string) {
	now := time.Now()
	tok, err := p.keys.Mint(token.Claims{Role: token.RoleViewer, Subject: who, Expires: now.Add(time.Hour)}, now)
	if err == nil {
		err = show.Ban(p.Context(), who, 0, "test")
	}
	if err != nil {
		p.Error(err)
		return
	}
	req := httptest.NewRequestWithContext(p.Context(), "POST", "/api/v1/cues/"+p.cue+"/answers", strings.NewReader(`{"id":"a","choice":[0]}`))
	req.Header.Set("Authorization", "Bearer "+tok)
	w := httptest.NewRecorder()
	p.api.ServeHTTP(w, req)
	if w.Code != 403 || !strings.Contains(w.Body.String(), `"`+string(interact.CodeNotAdmitted)+`"`) {
		p.Errorf("EN27 a banned participant is told %d %s", w.Code, w.Body)
	}
}

func (p *people) send(tok string, choice int) (got wire.Receipt) {
	req := httptest.NewRequestWithContext(p.Context(), "POST", "/api/v1/cues/"+p.cue+"/answers", strings.NewReader(fmt.Sprintf(`{"id":"a","choice":[%d]}`, choice)))
	req.Header.Set("Authorization", "Bearer "+tok)
	w := httptest.NewRecorder()
	p.api.ServeHTTP(w, req)
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || got.Choice[0] != choice {
		p.Errorf("AP9 %d %s", w.Code, w.Body)
	}
	return got
}
