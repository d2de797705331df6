package fallback_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/fallback"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

func TestSameMessagesAsOnASocket(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		onStream, first := r.viewer("")
		onSocket, _ := r.socket("")
		if first.Version != wire.Version || first.Channel != "show" || first.Token == "" || first.ClockEpoch != 7 {
			r.Errorf("FB1 welcome %+v", first)
		}
		c := r.ask(tea)
		var streamed, socketed []wire.Message
		var both sync.WaitGroup
		both.Go(func() { streamed = untilClosed(onStream.next) })
		both.Go(func() {
			socketed = untilClosed(func() (wire.Message, bool) { m := onSocket.next(); return m, m != nil })
		})
		both.Wait()
		if len(streamed) < 4 || !reflect.DeepEqual(streamed, socketed) {
			r.Errorf("FB1 the stream said %s\nthe socket %s", types(streamed), types(socketed))
		}
		key := false
		for _, m := range streamed {
			k, ok := m.(*wire.Key)
			key = key || ok && k.Cue == c.ID
		}
		if !key {
			r.Error("FB1 no key came")
		}
	})
}

// untilClosed returns what comes of cues until one is closed. Counts may come
// before or after what happens at the same instant.
func untilClosed(next func() (wire.Message, bool)) (all []wire.Message) {
	for m, ok := next(); ok; m, ok = next() {
		cue, changed := m.(*wire.CueChanged)
		if _, key := m.(*wire.Key); key || changed {
			all = append(all, m)
		}
		if changed && cue.Cue.State == wire.StateClosed {
			return all
		}
	}
	return all
}

func types(all []wire.Message) (names []string) {
	for _, m := range all {
		names = append(names, fmt.Sprintf("%s%+v", m.Type(), m))
	}
	return names
}

func TestNothingSecretIsEarlyOnAStream(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		s, _ := r.viewer("")
		c := r.ask(tea)
		for e := range s.got {
			text := string(e.data)
			if strings.Contains(text, "Coffee") {
				r.Errorf("EN5 in plain: %s", text)
			}
			if key := strings.Contains(text, `"key":"`); key && r.clock.At(e.at) < c.Open.Add(-400*ms) {
				r.Errorf("EN5 a key at O − %v", c.Open.Sub(r.clock.At(e.at)))
			} else if key {
				return
			}
		}
		r.Error("no key came")
	})
}

func TestAnswersOverBothCarriersCountOnce(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		onStream, first := r.viewer("")
		again, second := r.viewer(first.Token)
		onSocket, third := r.socket(first.Token)
		if second.Participant != first.Participant || third.Participant != first.Participant {
			r.Fatalf("GW5 three participants: %s %s %s", first.Participant, second.Participant, third.Participant)
		}
		c := r.ask(tea)
		time.Sleep(c.Open.Sub(r.now()) + time.Second)
		if resp := onStream.say(answer(c, "a1", 1)); resp.StatusCode != http.StatusAccepted {
			r.Fatalf("FB3 %s", resp.Status)
		}
		receipt := expect[*wire.Receipt](onStream)
		again.say(answer(c, "a2", 0))
		onSocket.say(answer(c, "a3", 0))
		second2 := expect[*wire.Receipt](again)
		var third3 *wire.Receipt
		for third3 == nil {
			third3, _ = onSocket.next().(*wire.Receipt)
		}
		if receipt.ID != "a1" || receipt.Choice[0] != 1 || receipt.Seq != 1 {
			r.Errorf("IN1 receipt %+v", receipt)
		}
		for _, other := range []*wire.Receipt{second2, third3} {
			if other.Seq != 1 || other.Choice[0] != 1 || other.At != receipt.At {
				r.Errorf("IN1 receipt %+v, want that of %+v", other, receipt)
			}
		}
		tally, err := r.room.Tally(r.Context(), c.ID)
		if err != nil || tally.Total != 1 || tally.Counts[1] != 1 {
			r.Errorf("IN2 tally %+v, %v", tally, err)
		}
	})
}

