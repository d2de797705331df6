package gateway_test

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
)

// byName is a configuration where each channel is a tenant's of its name.
func byName(limits map[string]gateway.TenantLimits) func(*gateway.Config) {
	return func(cfg *gateway.Config) {
		cfg.Tenant = func(channel string) string { return channel }
		cfg.Tenants = limits
	}
}

// join opens a socket and says hello to a channel.
func (r *rig) join(channel string) *client {
	r.t.Helper()
	c := r.dial(nil).listen()
	c.say(&wire.Hello{Version: wire.Version, Channel: channel})
	return c
}

func (r *rig) tenant(name string) gateway.TenantStats { return r.g.Stats().Tenants[name] }

func TestTenantQuotas(t *testing.T) {
	t.Run("GW43 connections", func(t *testing.T) {
		inRig(t, &room{}, byName(map[string]gateway.TenantLimits{"show": {Connections: 2}, "other": {}}), func(rig *rig) {
			first, _ := rig.viewer("")
			rig.viewer("")
			rig.producer() // is not counted
			bye := rig.join("show").closed(wire.CloseBusy)
			if bye.After < 2000 {
				t.Errorf("bye = %+v", bye)
			}
			for range 3 {
				expect[*wire.Welcome](rig.join("other"))
			}
			if s := rig.tenant("show"); s.Connections != 2 || s.RefusedFull != 1 {
				t.Errorf("stats = %+v", s)
			}
			first.ws.Close()
			synctest.Wait()
			rig.viewer("")
			if s := rig.tenant("other"); s.Connections != 3 || s.RefusedFull != 0 {
				t.Errorf("stats = %+v", s)
			}
		})
	})
	t.Run("GW43 a handshake that names its channel is refused before it is made", func(t *testing.T) {
		inRig(t, &room{}, func(cfg *gateway.Config) {
			byName(map[string]gateway.TenantLimits{"show": {Handshakes: 1}, "other": {}})(cfg)
			cfg.Try = func(channel string) string { return "https://b.example/" + channel }
		}, func(rig *rig) {
			shake := func(channel string) (*websocket.Conn, *http.Response, error) {
				d := websocket.Dialer{NetDialContext: rig.ln.dial, Subprotocols: []string{wire.Subprotocol}}
				return d.Dial("ws://show.test/ws/v1?channel="+channel, nil)
			}
			for range 2 {
				ws, _, err := shake("show")
				if err != nil {
					t.Fatal(err)
				}
				defer ws.Close()
			}
			synctest.Wait()
			accepted := rig.g.Stats().Accepted
			_, answer, err := shake("show")
			if err == nil || answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" ||
				answer.Header.Get(gateway.TryHeader) != "https://b.example/show" {
				t.Fatalf("handshake: %+v, %v", answer, err)
			}
			if s := rig.g.Stats(); s.Accepted != accepted || s.Tenants["show"].RefusedRush != 1 || s.Tenants["show"].Connections != 2 {
				t.Errorf("stats = %+v", s)
			}
			ws, _, err := shake("other")
			if err != nil {
				t.Fatalf("another tenant: %v", err)
			}
			// Who named one channel and joins another counts as what it is.
			c := &client{t: t, ws: ws, codec: wire.JSON, got: make(chan frame, 16), graces: make(chan frame, 16)}
			c.listen().say(&wire.Hello{Version: wire.Version, Channel: "show"})
			if bye := c.closed(wire.CloseBusy); bye.Try != "https://b.example/show" {
				t.Errorf("bye = %+v", bye)
			}
			synctest.Wait()
			if s := rig.tenant("other"); s.Connections != 0 {
				t.Errorf("stats = %+v", s)
			}
		})
	})
	t.Run("GW43 joins at once", func(t *testing.T) {
		inside, release := make(chan string, 16), make(chan struct{})
		r := &room{join: func(context.Context, string, string) (wire.Welcome, error) {
			inside <- ""
			<-release
			return wire.Welcome{}, nil
		}}
		limits := map[string]gateway.TenantLimits{"show": {Joins: 1}, "other": {}}
		inRig(t, r, func(cfg *gateway.Config) {
			byName(limits)(cfg)
			cfg.Limits.Joins, cfg.Limits.JoinLine = 2, 3
		}, func(rig *rig) {
			inside, release = make(chan string, 16), make(chan struct{})
			var all []*client
			for range 5 { // one inside, three in line, one too many
				all = append(all, rig.join("show"))
				synctest.Wait()
			}
			all[4].closed(wire.CloseBusy)
			if len(inside) != 1 || rig.tenant("show").RefusedLine != 1 {
				t.Errorf("%d inside, %+v", len(inside), rig.tenant("show"))
			}
			late := rig.join("other")
			synctest.Wait()
			if len(inside) != 2 {
				t.Error("another tenant stands in that line")
			}
			close(release)
			for _, c := range append(all[:4], late) {
				expect[*wire.Welcome](c)
			}
		})
	})
	t.Run("GW43 answers", func(t *testing.T) {
		inRig(t, &room{}, byName(map[string]gateway.TenantLimits{"show": {Answers: 3}, "other": {Answers: 3}}), func(rig *rig) {
			show, other := rig.join("show"), rig.join("other")
			expect[*wire.Welcome](show)
			expect[*wire.Welcome](other)
			for i := range 5 {
				show.say(answer(fmt.Sprint("a", i), 0))
				if i < 3 {
					expect[*wire.Receipt](show)
				} else if got := expect[*wire.Refused](show); got.Code != string(interact.CodeBusy) || got.ID != fmt.Sprint("a", i) {
					t.Errorf("refused: %+v", got)
				}
			}
			other.say(answer("b", 0))
			expect[*wire.Receipt](other)
			time.Sleep(time.Second)
			show.say(answer("a3", 0)) // again
			expect[*wire.Receipt](show)
			if s := rig.tenant("show"); s.Answers != 4 || s.RefusedAnswers != 2 || rig.tenant("other").Answers != 1 {
				t.Errorf("stats = %+v", s)
			}
			var first error // of those over HTTP
			for range 9 {
				first = cmp.Or(first, rig.g.TakeAnswer("show"))
			}
			if interact.CodeOf(first) != interact.CodeBusy || rig.g.TakeAnswer("other") != nil {
				t.Errorf("GW43 over HTTP: %v", first)
			}
		})
	})
	t.Run("GW43 channels of nobody share what is left", func(t *testing.T) {
		limits := map[string]gateway.TenantLimits{"": {Connections: 1}, "other": {}}
		inRig(t, &room{}, byName(limits), func(rig *rig) {
			expect[*wire.Welcome](rig.join("show"))
			rig.join("show").closed(wire.CloseBusy)
			expect[*wire.Welcome](rig.join("other"))
		})
	})
	t.Run("without tenants nothing is counted", func(t *testing.T) {
		inRig(t, &room{}, nil, func(rig *rig) {
			rig.viewer("")
			if s := rig.g.Stats(); s.Tenants != nil {
				t.Errorf("stats = %+v", s.Tenants)
			}
		})
	})
}

