package sntp_test

import (
	"context"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/sntp"
)

// timeServer answers requests on loopback with what reply makes of them, until
// the test ends. reply gets the nonce, and returns the packets to send.
func timeServer(t *testing.T, reply func(nonce uint64, now time.Time) [][]byte) string {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 1024)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			if n < sntp.PacketSize {
				continue
			}
			for _, p := range reply(binary.BigEndian.Uint64(b[40:]), time.Now()) {
				conn.WriteToUDPAddrPort(p, from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return conn.LocalAddr().String()
}

// off is a server whose clock is off by d.
func off(d time.Duration) func(uint64, time.Time) [][]byte {
	return func(nonce uint64, now time.Time) [][]byte {
		return [][]byte{packet(nonce, now.Add(d), now.Add(d))}
	}
}

func silent(uint64, time.Time) [][]byte { return nil }

// strangers' answers come first: another nonce, rubbish, then the true one.
func disturbed(d time.Duration) func(uint64, time.Time) [][]byte {
	return func(nonce uint64, now time.Time) [][]byte {
		return [][]byte{packet(nonce+1, now.Add(time.Hour), now.Add(time.Hour)), {1, 2, 3}, off(d)(nonce, now)[0]}
	}
}

func forged(nonce uint64, now time.Time) [][]byte {
	return [][]byte{packet(^nonce, now, now)}
}

func kiss(code string) func(uint64, time.Time) [][]byte {
	return func(nonce uint64, now time.Time) [][]byte {
		p := packet(nonce, now, now)
		p[1] = 0
		copy(p[12:], code)
		return [][]byte{p}
	}
}

// first runs a checker of the servers until its first check is there.
func first(t *testing.T, room *clock.Room, servers ...string) clock.Check {
	t.Helper()
	c, err := sntp.New(sntp.Config{
		Servers: servers, Room: room, Wait: 300 * time.Millisecond, Samples: 2, Gap: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for c.Last().Servers == 0 && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	check := c.Last()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if check.Servers != len(servers) {
		t.Fatalf("no check: %+v", check)
	}
	return check
}

// roomOff is a room clock that is ahead of this machine's wall clock.
func roomOff(by time.Duration) *clock.Room {
	now := time.Now()
	return clock.NewRoom(now, clock.InstantOf(now.Add(by)), 7)
}

func TestLyingAndSilentServers(t *testing.T) {
	const ms = time.Millisecond
	check := first(t, roomOff(80*ms),
		timeServer(t, off(0)), timeServer(t, off(3*ms)), timeServer(t, disturbed(-2*ms)),
		timeServer(t, off(time.Hour)), timeServer(t, silent), timeServer(t, forged))
	if check.Agree != 3 || check.Answered != 4 || check.Known() {
		t.Errorf("CL13 %d of %d answers agree, known %v: 3 of 6 servers are no majority", check.Agree, check.Answered, check.Known())
	}
	check = first(t, roomOff(80*ms),
		timeServer(t, off(0)), timeServer(t, off(3*ms)), timeServer(t, disturbed(-2*ms)),
		timeServer(t, off(time.Hour)), timeServer(t, silent))
	if !check.Known() || !check.Off() || check.Agree != 3 {
		t.Fatalf("CL13 known %v, off %v, %d agree", check.Known(), check.Off(), check.Agree)
	}
	if d := (check.Error - 80*ms).Abs(); d > check.Bound || check.Bound > 20*ms {
		t.Errorf("CL13 error %v ± %v, want 80ms", check.Error, check.Bound)
	}
	if check.Spread < 4*ms || check.Spread > 20*ms {
		t.Errorf("CL13 spread = %v, want about 5ms", check.Spread)
	}
	for i, want := range []bool{true, true, true, false, false} {
		if s := check.Sources[i]; s.Agrees != want || (s.Err == nil) != (i != 4) {
			t.Errorf("CL13 source %d = %+v", i, s)
		}
	}
	if lie := check.Sources[3].Error; (lie + time.Hour).Abs() > time.Second {
		t.Errorf("CL13 the liar says %v", lie)
	}
}

func TestServersThatGiveNoTime(t *testing.T) {
	check := first(t, roomOff(0), timeServer(t, kiss("DENY")), timeServer(t, kiss("RATE")), "127.0.0.1:1")
	if check.Answered != 0 || check.Known() || check.Off() || check.Owed() != 0 {
		t.Errorf("CL13 %+v out of nothing", check)
	}
	for i, s := range check.Sources {
		if s.Err == nil {
			t.Errorf("CL12 server %d gives a time", i)
		}
	}
}

func TestConfig(t *testing.T) {
	good := []string{"a.example", "192.0.2.1", "[2001:db8::1]:124", "2001:db8::2", "b.example:1123"}
	if err := (sntp.Config{Servers: good}).Validate(); err != nil {
		t.Errorf("CL13 %v", err)
	}
	for name, c := range map[string]sntp.Config{
		"CL13 two cannot outvote a third": {Servers: good[:2]},
		"CL13 none":                       {},
		"CL13 one votes twice":            {Servers: []string{"a", "b", "a"}},
		"CL13 no port":                    {Servers: []string{"a", "b", "c:http"}},
		"CL13 port 0":                     {Servers: []string{"a", "b", "c:0"}},
		"CL13 no host":                    {Servers: []string{"a", "b", ":123"}},
		"CL13 empty":                      {Servers: []string{"a", "b", ""}},
		"CL13 a URL":                      {Servers: []string{"a", "b", "ntp://c"}},
		"CL13 too often":                  {Servers: good, Every: time.Second},
		"CL13 too many samples":           {Servers: good, Samples: 9},
	} {
		if _, err := sntp.New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