func TestResumeAfterACut(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		s, first := r.viewer("")
		if first.Epoch == "" {
			r.Fatal("the welcome names no log")
		}
		s.resp.Body.Close() // the network breaks
		synctest.Wait()
		c := r.ask(tea)
		time.Sleep(c.Open.Sub(r.now()) - time.Second)
		back := r.open(hello(func(h *wire.Hello) {
			h.Token, h.Resume = first.Token, &wire.Resume{Epoch: first.Epoch, Offset: first.Offset}
		})).begin().listen()
		welcome := expect[*wire.Welcome](back)
		if !welcome.Resumed || len(welcome.Cues) != 0 || welcome.Participant != first.Participant {
			r.Errorf("FB8 welcome %+v", welcome)
		}
		if missed := expect[*wire.CueChanged](back); missed.Cue.ID != c.ID {
			r.Errorf("FB8 missed %+v", missed)
		}
	})
}

func TestStreamIsMeasuredByItsClient(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		s, welcome := r.viewer("")
		const rtt = 80 * ms
		pongs := 0
		for range 3 {
			ping := <-s.pings
			var said struct{ Nonce string }
			if err := json.Unmarshal(ping.data, &said); err != nil || said.Nonce == "" {
				r.Fatalf("FB5 ping %s", ping.data)
			}
			time.Sleep(rtt)
			s.say(&wire.Alive{Nonce: "of nobody"})
			s.say(&wire.Alive{Nonce: said.Nonce})
			s.say(&wire.Alive{Nonce: said.Nonce}) // twice is once
			pongs++
		}
		synctest.Wait()
		if got := r.streams.Stats().Pongs; got != uint64(pongs) {
			r.Errorf("FB5 %d pongs passed on, want %d", got, pongs)
		}
		sample := r.gateway.Roster("show", wire.MaxRoster)
		if len(sample.Viewers) != 1 || sample.Viewers[0].Participant != welcome.Participant || sample.Viewers[0].RTT != rtt.Microseconds() {
			r.Errorf("FB5 the gateway measured %+v, want %v", sample, rtt)
		}
	})
}

func TestStreamThatNeverAnswersPings(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		s, _ := r.viewer("")
		start := time.Now()
		s.closed(wire.CloseIdle)
		if took := time.Since(start); took < time.Minute || took > 75*time.Second {
			r.Errorf("GW10 closed after %v", took)
		}
	})
}

func TestSilentStreamBeats(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		s, _ := r.viewer("")
		start := time.Now()
		for e := range s.got {
			if e.data == nil {
				if gap := e.at.Sub(start); gap < 14*time.Second || gap > 16*time.Second {
					r.Errorf("FB6 a comment after %v", gap)
				}
				return
			}
			start = e.at
		}
		r.Error("FB6 no comment came")
	})
}

func TestHeadersOfAStream(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		s := r.open(hello(), "Origin", "https://partner.example")
		h := s.resp.Header
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no",
			"Access-Control-Allow-Origin": "https://partner.example", "Vary": "Origin",
		} {
			if got := h.Get(name); got != want {
				r.Errorf("FB2 %s = %q, want %q", name, got, want)
			}
		}
		expect[*wire.Welcome](s.begin().listen())
	})
}

func TestGatewayRestartEndsStreams(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		s, _ := r.viewer("")
		go r.stop()
		s.closed(wire.CloseRestart)
		synctest.Wait()
		resp, text := r.said(fallback.PathStream, r.encode(hello()))
		r.refused(resp, text, http.StatusServiceUnavailable, interact.CodeBusy)
		if resp.Header.Get("Retry-After") == "" {
			r.Error("503 without Retry-After")
		}
		resp, text = r.said(fallback.PathMessages, r.encode(&wire.Status{}), fallback.SessionHeader, s.session)
		r.refused(resp, text, http.StatusNotFound, interact.CodeUnknown)
	})
}

func TestRemovalReachesStreams(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		s, welcome := r.viewer("")
		other, _ := r.viewer("")
		if n := r.gateway.Remove("show", welcome.Participant, wire.CloseKicked); n != 1 {
			r.Errorf("%d connections removed", n)
		}
		s.closed(wire.CloseKicked)
		if resp := other.say(&wire.Status{Class: wire.ClassNone}); resp.StatusCode != http.StatusAccepted {
			r.Errorf("another viewer: %s", resp.Status)
		}
	})
}

