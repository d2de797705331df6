package loadgen_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/loadgen"
)

func TestHonestServer(t *testing.T) {
	for _, codec := range []string{"json", "msgpack"} {
		for _, scenario := range []string{loadgen.Answers, loadgen.Connect, loadgen.Broadcast, loadgen.Resume} {
			t.Run("LG1 "+scenario+" "+codec, func(t *testing.T) {
				t.Parallel()
				s := newStage(t)
				r, err := s.rehearse(scenario, func(c *loadgen.Config) { c.Codec = codec })
				if err != nil {
					t.Fatal(err)
				}
				if !r.OK() {
					t.Fatalf("differs: %q", r.Differences)
				}
				checkHonest(t, r)
				var text bytes.Buffer
				if err := r.Write(&text); err != nil || !strings.Contains(text.String(), "nothing differs") {
					t.Errorf("the report for people: %v\n%s", err, &text)
				}
				var again loadgen.Report
				if data, err := json.Marshal(r); err != nil || json.Unmarshal(data, &again) != nil || again.Scenario != scenario || again.Connect == nil {
					t.Errorf("the report for programs: %v\n%s", err, data)
				}
			})
		}
	}
}

func TestSeveralGateways(t *testing.T) {
	s := newStage(t)
	var came [3]atomic.Int64
	gateways := make([]string, len(came))
	for i := range came {
		node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			came[i].Add(1)
			s.front.ServeHTTP(w, r)
		}))
		t.Cleanup(node.Close)
		gateways[i] = node.URL
	}
	r, err := s.rehearse(loadgen.Answers, func(c *loadgen.Config) { c.Gateways, c.Processes = gateways, 0 })
	if err != nil || !r.OK() || r.Processes != 3 || r.Gateways != 3 {
		t.Fatalf("%v, %+v", err, r)
	}
	checkHonest(t, r)
	for i := range came {
		if n := came[i].Load(); n != 10 {
			t.Errorf("LG13 gateway %d had %d of 30 viewers", i, n)
		}
	}
	if _, err := s.rehearse(loadgen.Answers, func(c *loadgen.Config) { c.Gateways = gateways }); err == nil || !strings.Contains(err.Error(), "over 3 gateways") {
		t.Errorf("LG7 two processes for three gateways: %v", err)
	}
}

func checkHonest(t *testing.T, r *loadgen.Report) {
	t.Helper()
	if c := r.Connect; c.Rate <= 0 || c.Welcome.Max <= 0 || len(c.Refused) > 0 {
		t.Errorf("connect %+v", c)
	}
	if a := r.Answers; a != nil && (a.Sent != 60 || a.Receipts != 60 || a.Lost != 0 || a.Polls != 2 || a.Receipt.Max <= 0 || a.Rate <= 0) {
		t.Errorf("answers %+v", a)
	}
	if b := r.Broadcast; b != nil && (b.Deliveries != 60 || b.First <= 0 || b.First > b.Last) {
		t.Errorf("broadcast %+v", b)
	}
	if b := r.Resume; b != nil && (b.Resumed != 30 || b.Reset != 0 || b.Lost != 0 || b.Back.Max <= 0 || b.Skipped != 0) {
		t.Errorf("resume %+v", b)
	}
}

// once lies the first time it is asked.
func once() func() bool {
	done := false
	return func() bool { first := !done; done = true; return first }
}

