package follow_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/follow"
)

// lead runs a responder of room on loopback until the test ends.
func lead(t *testing.T, room *clock.Room) (*follow.Responder, string) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := follow.NewResponder(conn, room)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r, conn.LocalAddr().String()
}

func TestFollowOverUDP(t *testing.T) {
	now := time.Now()
	leads := clock.NewRoom(now, start.Add(time.Hour), 70)
	_, address := lead(t, leads)
	room := clock.NewRoom(now, start, 7)
	f, err := follow.New(follow.Config{Room: room, Leader: &follow.UDP{Address: address}, Idle: always})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	select {
	case <-f.Followed():
	case <-time.After(20 * time.Second):
		t.Fatalf("CL16 not followed: %+v", f.Lead())
	}
	at := time.Now()
	off, epoch := room.At(at).Sub(leads.At(at)), room.Epoch()
	if l := f.Lead(); off.Abs() > l.Dispersion || epoch != 70 {
		t.Errorf("CL16 off by %v in epoch %d: %+v", off, epoch, l)
	}
	t.Logf("off by %v: %+v", off, f.Lead())
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestResponderIsNotLoud(t *testing.T) {
	r, address := lead(t, clock.NewRoom(time.Now(), start, 70))
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b := make([]byte, 64)
	ask := func(out []byte) (int, error) {
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Write(out); err != nil {
			t.Fatal(err)
		}
		return conn.Read(b)
	}
	ping := follow.Ping{Seq: 1, Nonce: 2}.Append(nil)
	conn.Write(ping[:11]) // short: would be answered with more than it is
	conn.Write([]byte("?"))
	conn.Write(make([]byte, 1500))
	if n, err := ask(ping); err != nil || n != len(ping) {
		t.Fatalf("CL19 pong of %d bytes to %d: %v", n, len(ping), err)
	}
	if got := r.Refused(); got != 3 {
		t.Errorf("CL19 refused %d, want 3", got)
	}
	for range 4 * follow.MaxPings { // far more than two seconds' worth, at once
		conn.Write(ping)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); r.Refused() == 3 && time.Now().Before(end); {
		<-tick.C
	}
	if r.Refused() == 3 {
		t.Error("CL19 every ping of a flood was answered")
	}
}

func TestUDPTakesNoForgery(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 64)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			ping, _ := follow.ParsePing(b[:n])
			for _, forged := range []follow.Ping{{Seq: ping.Seq, Nonce: ping.Nonce + 1}, {Seq: ping.Seq + 1, Nonce: ping.Nonce}} {
				conn.WriteToUDPAddrPort(follow.Pong{Ping: forged, Received: 1, Replied: 1, Epoch: 1}.Append(nil), from)
			}
			conn.WriteToUDPAddrPort([]byte{2}, from)
		}
	}()
	u := &follow.UDP{Address: conn.LocalAddr().String()}
	if a, err := u.Ask(t.Context()); err == nil {
		t.Errorf("CL19 %+v from a forger", a)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	if _, err := u.Ask(ended); err == nil || time.Since(began) > follow.AnswerWait {
		t.Errorf("CL16 %v after %v though nobody waits", err, time.Since(began))
	}
	u.Close()
	conn.Close()
	<-done
	if _, err := (&follow.UDP{Address: "127.0.0.1:0"}).Ask(t.Context()); err == nil {
		t.Error("CL16 an answer from nowhere")
	}
}

// TestResponderIsMute: it is not heard from before its R is the room's.
func TestResponderIsMute(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := follow.NewResponder(conn, clock.NewRoom(time.Now(), start, 70))
	var member atomic.Bool
	r.MuteWhile(func() bool { return !member.Load() })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	u := &follow.UDP{Address: conn.LocalAddr().String()}
	if a, err := u.Ask(t.Context()); err == nil || r.Refused() != 1 {
		t.Errorf("CL21 a stranger says %+v", a)
	}
	member.Store(true)
	if _, err := u.Ask(t.Context()); err != nil {
		t.Errorf("CL21 %v", err)
	}
	u.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