func TestSlowStreamIsToldSo(t *testing.T) {
	for name, away := range map[string]time.Duration{"by the gateway": 500 * ms, "in its place": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			inRig(t, change{gateway: func(c *gateway.Config) { c.Limits.Outbox = 4 }}, func(r *rig) {
				s := r.open(hello()).begin()
				synctest.Wait() // nobody reads any more
				for i := range 12 {
					r.gateway.Broadcast("show", wire.Viewers, &wire.CueChanged{Cue: wire.Cue{ID: fmt.Sprint("c", i), Rev: 1, Kind: "poll", Policy: "wall", State: wire.StateArmed, Choices: 2, Results: "live"}})
				}
				synctest.Wait()
				time.Sleep(away)
				s.listen().closed(wire.CloseSlow)
			})
		})
	}
}

func TestStuckStreamIsGivenUp(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		r.open(hello()) // nobody ever reads
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := r.streams.Stats(); s.Open != 0 || s.Opened != 1 {
			r.Errorf("FB7 after a minute: %+v", s)
		}
		if s := r.gateway.Stats(); s.Connections != 0 {
			r.Errorf("FB7 the gateway has %d connections", s.Connections)
		}
	})
}

func TestClientThatLeaves(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		s, _ := r.viewer("")
		if n := r.gateway.Viewers("show"); n != 1 {
			r.Fatalf("%d viewers", n)
		}
		s.resp.Body.Close()
		synctest.Wait()
		if n := r.gateway.Viewers("show"); n != 0 || r.streams.Stats().Open != 0 {
			r.Errorf("FB7 %d viewers, %+v", n, r.streams.Stats())
		}
	})
}

func TestGatewaysLimitsHold(t *testing.T) {
	inRig(t, change{gateway: func(c *gateway.Config) { c.Limits.PerLoopback, c.Limits.PerAddress, c.Limits.PerParticipant = 3, 3, 2 }}, func(r *rig) {
		s, welcome := r.viewer("")
		r.viewer(welcome.Token)
		third := r.open(hello(func(h *wire.Hello) { h.Token = welcome.Token })).begin().listen()
		third.closed(wire.CloseTooMany)
		synctest.Wait()
		r.viewer("")
		resp, text := r.said(fallback.PathStream, r.encode(hello()))
		r.refused(resp, text, http.StatusTooManyRequests, interact.CodeTooMany)
		// Who sends too much is refused, then closed, as on a socket (GW8).
		status := &wire.Status{Class: wire.ClassNone}
		for range 6 {
			s.say(status, status, status, status, status, status, status, status, status, status)
		}
		s.closed(wire.CloseTooMany)
	})
}

// TestRefusalIsPassedOn: what the gateway says of where and when to try again
// reaches a stream, and its tenant's quota is asked before there is a connection.
func TestRefusalIsPassedOn(t *testing.T) {
	var asked []string
	inRig(t, change{gateway: func(c *gateway.Config) {
		c.Tenant = func(channel string) string { return "of " + channel }
		c.Tenants = map[string]gateway.TenantLimits{"of show": {Connections: 1}}
		c.Try = func(channel string) string { asked = append(asked, channel); return "https://b.example" }
	}}, func(r *rig) {
		r.viewer("")
		resp, text := r.said(fallback.PathStream, r.encode(hello()), "Origin", "https://partner.example")
		r.refused(resp, text, http.StatusServiceUnavailable, interact.CodeBusy)
		if resp.Header.Get("Cuelight-Try") != "https://b.example" || !slices.Equal(asked, []string{"show"}) {
			r.Errorf("FB10 refusal %q, asked for %q", resp.Header, asked)
		}
		if got := resp.Header.Get("Access-Control-Expose-Headers"); got != "Retry-After, Cuelight-Try" {
			r.Errorf("FB10 pages may read %q", got)
		}
		other := r.open(hello(func(h *wire.Hello) { h.Channel = "another" })).begin().listen()
		other.closed(wire.CloseChannel)
		if s := r.gateway.Stats(); s.Tenants["of show"].RefusedFull != 1 {
			r.Errorf("FB10 %+v", s.Tenants)
		}
	})
}