// TestLiesAreSeen: each lie of a server is a difference, in words.
func TestLiesAreSeen(t *testing.T) {
	for _, tc := range []struct {
		name, scenario string
		lie            func(s *stage)
		want           string
	}{
		{"LG1 a receipt that was not counted", loadgen.Answers, func(s *stage) {
			s.count = func(t *wire.Tally) { t.Counts[0]--; t.Total-- }
		}, "the final tally has counted 29"},
		{"LG1 a second receipt of another number", loadgen.Answers, func(s *stage) {
			first := once()
			s.reply = func(_ *guest, _ *wire.Answer, honest wire.Message) []wire.Message {
				if !first() {
					return []wire.Message{honest}
				}
				other := *honest.(*wire.Receipt)
				other.Seq += 1000
				return []wire.Message{honest, &other}
			}
		}, "two receipts for its answer"},
		{"LG1 a receipt for another choice", loadgen.Answers, func(s *stage) {
			first := once()
			s.reply = func(_ *guest, a *wire.Answer, honest wire.Message) []wire.Message {
				if !first() {
					return []wire.Message{honest}
				}
				other := *honest.(*wire.Receipt)
				other.Choice = []int{(a.Choice[0] + 1) % 4}
				return []wire.Message{&other, honest}
			}
		}, "has a receipt for ["},
		{"LG1 the receipt of somebody else", loadgen.Answers, func(s *stage) {
			first := once()
			s.reply = func(_ *guest, _ *wire.Answer, honest wire.Message) []wire.Message {
				if !first() {
					return []wire.Message{honest}
				}
				other := *honest.(*wire.Receipt)
				other.ID = "77-c1"
				return []wire.Message{&other, honest}
			}
		}, "was given the receipt of answer"},
		{"LG1 one number for two", loadgen.Answers, func(s *stage) {
			s.reply = func(_ *guest, _ *wire.Answer, honest wire.Message) []wire.Message {
				r := honest.(*wire.Receipt)
				r.Seq = max(1, r.Seq/2)
				return []wire.Message{r}
			}
		}, "Two viewers have the receipt number"},
		{"LG1 no reply at all", loadgen.Answers, func(s *stage) {
			var silent string
			s.reply = func(g *guest, _ *wire.Answer, honest wire.Message) []wire.Message {
				if silent == "" {
					silent = g.name
				}
				if g.name == silent {
					return nil
				}
				return []wire.Message{honest}
			}
		}, "1 answers to cue c1 have neither a receipt nor a refusal"},
		{"LG1 refused after the receipt", loadgen.Answers, func(s *stage) {
			first := once()
			s.reply = func(_ *guest, a *wire.Answer, honest wire.Message) []wire.Message {
				if !first() {
					return []wire.Message{honest}
				}
				return []wire.Message{honest, &wire.Refused{ID: a.ID, Cue: a.Cue, Code: "late"}}
			}
		}, "and then was refused"},
		{"LG1 somebody is not told of the cue", loadgen.Answers, func(s *stage) {
			s.deliver = func(g *guest, _ uint64) int {
				if g.name == "p3" {
					return 0
				}
				return 1
			}
		}, "never heard of cue"},
		{"LG9 a broadcast twice", loadgen.Broadcast, func(s *stage) {
			s.deliver = func(g *guest, offset uint64) int {
				if g.name == "p3" && offset == 2 {
					return 2
				}
				return 1
			}
		}, "was sent message 2 of the channel's log after message 2"},
		{"LG9 missed while away", loadgen.Resume, func(s *stage) {
			// The count comes once, after the first change, and is not replaced.
			s.also = func(c *wire.Cue) wire.Message {
				if c.Rev != 3 {
					return nil
				}
				return &wire.Tally{Cue: "c0", Version: 1, Counts: []uint64{1, 0}, Total: 1}
			}
			s.deliver = func(g *guest, offset uint64) int {
				if g.name == "p3" && offset == 3 {
					return 0
				}
				return 1
			}
		}, "never got message 3 of the channel's log"},
		{"LG9 somebody else on coming back", loadgen.Resume, func(s *stage) {
			s.join = func(h *wire.Hello, w *wire.Welcome) {
				if h.Token == "token-p3" {
					w.Participant = "p300"
				}
			}
		}, "welcomed as another participant"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			tc.lie(s)
			r, err := s.rehearse(tc.scenario, func(c *loadgen.Config) { c.Cues = 1 })
			if err != nil {
				t.Fatal(err)
			}
			if r.OK() || !strings.Contains(strings.Join(r.Differences, "\n"), tc.want) {
				t.Errorf("differences %q, want one with %q", r.Differences, tc.want)
			}
		})
	}
}