// writeCost is what one write takes of the scribe that makes it, in the time of
// the bubble.
const writeCost = time.Millisecond

// costly is a socket that can be written to without waiting, at a price.
type costly struct{ net.Conn }

func (c costly) TryWrite(b []byte) (int, error) {
	time.Sleep(writeCost)
	return c.Write(b)
}

// delays are those of one tenant's receipts and broadcasts.
type delays struct {
	mu  sync.Mutex
	all []time.Duration
}

func (d *delays) add(took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, took)
}

func (d *delays) p99(t *testing.T) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) < 100 {
		t.Fatalf("%d measured", len(d.all))
	}
	slices.Sort(d.all)
	return d.all[(len(d.all)*99+99)/100-1]
}

// neighbours plays three seconds of a quiet tenant beside noise viewers of
// another one, who send ten times what that may, and are told something all the
// time. It returns how late the quiet one's receipts and broadcasts are.
func neighbours(t *testing.T, noise int, change func(*gateway.Config)) (receipts, deliveries *delays, refused uint64) {
	const quiet = 10
	receipts, deliveries = new(delays), new(delays)
	inRig(t, &room{}, func(cfg *gateway.Config) {
		cfg.Limits = gateway.Limits{AnswerRate: 100, AnswerBurst: 100, MessageRate: 100, MessageBurst: 100, PerAddress: 1000}
		if change != nil {
			change(cfg)
		}
	}, func(rig *rig) {
		rig.ln.wrap = func(far net.Conn) net.Conn { return costly{far} }
		ctx, stop := context.WithCancel(rig.t.Context())
		var playing sync.WaitGroup
		for range noise {
			c := rig.join("other")
			expect[*wire.Welcome](c)
			playing.Go(func() { c.flood(ctx) })
		}
		for i := range quiet {
			c := rig.join("show")
			expect[*wire.Welcome](c)
			time.Sleep(7 * time.Millisecond)
			playing.Go(func() { c.ask(ctx, i, receipts, deliveries) })
		}
		for start := time.Now(); time.Since(start) < 3*time.Second; time.Sleep(50 * time.Millisecond) {
			n := int(time.Since(start) / (50 * time.Millisecond))
			for i := range 4 {
				rig.g.Broadcast("other", wire.Viewers, cueChanged(fmt.Sprint("n", n, i), wire.StateOpen))
			}
			if n%4 == 0 {
				m := cueChanged(fmt.Sprint("q", n), wire.StateOpen)
				m.Cue.Note = fmt.Sprint(time.Now().UnixNano())
				rig.g.Broadcast("show", wire.Viewers, m)
			}
		}
		refused = rig.tenant("other").RefusedAnswers
		stop()
		playing.Wait()
	})
	return receipts, deliveries, refused
}

