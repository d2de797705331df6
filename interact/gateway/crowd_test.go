package gateway_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// TestCrowd: real sockets answer, come and go while broadcasts pass. Every
// answer gets its reply, and a stop tells everybody.
func TestCrowd(t *testing.T) {
	const viewers, rounds = 40, 25
	keys, err := token.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &room{answer: func(a interact.Answer, done func(interact.Receipt, error)) {
		go done(receiptFor(a), nil)
	}}
	g, err := gateway.New(gateway.Config{
		Rooms: func(string) (gateway.Room, bool) { return r, true },
		Clock: clock.NewRoom(time.Now(), base, 7), Tokens: keys,
		Limits: gateway.Limits{AnswerBurst: 1000, MessageBurst: 1000},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	srv := httptest.NewServer(g)
	defer srv.Close()

	noise, quiet := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(quiet)
		for i := uint64(1); ; i++ {
			select {
			case <-noise:
				return
			default:
				g.Broadcast("show", wire.Viewers, &wire.Tally{Cue: "c1", Version: i})
				g.Broadcast("show", wire.Viewers, cueChanged(fmt.Sprint("c", i%7), wire.StateOpen))
			}
		}
	}()
	members := make([]*member, viewers)
	var wg sync.WaitGroup
	for i := range members {
		wg.Go(func() {
			job := crowdJob{Addr: srv.Listener.Addr().String()}
			if passer, err := join(job); err == nil {
				passer.conn.Close()
			}
			m, err := join(job)
			if err != nil {
				t.Error(err)
				return
			}
			members[i] = m
			for n := range rounds {
				id := fmt.Sprintf("a%d", n)
				m.write(1, fmt.Appendf(nil, `{"t":"answer","id":%q,"cue":"c1","choice":[1]}`, id))
				if err := m.await(fmt.Sprintf(`{"t":"receipt","id":%q`, id)); err != nil {
					t.Errorf("GW7 viewer %d, answer %d: %v", i, n, err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(noise)
	<-quiet
	if t.Failed() {
		stop()
		t.FailNow()
	}
	if s := g.Stats(); s.Receipts != viewers*rounds || s.Refused != 0 || s.Joined != 2*viewers {
		t.Errorf("stats = %+v", s)
	}
	stop()
	for i, m := range members {
		if err := m.await(`{"t":"bye","code":4000`); err != nil {
			t.Errorf("GW9 viewer %d: %v", i, err)
		}
		m.conn.Close()
	}
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if n := g.Stats().Connections; n != 0 {
		t.Errorf("GW12 %d connections left", n)
	}
}