func TestOriginsOfStreams(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		resp, text := r.said(fallback.PathStream, r.encode(hello()), "Origin", "https://evil.example")
		r.refused(resp, text, http.StatusForbidden, interact.CodeDenied)
		if resp.Header.Get("Access-Control-Allow-Origin") != "" {
			r.Error("FB4 a page that may not is told that it may")
		}
		s, _ := r.viewer("", "Origin", "http://show.test")
		resp, text = r.said(fallback.PathMessages, r.encode(&wire.Status{}), fallback.SessionHeader, s.session, "Origin", "https://evil.example")
		r.refused(resp, text, http.StatusForbidden, interact.CodeDenied)
	})
}

func TestProducerOnAStream(t *testing.T) {
	inRig(t, change{gateway: func(c *gateway.Config) {
		c.SignedIn = func(r *http.Request) (token.Claims, bool) {
			_, err := r.Cookie("signed")
			return token.Claims{Role: token.RoleProducer, Subject: "ann"}, err == nil
		}
	}}, func(r *rig) {
		produce := hello(func(h *wire.Hello) { h.Role = wire.RoleProducer })
		r.open(produce).begin().listen().closed(wire.CloseDenied)
		s := r.open(produce, "Cookie", "signed=yes").begin().listen()
		if w := expect[*wire.Welcome](s); w.Role != wire.RoleProducer {
			r.Errorf("GW6 welcome as %s", w.Role)
		}
		// A cookie counts only from the same host.
		r.open(produce, "Cookie", "signed=yes", "Origin", "https://partner.example").begin().listen().closed(wire.CloseDenied)
	})
}

func TestStreamsAreBounded(t *testing.T) {
	inRig(t, change{streams: func(c *fallback.Config) { c.Limits.Streams = 2 }}, func(r *rig) {
		s, _ := r.viewer("")
		r.viewer("")
		resp, text := r.said(fallback.PathStream, r.encode(hello()))
		r.refused(resp, text, http.StatusServiceUnavailable, interact.CodeBusy)
		s.resp.Body.Close()
		synctest.Wait()
		r.viewer("")
		if got := r.streams.Stats(); got.Open != 2 || got.Opened != 3 || got.Refused != 1 {
			r.Errorf("FB9 %+v", got)
		}
	})
}

func TestGatewayThatPanics(t *testing.T) {
	bad := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("handshake") })
	inRig(t, change{streams: func(c *fallback.Config) { c.Gateway = bad }}, func(r *rig) {
		resp, text := r.said(fallback.PathStream, r.encode(hello()))
		r.refused(resp, text, http.StatusServiceUnavailable, interact.CodeBusy)
		if got := r.streams.Stats(); got.Panics != 1 || got.Open != 0 {
			r.Errorf("FB9 %+v", got)
		}
	})
}

// TestManyAtOnce is for the race detector: streams come, answer and go at the
// same time.
func TestManyAtOnce(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		c := r.ask(tea)
		const people = 12
		var all sync.WaitGroup
		for i := range people {
			all.Go(func() {
				s, _ := r.viewer("")
				time.Sleep(c.Open.Sub(r.now()) + time.Second)
				var posts sync.WaitGroup
				for n := range 3 {
					posts.Go(func() { s.say(answer(c, fmt.Sprint("a", n), i%2)) })
				}
				posts.Wait()
				if receipt := expect[*wire.Receipt](s); receipt.Cue != c.ID || receipt.Choice[0] != i%2 {
					r.Errorf("receipt %+v", receipt)
				}
				if i%3 == 0 {
					s.resp.Body.Close()
				}
			})
		}
		all.Wait()
		tally, err := r.room.Tally(r.Context(), c.ID)
		if err != nil || tally.Total != people {
			r.Errorf("IN1 tally %+v, %v", tally, err)
		}
	})
}

// TestBodyThatComesSlowly has a client that begins a hello and stops.
func TestBodyThatComesSlowly(t *testing.T) {
	inRig(t, change{}, func(r *rig) {
		conn, err := r.ln.dial(r.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		start := time.Now()
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: show.test\r\nContent-Length: 100\r\n\r\n{", fallback.PathStream)
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
			r.Errorf("FB9 %q, %v", answer, err)
		}
		if took := time.Since(start); took < 9*time.Second || took > 11*time.Second {
			r.Errorf("FB9 waited %v", took)
		}
	})
}