// flood sends two answers a second and takes everything that comes.
func (c *client) flood(ctx context.Context) {
	next := time.NewTicker(500 * time.Millisecond)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-c.got:
			if f.err != nil {
				return
			}
		case <-next.C:
			c.say(answer("n", 0))
		}
	}
}

// ask answers ten times a second and notes how long it takes.
func (c *client) ask(ctx context.Context, who int, receipts, deliveries *delays) {
	next := time.NewTicker(97*time.Millisecond + time.Duration(who)*time.Millisecond)
	defer next.Stop()
	var asked time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-c.got:
			switch m := f.msg.(type) {
			case *wire.Receipt:
				receipts.add(f.at.Sub(asked))
				asked = time.Time{}
			case *wire.CueChanged:
				var said int64
				fmt.Sscan(m.Cue.Note, &said)
				deliveries.add(f.at.Sub(time.Unix(0, said)))
			}
			if f.err != nil {
				return
			}
		case <-next.C:
			if asked.IsZero() { // otherwise it still waits
				asked = time.Now()
				c.say(answer("q", 0))
			}
		}
	}
}

// TestNoisyTenant: the bound is one turn of a scribe at the noisy tenant's, of
// 64 sockets, each of which may have got something more to write meanwhile.
func TestNoisyTenant(t *testing.T) {
	const (
		noise = 400
		bound = 2 * 64 * writeCost
	)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2)) // as many scribes on every machine
	quotas := byName(map[string]gateway.TenantLimits{"show": {}, "other": {Answers: 2 * noise / 10}})
	aloneReceipts, aloneDeliveries, _ := neighbours(t, 0, quotas)
	receipts, deliveries, refused := neighbours(t, noise, quotas)
	unfairReceipts, unfairDeliveries, _ := neighbours(t, noise, nil)
	for _, of := range []struct {
		what                string
		alone, fair, unfair *delays
	}{{"receipts", aloneReceipts, receipts, unfairReceipts}, {"broadcasts", aloneDeliveries, deliveries, unfairDeliveries}} {
		alone, fair, unfair := of.alone.p99(t), of.fair.p99(t), of.unfair.p99(t)
		t.Logf("%s p99: %v alone, %v beside a noisy tenant, %v without turns", of.what, alone, fair, unfair)
		if fair > alone+bound {
			t.Errorf("GW44 %s take %v, %v alone, allowed are %v more", of.what, fair, alone, bound)
		}
		if unfair <= alone+bound {
			t.Errorf("GW44 %s take %v without turns: the noise is none", of.what, unfair)
		}
	}
	if refused < 1500 {
		t.Errorf("GW43 %d answers were refused", refused)
	}
}