// TestWhatIsNoLie: retries, refusals, lost connections and replaced messages
// are counted, and differ in nothing.
func TestWhatIsNoLie(t *testing.T) {
	for _, tc := range []struct {
		name, scenario string
		trouble        func(s *stage)
		check          func(r *loadgen.Report) bool
	}{
		{"LG2 a receipt is lost on its way", loadgen.Answers, func(s *stage) {
			first := once()
			s.reply = func(g *guest, _ *wire.Answer, honest wire.Message) []wire.Message {
				if first() {
					s.votes[g.name] = *honest.(*wire.Receipt)
					return nil
				}
				return []wire.Message{honest}
			}
		}, func(r *loadgen.Report) bool { return r.Answers.Retries == 1 && r.Answers.Receipts == 30 }},
		{"LG2 the server is busy for a moment", loadgen.Answers, func(s *stage) {
			s.reply = func(_ *guest, a *wire.Answer, honest wire.Message) []wire.Message {
				if s.seen[a.ID] == 1 {
					return []wire.Message{&wire.Refused{ID: a.ID, Cue: a.Cue, Code: "busy"}}
				}
				return []wire.Message{honest}
			}
		}, func(r *loadgen.Report) bool {
			return r.Answers.Retries == 30 && r.Answers.Receipts == 30 && r.Answers.Refused["busy"] == 30 && r.Answers.Unserved == 0
		}},
		{"LG2 an answer is refused for good", loadgen.Answers, func(s *stage) {
			s.reply = func(g *guest, a *wire.Answer, honest wire.Message) []wire.Message {
				if g.name == "p3" {
					return []wire.Message{&wire.Refused{ID: a.ID, Cue: a.Cue, Code: "early"}}
				}
				return []wire.Message{honest}
			}
		}, func(r *loadgen.Report) bool {
			return r.Answers.Retries == 0 && r.Answers.Receipts == 29 && r.Answers.Refused["early"] == 1
		}},
		{"LG2 connections end in the middle", loadgen.Answers, func(s *stage) {
			s.reply = func(g *guest, a *wire.Answer, honest wire.Message) []wire.Message {
				if s.came[g.name] == 1 {
					s.votes[g.name] = *honest.(*wire.Receipt)
					g.ws.Close()
					return nil
				}
				return []wire.Message{honest}
			}
		}, func(r *loadgen.Report) bool { return r.Answers.Left == 30 && r.Answers.Receipts == 30 }},
		{"LG2 not everybody may come at once", loadgen.Connect, func(s *stage) {
			s.refuse = func(attempt int) int {
				if attempt%3 == 0 && attempt < 30 {
					return http.StatusServiceUnavailable
				}
				return 0
			}
		}, func(r *loadgen.Report) bool { return r.Connect.Refused["503"] == 9 }},
		{"LG9 a newer message replaces one", loadgen.Resume, func(s *stage) {
			s.deliver = func(_ *guest, offset uint64) int {
				if offset == 3 {
					return 0
				}
				return 1
			}
		}, func(r *loadgen.Report) bool { return r.Resume.Skipped == 30 }},
		{"LG9 the log is gone", loadgen.Resume, func(s *stage) {
			s.join = func(h *wire.Hello, w *wire.Welcome) {
				if w.Resumed {
					w.Resumed, w.Epoch, w.Cues = false, "e2", []wire.Cue{*s.cue}
					h.Resume.Offset = w.Offset
				}
			}
		}, func(r *loadgen.Report) bool { return r.Resume.Reset == 30 && r.Resume.Resumed == 0 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			tc.trouble(s)
			r, err := s.rehearse(tc.scenario, func(c *loadgen.Config) { c.Cues, c.Window = 1, 10*time.Second })
			if err != nil {
				t.Fatal(err)
			}
			if !r.OK() || !tc.check(r) {
				var text bytes.Buffer
				r.Write(&text)
				t.Errorf("differences %q\n%s", r.Differences, &text)
			}
		})
	}
}

func TestWhatCannotBeRehearsed(t *testing.T) {
	t.Run("LG7 a wrong token", func(t *testing.T) {
		_, err := newStage(t).rehearse(loadgen.Answers, func(c *loadgen.Config) { c.Token = "wrong" })
		if err == nil || !strings.Contains(err.Error(), "Sign in.") || strings.Contains(err.Error(), "wrong") {
			t.Errorf("Run = %v", err)
		}
	})
	t.Run("LG7 no such channel", func(t *testing.T) {
		s := newStage(t)
		s.refuse = func(int) int { return http.StatusNotFound }
		if _, err := s.rehearse(loadgen.Connect, nil); err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("Run = %v", err)
		}
	})
	t.Run("LG7 a worker that is gone", func(t *testing.T) {
		dead := func(context.Context) (*loadgen.Process, error) {
			orders, in := io.Pipe()
			orders.Close()
			return &loadgen.Process{In: in, Out: strings.NewReader(""), Wait: func() error { return errors.New("killed") }}, nil
		}
		if _, err := newStage(t).rehearse(loadgen.Connect, func(c *loadgen.Config) { c.Spawn = dead }); err == nil {
			t.Error("Run = nil")
		}
	})
	t.Run("LG10 somebody ends it", func(t *testing.T) {
		s := newStage(t)
		ctx, cancel := context.WithCancel(t.Context())
		s.reply = func(*guest, *wire.Answer, wire.Message) []wire.Message { cancel(); return nil }
		began := time.Now()
		_, err := loadgen.Run(ctx, loadgen.Answers, loadgen.Config{
			URL: s.url, Channel: "show", Token: producerToken, Viewers: 30, Processes: 3, Spawn: inProcess, Window: time.Minute,
		})
		if !errors.Is(err, context.Canceled) || time.Since(began) > 10*time.Second {
			t.Errorf("Run = %v after %v", err, time.Since(began))
		}
	})
}

func TestServeRefusesOrders(t *testing.T) {
	var out bytes.Buffer
	in := strings.NewReader(`{"do":"answer"}` + "\n" + `{"do":"connect"}` + "\n" + `{"do":"connect","assignment":{"viewers":1,"codec":"xml"}}` + "\n" +
		`{"do":"connect","assignment":{"viewers":18001,"codec":"cuelight.v1.json"}}` + "\n") // LG11
	if err := loadgen.Serve(t.Context(), in, &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 {
		t.Fatalf("LG7 %d findings for 4 orders: %s", len(lines), &out)
	}
	for _, line := range lines {
		if !strings.Contains(line, `"err":`) {
			t.Errorf("LG7 an order that cannot be carried out is answered with %s", line)
		}
	}
	if err := loadgen.Serve(t.Context(), strings.NewReader("hello"), io.Discard); err == nil {
		t.Error("LG7 took an order that is none")
	}
}
